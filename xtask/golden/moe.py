"""Tiny random checkpoints of mixtures of experts, and their logits by mlx-lm in float32.

Some are written as the Hugging Face layout has them: each expert by itself, or gates and what they gate in one.
What mlx-lm passes over is patched into its models as transformers has it.
"""

import math
import pathlib
import tempfile
import types
from contextlib import ExitStack
from functools import partial
from unittest.mock import patch

import mlx.core as mx
import numpy as np
from dense import BASE, UNTIED, checkpoint_weights
from fixture import Named, golden, relative_rms, write_json, write_tensors
from llama import YARN, expected_scores, load, logits, patched, write_checkpoint
from mlx_lm.models import gpt_oss, rope_utils

FOUR_BITS = {"quantization": {"group_size": 32, "bits": 4}}
WIDE = {"hidden_size": 64, "num_hidden_layers": 1, "head_dim": 16, "intermediate_size": 32}
QWEN3 = {
    "model_type": "qwen3_moe",
    "head_dim": 8,
    "num_experts": 6,
    "num_experts_per_tok": 3,
    "moe_intermediate_size": 12,
    "decoder_sparse_step": 1,
    "mlp_only_layers": [],
    "norm_topk_prob": True,
}
QWEN2 = {
    "model_type": "qwen2_moe",
    "num_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 12,
    "shared_expert_intermediate_size": 20,
}
MIXTRAL = {"model_type": "mixtral", "num_local_experts": 4, "num_experts_per_tok": 3}
GPT_OSS = {
    "model_type": "gpt_oss",
    "head_dim": 16,
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_local_experts": 3,
    "num_experts_per_tok": 2,
    "sliding_window": 6,
    "attention_bias": True,
    "rope_theta": 500.0,
    "layer_types": ["sliding_attention", "full_attention"],
    "rope_scaling": YARN | {"beta_fast": 4.0, "original_max_position_embeddings": 8, "factor": 8.0},
    "swiglu_limit": 7.0,
    "torch_dtype": "bfloat16",
}
TRUNCATED = YARN | {"beta_fast": 4.0, "original_max_position_embeddings": 64, "factor": 8.0}
GLM4 = {
    "model_type": "glm4_moe",
    "head_dim": 16,
    "partial_rotary_factor": 0.5,
    "n_routed_experts": 6,
    "n_shared_experts": 1,
    "num_experts_per_tok": 3,
    "moe_intermediate_size": 12,
    "n_group": 1,
    "topk_group": 1,
    "norm_topk_prob": True,
    "routed_scaling_factor": 1.0,
    "first_k_dense_replace": 1,
    "attention_bias": False,
    "use_qk_norm": False,
    "rope_scaling": {"type": "default"},
}
DEEPSEEK = {
    "model_type": "deepseek_v3",
    "num_key_value_heads": 2,
    "q_lora_rank": 12,
    "kv_lora_rank": 16,
    "qk_rope_head_dim": 8,
    "qk_nope_head_dim": 8,
    "v_head_dim": 6,
    "n_routed_experts": 9,
    "n_shared_experts": 1,
    "num_experts_per_tok": 3,
    "moe_intermediate_size": 12,
    "n_group": 3,
    "topk_group": 1,
    "norm_topk_prob": True,
    "routed_scaling_factor": 2.5,
    "first_k_dense_replace": 1,
    "rope_scaling": YARN | {"mscale": 1.0, "mscale_all_dim": 0.7},
    "tie_word_embeddings": False,
}
FP8 = {"quant_method": "fp8", "fmt": "e4m3", "weight_block_size": [8, 16]}
DEEPSEEK_4BIT = {
    "hidden_size": 64,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "q_lora_rank": 32,
    "kv_lora_rank": 128,
    "qk_nope_head_dim": 32,
    "v_head_dim": 8,
    "n_routed_experts": 3,
    "n_group": 1,
    "topk_group": 1,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 32,
    "first_k_dense_replace": 0,
}

