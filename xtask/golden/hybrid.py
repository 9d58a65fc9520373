"""Tiny random checkpoints of families that mix attention with layers that carry a state on, and their logits by mlx-lm
in float32."""

import mlx.core as mx
import numpy as np
from dense import BASE, FOUR_BITS, UNTIED, checkpoint_weights, newer
from fixture import golden, relative_rms, write_json, write_tensors
from llama import expected_scores, load, logits, patched, write_checkpoint

# With heads that are wide enough for keys and values of few bits.
QUANTIZED = FOUR_BITS | {"num_attention_heads": 1, "num_key_value_heads": 1}
LFM2 = {
    "model_type": "lfm2",
    "num_hidden_layers": 3,
    "layer_types": ["conv", "full_attention", "conv"],
    "rms_norm_eps": None,
    "norm_eps": 1e-5,
    "conv_bias": False,
    "conv_L_cache": 3,
    "block_dim": 16,
    "block_multiple_of": 8,
    "block_ffn_dim_multiplier": 1.3,
    "block_auto_adjust_ff_dim": True,
}
QWEN = {
    "num_hidden_layers": 3,
    "intermediate_size": 12,
    "head_dim": 16,
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
    "linear_conv_kernel_dim": 4,
    "full_attention_interval": 3,
    "partial_rotary_factor": 0.25,
}
QWEN35 = QWEN | {
    "model_type": "qwen3_5_text",
    "attn_output_gate": True,
    "partial_rotary_factor": None,
    "rope_theta": None,
    "rope_parameters": {
        "rope_type": "default",
        "rope_theta": 500.0,
        "partial_rotary_factor": 0.25,
        "mrope_section": [1, 1, 0],
        "mrope_interleaved": True,
    },
}
EVERY_SECOND = {
    "num_hidden_layers": 2,
    "full_attention_interval": 2,
    "layer_types": ["linear_attention", "full_attention"],
}
WIDE_DELTA = {"linear_key_head_dim": 16, "linear_value_head_dim": 8, "head_dim": 32}
EXPERTS = {
    "num_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 8,
    "shared_expert_intermediate_size": 12,
}
WIDE_EXPERTS = {"moe_intermediate_size": 32, "shared_expert_intermediate_size": 32}
NEXT = QWEN | EVERY_SECOND | EXPERTS | {
    "model_type": "qwen3_next",
    "layer_types": None,
    "decoder_sparse_step": 1,
    "mlp_only_layers": [],
    "norm_topk_prob": True,
}
QWEN35_MOE = QWEN35 | EVERY_SECOND | EXPERTS | {"model_type": "qwen3_5_moe_text", "intermediate_size": None}

