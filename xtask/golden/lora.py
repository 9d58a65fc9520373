"""Adapters of mlx-lm: layers with gradients and fused weights, and a tiny model with its adapter files.

The files in PEFT's format follow `get_peft_model_state_dict`: torch's orientation, a prefix, `alpha = scale * rank`.
"""

import json

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from fixture import golden, write_json, write_tensors
from mlx.utils import tree_flatten
from mlx_lm.tuner.dora import DoRAEmbedding, DoRALinear
from mlx_lm.tuner.lora import LoRAEmbedding, LoRALinear
from mlx_lm.tuner.utils import linear_to_lora_layers

INPUTS, OUTPUTS, RANK = 64, 24, 3
DENSE, BITS4, BITS8, MXFP8 = None, ("affine", 4, 32), ("affine", 8, 32), ("mxfp8", 8, 32)
LAYERS = [
    # name, layer, bias, quantization, scale
    ("lora", LoRALinear, False, DENSE, 20.0),
    ("lora-bias", LoRALinear, True, DENSE, 0.5),
    ("lora-4bit", LoRALinear, True, BITS4, 20.0),
    ("lora-mxfp8", LoRALinear, False, MXFP8, 4.0),
    ("dora", DoRALinear, False, DENSE, 20.0),
    ("dora-bias", DoRALinear, True, DENSE, 0.5),
    ("dora-8bit", DoRALinear, True, BITS8, 4.0),
    ("lora-table", LoRAEmbedding, False, DENSE, 20.0),
    ("lora-table-8bit", LoRAEmbedding, False, BITS8, 4.0),
    ("dora-table", DoRAEmbedding, False, DENSE, 4.0),
]
PEFT_NAMES = {"lora_a": "lora_A.weight", "lora_b": "lora_B.weight", "m": "lora_magnitude_vector"}


def main():
    random = np.random.RandomState(7000)
    mx.random.seed(7000)
    folder = golden("mlx-nn")
    tensors, cases = {}, []
    for name, layer, bias, quantization, scale in LAYERS:
        cases += layer_cases(tensors, random, name, layer, bias, quantization, scale)
    write_tensors(folder / "lora.safetensors", tensors)
    write_json(folder / "lora.json", {"cases": cases})
    for kind in ("lora", "dora"):
        write_model(folder / f"tiny-{kind}", random, kind)
    print(f"lora: {len(cases)} cases, 2 models")


def normal(random, *shape):
    return mx.array(random.standard_normal(shape).astype(np.float32))


def layer_cases(tensors, random, name, layer, bias, quantization, scale):
    """One case for each way to use the layer: a table also works as a linear layer."""
    base = base_of(random, layer, bias, quantization)
    adapter = layer.from_base(base, r=RANK, scale=scale)
    adapter.lora_b = normal(random, *adapter.lora_b.shape) * 0.1
    adapter.lora_a = normal(random, *adapter.lora_a.shape) * 0.1
    if "m" in adapter:
        adapter.m = adapter.m * (1 + 0.1 * normal(random, *adapter.m.shape))
    stored = {key: value for key, value in adapter.items() if isinstance(value, mx.array)}
    case = {"name": name, "scale": scale, "parameters": sorted(stored), "base": sorted(base.parameters())}
    if quantization:
        case |= dict(zip(("mode", "bits", "group_size"), quantization))
    stored |= base.parameters()
    stored["fused"] = adapter.fuse(dequantize=True).weight if quantization else adapter.fuse().weight
    if quantization:
        stored |= {f"packed.{key}": value for key, value in adapter.fuse().parameters().items()}
    tensors.update({f"{name}.{key}": value for key, value in stored.items()})
    if layer in (LoRAEmbedding, DoRAEmbedding):
        ids = mx.array(random.randint(0, OUTPUTS, (2, 3)).astype(np.uint32))
        uses = {"rows": (adapter, ids), "as_linear": (adapter.as_linear, normal(random, 2, 3, INPUTS))}
    else:
        uses = {"linear": (adapter, normal(random, 2, 3, INPUTS))}
    return [case | {"use": use} | use_case(tensors, random, f"{name}.{use}", adapter, *how) for use, how in uses.items()]


def base_of(random, layer, bias, quantization):
    table = layer in (LoRAEmbedding, DoRAEmbedding)
    base = nn.Embedding(OUTPUTS, INPUTS) if table else nn.Linear(INPUTS, OUTPUTS, bias=bias)
    base.weight = normal(random, OUTPUTS, INPUTS) / 8
    if bias:
        base.bias = normal(random, OUTPUTS)
    if quantization:
        mode, bits, group_size = quantization
        base = base.to_quantized(group_size=group_size, bits=bits, mode=mode)
    return base


