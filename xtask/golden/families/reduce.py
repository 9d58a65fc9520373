"""Ops that go over axes to one element, and those along an axis."""

import mlx.core as mx
import numpy as np
from case import ALL, FLOATS, LAYOUTS, Case, dtypes, layouts, recipe
from recipe import DTYPES

SHAPE = (2, 3, 4)
# These overflow in MLX for some whole numbers, whose results are of no use.
EXPONENTIAL = {"logsumexp": [*FLOATS, "i32", "i64", "c64"], "logcumsumexp": [*FLOATS, "c64"]}
KINDS = {
    "sum": "any",
    "prod": "small",
    "max": "any",
    "min": "any",
    "mean": "any",
    "var": "any",
    "std": "any",
    "median": "any",
    "all": "below3",
    "any": "below3",
    "logsumexp": "any",
    "count_nonzero": "below3",
    "softmax": "any",
    "argmax": "small",
    "argmin": "small",
}
ONE_AXIS = ("argmax", "argmin")
# A scan of nothing ends the process, and a sum of nothing may never end: MLX reads past a list's begin.
FULL = [layout for layout in LAYOUTS if layout != "empty"]
SCANS = {"cumsum": "any", "cumprod": "small", "cummax": "any", "cummin": "any", "logcumsumexp": "any"}


def cases():
    for op, kind in KINDS.items():
        for axis in (None, -1):
            # A softmax over all axes stays a whole number in MLX, which is 0 or 1.
            over = [*FLOATS, "c64"] if op == "softmax" and axis is None else EXPONENTIAL.get(op, ALL)
            yield from dtypes(op, [kind], [SHAPE], arguments(op, axis), over)
        for axis in (None, 0, 1, -2, [0, 2], [-1, 0], [0, 1, 2]):
            for keepdims in (False, True):
                if not isinstance(axis, list) or op not in ONE_AXIS:
                    yield Case(op, [recipe("f32", kind, SHAPE)], arguments(op, axis, keepdims))
        for axis in (None, 0, -1):
            yield from layouts(op, [kind], [SHAPE], arguments(op, axis), over=FULL)
        for axis in (3, -4):
            yield Case(op, [recipe("f32", kind, SHAPE)], arguments(op, axis), may_refuse=True)
        yield Case(op, [recipe("f16", kind, (5, 70), "strided")], arguments(op, 0), may_refuse=True)
    yield from exceptional()
    yield from scans()
    yield from differences()


def arguments(op, axis, keepdims=None):
    keep = {} if op == "softmax" or keepdims is None else {"keepdims": keepdims}
    return {"axis": axis} | keep


def exceptional():
    for op in ("sum", "max", "min", "mean", "logsumexp", "all", "any", "count_nonzero"):
        for axis in (None, 0):
            for dtype in FLOATS:
                yield Case(op, [recipe(dtype, "special", (4, 3))], {"axis": axis})
    for op in ("var", "std"):
        for ddof in (1, 2):
            for axis in (None, 1, [0, 2]):
                for dtype in FLOATS:
                    yield Case(op, [recipe(dtype, "any", SHAPE)], {"axis": axis, "keepdims": True, "ddof": ddof})
    for op in ("sum", "prod"):
        for dtype in ("i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64", "bool"):
            yield Case(op, [recipe(dtype, "full", (4, 5))], {"axis": 0})
    for op in ("max", "min", "argmax", "argmin"):
        for dtype in ("i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64"):
            yield Case(op, [recipe(dtype, "full", (4, 5))], {"axis": 1})
        for dtype in FLOATS:
            yield Case(op, [recipe(dtype, "distinct", (3, 9))], {"axis": 1})
    for length in (1, 2, 5, 8):
        for dtype in ("f32", "f16", "i32"):
            yield Case("median", [recipe(dtype, "distinct", (2, length))], {"axis": -1})


