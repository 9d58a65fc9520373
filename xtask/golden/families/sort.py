"""Ordering.

MLX does not define the order within the parts of `partition`, `argpartition` (here its first `kth` only) and
`topk`: those parts are sorted.
"""

import mlx.core as mx
import numpy as np
from case import ALL, COMMON, Case, layouts, recipe

SHAPE = (3, 4, 5)
FULL = ["transposed", "strided", "sliced", "broadcast"]


def cases():
    for op in ("sort", "argsort"):
        for axis in (-1, 0, 1, None):
            for dtype in ALL:
                yield Case(op, [recipe(dtype, "any", SHAPE)], {"axis": axis}, may_refuse=True)
            yield from layouts(op, ["any"], [SHAPE], {"axis": axis}, over=FULL)
        for length in (1, 2, 9, 200):
            for dtype in ("f32", "i32", "f16"):
                yield Case(op, [recipe(dtype, "distinct", (2, length))], {"axis": -1})
        for dtype in ("f32", "f16", "bf16", "f64"):
            yield Case(op, [recipe(dtype, "special", (12,))], {"axis": 0})
        for dtype in ("i8", "i64", "u8", "u64", "u32"):
            yield Case(op, [recipe(dtype, "full", (9,))], {"axis": 0})
        yield Case(op, [recipe("f32", "any", SHAPE)], {"axis": 3}, may_refuse=True)
    for op, name in (("partition", "kth"), ("argpartition", "kth"), ("topk", "k")):
        for dtype in ALL:
            if dtype != "bool":
                yield Case(op, [recipe(dtype, "distinct", (3, 8))], {name: 3, "axis": -1}, may_refuse=True)
        for number in (1, 2, 4, -2) if name == "kth" else (1, 2, 4):
            for axis in (-1, 0, 1):
                yield Case(op, [recipe("f32", "distinct", (5, 6))], {name: number, "axis": axis})
        for layout in FULL:
            yield Case(op, [recipe("f32", "distinct", (5, 6), layout)], {name: 2, "axis": -1})
        yield Case(op, [recipe("f32", "distinct", (2, 100))], {name: 40, "axis": -1})
        yield Case(op, [recipe("f32", "distinct", (3, 4))], {name: 9, "axis": -1}, may_refuse=True)
    yield from searches()


def searches():
    ordered = "=-4,-1,0,0,2,3,7"
    for side in ("left", "right"):
        for dtype in COMMON:
            if dtype not in ("bool", "u8", "c64"):
                inputs = [recipe(dtype, ordered, (7,)), recipe(dtype, "any", (3, 4))]
                yield Case("searchsorted", inputs, {"side": side}, may_refuse=True)
        for dtype in ("u8", "u32", "i64"):
            inputs = [recipe(dtype, "=0,1,1,4,9,20", (6,)), recipe(dtype, "below22", (3, 4))]
            yield Case("searchsorted", inputs, {"side": side})
        for layout in ("transposed", "strided", "empty", "scalar"):
            inputs = [recipe("f32", ordered, (7,)), recipe("f32", "any", (3, 4), layout)]
            yield Case("searchsorted", inputs, {"side": side})
        yield Case("searchsorted", [recipe("f32", ordered, (7,)), recipe("i32", "any", (5,))], {"side": side})
        yield Case("searchsorted", [recipe("f32", "any", (0,)), recipe("f32", "any", (5,))], {"side": side})


def partition(x, kth, axis):
    at = kth % x.shape[axis]
    parts = mx.split(mx.partition(x, kth, axis), [at, at + 1], axis)
    return mx.concatenate([mx.sort(part, axis) if part.size else part for part in parts], axis)


def argpartition(x, kth, axis):
    at = kth % x.shape[axis]
    return mx.sort(mx.split(mx.argpartition(x, kth, axis), [at], axis)[0], axis)


SINGLE = set()

OPS = {
    "partition": partition,
    "argpartition": argpartition,
    "topk": lambda x, k, axis: mx.sort(mx.topk(x, k, axis), axis),
}


def argsort(x, axis):
    return None if x.dtype.kind == "c" else np.argsort(x, axis, kind="stable")


def np_argpartition(x, kth, axis):
    if x.dtype.kind == "c":
        return None
    return np.sort(np.take(np.argsort(x, axis), range(kth % x.shape[axis]), axis), axis)


NUMPY = {
    "sort": lambda x, axis: np.sort(x, axis),
    "argsort": argsort,
    "partition": lambda x, kth, axis: np.sort(x, axis),
    "argpartition": np_argpartition,
    "topk": lambda x, k, axis: np.take(np.sort(x, axis), range(x.shape[axis] - k, x.shape[axis]), axis),
    "searchsorted": lambda x, values, side: np.searchsorted(x, values, side),
}
