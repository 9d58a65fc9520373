"""Tiny random checkpoints of Gemma 3n and 4, and their logits by mlx-lm in float32."""

import mlx.core as mx
import numpy as np
from fixture import golden, relative_rms, write_json, write_tensors
from llama import expected_scores, load, logits, patched, random_weights, write_checkpoint

SLIDING, FULL = "sliding_attention", "full_attention"
GEMMA3N = {
    "model_type": "gemma3n_text",
    "hidden_size": 16,
    "num_hidden_layers": 5,
    "intermediate_size": [12, 12, 16, 12, 12],
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 8,
    "vocab_size": 40,
    "vocab_size_per_layer_input": 36,
    "hidden_size_per_layer_input": 4,
    "rms_norm_eps": 1e-6,
    "rope_theta": 1000000.0,
    "rope_local_base_freq": 500.0,
    "max_position_embeddings": 128,
    "hidden_activation": "gelu_pytorch_tanh",
    "sliding_window": 6,
    "layer_types": [SLIDING, FULL, SLIDING, SLIDING, FULL],
    "num_kv_shared_layers": 2,
    "activation_sparsity_pattern": [0.8, 0.8, 0.0, 0.0, 0.0],
    "altup_num_inputs": 4,
    "altup_active_idx": 0,
    "altup_coef_clip": 120.0,
    "altup_correct_scale": True,
    "laurel_rank": 4,
    "final_logit_softcapping": 30.0,
}
GEMMA4 = {
    "model_type": "gemma4_text",
    "hidden_size": 16,
    "num_hidden_layers": 5,
    "intermediate_size": 12,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 8,
    "global_head_dim": 16,
    "vocab_size": 40,
    "vocab_size_per_layer_input": 40,
    "hidden_size_per_layer_input": 4,
    "rms_norm_eps": 1e-6,
    "max_position_embeddings": 128,
    "hidden_activation": "gelu_pytorch_tanh",
    "rope_parameters": {
        FULL: {"rope_type": "proportional", "rope_theta": 500.0, "partial_rotary_factor": 0.5},
        SLIDING: {"rope_type": "default", "rope_theta": 10000.0},
    },
    "sliding_window": 6,
    "layer_types": [SLIDING, FULL, SLIDING, SLIDING, FULL],
    "num_kv_shared_layers": 2,
    "use_double_wide_mlp": True,
    "attention_k_eq_v": False,
    "enable_moe_block": False,
    "final_logit_softcapping": 30.0,
    "tie_word_embeddings": True,
}
THREE_LAYERS = {"num_hidden_layers": 3, "layer_types": [SLIDING, SLIDING, FULL], "num_kv_shared_layers": 0}
EXPERTS = {
    "num_hidden_layers": 2,
    "layer_types": [SLIDING, FULL],
    "num_kv_shared_layers": 0,
    "enable_moe_block": True,
    "num_experts": 4,
    "top_k_experts": 3,
    "moe_intermediate_size": 8,
}
ROUTER = "language_model.model.layers.{}.router.proj"
FOUR_BITS = {
    "hidden_size": 32,
    "intermediate_size": 32,
    "hidden_size_per_layer_input": 16,
    "head_dim": 32,
    "num_hidden_layers": 3,
    "layer_types": [SLIDING, FULL, SLIDING],
    "num_kv_shared_layers": 1,
    "activation_sparsity_pattern": [0.5, 0.0, 0.0],
    "quantization": {"group_size": 32, "bits": 4},
}

