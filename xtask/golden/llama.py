"""Tiny random checkpoints of the llama family, and their logits by mlx-lm in float32."""


import mlx.core as mx
import mlx.nn as nn
import numpy as np
import numpy_llama
from fixture import golden, relative_rms, to_numpy, write_json, write_tensors
from mlx.utils import tree_flatten, tree_map
from mlx_lm.models.cache import make_prompt_cache
from mlx_lm.utils import _get_classes, load_model

MLX_GATHER = mx.gather_qmm
# An argument that mlx-lm passes and MLX of this version lacks.
mx.gather_qmm = lambda *arguments, global_scale=None, **options: MLX_GATHER(*arguments, **options)

BASE = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 32,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 40,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "max_position_embeddings": 128,
    "tie_word_embeddings": True,
    "hidden_act": "silu",
    "torch_dtype": "float32",
}
# Two heads of 16: eight frequencies, so that a scaling treats some differently from others.
ROPE = {"num_attention_heads": 2, "num_key_value_heads": 1, "intermediate_size": 16, "vocab_size": 32}
LONGROPE = {
    "rope_type": "longrope",
    "original_max_position_embeddings": 8,
    "short_factor": [1.0, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6],
    "long_factor": [1.0, 1.2, 1.5, 2.0, 3.0, 5.0, 8.0, 12.0],
}
LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32, "beta_fast": 8.0}

