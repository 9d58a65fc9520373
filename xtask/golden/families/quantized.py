"""Matrices in a few bits an element. Each op quantizes its float matrix first."""

import mlx.core as mx
import numpy as np
from case import Case, recipe

AFFINE = [("affine", bits, group) for bits in (2, 3, 4, 5, 6, 8) for group in (32, 64, 128)]
MICRO = [("mxfp4", 4, 32), ("mxfp8", 8, 32), ("nvfp4", 4, 16)]


def cases():
    for mode, bits, group in AFFINE + MICRO:
        args = {"mode": mode, "bits": bits, "group_size": group}
        for dtype in ("f32", "f16", "bf16"):
            yield Case("quantize", [recipe(dtype, "any", (2, 128))], args)
            yield Case("dequantize", [recipe(dtype, "unit", (2, 128))], args)
        yield Case("dequantize", [recipe("f32", "unit", (2, 3, 128), "strided")], args)
        for transpose, shape in ((True, (4, 128)), (False, (64, 128))):
            width = shape[1] if transpose else shape[0]
            for rows in (1, 3):
                for dtype in ("f32", "f16", "bf16"):
                    inputs = [recipe(dtype, "unit", (rows, width)), recipe(dtype, "unit", shape)]
                    yield Case("quantized_matmul", inputs, args | {"transpose": transpose})
            inputs = [recipe("f32", "unit", (3, width), "transposed"), recipe("f32", "unit", shape)]
            yield Case("quantized_matmul", inputs, args | {"transpose": transpose})
        inputs = [
            recipe("f32", "unit", (2, 1, 1, 128)),
            recipe("f32", "unit", (3, 4, 128)),
            recipe("u32", "=0,2,1,1", (2, 2)),
        ]
        yield Case("gather_qmm", inputs, args)
        inputs = [recipe("f32", "unit", (2, 1, 128)), *inputs[1:], recipe("u32", "=1,0,0,1", (2, 2))]
        yield Case("gather_qmm", inputs, args)
        if mode != "affine":
            for dtype in ("f32", "bf16"):
                yield Case("qqmm", [recipe(dtype, "unit", (1, 128)), recipe(dtype, "unit", (4, 128))], args)
    for dtype in ("f32", "f16", "bf16"):
        for greatest in ("=4", "=1.5"):
            yield Case("quantize_scaled", [recipe(dtype, "any", (2, 128)), recipe("f32", greatest, ())])
    for mode, bits, group in (("affine", 7, 32), ("affine", 4, 48), ("mxfp4", 8, 32), ("nvfp4", 4, 32)):
        args = {"mode": mode, "bits": bits, "group_size": group}
        yield Case("quantize", [recipe("f32", "any", (2, 128))], args, may_refuse=True)
    yield Case(
        "quantize", [recipe("f32", "any", (2, 100))], {"mode": "affine", "bits": 4, "group_size": 32}, may_refuse=True
    )
    yield Case(
        "quantize", [recipe("i32", "any", (2, 128))], {"mode": "affine", "bits": 4, "group_size": 32}, may_refuse=True
    )


def quantize(w, mode, bits, group_size):
    return mx.quantize(w, group_size, bits, mode)


def quantize_scaled(w, scale):
    """The parts, and what they stand for."""
    parts = mx.quantize(w, mode="nvfp4", global_scale=scale)
    return *parts, mx.dequantize(*parts, mode="nvfp4", global_scale=scale, dtype=w.dtype)


def scheme(mode, bits, group_size):
    return {"group_size": group_size, "bits": bits, "mode": mode}


def dequantize(w, **args):
    return mx.dequantize(*quantize(w, **args), **scheme(**args), dtype=w.dtype)


def quantized_matmul(x, w, transpose, **args):
    return mx.quantized_matmul(x, *quantize(w, **args), transpose=transpose, **scheme(**args))


def gather_qmm(x, w, rhs, lhs=None, **args):
    return mx.gather_qmm(x, *quantize(w, **args), lhs_indices=lhs, rhs_indices=rhs, **scheme(**args))


def qqmm(x, w, **args):
    """The factor keeps numbers from ties, which MLX rounds in two ways."""
    x, w = 0.77 * x, 0.77 * w
    return mx.qqmm(x, *quantize(w, **args), **scheme(**args))


OPS = {
    "quantize": quantize,
    "quantize_scaled": quantize_scaled,
    "dequantize": dequantize,
    "quantized_matmul": quantized_matmul,
    "gather_qmm": gather_qmm,
    "qqmm": qqmm,
}
SINGLE = set()


def dequantized(w, mode, bits, group_size):
    """The steps of a group go from its farthest element to the other end, and 0 is one of them.

    Three bits put the recorded values half way between two steps, where float64 rounds elsewhere.
    """
    if mode != "affine" or bits == 3:
        return None
    groups = w.reshape(*w.shape[:-1], -1, group_size)
    least, greatest = groups.min(-1, keepdims=True), groups.max(-1, keepdims=True)
    down = np.abs(least) > np.abs(greatest)
    step = np.maximum((greatest - least) / (2**bits - 1), 1e-7) * np.where(down, 1, -1)
    edge = np.where(down, least, greatest)
    steps = np.round(edge / step)
    step = np.where(steps != 0, edge / np.where(steps == 0, 1, steps), step)
    bias = np.where(steps != 0, edge, 0)
    codes = np.clip(np.round((groups - bias) / step), 0, 2**bits - 1)
    return (codes * step + bias).reshape(w.shape)


def multiplied(x, w, transpose, **args):
    w = dequantized(w, **args)
    return None if w is None else x @ (w.swapaxes(-1, -2) if transpose else w)


def gathered(x, w, rhs, lhs=None, **args):
    w = dequantized(w, **args)
    return None if w is None else (x if lhs is None else x[lhs]) @ w[rhs].swapaxes(-1, -2)


NUMPY = {"dequantize": dequantized, "quantized_matmul": multiplied, "gather_qmm": gathered}