def use_case(tensors, random, name, adapter, function, x):
    """The output, and the gradients of its product with a random cotangent."""
    parameters = [key for key in ("lora_a", "lora_b", "m") if key in adapter]

    def apply(x, *values):
        adapter.update(dict(zip(parameters, values)))
        return function(x)

    values = [x, *(adapter[key] for key in parameters)]
    output = apply(*values)
    cotangent = normal(random, *output.shape)
    by = range(len(values)) if x.dtype == mx.float32 else range(1, len(values))

    def inner(*variables):
        given = dict(zip(by, variables))
        return apply(*(given.get(at, value) for at, value in enumerate(values)))

    _, gradients = mx.vjp(inner, [values[at] for at in by], [cotangent])
    adapter.update(dict(zip(parameters, values[1:])))
    names = ["x", *parameters]
    tensors |= {f"{name}.x": x, f"{name}.cotangent": cotangent, f"{name}.output": output}
    tensors |= {f"{name}.d_{names[at]}": gradient for at, gradient in zip(by, gradients)}
    return {"gradients": [names[at] for at in by]}


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.up, self.down = nn.Linear(16, 24, bias=False), nn.Linear(24, 16)

    def __call__(self, x):
        return x + self.down(nn.silu(self.up(x)))


class Tiny(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed_tokens = nn.Embedding(12, 16)
        self.layers = [Block() for _ in range(3)]
        self.head = nn.Linear(16, 12, bias=False)

    def __call__(self, ids):
        x = self.embed_tokens(ids)
        for layer in self.layers:
            x = layer(x)
        return self.head(x)


def write_model(folder, random, kind):
    """A model and its adapters in mlx-lm's folder and in PEFT's. PEFT's DoRA of tables is another one."""
    model, keys = Tiny(), ["down", "head", "up"]
    if kind == "lora":
        keys.append("embed_tokens")
    model.update({"embed_tokens": {"weight": normal(random, 12, 16)}})
    for layer in [module for module in model.modules() if isinstance(module, nn.Linear)]:
        layer.weight = normal(random, *layer.weight.shape) / 4
    base = dict(tree_flatten(model.parameters()))
    model.freeze()
    config = {"rank": 4, "scale": 2.5, "dropout": 0.0, "keys": sorted(keys)}
    linear_to_lora_layers(model, 2, config, use_dora=kind == "dora")
    adapters = dict(tree_flatten(model.trainable_parameters()))
    for name in adapters:
        noise = normal(random, *adapters[name].shape)
        adapters[name] = adapters[name] * (1 + 0.1 * noise) if name.endswith(".m") else noise * 0.2
    model.load_weights(list(adapters.items()), strict=False)
    ids = mx.array(random.randint(0, 12, (2, 5)).astype(np.uint32))

    folder.mkdir(exist_ok=True)
    write_tensors(folder / "model.safetensors", base | {"expected.ids": ids, "expected.logits": model(ids)})
    for written, suffix in (("mlx-lm", "adapters"), ("peft", "adapter_model")):
        (folder / written).mkdir(exist_ok=True)
        stored = adapters if written == "mlx-lm" else dict(map(to_peft, adapters.items()))
        write_tensors(folder / written / f"{suffix}.safetensors", stored, None if written == "mlx-lm" else {"format": "pt"})
    settings = {"fine_tune_type": kind, "lora_parameters": config, "num_layers": 2}
    (folder / "mlx-lm/adapter_config.json").write_text(json.dumps(settings, indent=4) + "\n")
    peft = {"bias": "none", "lora_alpha": 10, "lora_dropout": 0.0, "peft_type": "LORA", "r": 4}
    adapted = sorted({name.rsplit(".", 1)[0] for name in adapters})
    peft |= {"target_modules": adapted, "use_dora": kind == "dora", "use_rslora": False}
    (folder / "peft/adapter_config.json").write_text(json.dumps(peft, indent=2) + "\n")


def to_peft(entry):
    key, value = entry
    path, name = key.rsplit(".", 1)
    if path.endswith("embed_tokens"):
        name = {"lora_a": "lora_embedding_A", "lora_b": "lora_embedding_B"}[name]
    else:
        name = PEFT_NAMES[name]
    return f"base_model.model.{path}.{name}", value.T


if __name__ == "__main__":
    main()