# What each variant's config adds to BASE; `None` removes a key. The first of a family has a batch.
VARIANTS = {
    "qwen3-moe-tied": QWEN3 | {"norm_topk_prob": False},
    "qwen3-moe-apart": QWEN3
    | {"decoder_sparse_step": 2, "num_hidden_layers": 4, "mlp_only_layers": [1], "hidden_size": 12}
    | UNTIED,
    "qwen3-moe-4bit": QWEN3 | WIDE | UNTIED | {"moe_intermediate_size": 32, "num_experts": 4} | FOUR_BITS,
    "qwen2-moe-converted": QWEN2 | UNTIED,
    "qwen2-moe-apart": QWEN2 | {"num_experts_per_tok": 3} | UNTIED,
    "qwen2-moe-4bit": QWEN2
    | WIDE
    | UNTIED
    | {"moe_intermediate_size": 32, "shared_expert_intermediate_size": 32, "head_dim": None}
    | FOUR_BITS,
    "mixtral-untied": MIXTRAL | UNTIED,
    "mixtral-apart": MIXTRAL | {"num_experts_per_tok": 2, "intermediate_size": 20, "rope_theta": 500.0},
    "mixtral-apart-4bit": MIXTRAL | WIDE | UNTIED | {"head_dim": None} | FOUR_BITS,
    "gpt-oss-stacked": GPT_OSS | UNTIED | {"torch_dtype": "float32", "hidden_size": 16, "intermediate_size": 12},
    "gpt-oss-fused": GPT_OSS
    | UNTIED
    | {"rope_scaling": TRUNCATED | {"truncate": False}, "rope_theta": 150.0, "swiglu_limit": 0.3}
    | {"hidden_size": 16, "intermediate_size": 12},
    "gpt-oss-mxfp4": GPT_OSS | UNTIED | {"quantization_config": {"quant_method": "mxfp4"}},
    "gpt-oss-4bit": GPT_OSS | WIDE | UNTIED | FOUR_BITS | {"num_hidden_layers": 2},
    "glm4-moe-converted": GLM4 | UNTIED | {"use_qk_norm": True},
    "glm4-moe-apart": GLM4
    | UNTIED
    | {"attention_bias": True, "routed_scaling_factor": 2.5, "n_group": 3, "topk_group": 2, "num_experts_per_tok": 2},
    "glm4-moe-4bit": GLM4
    | WIDE
    | UNTIED
    | {"moe_intermediate_size": 32, "n_routed_experts": 4, "first_k_dense_replace": 0, "norm_topk_prob": False}
    | FOUR_BITS,
    "deepseek-v3-converted": DEEPSEEK | {"moe_layer_freq": 1},
    "deepseek-v3-apart": DEEPSEEK | {"q_lora_rank": None, "attention_bias": True, "rope_scaling": None},
    "deepseek-v3-fp8": DEEPSEEK
    | {"hidden_size": 32, "num_hidden_layers": 1, "first_k_dense_replace": 0}
    | {"qk_rope_head_dim": 32, "kv_lora_rank": 32, "quantization_config": FP8},
    "deepseek-v3-4bit": DEEPSEEK | DEEPSEEK_4BIT | FOUR_BITS,
    "deepseek-v3-joint-4bit": DEEPSEEK | DEEPSEEK_4BIT | FOUR_BITS,
    "kimi-k25-wrapper": DEEPSEEK | {"model_type": "kimi_k2", "n_group": 1, "topk_group": 1, "n_shared_experts": 2},
}
# The type of the model around a decoder.
WRAPPERS = {"kimi-k25-wrapper": "kimi_k25"}
# Layers that are stored otherwise than the config declares.
STORED = {
    "qwen3-moe-4bit": {"model.layers.0.mlp.gate": {"group_size": 64, "bits": 8}},
    "qwen2-moe-4bit": {
        f"model.layers.0.mlp.{gate}": {"group_size": 64, "bits": 8} for gate in ("gate", "shared_expert_gate")
    },
    "deepseek-v3-joint-4bit": {
        f"model.layers.0.self_attn.{name}": False for name in ("embed_q", "unembed_out")
    },
    "gpt-oss-mxfp4": {"group_size": 32, "bits": 4, "mode": "mxfp4"}
    | dict.fromkeys(["model.embed_tokens", "lm_head"], False)
    | {f"model.layers.{layer}.mlp.router": False for layer in range(2)}
    | {f"model.layers.{layer}.self_attn.{name}_proj": False for layer in range(2) for name in "qkvo"},
}
# Changes that must change the logits: a reader that passes over the key has to fail.
WITHOUT = {
    "qwen3-moe-tied": [{"norm_topk_prob": True}, {"num_experts_per_tok": 2}],
    "qwen3-moe-apart": [{"norm_topk_prob": False}],
    "qwen3-moe-4bit": [{"num_experts_per_tok": 2}],
    "qwen2-moe-converted": [{"num_experts_per_tok": 3}],
    "mixtral-untied": [{"num_experts_per_tok": 2}],
    "mixtral-apart": [{"rope_theta": 1e6}],
    "gpt-oss-stacked": [{"rope_scaling": None}, {"layer_types": ["full_attention", "sliding_attention"]}],
    "gpt-oss-fused": [{"rope_scaling": TRUNCATED}, {"swiglu_limit": 7.0}],
    "glm4-moe-converted": [{"partial_rotary_factor": 1.0}],
    "glm4-moe-apart": [{"routed_scaling_factor": 1.0}, {"n_group": 1, "topk_group": 1}],
    "glm4-moe-4bit": [{"norm_topk_prob": True}],
    "deepseek-v3-converted": [
        {"rope_scaling": None},
        {"rope_scaling": YARN | {"mscale": 1.0, "mscale_all_dim": 0.0}},
        {"topk_group": 2},
    ],
}


