"""Ops of one array, element by element."""

import math

import mlx.core as mx
import numpy as np
from case import COMMON, LAYOUTS, Case, dtypes, layouts, recipe

SHAPE = (3, 4)

# The kind of input that keeps each op away from where its result jumps or is not defined.
KINDS = {
    "abs": "any",
    "arccos": "unit",
    "arccosh": "pos",
    "arcsin": "unit",
    "arcsinh": "any",
    "arctan": "any",
    "arctanh": "unit",
    "bitwise_invert": "any",
    "ceil": "any",
    "conjugate": "any",
    "cos": "any",
    "cosh": "any",
    "degrees": "any",
    "erf": "unit",
    "erfinv": "unit",
    "exp": "any",
    "expm1": "any",
    "floor": "any",
    "imag": "any",
    "isfinite": "any",
    "isinf": "any",
    "isnan": "any",
    "isneginf": "any",
    "isposinf": "any",
    "log": "pos",
    "log10": "pos",
    "log1p": "pos",
    "log2": "pos",
    "logical_not": "small",
    "nan_to_num": "any",
    "negative": "any",
    "radians": "any",
    "real": "any",
    "reciprocal": "nonzero",
    "round": "any",
    "rsqrt": "pos",
    "sigmoid": "any",
    "sign": "small",
    "sin": "any",
    "sinh": "any",
    "sqrt": "pos",
    "square": "any",
    "stop_gradient": "any",
    "tan": "unit",
    "tanh": "any",
    "trunc": "any",
}
LAYOUT_DTYPES = {"bitwise_invert": "i32", "imag": "c64"}
# Where infinities, NaN and zeros have a defined result.
SPECIAL = [
    "abs", "arcsinh", "arctan", "ceil", "exp", "expm1", "floor", "isfinite", "isinf", "isnan", "isneginf",
    "isposinf", "log", "log10", "log1p", "log2", "logical_not", "negative", "reciprocal", "round", "rsqrt",
    "sigmoid", "sign", "sqrt", "square", "tanh", "trunc",
]  # fmt: skip


def cases():
    for op, kind in KINDS.items():
        yield from dtypes(op, [kind], [SHAPE])
        yield from layouts(op, [kind], [SHAPE], dtype=LAYOUT_DTYPES.get(op, "f32"))
        yield Case(op, [recipe("c64", kind, SHAPE, "transposed")], may_refuse=True)
        yield Case(op, [recipe("f16", kind, SHAPE, "strided")], may_refuse=True)
    for op in SPECIAL:
        for dtype in ("f32", "bf16", "f64"):
            yield Case(op, [recipe(dtype, "special", SHAPE)])
    for decimals in (-1, 1, 2):
        for dtype in ("f32", "f16", "f64", "i32", "c64"):
            yield Case("round", [recipe(dtype, "any", SHAPE)], {"decimals": decimals}, may_refuse=True)
    yield from filled()
    yield from clipped()


def filled():
    for dtype in ("f32", "f16", "bf16"):
        for args in ({}, {"nan": 1.5}, {"nan": -2.0, "posinf": 7.0}, {"neginf": -3.0}, {"posinf": 4.0, "neginf": 0.5}):
            yield Case("nan_to_num", [recipe(dtype, "special", SHAPE)], args)


def clipped():
    for dtype in COMMON:
        for args in ({"low": -1, "high": 2}, {"low": 0}, {"high": 1}, {"low": -0.5, "high": 1.5}):
            if dtype in ("bool", "u8") and args.get("low", 0) < 0:
                continue
            yield Case("clip", [recipe(dtype, "any", SHAPE)], args, may_refuse=True)
    for layout in LAYOUTS:
        yield Case("clip", [recipe("f32", "any", SHAPE, layout)], {"low": -1, "high": 2})
    for low, high in ((SHAPE, SHAPE), (SHAPE[1:], (3, 1)), ((), SHAPE)):
        inputs = [recipe("f32", "any", SHAPE), recipe("f32", "unit", low), recipe("f32", "pos", high)]
        yield Case("clip_arrays", inputs)


# What MLX computes in float32 for float64 also.
SINGLE = {"cos", "erf", "exp", "round", "sigmoid", "sin"}

OPS = {
    "clip": lambda x, low=None, high=None: mx.clip(x, low, high),
    "clip_arrays": mx.clip,
}


def reals(function):
    """The function in float64, complex128 for complex numbers."""
    return lambda x: function(x if x.dtype.kind in "fc" else x.astype(np.float64))


def sign(x):
    """MLX has 0 for NaN."""
    x = np.where(np.isnan(x), 0, x)
    return x / np.where(x == 0, 1, np.abs(x)) if x.dtype.kind == "c" else np.sign(x.astype(np.float64))


def nan_to_num(x, nan=0.0, posinf=None, neginf=None):
    bounds = posinf is not None and neginf is not None or not np.isinf(x).any()
    return np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf) if bounds and x.dtype.kind == "f" else None


NUMPY = {
    name: reals(getattr(np, name))
    for name in (
        "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctanh", "cos", "cosh", "exp", "expm1", "log",
        "log10", "log1p", "log2", "reciprocal", "sin", "sinh", "sqrt", "tan", "tanh",
    )
} | {
    "abs": np.abs,
    "bitwise_invert": np.invert,
    "ceil": lambda x: np.ceil(x) if x.dtype.kind != "c" else None,
    "clip": lambda x, low=None, high=None: None if x.dtype.kind == "c" else np.clip(x.astype(np.float64), low, high),
    "clip_arrays": np.clip,
    "conjugate": np.conjugate,
    "degrees": reals(lambda x: x * (180 / np.pi)),
    "erf": reals(np.vectorize(math.erf, otypes=[np.float64])),
    "floor": lambda x: np.floor(x) if x.dtype.kind != "c" else None,
    "imag": np.imag,
    "isfinite": np.isfinite,
    "isinf": np.isinf,
    "isnan": np.isnan,
    "isneginf": lambda x: np.isinf(x) & (x.real < 0),
    "isposinf": lambda x: np.isinf(x) & (x.real > 0),
    # MLX takes a complex number for zero if its real part is.
    "logical_not": lambda x: np.logical_not(x.real),
    "nan_to_num": nan_to_num,
    "negative": np.negative,
    "radians": reals(lambda x: x * (np.pi / 180)),
    "real": np.real,
    "round": lambda x, decimals=0: np.round(x, decimals) if x.dtype.kind in "fc" else None,
    "rsqrt": reals(lambda x: 1 / np.sqrt(x)),
    "sigmoid": reals(lambda x: 1 / (1 + np.exp(-x))),
    "sign": sign,
    "square": np.square,
    "stop_gradient": lambda x: x,
    "trunc": lambda x: np.trunc(x) if x.dtype.kind != "c" else None,
}  # fmt: skip