AFFINE = {
    "hidden_size": 64,
    "intermediate_size": 64,
    "num_hidden_layers": 1,
    "tie_word_embeddings": False,
    "vocab_size": 24,
    "torch_dtype": "float16",
}
WIDE = {"hidden_size": 128, "intermediate_size": 128, "num_key_value_heads": 1}
MICROSCALED = {"hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 1}


def every_width(group_size):
    """A quantization config in which each number of bits occurs, 4 of them as the default."""
    layers = {
        "self_attn.k_proj": 2,
        "self_attn.v_proj": 3,
        "self_attn.o_proj": 5,
        "mlp.gate_proj": 6,
        "mlp.up_proj": 8,
        "mlp.down_proj": 2,
    }
    declared = {f"model.layers.0.{path}": {"group_size": group_size, "bits": bits} for path, bits in layers.items()}
    return {"group_size": group_size, "bits": 4} | declared


# What each variant's config adds to BASE; `None` removes a key.
VARIANTS = {
    "llama-tied": {},
    "llama-tied-extra-keys": {"num_hidden_layers": 1},
    "llama-untied": {"tie_word_embeddings": False, "intermediate_size": 20},
    "llama-gqa": {"num_attention_heads": 4, "num_key_value_heads": 2, "rope_theta": 500.0},
    "llama-mha-head-dim": {"hidden_size": 16, "head_dim": 8, "num_key_value_heads": None},
    "llama-bias": {"attention_bias": True, "mlp_bias": True},
    "llama-float16": {"torch_dtype": "float16"},
    "llama-bfloat16": {"torch_dtype": "bfloat16"},
    "llama-sharded": {},
    "llama-sliding": {
        "num_hidden_layers": 3,
        "intermediate_size": 12,
        "vocab_size": 24,
        "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
        "sliding_window": 6,
    },
    "mistral-sliding-null": {
        "architectures": ["MistralForCausalLM"],
        "model_type": "mistral",
        "sliding_window": None,
    },
    "llama-traditional-rope": ROPE | {"rope_traditional": True},
    "llama-rope-linear": ROPE | {"rope_scaling": {"type": "linear", "factor": 4.0}},
    "llama-rope-dynamic": ROPE
    | {"rope_scaling": {"type": "dynamic", "factor": 4.0}, "max_position_embeddings": 8},
    "llama-rope-llama3": ROPE | {"rope_scaling": LLAMA3},
    "llama-rope-yarn": ROPE | {"rope_scaling": YARN},
    "llama-rope-longrope": ROPE | {"rope_scaling": LONGROPE, "max_position_embeddings": 64},
    "llama-rope-parameters": ROPE
    | {"rope_theta": None, "rope_parameters": LLAMA3 | {"rope_theta": 500.0}},
    "llama-4bit": {
        "hidden_size": 64,
        "intermediate_size": 64,
        "tie_word_embeddings": False,
        "quantization": {
            "group_size": 64,
            "bits": 4,
            "mode": "affine",
            "model.embed_tokens": {"group_size": 64, "bits": 8},
            "model.layers.0.self_attn.k_proj": False,
            "model.layers.0.mlp.down_proj": {"group_size": 32, "bits": 6},
            "lm_head": {"group_size": 32, "bits": 3},
        },
    },
    "llama-8bit-g32": {
        "intermediate_size": 64,
        "quantization": {"group_size": 32, "bits": 8},
    },
    "llama-affine-g32": AFFINE | {"quantization": every_width(32)},
    "llama-affine-g64": AFFINE | {"quantization": every_width(64)},
    "llama-affine-g128": AFFINE | WIDE | {"quantization": every_width(128)},
    "llama-mxfp4": MICROSCALED | {"quantization": {"group_size": 32, "bits": 4, "mode": "mxfp4"}},
    "llama-mxfp8": MICROSCALED | {"quantization": {"group_size": 32, "bits": 8, "mode": "mxfp8"}},
    "llama-nvfp4": MICROSCALED | {"quantization": {"group_size": 16, "bits": 4, "mode": "nvfp4"}},
}
KEEPS_NULL = {"final_logit_softcapping", "q_lora_rank", "sliding_window"}
# Changes that must change the logits: a reader that passes over the key has to fail.
WITHOUT = {
    "llama-gqa": {"rope_theta": 10000.0},
    "llama-sliding": {"layer_types": None},
    "llama-traditional-rope": {"rope_traditional": False},
    "llama-rope-dynamic": {"rope_scaling": None},
    "llama-rope-linear": {"rope_scaling": None},
    "llama-rope-llama3": {"rope_scaling": None},
    "llama-rope-longrope": {"rope_scaling": None},
    "llama-rope-parameters": {"rope_parameters": None, "rope_scaling": None, "rope_theta": 10000.0},
    "llama-rope-yarn": {"rope_scaling": None},
}
LONG_PROMPTS = {"llama-untied": 40, "llama-sliding": 40}


def main():
    for seed, (name, changes) in enumerate(VARIANTS.items()):
        write_variant(name, changes, np.random.RandomState(1000 + seed))


def write_variant(name, changes, random):
    config = patched(BASE, changes)
    folder = golden("mlx-lm") / name
    folder.mkdir(exist_ok=True)
    weights = random_weights(config, random)
    if name == "llama-tied-extra-keys":
        weights |= ignored_weights(config, random)
    write_json(folder / "config.json", config)
    write_checkpoint(folder, weights, shards=2 if name == "llama-sharded" else 1)

    model = load(folder, config)
    prompt = sample(random, config, LONG_PROMPTS.get(name, 16))
    expected = {"tokens": prompt, "continue": sample(random, config, 8)}
    expected["prefill"], expected["decode"] = logits(model, expected)
    if name == "llama-gqa":
        expected["batch"] = np.stack([sample(random, config, 12) for _ in range(2)])
        expected["batch_prefill"] = to_numpy(model(mx.array(expected["batch"])))
    write_tensors(folder / "expected.safetensors", expected)
    check(folder, config, model, expected)


def patched(config, changes):
    merged = config | changes
    return {key: value for key, value in merged.items() if value is not None or key in KEEPS_NULL}


def sample(random, config, count):
    return random.randint(0, config["vocab_size"], count).astype(np.int32)


def random_weights(config, random):
    """Seeded weights, quantized as the config says: logits of a few units, norms near 1."""
    Model, ModelArgs = _get_classes(config)
    model = Model(ModelArgs.from_dict(config))
    dtype = getattr(mx, config["torch_dtype"])
    weights = {}
    for name, value in sorted(tree_flatten(model.parameters())):
        noise = random.standard_normal(value.shape).astype(np.float32)
        weights[name] = mx.array(noise * deviation(name, value.shape) + ("norm" in name)).astype(dtype)
    if "quantization" in config:
        model.load_weights(list(weights.items()))
        quantize(model, config)
        weights = dict(tree_flatten(model.parameters()))
    return weights


def deviation(name, shape):
    if "norm" in name or name.endswith("bias"):
        return 0.2
    sharpness = 1.5 if "q_proj" in name or "k_proj" in name else 1.0
    return 1.0 if "embed" in name else sharpness / shape[-1] ** 0.5


def ignored_weights(config, random):
    """Keys that old conversions left behind: a copy of the tied head, RoPE's inverse frequencies."""
    head = random.standard_normal((config["vocab_size"], config["hidden_size"]))
    return {
        "lm_head.weight": mx.array(head.astype(np.float32)),
        "model.layers.0.self_attn.rotary_emb.inv_freq": mx.ones((4,)),
    }


def write_checkpoint(folder, weights, shards):
    if shards == 1:
        return write_tensors(folder / "model.safetensors", weights, {"format": "mlx"})
    names = sorted(weights)
    files = {}
    for shard in range(shards):
        file = f"model-{shard + 1:05}-of-{shards:05}.safetensors"
        part = {name: weights[name] for name in names[shard::shards]}
        write_tensors(folder / file, part, {"format": "mlx"})
        files |= dict.fromkeys(part, file)
    total = {"total_size": sum(value.nbytes for value in weights.values())}
    write_json(folder / "model.safetensors.index.json", {"metadata": total, "weight_map": files})


def quantize(model, config):
    quantization = config["quantization"]
    group_size = quantization["group_size"]

    def fits(module):
        return hasattr(module, "to_quantized") and module.weight.shape[-1] % group_size == 0

    nn.quantize(
        model,
        group_size=group_size,
        bits=quantization["bits"],
        mode=quantization.get("mode", "affine"),
        class_predicate=lambda path, module: quantization.get(path, fits(module)),
    )


def load(folder, config):
    """mlx-lm's model of the checkpoint in `folder`, computing in float32."""
    model, _ = load_model(folder, model_config=readable(config))
    model.update(tree_map(upcast, model.parameters()))
    return model


def upcast(array):
    return array.astype(mx.float32) if mx.issubdtype(array.dtype, mx.floating) else array


def readable(config):
    """The config with `rope_parameters` (transformers 5) spelled as the keys that mlx-lm reads.

    The llama of mlx-lm 0.32.2 passes over `rope_parameters` and would compute another model.
    """
    parameters = config.get("rope_parameters")
    if "rope_theta" not in (parameters or {}):
        return config
    return config | {"rope_theta": parameters["rope_theta"], "rope_scaling": parameters}


def logits(model, inputs):
    """Logits [T, V] of one pass over the prompt, then [N, V] of one token at a time."""
    cache = make_prompt_cache(model)
    prefill = model(mx.array(inputs["tokens"])[None], cache=cache)[0]
    decode = [model(mx.array([[token]]), cache=cache)[0, 0] for token in inputs["continue"].tolist()]
    return to_numpy(prefill), to_numpy(mx.stack(decode))


def expected_scores(model, random, config, length, batch):
    """Tokens, and the model's scores after them: in one pass, through the cache, and of two texts where `batch`."""
    expected = {"tokens": sample(random, config, length), "continue": sample(random, config, 6)}
    expected["prefill"], expected["decode"] = logits(model, expected)
    if batch:
        expected["batch"] = np.stack([sample(random, config, 9) for _ in range(2)])
        rows = [model(mx.array(row)[None], cache=make_prompt_cache(model))[0] for row in expected["batch"]]
        expected["batch_prefill"] = to_numpy(mx.stack(rows))
    return expected


def check(folder, config, model, expected):
    """Holds the logits against numpy, and against the model that a key left unread would give."""
    name, size = folder.name, sum(file.stat().st_size for file in folder.glob("model*.safetensors"))
    assert size <= 64 << 10, f"{name}: {size} bytes of weights"
    dense, config = dense_weights(model), readable(config)
    prompt = numpy_llama.logits(config, dense, expected["tokens"])
    assert (error := relative_rms(expected["prefill"], prompt)) < 1e-5, f"{name}: prefill is off by {error}"
    if name != "llama-rope-dynamic":  # a cached key keeps the base of the step that cached it
        whole = numpy_llama.logits(config, dense, np.concatenate([expected["tokens"], expected["continue"]]))
        error = relative_rms(expected["decode"], whole[len(prompt) :])
        assert error < 1e-5, f"{name}: decode is off by {error}"
    if changes := WITHOUT.get(name):
        other = logits(load(folder, config | changes), expected)
        for part, values in zip(("prefill", "decode"), other):
            error = relative_rms(values, expected[part])
            assert error > 1e-2, f"{name}: {part} hardly depends on {list(changes)}: {error}"
    print(f"{name}: {size} bytes, logits of deviation {expected['prefill'].std():.2f}")


def dense_weights(model):
    """The model's weights in float64, quantized ones expanded."""
    dense = {name: to_numpy(value) for name, value in tree_flatten(model.parameters())}
    for path, module in model.named_modules():
        if hasattr(module, "bits"):
            biases, form = module.get("biases"), (module.group_size, module.bits, module.mode)
            floats = mx.dequantize(module.weight, module.scales, biases, *form, dtype=mx.float32)
            dense[f"{path}.weight"] = to_numpy(floats)
    return {name: value.astype(np.float64) for name, value in dense.items() if value.dtype.kind == "f"}


if __name__ == "__main__":
    main()
