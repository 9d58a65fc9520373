"""Tiny random checkpoints of the dense families beside llama, and their logits by mlx-lm in float32.

What mlx-lm passes over (windows, an activation) is patched into its models as transformers has it.
"""

from contextlib import ExitStack
from unittest.mock import patch

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from fixture import golden, relative_rms, write_json, write_tensors
from llama import LLAMA3, YARN, expected_scores, load, logits, patched, random_weights, write_checkpoint
from mlx_lm.models.base import create_causal_mask

BASE = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "vocab_size": 40,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "max_position_embeddings": 128,
    "tie_word_embeddings": True,
    "hidden_act": "silu",
    "torch_dtype": "float32",
}
GEMMA = {"hidden_act": "gelu_pytorch_tanh", "rms_norm_eps": 1e-6, "head_dim": 16}
GEMMA3 = GEMMA | {
    "model_type": "gemma3_text",
    "query_pre_attn_scalar": 24,
    "sliding_window": 6,
    "sliding_window_pattern": 3,
    "rope_theta": 1000000.0,
    "rope_local_base_freq": 500.0,
    "num_hidden_layers": 3,
    "intermediate_size": 16,
}
FOUR_BITS = {
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "quantization": {"group_size": 32, "bits": 4},
}
UNTIED = {"tie_word_embeddings": False}
MINISTRAL = {
    "model_type": "ministral3",
    "rope_theta": None,
    "rope_parameters": YARN
    | {
        "rope_theta": 1000.0,
        "original_max_position_embeddings": 8,
        "llama_4_scaling_beta": 0.3,
        "mscale": 1.0,
        "mscale_all_dim": 1.0,
    },
}
WINDOWS = {"layer_types": ["sliding_attention", "full_attention"], "sliding_window": 6}
LOCAL_GLOBAL = {
    "rope_theta": None,
    "rope_local_base_freq": None,
    "rope_parameters": {
        "full_attention": {"rope_type": "linear", "factor": 4.0, "rope_theta": 100000.0},
        "sliding_attention": {"rope_type": "default", "rope_theta": 500.0},
    },
}