def main():
    seen = set()
    for seed, (name, changes) in enumerate(VARIANTS.items()):
        config = patched(BASE, changes)
        kind = config["model_type"]
        write_variant(name, config, np.random.RandomState(3000 + seed), batch=kind not in seen)
        seen.add(kind)


def write_variant(name, config, random, batch):
    folder = golden("mlx-lm") / name
    folder.mkdir(exist_ok=True)
    if name in WRAPPERS:
        outer = {key: config[key] for key in ("vocab_size", "torch_dtype")}
        config = {"model_type": WRAPPERS[name], "text_config": config} | outer
    stored = config
    if name in STORED:
        stored = config | {"quantization": config.get("quantization", {}) | STORED[name]}
    weights = checkpoint_weights(stored, random)
    # Where a corrected score is below zero, mlx-lm may choose an expert of a group that is not chosen.
    weights = known = {key: mx.abs(value) if key.endswith("correction_bias") else value for key, value in weights.items()}
    if name in LAYOUTS:
        weights, known = LAYOUTS[name](weights, config)
    write_json(folder / "config.json", config)
    write_checkpoint(folder, weights, shards=1)

    with tempfile.TemporaryDirectory() as temporary:
        source = pathlib.Path(temporary)
        readable = config if known is weights else {k: v for k, v in config.items() if v != FP8}
        write_json(source / "config.json", readable)
        write_checkpoint(source, known, shards=1)
        expected = expected_scores(reference(source, readable), random, BASE, 24, batch)
        write_tensors(folder / "expected.safetensors", expected)
        check(name, source, readable, expected)
    size = sum(file.stat().st_size for file in folder.iterdir())
    assert size <= 64 << 10, f"{name}: {size} bytes"
    print(f"{name}: {size} bytes, logits of deviation {expected['prefill'].std():.2f}")


def reference(folder, config):
    """mlx-lm's model, with the YaRN of transformers and the limit of gates that the config has."""
    with ExitStack() as stack:
        if config["model_type"] == "gpt_oss":
            limited = partial(gpt_oss.SwigluOAI, limit=config["swiglu_limit"])
            stack.enter_context(patch.object(gpt_oss, "SwigluOAI", limited))
        if (config.get("rope_scaling") or {}).get("truncate") is False:
            whole = types.SimpleNamespace(log=math.log, pi=math.pi, floor=float, ceil=float)
            stack.enter_context(patch.object(rope_utils, "math", whole))
        return load(folder, config)


def split(weights, names):
    """Each expert by itself, its layers by these names."""
    result = {}
    for key, value in weights.items():
        if ".switch_mlp." not in key:
            result[key] = value
            continue
        scope, rest = key.split(".switch_mlp.")
        layer, part = rest.split(".")
        for number in range(value.shape[0]):
            result[f"{scope}.experts.{number}.{names[layer]}.{part}"] = value[number]
    return result


def apart(weights, config):
    """Each expert by itself."""
    weights = split(weights, {name: name for name in ("gate_proj", "up_proj", "down_proj")})
    return weights, weights


def numbered(weights, config):
    """Each expert by itself, its layers by the names of Mixtral."""
    weights = split(weights, {"gate_proj": "w1", "down_proj": "w2", "up_proj": "w3"})
    return weights, weights


def with_predictor(weights, config):
    """Each expert by itself, and a layer that predicts the token after the next."""
    weights, _ = apart(weights, config)
    weights["model.layers.2.eh_proj.weight"] = mx.ones((4,))
    return weights, weights


def interleaved(weights):
    """The experts of gpt-oss with gates and what they gate by turns."""
    result = {key: value for key, value in weights.items() if ".experts.up_proj" not in key}
    for key in [key for key in result if ".experts.gate_proj" in key]:
        both = mx.stack([result.pop(key), weights[key.replace("gate_proj", "up_proj")]], axis=2)
        result[key.replace("gate_proj", "gate_up_proj")] = both.flatten(1, 2)
    return result