# What each variant's config adds to BASE; `None` removes a key. The first of a family has a batch.
VARIANTS = {
    "lfm2-tied": LFM2,
    "lfm2-bias": LFM2
    | {
        "layer_types": None,
        "full_attn_idxs": [0, 2],
        "conv_bias": True,
        "conv_L_cache": 4,
        "block_auto_adjust_ff_dim": False,
        "intermediate_size": None,
        "block_ff_dim": 20,
        "num_key_value_heads": 2,
        "rope_theta": None,
        "rope_parameters": {"rope_type": "default", "rope_theta": 500.0},
    },
    "lfm2-untied": LFM2 | UNTIED | {"num_hidden_layers": 2, "layer_types": ["conv", "full_attention"]},
    "lfm2-4bit": LFM2 | QUANTIZED | {"block_dim": 32, "block_auto_adjust_ff_dim": False},
    "qwen3_5-wrapper": QWEN35 | UNTIED,
    "qwen3_5-tied": QWEN35 | {"linear_num_value_heads": 2, "linear_value_head_dim": 16, "attention_bias": True},
    "qwen3_5-4bit": QWEN35 | UNTIED | EVERY_SECOND | QUANTIZED | WIDE_DELTA,
    "qwen3_5_text-quarter": QWEN35
    | EVERY_SECOND
    | {"linear_conv_kernel_dim": 3, "rope_parameters": {"rope_type": "default", "rope_theta": 500.0}},
    "qwen3_5_text-half": QWEN35
    | UNTIED
    | EVERY_SECOND
    | {"rope_parameters": QWEN35["rope_parameters"] | {"partial_rotary_factor": 0.5}},
    "qwen3_5_text-4bit": QWEN35 | EVERY_SECOND | QUANTIZED | WIDE_DELTA,
    "qwen3_next-raw": NEXT | UNTIED | {"mlp_only_layers": [1]},
    "qwen3_next-step": NEXT | {"decoder_sparse_step": 2, "norm_topk_prob": False, "rope_theta": 500.0},
    "qwen3_next-4bit": NEXT | UNTIED | QUANTIZED | WIDE_DELTA | WIDE_EXPERTS,
    "qwen3_5_moe-raw": QWEN35_MOE | UNTIED,
    "qwen3_5_moe-tied": QWEN35_MOE | {"linear_num_value_heads": 2, "linear_value_head_dim": 16},
    "qwen3_5_moe-4bit": QWEN35_MOE | UNTIED | QUANTIZED | WIDE_DELTA | WIDE_EXPERTS,
    "qwen3_5_moe_text-tied": QWEN35_MOE | {"norm_topk_prob": False},
}
# The type of the model around a decoder.
WRAPPERS = {"qwen3_5": "qwen3_5", "qwen3_5_moe": "qwen3_5_moe"}
# Those that are stored as transformers does it.
RAW = {"lfm2-tied", "qwen3_5-wrapper", "qwen3_5_text-half", "qwen3_next-raw", "qwen3_5_moe-raw"}
# Changes that must change the logits: a reader that passes over the key has to fail.
WITHOUT = {
    "lfm2-tied": {"rope_theta": 1000000.0},
    "lfm2-bias": {"rope_parameters": None},
    "qwen3_5-wrapper": {"rope_parameters": QWEN35["rope_parameters"] | {"partial_rotary_factor": 1.0}},
    "qwen3_5-tied": {"rope_parameters": QWEN35["rope_parameters"] | {"rope_theta": 100000.0}},
    "qwen3_5_text-half": {"rope_parameters": QWEN35["rope_parameters"]},
    "qwen3_next-raw": {"norm_topk_prob": False},
    "qwen3_next-step": {"partial_rotary_factor": 1.0},
    "qwen3_5_moe-raw": {"norm_topk_prob": False},
    "qwen3_5_moe_text-tied": {"norm_topk_prob": True},
}
# Norms that scale by 1 more than the weights that transformers stores.
PLUS_ONE = ("layernorm.weight", "model.norm.weight", "q_norm.weight", "k_norm.weight")


def main():
    seen = set()
    for seed, (name, changes) in enumerate(VARIANTS.items()):
        kind = name.split("-")[0]
        write_variant(name, changes, np.random.RandomState(3000 + seed), batch=kind not in seen)
        seen.add(kind)


def write_variant(name, changes, random, batch):
    config = wrapped(name, patched(BASE, changes))
    folder = golden("mlx-lm") / name
    folder.mkdir(exist_ok=True)
    weights = checkpoint_weights(known(config), random)
    head = None
    if name == "lfm2-untied":
        head = mx.array(random.standard_normal((BASE["vocab_size"], BASE["hidden_size"])).astype(np.float32)) / 4
    write_json(folder / "config.json", config)
    write_checkpoint(folder, stored(name, config, weights), shards=1)

    model = Headed(load(folder, known(config)), head)
    expected = expected_scores(model, random, BASE, 40, batch)
    write_tensors(folder / "expected.safetensors", expected)
    check(folder, config, expected)
    if head is not None:
        write_checkpoint(folder, weights | {"lm_head.weight": head}, shards=1)