# What each variant's config adds to BASE; `None` removes a key. The first of a family has a batch.
VARIANTS = {
    "mistral-window": {"model_type": "mistral", "sliding_window": 6},
    "qwen2-tied": {"model_type": "qwen2"},
    "qwen2-untied-llama3": {"model_type": "qwen2", "rope_scaling": LLAMA3} | UNTIED,
    "qwen2-4bit": {"model_type": "qwen2"} | UNTIED | FOUR_BITS,
    "qwen2-window": {
        "model_type": "qwen2",
        "use_sliding_window": True,
        "sliding_window": 5,
        "max_window_layers": 1,
    },
    "qwen2-window-unused": {
        "model_type": "qwen2",
        "use_sliding_window": False,
        "sliding_window": 5,
        "max_window_layers": 0,
    },
    "qwen3-tied": {"model_type": "qwen3", "head_dim": 16},
    "qwen3-rope-parameters": {
        "model_type": "qwen3",
        "head_dim": 8,
        "rope_theta": None,
        "rope_parameters": YARN | {"rope_theta": 500.0},
    }
    | UNTIED,
    "qwen3-4bit": {"model_type": "qwen3", "head_dim": 8} | FOUR_BITS,
    "smollm3-tied": {"model_type": "smollm3", "num_hidden_layers": 4, "intermediate_size": 12},
    "smollm3-listed": {"model_type": "smollm3", "no_rope_layers": [0, 1]} | UNTIED,
    "smollm3-4bit": {"model_type": "smollm3", "no_rope_layer_interval": 2} | FOUR_BITS,
    "phi3-untied": {"model_type": "phi3"} | UNTIED,
    "phi3-longrope-partial": {
        "model_type": "phi3",
        "hidden_size": 32,
        "partial_rotary_factor": 0.5,
        "original_max_position_embeddings": 16,
        "rope_scaling": {
            "type": "longrope",
            "short_factor": [1.0, 1.1, 1.2, 1.3],
            "long_factor": [1.0, 1.5, 3.0, 6.0],
        },
    },
    "phi3-window": {"model_type": "phi3", "sliding_window": 6},
    "phi3-4bit": {"model_type": "phi3"} | UNTIED | FOUR_BITS,
    "glm4-bias": {"model_type": "glm4", "head_dim": 8, "partial_rotary_factor": 0.5, "attention_bias": True}
    | UNTIED,
    "glm4-whole": {"model_type": "glm4", "head_dim": 16, "partial_rotary_factor": 1.0, "attention_bias": False}
    | UNTIED,
    "glm4-4bit": {"model_type": "glm4", "head_dim": 8, "partial_rotary_factor": 0.5, "attention_bias": False}
    | UNTIED
    | FOUR_BITS,
    "gemma-gelu": GEMMA | {"model_type": "gemma", "hidden_act": "gelu"},
    "gemma-tanh": GEMMA | {"model_type": "gemma", "hidden_activation": "gelu_pytorch_tanh"},
    "gemma-4bit": GEMMA | {"model_type": "gemma", "hidden_act": "gelu"} | FOUR_BITS,
    "gemma2-window": GEMMA | {"model_type": "gemma2", "query_pre_attn_scalar": 24, "sliding_window": 6},
    "gemma2-low-caps": GEMMA
    | {
        "model_type": "gemma2",
        "query_pre_attn_scalar": 8,
        "attn_logit_softcapping": 2.0,
        "final_logit_softcapping": 3.0,
        "num_key_value_heads": 2,
    },
    "gemma2-4bit": GEMMA | {"model_type": "gemma2", "query_pre_attn_scalar": 16} | FOUR_BITS,
    "gemma3-text": GEMMA3,
    "gemma3-text-rope-parameters": GEMMA3 | LOCAL_GLOBAL | UNTIED,
    "gemma3-text-4bit": GEMMA3 | FOUR_BITS | {"sliding_window_pattern": 2, "num_hidden_layers": 2},
    "gemma3-wrapper": GEMMA3 | {"rope_scaling": {"rope_type": "linear", "factor": 8.0}},
    "gemma3-wrapper-4bit": GEMMA3 | FOUR_BITS | {"sliding_window_pattern": 2, "num_hidden_layers": 2},
    "gemma3-wrapper-untied": GEMMA3 | UNTIED,
    "ministral3-window": MINISTRAL | WINDOWS,
    "ministral3-untied": MINISTRAL | UNTIED | {"head_dim": 16},
    "ministral3-4bit": MINISTRAL | FOUR_BITS,
    "mistral3-mistral": {"model_type": "mistral"} | UNTIED,
    "mistral3-ministral3": MINISTRAL,
    "mistral3-4bit": MINISTRAL | FOUR_BITS,
}
# The type of the model around a decoder.
WRAPPERS = {"gemma3-wrapper": "gemma3", "mistral3": "mistral3"}
# Windows of the layers, where mlx-lm would have none.
WINDOWED = {
    "mistral-window": [6, 6],
    "qwen2-window": [None, 5],
    "phi3-window": [6, 6],
    "gemma2-window": [6, None],
}
# Changes that must change the logits: a reader that passes over the key has to fail.
WITHOUT = {
    "qwen2-untied-llama3": {"rope_scaling": None},
    "qwen3-rope-parameters": {"rope_parameters": None, "rope_scaling": None, "rope_theta": 10000.0},
    "smollm3-tied": {"no_rope_layers": [1, 1, 1, 1]},
    "smollm3-listed": {"no_rope_layers": [1, 1]},
    "phi3-longrope-partial": {"rope_scaling": None},
    "glm4-bias": {"partial_rotary_factor": 1.0},
    "glm4-whole": {"rope_traditional": False},
    "gemma2-window": {"query_pre_attn_scalar": 16},
    "gemma2-low-caps": {"attn_logit_softcapping": 50.0},
    "gemma3-text": {"rope_local_base_freq": 10000.0},
    "gemma3-text-rope-parameters": {"rope_scaling": None},
    "gemma3-wrapper": {"rope_scaling": None},
    "ministral3-window": {"layer_types": None},
    "ministral3-untied": {"rope_parameters": MINISTRAL["rope_parameters"] | {"llama_4_scaling_beta": 0.0}},
}


def main():
    seen = set()
    for seed, (name, changes) in enumerate(VARIANTS.items()):
        kind = name.split("-")[0]
        write_variant(name, changes, np.random.RandomState(2000 + seed), batch=kind not in seen)
        seen.add(kind)


