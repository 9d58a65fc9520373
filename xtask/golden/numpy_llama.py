"""A llama forward in float64 numpy, written from the formulas, to check mlx-lm's logits against.

Attention: Vaswani et al. 2017; RMSNorm: Zhang and Sennrich 2019; RoPE: Su et al. 2021;
YaRN: Peng et al. 2023; the llama3 scaling: Meta's Llama 3.1 reference code.
"""

import numpy as np


def logits(config, weights, tokens):
    """Logits [T, V] of one sequence; `weights` are dense and keyed as in the checkpoint."""
    hidden = weights["model.embed_tokens.weight"][tokens]
    for layer in range(config["num_hidden_layers"]):
        hidden = block(config, scope(weights, f"model.layers.{layer}."), hidden, window(config, layer))
    hidden = rms_norm(config, hidden, weights["model.norm.weight"])
    tied = config.get("tie_word_embeddings", True)
    return hidden @ weights["model.embed_tokens.weight" if tied else "lm_head.weight"].T


def scope(weights, prefix):
    return {name[len(prefix) :]: value for name, value in weights.items() if name.startswith(prefix)}


def window(config, layer):
    types = config.get("layer_types")
    sliding = types is not None and types[layer] == "sliding_attention"
    return config["sliding_window"] if sliding else None


def block(config, weights, hidden, window):
    normed = rms_norm(config, hidden, weights["input_layernorm.weight"])
    hidden = hidden + attention(config, scope(weights, "self_attn."), normed, window)
    normed = rms_norm(config, hidden, weights["post_attention_layernorm.weight"])
    return hidden + mlp(scope(weights, "mlp."), normed)


def rms_norm(config, x, weight):
    return x / np.sqrt(np.mean(x**2, -1, keepdims=True) + config["rms_norm_eps"]) * weight


def linear(weights, name, x):
    return x @ weights[f"{name}.weight"].T + weights.get(f"{name}.bias", 0)


def mlp(weights, x):
    gate = linear(weights, "gate_proj", x)
    return linear(weights, "down_proj", gate / (1 + np.exp(-gate)) * linear(weights, "up_proj", x))


def attention(config, weights, x, window):
    length, heads = len(x), config["num_attention_heads"]
    kv_heads = config.get("num_key_value_heads") or heads
    head_dim = config.get("head_dim") or config["hidden_size"] // heads
    query, key, value = (
        linear(weights, name, x).reshape(length, -1, head_dim).transpose(1, 0, 2)
        for name in ("q_proj", "k_proj", "v_proj")
    )
    query, key = rotate(config, query), rotate(config, key)
    key, value = (np.repeat(part, heads // kv_heads, axis=0) for part in (key, value))
    distance = np.arange(length)[:, None] - np.arange(length)
    hidden = (distance < 0) | (distance >= (window or length))
    scores = np.where(hidden, -np.inf, query @ key.transpose(0, 2, 1) / np.sqrt(head_dim))
    scores = np.exp(scores - scores.max(-1, keepdims=True))
    output = scores / scores.sum(-1, keepdims=True) @ value
    return linear(weights, "o_proj", output.transpose(1, 0, 2).reshape(length, -1))


def rotate(config, x):
    """Rotates x [heads, T, head_dim] by its positions."""
    frequencies, magnitude = rope(config, x.shape[-1], x.shape[-2])
    angles = np.arange(x.shape[-2])[:, None] * frequencies
    cos, sin = np.cos(angles) * magnitude, np.sin(angles) * magnitude
    if config.get("rope_traditional"):
        first, second = x[..., 0::2], x[..., 1::2]
        return np.stack([first * cos - second * sin, first * sin + second * cos], -1).reshape(x.shape)
    first, second = np.split(x, 2, -1)
    return np.concatenate([first * cos - second * sin, first * sin + second * cos], -1)


def rope(config, dims, length):
    """Angles per position, and the factor on queries and keys."""
    theta = config.get("rope_theta", 10000.0)
    scaling = config.get("rope_scaling") or {}
    exponents = np.arange(0, dims, 2) / dims
    plain = theta**-exponents
    kind, factor = scaling.get("rope_type") or scaling.get("type", "default"), scaling.get("factor")
    if kind == "linear":
        return plain / factor, 1.0
    if kind == "dynamic":
        limit = config["max_position_embeddings"]
        stretch = factor * max(length, limit) / limit - (factor - 1)
        return (theta * stretch ** (dims / (dims - 2))) ** -exponents, 1.0
    if kind == "llama3":
        return llama3(scaling, plain), 1.0
    if kind == "yarn":
        return yarn(scaling, plain, theta), 0.1 * np.log(factor) + 1
    if kind == "longrope":
        trained = scaling["original_max_position_embeddings"]
        stretch = config["max_position_embeddings"] / trained
        return plain / np.array(scaling["long_factor"]), np.sqrt(1 + np.log(stretch) / np.log(trained))
    assert kind == "default", kind
    return plain, 1.0


def llama3(scaling, plain):
    turns = scaling["original_max_position_embeddings"] * plain / (2 * np.pi)
    low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
    blend = np.clip((turns - low) / (high - low), 0, 1)
    return (1 - blend) * plain / scaling["factor"] + blend * plain


def yarn(scaling, plain, theta):
    dims, trained = 2 * len(plain), scaling["original_max_position_embeddings"]
    fast, slow = (
        dims * np.log(trained / (turns * 2 * np.pi)) / (2 * np.log(theta))
        for turns in (scaling.get("beta_fast", 32), scaling.get("beta_slow", 1))
    )
    low, high = max(np.floor(fast), 0), min(np.ceil(slow), dims - 1)
    ramp = np.clip((np.arange(dims // 2) - low) / max(high - low, 0.001), 0, 1)
    return (1 - ramp) * plain + ramp * plain / scaling["factor"]
