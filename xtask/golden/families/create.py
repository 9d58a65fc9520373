"""Arrays from nothing, and arrays in another type."""

import mlx.core as mx
import numpy as np
from case import ALL, LAYOUTS, Case, recipe
from recipe import DTYPES

FLOATS = ["f32", "f16", "bf16", "f64"]
SHAPE = (3, 4)


def cases():
    yield from cast()
    yield from viewed()
    yield from filled()
    yield from diagonals()
    yield from ranges()
    yield from eighths()


def cast():
    for source in ALL:
        for target in ALL:
            kind = "pos" if target.startswith("u") else "any"
            yield Case("astype", [recipe(source, kind, (5,))], {"dtype": target})
    for target in ("i32", "f16", "c64", "bool"):
        for layout in LAYOUTS:
            yield Case("astype", [recipe("f32", "any", SHAPE, layout)], {"dtype": target})
    for source in ("f32", "f16", "bf16", "f64"):
        for target in ("f32", "f16", "bf16", "f64", "bool"):
            yield Case("astype", [recipe(source, "special", (12,))], {"dtype": target})
    for source in ("i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64"):
        for target in ("i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "f32", "bool"):
            yield Case("astype", [recipe(source, "full", (6,))], {"dtype": target})


def viewed():
    for source in ALL:
        for target in ALL:
            # Python shows a byte of a truth value as it is.
            if target != "bool" or source == "bool":
                yield Case("view", [recipe(source, "pos", (2, 8))], {"dtype": target})
    for layout in ("transposed", "strided", "sliced", "broadcast", "empty"):
        for target in ("i32", "u8", "f16", "f64", "c64"):
            yield Case("view", [recipe("f32", "any", SHAPE, layout)], {"dtype": target})
    for target in ("i32", "u8", "f64"):
        yield Case("view", [recipe("f32", "any", ())], {"dtype": target}, may_refuse=True)
    yield Case("view", [recipe("u8", "any", (2, 3))], {"dtype": "f32"}, may_refuse=True)


def filled():
    for shape in ([], [0], [3], [2, 3], [2, 0, 3], [1, 1, 2, 1]):
        for dtype in ("f32", "i32", "bool", "c64", "bf16"):
            for op in ("zeros", "ones"):
                yield Case(op, [], {"shape": shape, "dtype": dtype})
            # Python's own numbers keep their type in `mx.full`.
            for value in {"i32": (3, True), "bool": (False, True), "c64": (0, True)}.get(dtype, (0, 1.5, True)):
                yield Case("full", [], {"shape": shape, "vals": value, "dtype": dtype})
    for dtype in ALL:
        for op in ("zeros_like", "ones_like"):
            yield Case(op, [recipe(dtype, "any", (2, 3), "transposed")])
        yield Case("full_like", [recipe(dtype, "any", (2, 3))], {"vals": 3})
        yield Case("full", [], {"shape": [4], "vals": dtype == "bool" or 7, "dtype": dtype})
    for values in ((4,), (3, 1), (3, 4), ()):
        yield Case("full_like_array", [recipe("f32", "any", SHAPE), recipe("f32", "small", values)])


def diagonals():
    for dtype in ALL:
        yield Case("eye", [], {"n": 3, "m": 4, "k": 1, "dtype": dtype})
        yield Case("identity", [], {"n": 2, "dtype": dtype})
        yield Case("tri", [], {"n": 3, "m": 4, "k": 0, "dtype": dtype})
    for n, m in ((0, 0), (1, 1), (4, 4), (2, 5), (5, 2), (0, 3)):
        for k in (-2, -1, 0, 1, 3):
            # An `eye` of no elements writes outside of them.
            if n and m:
                yield Case("eye", [], {"n": n, "m": m, "k": k, "dtype": "f32"})
            yield Case("tri", [], {"n": n, "m": m, "k": k, "dtype": "f32"})
    for n in (1, 4):
        yield Case("identity", [], {"n": n, "dtype": "f32"})


def ranges():
    for start, stop, step in ((0, 5, 1), (2, 9, 3), (5, 0, -2), (0, 0, 1), (3, 1, 1), (-4, 4, 2), (0, 1, 5)):
        for dtype in ("i32", "f32", "i64", "u8", "f16"):
            if dtype != "u8" or min(start, step) >= 0:
                yield Case("arange", [], {"start": start, "stop": stop, "step": step, "dtype": dtype})
    for start, stop, step in ((0, 1, 0.25), (1, -1, -0.5), (0.5, 3.5, 1.5), (0, 0.5, 0.125)):
        for dtype in ("f32", "f64", "bf16"):
            yield Case("arange", [], {"start": start, "stop": stop, "step": step, "dtype": dtype})
    for start, stop in ((0, 1), (-2, 2), (5, 1), (3, 3)):
        for num in (0, 1, 2, 5, 9):
            for endpoint in (True, False):
                if num or endpoint:
                    args = {"start": start, "stop": stop, "num": num, "endpoint": endpoint}
                    yield Case("linspace", [], args | {"dtype": "f32"})
        for dtype in ("f16", "bf16", "f64", "i32"):
            args = {"start": start, "stop": stop, "num": 5, "endpoint": True, "dtype": dtype}
            yield Case("linspace", [], args)
    for op in ("bartlett", "blackman", "hamming", "hanning"):
        for m in (0, 1, 2, 5, 8, 33):
            yield Case(op, [], {"M": m})


def eighths():
    # MLX has no kernels for float64 and does something else.
    for dtype in ("f32", "f16", "bf16"):
        yield Case("to_fp8", [recipe(dtype, "any", (2, 8))], may_refuse=True)
        yield Case("from_fp8", [recipe("u8", "below120", (2, 8))], {"dtype": dtype}, may_refuse=True)
    for layout in ("transposed", "strided", "empty"):
        yield Case("to_fp8", [recipe("f32", "any", SHAPE, layout)])
        yield Case("from_fp8", [recipe("u8", "below120", SHAPE, layout)], {"dtype": "f32"})


def typed(function):
    """The function with its type by a short name."""

    def run(*inputs, dtype, **args):
        return function(*inputs, **args, dtype=DTYPES[dtype])

    return run


SINGLE = {"astype", "blackman", "hamming", "hanning", "bartlett"}

OPS = {
    op: typed(getattr(mx, op)) for op in ("zeros", "ones", "full", "eye", "identity", "tri", "linspace", "from_fp8")
} | {
    "astype": lambda x, dtype: x.astype(DTYPES[dtype]),
    "view": lambda x, dtype: mx.view(x, DTYPES[dtype]),
    "arange": lambda start, stop, step, dtype: mx.arange(start, stop, step, DTYPES[dtype]),
    "full_like_array": mx.full_like,
}


def astype(x, dtype):
    """What C++ defines: fractions are cut, and only some numbers have a place."""
    if dtype == "bool":
        return x != 0 if x.dtype.kind != "c" else x.real != 0
    if dtype == "c64":
        return x.astype(np.complex128)
    return np.trunc(x.real) if x.dtype.kind in "fc" and dtype not in FLOATS else x.real


NUMPY = {
    "astype": astype,
    "zeros": lambda shape, dtype: np.zeros(shape),
    "ones": lambda shape, dtype: np.ones(shape),
    "full": lambda shape, vals, dtype: np.full(shape, vals),
    "zeros_like": np.zeros_like,
    "ones_like": np.ones_like,
    "full_like": lambda x, vals: np.full_like(x, vals),
    "full_like_array": lambda x, vals: np.full_like(x, vals),
    "eye": lambda n, m, k, dtype: np.eye(n, m, k),
    "identity": lambda n, dtype: np.identity(n),
    "tri": lambda n, m, k, dtype: np.tri(n, m, k),
    "arange": lambda start, stop, step, dtype: np.arange(start, stop, step),
    "linspace": lambda start, stop, num, endpoint, dtype: np.linspace(start, stop, num, endpoint),
    "bartlett": lambda M: np.bartlett(M),
    "blackman": lambda M: np.blackman(M),
    "hamming": lambda M: np.hamming(M),
    "hanning": lambda M: np.hanning(M),
}