def write_variant(name, changes, random, batch):
    config = patched(BASE, changes)
    folder = golden("mlx-lm") / name
    folder.mkdir(exist_ok=True)
    wrapper = next((kind for prefix, kind in WRAPPERS.items() if name.startswith(prefix)), None)
    if wrapper:
        config = {"model_type": wrapper, "text_config": config, "vocab_size": config["vocab_size"]}
        config["torch_dtype"] = "float32"
        if quantization := config["text_config"].pop("quantization", None):
            config["quantization"] = quantization
    weights = checkpoint_weights(config, random)
    if wrapper:
        weights |= unread_weights()
    if name == "mistral3-mistral":
        weights = {newer(key): value for key, value in weights.items()}
    write_json(folder / "config.json", config)
    write_checkpoint(folder, weights, shards=1)

    with patches(name):
        model = windowed(name, load(folder, spelled(config)))
        expected = expected_scores(model, random, BASE, 24, batch)
        write_tensors(folder / "expected.safetensors", expected)
        check(folder, config, expected)


def checkpoint_weights(config, random):
    """The weights of the model, without a head where it is tied: mlx-lm decides by that for some families."""
    weights = random_weights(spelled(config), random)
    tied = config.get("text_config", config).get("tie_word_embeddings", False)
    return {name: value for name, value in weights.items() if not (tied and "lm_head" in name)}


def unread_weights():
    """Parts of a model of images that its text does not need."""
    return {"vision_tower.patch.weight": mx.ones((2,)), "multi_modal_projector.norm.weight": mx.ones((3,))}


def newer(key):
    """The name that transformers gives a weight since 4.52."""
    if key.startswith("language_model.model."):
        return key.replace("language_model.model.", "model.language_model.")
    return key.removeprefix("language_model.") if "lm_head" in key else f"model.{key}"


def spelled(config):
    """The config with `rope_parameters` (transformers 5) spelled as the keys that mlx-lm reads."""
    if "text_config" in config:
        return config | {"text_config": spelled(config["text_config"])}
    rope = config.get("rope_parameters")
    if not rope or config["model_type"] == "ministral3":
        return config
    if "full_attention" in rope:
        full, sliding = rope["full_attention"], rope["sliding_attention"]
        keys = {"rope_theta": full["rope_theta"], "rope_scaling": full, "rope_parameters": None}
        return config | keys | {"rope_local_base_freq": sliding["rope_theta"]}
    return config | {"rope_theta": rope["rope_theta"], "rope_scaling": rope, "rope_parameters": None}


def patches(name):
    stack = ExitStack()
    if name == "gemma-tanh":
        stack.enter_context(patch.object(nn, "gelu", nn.gelu_approx))
    return stack


def windowed(name, model):
    """The model, each of whose layers makes its own mask if it should slide and mlx-lm does not let it."""
    if name not in WINDOWED:
        return model
    kind = type(model.layers[0])

    class Windowed(kind):
        def __call__(self, x, mask=None, cache=None):
            own = create_causal_mask(x.shape[1], cache.offset, window_size=self.window)
            return super().__call__(x, own, cache)

    for layer, window in zip(model.layers, WINDOWED[name]):
        layer.__class__ = Windowed
        object.__setattr__(layer, "window", window)
    return model


def check(folder, config, expected):
    """Holds the logits against those of the model that a key left unread would give."""
    name, size = folder.name, sum(file.stat().st_size for file in folder.iterdir())
    assert size <= 60 << 10, f"{name}: {size} bytes"
    others = []
    if changes := WITHOUT.get(name):
        changed = spelled(config)
        if "text_config" in config:
            changed = changed | {"text_config": changed["text_config"] | changes}
        else:
            changed = changed | changes
        others.append(windowed(name, load(folder, changed)))
    if name in WINDOWED:
        others.append(load(folder, spelled(config)))
    for other in others:
        for part, values in zip(("prefill", "decode"), logits(other, expected)):
            error = relative_rms(values, expected[part])
            assert error > 1e-2, f"{name}: {part} hardly depends on {changes or 'its window'}: {error}"
    print(f"{name}: {size} bytes, logits of deviation {expected['prefill'].std():.2f}")


if __name__ == "__main__":
    main()
