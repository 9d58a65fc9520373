"""What mlx-lm makes of a checkpoint when it quantizes it, as hashes, for weights that the test makes up again."""

import hashlib
import tempfile
from pathlib import Path

import mlx.core as mx
import numpy as np
from fixture import golden, to_numpy, write_json
from mlx.utils import tree_flatten
from mlx_lm.convert import mixed_quant_predicate_builder
from mlx_lm.utils import compute_bits_per_weight, get_total_parameters, load_model, quantize_model

CONFIG = {
    "model_type": "llama",
    "hidden_size": 128,
    "intermediate_size": 192,
    "num_hidden_layers": 8,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 64,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "tie_word_embeddings": False,
    "torch_dtype": "float32",
}
WIDTHS = [(2, 64), (3, 64), (4, 32), (4, 64), (4, 128), (5, 64), (6, 64), (8, 32), (8, 64)]
AFFINE = [{"mode": "affine", "bits": bits, "group_size": group} for bits, group in WIDTHS]
FLOATS = [{"mode": mode} for mode in ("mxfp4", "mxfp8", "nvfp4")]
RECIPES = [{"recipe": recipe} for recipe in ("mixed_2_6", "mixed_3_4", "mixed_3_6", "mixed_4_6")]
CASES = [case | {"dtype": "float32"} for case in AFFINE + FLOATS + RECIPES]
CASES += [{"mode": "affine", "bits": 4, "group_size": 64, "dtype": dtype} for dtype in ("float16", "bfloat16")]
# A few layers stand for all.
NAMES = ("mlp.down_proj", "self_attn.q_proj", "self_attn.v_proj")
HASHED = ["lm_head", "model.embed_tokens"] + [f"model.layers.{at}.{name}" for at in (0, 3, 7) for name in NAMES]


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        write_json(folder / "config.json", CONFIG)
        mx.save_safetensors(str(folder / "model.safetensors"), weights())
        cases = [converted(folder, case) for case in CASES]
    write_json(golden("mlx-lm") / "convert.json", {"config": CONFIG, "cases": cases})
    print(f"convert: {len(cases)} cases")


def weights():
    hidden, inner, tokens = CONFIG["hidden_size"], CONFIG["intermediate_size"], CONFIG["vocab_size"]
    shapes = {"model.embed_tokens": [tokens, hidden], "model.norm": [hidden], "lm_head": [tokens, hidden]}
    for layer in range(CONFIG["num_hidden_layers"]):
        path = f"model.layers.{layer}"
        shapes |= {f"{path}.self_attn.{name}_proj": [hidden, hidden] for name in "qo"}
        shapes |= {f"{path}.self_attn.{name}_proj": [hidden // 2, hidden] for name in "kv"}
        shapes |= {f"{path}.mlp.{name}_proj": [inner, hidden] for name in ("gate", "up")}
        shapes |= {f"{path}.mlp.down_proj": [hidden, inner]}
        shapes |= {f"{path}.{name}_layernorm": [hidden] for name in ("input", "post_attention")}
    return {f"{path}.weight": mx.array(made_up(f"{path}.weight", shape)) for path, shape in shapes.items()}


def made_up(name, shape):
    """The values that mlx_testkit::Checkpoint makes up for a tensor of this name."""
    seed, mask = 0xCBF29CE484222325, (1 << 64) - 1
    for byte in name.encode():
        seed = ((seed ^ byte) * 0x100000001B3) & mask
    with np.errstate(over="ignore"):
        count = np.arange(1, np.prod(shape) + 1, dtype=np.uint64)
        bits = np.uint64(seed) + count * np.uint64(0x9E3779B97F4A7C15)
        bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        bits ^= bits >> np.uint64(31)
    values = (bits >> np.uint64(40)).astype(np.float32) / np.float32(1 << 23) - np.float32(1)
    return values.reshape(shape)


def converted(folder, case):
    """The case with the arrays' hash and with what the config says of them."""
    model, config = load_model(folder)
    dtype = getattr(mx, case["dtype"])
    model.set_dtype(dtype)
    recipe = case.get("recipe")
    predicate = mixed_quant_predicate_builder(recipe, model) if recipe else None
    size, bits, mode = (case.get(key) for key in ("group_size", "bits", "mode"))
    model, config = quantize_model(model, config, size, bits, mode=mode or "affine", quant_predicate=predicate)
    arrays = dict(tree_flatten(model.parameters()))
    stored = config["quantization"]
    layers = {path: value["bits"] for path, value in stored.items() if isinstance(value, dict)}
    return case | {
        "group_size": stored["group_size"],
        "bits": stored["bits"],
        "layers": layers,
        "parameters": get_total_parameters(model),
        "bits_per_weight": compute_bits_per_weight(model),
        "sha256": {path: digest(arrays, path) for path in HASHED},
    }


def digest(arrays, path):
    """A hash of the bytes of all arrays of a layer, by their names."""
    sha256 = hashlib.sha256()
    for part in ("biases", "scales", "weight"):
        if (array := arrays.get(f"{path}.{part}")) is not None:
            sha256.update(to_numpy(array.view(mx.uint8)).tobytes())
    return sha256.hexdigest()[:16]


if __name__ == "__main__":
    main()