def scans():
    for op, kind in SCANS.items():
        for axis in (-1, None):
            yield from dtypes(op, [kind], [SHAPE], {"axis": axis}, EXPONENTIAL.get(op, ALL))
        for axis in (0, 1, 2, -1):
            for reverse in (False, True):
                for inclusive in (False, True):
                    args = {"axis": axis, "reverse": reverse, "inclusive": inclusive}
                    for dtype in ("f32", "f64" if op in EXPONENTIAL else "i32"):
                        yield Case(op, [recipe(dtype, kind, SHAPE)], args)
        for axis in (0, -1):
            yield from layouts(op, [kind], [SHAPE], {"axis": axis}, over=FULL)
        yield Case(op, [recipe("f32", kind, SHAPE)], {"axis": 3}, may_refuse=True)
    for op in ("cumsum", "cumprod"):
        for source in ("i32", "u8", "bool", "f16"):
            for target in ("f32", "i64", "f16"):
                yield Case(op, [recipe(source, "below3", SHAPE)], {"axis": 1, "dtype": target})
    for op in ("cummax", "cummin"):
        yield Case(op, [recipe("f32", "=2,nan,1,3", (4,))], {"axis": 0})


def differences():
    for n in (0, 1, 2, 3):
        for axis in (-1, 0, 1):
            for dtype in ("f32", "i32", "f16"):
                yield Case("diff", [recipe(dtype, "any", (3, 5, 4))], {"n": n, "axis": axis})
    yield from dtypes("diff", ["any"], [SHAPE])
    yield from layouts("diff", ["any"], [SHAPE])
    yield Case("diff", [recipe("f32", "any", SHAPE)], {"n": -1}, may_refuse=True)
    yield Case("diff", [recipe("f32", "any", SHAPE)], {"n": 9, "axis": 0}, may_refuse=True)


def scan(op):
    def run(x, axis=None, dtype=None, **args):
        kind = {} if dtype is None else {"dtype": DTYPES[dtype]}
        return getattr(mx, op)(x, axis, **args, **kind)

    return run


SINGLE = {"logsumexp", "logcumsumexp", "softmax"}

OPS = {op: scan(op) for op in ("cumsum", "cumprod")} | {
    "softmax": lambda x, axis: mx.softmax(x, axis, precise=True),
}


def over(function):
    """The function of real numbers over axes."""

    def reference(x, axis=None, keepdims=False, **args):
        axis = tuple(axis) if isinstance(axis, list) else axis
        return None if x.dtype.kind == "c" or x.size == 0 else function(x, axis=axis, keepdims=keepdims, **args)

    return reference


def logsumexp(x, axis, keepdims):
    return np.logaddexp.reduce(x.astype(np.float64), axis=axis, keepdims=keepdims)


def softmax(x, axis, keepdims):
    powers = np.exp(x.astype(np.float64) - np.max(x, axis=axis, keepdims=True))
    return powers / np.sum(powers, axis=axis, keepdims=True)


def along(function, start):
    """The running result of a binary function, of whole numbers too."""

    def reference(x, axis=None, reverse=False, inclusive=True, dtype=None):
        if x.dtype.kind in "cb":
            return None
        x = x.reshape(-1) if axis is None else x
        axis = axis or 0
        x = np.flip(x, axis) if reverse else x
        if not inclusive:
            first = np.full_like(np.take(x, [0], axis), start(x.dtype))
            x = np.concatenate([first, np.delete(x, -1, axis)], axis)
        total = function.accumulate(x, axis)
        return np.flip(total, axis) if reverse else total

    return reference


def least(dtype):
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


def greatest(dtype):
    return np.inf if dtype.kind == "f" else np.iinfo(dtype).max


NUMPY = {
    "sum": over(np.sum),
    "prod": over(np.prod),
    "max": over(np.max),
    "min": over(np.min),
    "mean": over(np.mean),
    "var": over(np.var),
    "std": over(np.std),
    "median": over(lambda x, axis, keepdims: np.median(x.astype(np.float64), axis=axis, keepdims=keepdims)),
    "all": over(np.all),
    "any": over(np.any),
    "logsumexp": over(logsumexp),
    "count_nonzero": over(np.count_nonzero),
    "softmax": over(softmax),
    "argmax": over(np.argmax),
    "argmin": over(np.argmin),
    "cumsum": along(np.add, lambda dtype: 0),
    "cumprod": along(np.multiply, lambda dtype: 1),
    "cummax": along(np.maximum, least),
    "cummin": along(np.minimum, greatest),
    "logcumsumexp": along(np.logaddexp, least),
    "diff": lambda x, n=1, axis=-1: None if x.dtype.kind == "b" else np.diff(x, n, axis),
}
