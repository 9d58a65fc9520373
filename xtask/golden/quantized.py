"""Gradients of quantized layers, and embeddings, in float32."""

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from layer_case import Cases
from quant import AFFINE, FLOATS, GROUPS

ROWS = 8
IDS = np.array([[5, 0, 5], [7, 2, 1]], np.uint32)
EMBEDDED = [("affine", 4, 32), ("affine", 3, 64), ("mxfp8", 8, 32), ("nvfp4", 4, 16)]
QUANTIZED_INPUT = [("nvfp4", 4, 16), ("mxfp8", 8, 32)]


def main():
    cases = Cases("quantized", 6300)
    for scheme in AFFINE + FLOATS:
        mode, bits, group = scheme
        layer = nn.Linear(group * GROUPS, ROWS, bias=bits % 2 == 0)
        cases.draw(layer)
        layer = layer.to_quantized(group, bits, mode)
        layer.unfreeze()
        x = cases.normal(2, group * GROUPS)
        cases.add(f"linear-{mode}-{bits}-{group}", layer, [x], drawn=True, **shape(layer, group))
    for mode, bits, group in EMBEDDED:
        layer = nn.Embedding(ROWS, group * GROUPS)
        cases.draw(layer)
        layer = layer.to_quantized(group, bits, mode)
        name = f"embedding-{mode}-{bits}-{group}"
        if mode == "affine":  # the others have nothing to differentiate by
            cases.add(name, layer, [mx.array(IDS)], drawn=True, **shape(layer, group))
        x = cases.normal(2, 3, group * GROUPS)
        cases.add(f"{name}-linear", layer, [x], type(layer).as_linear, drawn=True, **shape(layer, group))
    layer = nn.Embedding(ROWS, 3)
    cases.add("embedding", layer, [mx.array(IDS)], columns=3)
    cases.add("embedding-linear", layer, [cases.normal(2, 3)], type(layer).as_linear, columns=3)
    cases.add("linear-bias", nn.Linear(3, ROWS), [cases.normal(2, 4, 3)], columns=3, bias=True)
    cases.add("linear", nn.Linear(3, ROWS, bias=False), [cases.normal(3)], columns=3, bias=False)
    for mode, bits, group in QUANTIZED_INPUT:
        layer = nn.QQLinear(group * GROUPS, group, group, bits, mode)
        x = cases.normal(group, 2, group * GROUPS, scale=2.0)
        settings = {"columns": group * GROUPS, "rows": group, "mode": mode}
        cases.add(f"qq-{mode}", layer, [x], quantized_input(layer), **settings)
    cases.write()


def shape(layer, group):
    return {"columns": group * GROUPS, "bias": "bias" in layer}


def quantized_input(layer):
    """What `mx.qqmm` does where it has kernels, forwards and backwards: it has none for CPUs."""
    settings = {"group_size": layer.group_size, "bits": layer.bits, "mode": layer.mode}

    def rounded(a):
        return mx.dequantize(*mx.quantize(a, **settings), **settings, dtype=mx.float32)

    def product(a, b):
        return rounded(a) @ rounded(b).T

    @mx.custom_function
    def qqmm(x, w):
        return product(x, w)

    @qqmm.vjp
    def qqmm(primals, cotangent, _):
        x, w = primals
        return product(cotangent, w.T), product(cotangent.T, x.T)

    def call(layer, x):
        return qqmm(x.flatten(0, -2), layer.weight).reshape(*x.shape[:-1], -1)

    return call


if __name__ == "__main__":
    main()