def wrapped(name, config):
    """The config of the model around the decoder, if there is one."""
    kind = WRAPPERS.get(name.split("-")[0])
    if not kind:
        return config
    quantization = {key: config.pop(key) for key in ["quantization"] if key in config}
    whole = {"model_type": kind, "text_config": config, "vocab_size": config["vocab_size"]}
    return whole | {"tie_word_embeddings": config["tie_word_embeddings"], "torch_dtype": "float32"} | quantization


def known(config):
    """The config with a type that mlx-lm knows: it has no decoders without what is around them."""
    return config | {"model_type": config["model_type"].removesuffix("_text")}


def stored(name, config, weights):
    """The weights as their checkpoint has them."""
    if name in RAW:
        weights = {key: raw(name, key, value) for key, value in weights.items()}
        weights = (fused if name.startswith("qwen3_5_moe") else apart)(weights)
    if config["model_type"].endswith("_text"):
        return {key.removeprefix("language_model."): value for key, value in weights.items()}
    if name == "qwen3_next-raw":
        return weights | {"mtp.norm.weight": mx.ones((3,))}
    if "text_config" not in config:
        return weights
    if name not in RAW:
        return weights | {"vision_tower.patch.weight": mx.ones((2,))}
    others = {"model.visual.patch.weight": mx.ones((2,)), "mtp.norm.weight": mx.ones((3,))}
    return {newer(key): value for key, value in weights.items()} | others


def raw(name, key, value):
    """A weight as transformers stores it."""
    if key.endswith(("conv.weight", "conv1d.weight")):
        return value.swapaxes(1, 2)
    if name.startswith("qwen") and key.endswith(PLUS_ONE):
        return value - 1
    return value


def apart(weights):
    """Each expert by itself."""
    stacked = {key for key in weights if ".switch_mlp." in key}
    single = {key: value for key, value in weights.items() if key not in stacked}
    for key in stacked:
        for number, expert in enumerate(weights[key]):
            single[key.replace("switch_mlp", f"experts.{number}")] = expert
    return single


def fused(weights):
    """Gates and what they gate in one array, for all experts."""
    whole = {key: value for key, value in weights.items() if ".switch_mlp." not in key}
    for key in weights:
        if key.endswith("switch_mlp.gate_proj.weight"):
            prefix = key.removesuffix("switch_mlp.gate_proj.weight")
            both = [weights[f"{prefix}switch_mlp.{part}_proj.weight"] for part in ("gate", "up")]
            whole[f"{prefix}experts.gate_up_proj"] = mx.concatenate(both, axis=1)
            whole[f"{prefix}experts.down_proj"] = weights[f"{prefix}switch_mlp.down_proj.weight"]
    return whole


class Headed:
    """A model whose head is its own, where mlx-lm takes the embedding in any case."""

    def __init__(self, model, head):
        self.model, self.head, self.layers = model, head, model.layers
        self.make_cache = model.make_cache

    def __call__(self, tokens, cache):
        if self.head is None:
            return self.model(tokens, cache)
        return self.model.model(tokens, cache) @ self.head.T


def check(folder, config, expected):
    """Holds the logits against those of the model that a key left unread would give."""
    name, size = folder.name, sum(file.stat().st_size for file in folder.iterdir())
    assert size <= 60 << 10, f"{name}: {size} bytes"
    if changes := WITHOUT.get(name):
        part = config.get("text_config", config) | changes
        other = load(folder, known(config | {"text_config": part} if "text_config" in config else part))
        for part, values in zip(("prefill", "decode"), logits(other, expected)):
            error = relative_rms(values, expected[part])
            assert error > 1e-2, f"{name}: {part} hardly depends on {changes}: {error}"
    print(f"{name}: {size} bytes, logits of deviation {expected['prefill'].std():.2f}")


if __name__ == "__main__":
    main()