def fused(weights, config):
    """The experts of gpt-oss in floats, inputs before outputs, which mlx-lm does not read."""
    result = {}
    for key, value in interleaved(weights).items():
        path, _, part = key.rpartition(".")
        if ".experts." not in key:
            result[key] = value
        elif part == "bias":
            result[f"{path}_bias"] = value
        else:
            result[path] = mx.contiguous(value.swapaxes(1, 2))
    return result, weights


def mxfp4(weights, config):
    """The experts of gpt-oss as they are published: bytes of two numbers in blocks of 32."""
    result = {}
    for key, value in interleaved(weights).items():
        if ".experts." in key:
            path, _, part = key.rpartition(".")
            if part == "weight":
                value, part = value.view(mx.uint8).reshape(*value.shape[:2], -1, 16), "blocks"
            key = f"{path}_{part}"
        result[key] = value
    return result, result


def joined(weights):
    """The layers of attention that make keys and values of one vector as one for all heads."""
    result = {key: value for key, value in weights.items() if "embed_q" not in key and "unembed_out" not in key}
    for key in [key for key in weights if key.endswith("embed_q.weight")]:
        keys, values = weights[key].swapaxes(1, 2), weights[key.replace("embed_q", "unembed_out")]
        result[key.replace("embed_q", "kv_b_proj")] = mx.concatenate([keys, values], axis=1).flatten(0, 1)
    return result


def published(weights, config):
    """DeepSeek's own layout, with what mlx-lm drops by other rules."""
    known, _ = apart(joined(weights), config)
    more = {"model.layers.2.eh_proj.weight": mx.ones((4,)), "model.layers.0.self_attn.rotary_emb.inv_freq": mx.ones((4,))}
    return known | more, known


def joined_4bit(weights, config):
    """As `joined`, in 4 bits. mlx-lm would quantize its parts anew: it gets them as floats."""
    result, known = joined(weights), dict(weights)
    path = "model.layers.0.self_attn"
    parts = mx.quantize(result.pop(f"{path}.kv_b_proj.weight"), group_size=32, bits=4)
    floats = mx.dequantize(*parts, group_size=32, bits=4)
    result |= {f"{path}.kv_b_proj.{part}": value for part, value in zip(("weight", "scales", "biases"), parts)}
    floats = floats.reshape(config["num_attention_heads"], -1, config["kv_lora_rank"])
    nope = config["qk_nope_head_dim"]
    known[f"{path}.embed_q.weight"] = mx.contiguous(floats[:, :nope].swapaxes(1, 2))
    known[f"{path}.unembed_out.weight"] = mx.contiguous(floats[:, nope:])
    return result, known


def fp8(weights, config):
    """DeepSeek's own layout in bytes with a scale for each block; mlx-lm gets the floats that they are."""
    stored, known = {}, {}
    for key, value in published(weights, config)[1].items():
        if "_proj" not in key:
            stored[key] = known[key] = value
            continue
        rows, columns = value.shape
        height, width = FP8["weight_block_size"]
        down, across = -(-rows // height), -(-columns // width)
        scales = mx.array(np.random.RandomState(down + across).uniform(0.01, 0.1, (down, across)).astype(np.float32))
        spread = mx.repeat(mx.repeat(scales, height, 0), width, 1)[:rows, :columns]
        codes = mx.to_fp8(value / spread)
        stored[key], stored[f"{key}_scale_inv"] = Named("F8_E4M3", np.array(codes)), scales
        known[key] = mx.from_fp8(codes, dtype=mx.float32) * spread
    return stored, known


def wrapped(weights, config):
    """With parts of a model of images that its text does not need."""
    weights = weights | {"vision_tower.patch.weight": mx.ones((2,)), "mm_projector.norm.weight": mx.ones((3,))}
    return weights, weights


# How a variant's weights are laid out, and as mlx-lm reads them, where that is not its own way.
LAYOUTS = {
    "qwen3-moe-apart": apart,
    "qwen2-moe-apart": apart,
    "mixtral-apart": numbered,
    "mixtral-apart-4bit": numbered,
    "gpt-oss-fused": fused,
    "gpt-oss-mxfp4": mxfp4,
    "glm4-moe-apart": with_predictor,
    "deepseek-v3-apart": published,
    "deepseek-v3-joint-4bit": joined_4bit,
    "deepseek-v3-fp8": fp8,
    "kimi-k25-wrapper": wrapped,
}


def check(name, folder, config, expected):
    """Holds the logits against those of the model that a key left unread would give."""
    for changes in WITHOUT.get(name, []):
        values = logits(reference(folder, config | changes), expected)
        for part, values in zip(("prefill", "decode"), values):
            error = relative_rms(values, expected[part])
            assert error > 1e-2, f"{name}: {part} hardly depends on {changes}: {error}"


if __name__ == "__main__":
    main()
