"""Attention and transformers, in float32."""

import mlx.core as mx
import mlx.nn as nn
from layer_case import Cases

DIMS, HEADS, MLP = 8, 2, 12
LENGTH, MEMORY, BATCH = 4, 5, 2
ACTIVATIONS = {"relu": nn.relu, "gelu": nn.gelu, "silu": nn.silu}
# What differs from `MultiHeadAttention(8, 2)`.
ATTENTIONS = [
    ("plain", {}),
    ("bias", {"bias": True}),
    ("other-inputs", {"query_input_dims": 6, "key_input_dims": 5, "value_input_dims": 3}),
    ("keys-give-values", {"key_input_dims": 5, "bias": True}),
    ("other-values", {"value_dims": 12, "value_output_dims": 10}),
]
# What differs from layers of `(8, 2, 12)`, and how many a stack has: none where the layers alone are compared.
STACKS = [
    ("first", {}, 2),
    ("after", {"norm_first": False}, 1),
    ("gelu", {"activation": "gelu"}, 0),
    ("default-width", {"mlp_dims": None, "activation": "silu"}, 0),
]


def main():
    cases = Cases("transformer", 6400)
    for name, changes in ATTENTIONS:
        for mask in ("none", "additive"):
            attention(cases, name, changes, mask)
    attention(cases, "causal", {}, "causal")
    attention(cases, "boolean", {}, "boolean")
    for name, changes, count in STACKS:
        add(cases, name, changes, count)
    cases.write()


def attention(cases, name, changes, mask):
    layer = nn.MultiHeadAttention(DIMS, HEADS, **changes)
    keys = changes.get("key_input_dims", DIMS)
    inputs = [
        cases.normal(BATCH, LENGTH, changes.get("query_input_dims", DIMS)),
        cases.normal(BATCH, MEMORY, keys),
        cases.normal(BATCH, MEMORY, changes.get("value_input_dims", keys)),
    ]
    if mask == "additive":
        inputs.append(cases.normal(BATCH, 1, LENGTH, MEMORY))
    if mask == "boolean":
        allowed = mx.array(cases.normal(LENGTH, MEMORY) > -0.5)
        call = masked(allowed)
        cases.tensors[f"attention-{name}-{mask}/mask/0"] = mx.array(allowed).astype(mx.uint8)
    elif mask == "causal":
        call = masked("causal")
    else:
        call = None
    cases.add(f"attention-{name}-{mask}", layer, inputs, call, mask=mask, **changes)


def masked(mask):
    return lambda layer, *inputs: layer(*inputs, mask)


def add(cases, name, changes, count):
    """An encoder, a decoder, one layer of each, and both together."""
    settings = {"mlp_dims": MLP, "activation": "relu", "norm_first": True} | changes
    given = settings | {"activation": ACTIVATIONS[settings["activation"]]}
    x, memory = cases.normal(BATCH, LENGTH, DIMS), cases.normal(BATCH, MEMORY, DIMS)
    causal = nn.MultiHeadAttention.create_additive_causal_mask(LENGTH)
    hidden = mx.where(mx.array(cases.normal(LENGTH, MEMORY) > 0.7), -1e9, 0.0)
    layer = nn.TransformerEncoderLayer(DIMS, HEADS, **given)
    cases.add(f"encoder-layer-{name}", layer, [x, causal], **settings)
    layer = nn.TransformerDecoderLayer(DIMS, HEADS, **given)
    cases.add(f"decoder-layer-{name}", layer, [x, memory, causal, hidden], **settings)
    if count == 0:
        return
    settings["layers"] = count
    layer = nn.TransformerEncoder(count, DIMS, HEADS, **given)
    cases.add(f"encoder-{name}", layer, [x, causal], **settings)
    layer = nn.TransformerDecoder(count, DIMS, HEADS, **given)
    cases.add(f"decoder-{name}", layer, [x, memory, causal, hidden], **settings)
    layer = nn.Transformer(DIMS, HEADS, count, 1, **given)
    cases.add(f"transformer-{name}", layer, [memory, x, causal], without_other_masks, **settings)


def without_other_masks(layer, source, target, mask):
    return layer(source, target, None, mask, None)


if __name__ == "__main__":
    main()