# What each variant's config adds to that of its family, which its name begins with; `None` removes a key. The first
# of a family has a batch.
FAMILIES = {"gemma3n": GEMMA3N, "gemma4": GEMMA4}
VARIANTS = {
    "gemma3n-shared": {},
    "gemma3n-own-keys": THREE_LAYERS
    | {
        "intermediate_size": 16,
        "activation_sparsity_pattern": [0.0, 0.0, 0.0],
        "altup_num_inputs": 3,
        "altup_active_idx": 1,
        "altup_coef_clip": 0.1,
        "altup_correct_scale": False,
        "num_key_value_heads": 2,
        "final_logit_softcapping": 1.0,
    },
    "gemma3n-4bit": FOUR_BITS | {"altup_num_inputs": 2},
    "gemma4-shared": {},
    "gemma4-keys-are-values": THREE_LAYERS
    | {
        "hidden_size_per_layer_input": 0,
        "attention_k_eq_v": True,
        "num_key_value_heads": 2,
        "num_global_key_value_heads": 1,
        "final_logit_softcapping": None,
        "tie_word_embeddings": False,
    },
    "gemma4-unified": THREE_LAYERS | {"final_logit_softcapping": 1.0, "num_key_value_heads": 2},
    "gemma4-experts": EXPERTS,
    "gemma4-experts-fused": EXPERTS | {"num_experts": 5, "top_k_experts": 2, "hidden_size_per_layer_input": 0},
    "gemma4-experts-4bit": EXPERTS
    | {"hidden_size": 64, "intermediate_size": 32, "moe_intermediate_size": 32, "hidden_size_per_layer_input": 0}
    | {"quantization": FOUR_BITS["quantization"] | {ROUTER.format(layer): {"group_size": 64, "bits": 8} for layer in (0, 1)}},
    "gemma4-text-4bit": FOUR_BITS
    | {"use_double_wide_mlp": False, "global_head_dim": 64, "activation_sparsity_pattern": None},
}
# The types of the whole, where a decoder is in one.
WRAPPERS = {"gemma3n": "gemma3n", "gemma4-unified": "gemma4_unified", "gemma4-text": None, "gemma4": "gemma4"}
# Settings that transformers writes in place of those that mlx-lm reads.
SPELLED = {
    "gemma4-keys-are-values": {
        "global_head_dim": None,
        "num_global_key_value_heads": None,
        "per_layer_config": {"2": {"head_dim": 16, "num_key_value_heads": 1}},
        "use_bidirectional_attention": "vision",
    },
    "gemma4-unified": {"model_type": "gemma4_unified_text"},
}
# Beginnings of names that others write: those of mlx-vlm, which mlx-lm does not read, and those of transformers.
OTHERWISE_NAMED = {
    "gemma3n-own-keys": ("model.language_model.", "language_model.model."),
    "gemma4-keys-are-values": ("language_model.model.", "model.language_model."),
    "gemma4-unified": ("language_model.model.", "model.language_model."),
    "gemma4-experts-fused": ("language_model.model.", "model.language_model."),
}
# Changes that must change the logits: a reader that passes over one of the keys has to fail.
WITHOUT = {
    "gemma3n-shared": [
        {"num_kv_shared_layers": 0},
        {"layer_types": [SLIDING, FULL, SLIDING, FULL, FULL]},
        {"activation_sparsity_pattern": [0.0] * 5},
        {"rope_local_base_freq": 10000.0},
        {"rope_theta": 10000.0},
        {"sliding_window": 5},
        {"altup_correct_scale": False},
    ],
    "gemma3n-own-keys": [
        {"altup_active_idx": 0},
        {"altup_coef_clip": None},
        {"altup_correct_scale": True},
        {"final_logit_softcapping": 30.0},
    ],
    "gemma3n-4bit": [{"num_kv_shared_layers": 0}],
    "gemma4-shared": [
        {"rope_parameters": GEMMA4["rope_parameters"] | {FULL: {"rope_type": "default", "rope_theta": 500.0}}},
        {"rope_parameters": GEMMA4["rope_parameters"] | {SLIDING: {"rope_type": "default", "rope_theta": 50.0}}},
        {"sliding_window": 5},
    ],
    "gemma4-keys-are-values": [{"final_logit_softcapping": 1.0}],
    "gemma4-unified": [{"final_logit_softcapping": 30.0}],
    "gemma4-text-4bit": [{"sliding_window": 5}],
    "gemma4-experts": [{"top_k_experts": 2}],
    "gemma4-experts-fused": [{"top_k_experts": 3}],
    "gemma4-experts-4bit": [{"top_k_experts": 2}],
}


def main():
    seen = set()
    for seed, (name, changes) in enumerate(VARIANTS.items()):
        family = name.split("-")[0]
        write_variant(name, patched(FAMILIES[family], changes), np.random.RandomState(3000 + seed), family not in seen)
        seen.add(family)


def write_variant(name, text, random, batch):
    folder = golden("mlx-lm") / name
    folder.mkdir(exist_ok=True)
    config = wrapped(name, text)
    weights = distinct(random_weights(config, random), random)
    if "text_config" in config:
        weights |= unread_weights()
    write_json(folder / "config.json", config)
    write_checkpoint(folder, weights, shards=1)

    expected = expected_scores(load(folder, config), random, text, 24, batch)
    write_tensors(folder / "expected.safetensors", expected)
    check(folder, text, expected)
    if name in SPELLED:
        write_json(folder / "config.json", wrapped(name, patched(text, SPELLED[name])))
    if name in OTHERWISE_NAMED:
        renamed = {otherwise(key, *OTHERWISE_NAMED[name]): value for key, value in weights.items()}
        write_checkpoint(folder, fused(renamed), shards=1)


def wrapped(name, text):
    """The config of the model around a decoder, if it has one."""
    whole = next(whole for prefix, whole in WRAPPERS.items() if name.startswith(prefix))
    if not whole:
        return text | {"torch_dtype": "float32"}
    text = dict(text)
    config = {"model_type": whole, "text_config": text}
    config |= {"vocab_size": text["vocab_size"], "torch_dtype": "float32"}
    if quantization := text.pop("quantization", None):
        config["quantization"] = quantization
    return config


def distinct(weights, random):
    """The weights, with scales that differ from those which a model starts with."""
    for name, value in weights.items():
        if name.endswith(("scale", "layer_scalar")):
            size = 4.0 if name.endswith("router.scale") else 1.0
            weights[name] = mx.array(random.uniform(0.5 * size, 1.5 * size, value.shape).astype(np.float32))
    return weights


def unread_weights():
    """Parts of a model of images and sounds that its text does not need."""
    names = ["audio_tower.conv", "embed_audio.projection", "embed_vision.projection", "vision_tower.patch"]
    return {f"model.{name}.weight": mx.ones((2,)) for name in names}


def otherwise(key, prefix, other):
    """The name of a weight in the other way to write them, and a head outside of the decoder."""
    if key.startswith(prefix):
        return key.replace(prefix, other)
    return key.removeprefix("language_model.")


def fused(weights):
    """The weights with the gates of all experts and what they gate in one array, as transformers has them."""
    joined = dict(weights)
    for name in weights:
        if name.endswith("switch_glu.gate_proj.weight"):
            stem = name.removesuffix("switch_glu.gate_proj.weight")
            gate, up, down = (joined.pop(f"{stem}switch_glu.{part}_proj.weight") for part in ("gate", "up", "down"))
            joined |= {f"{stem}gate_up_proj": mx.concatenate([gate, up], axis=-2), f"{stem}down_proj": down}
    return joined


def check(folder, text, expected):
    """Holds the logits against those of the model that a key left unread would give."""
    name, size = folder.name, sum(file.stat().st_size for file in folder.iterdir())
    assert size <= 80 << 10, f"{name}: {size} bytes"
    for changes in WITHOUT[name]:
        for part, values in zip(("prefill", "decode"), logits(load(folder, wrapped(name, text | changes)), expected)):
            error = relative_rms(values, expected[part])
            assert error > 1e-2, f"{name}: {part} hardly depends on {changes}: {error}"
    print(f"{name}: {size} bytes, logits of deviation {expected['prefill'].std():.2f}")


if __name__ == "__main__":
    main()
