"""Ops that arrange elements anew, join arrays and take them apart."""

import mlx.core as mx
import numpy as np
from case import COMMON, Case, dtypes, recipe

SHAPE = (2, 3, 4)
PAIRS = ((0, 1), (2, 0), (-1, 1))
MODES = ("constant", "edge", "reflect", "symmetric")
SPLIT = "indices_or_sections"
# (op, shape, arguments)
ARRANGED = [
    *[("reshape", SHAPE, {"shape": shape}) for shape in ([24], [4, 6], [-1, 4], [2, -1], [3, 2, 2, 2], [1, 24, 1])],
    *[("transpose", SHAPE, {"axes": axes}) for axes in ([2, 0, 1], [0, 1, 2], [1, 0, 2], [-1, 1, 0], [-1, -3, -2])],
    *[("swapaxes", SHAPE, {"axis1": a, "axis2": b}) for a, b in ((0, 1), (-1, 0), (1, 1), (2, -2))],
    *[("moveaxis", SHAPE, {"source": a, "destination": b}) for a, b in ((0, 2), (2, 0), (-1, 0), (1, -1), (1, 1))],
    *[("expand_dims", SHAPE, {"axis": axis}) for axis in (0, 1, 3, -1, -4, [0, 1], [0, -1], [1, 3])],
    *[("squeeze", (1, 3, 1, 4, 1), {"axis": axis}) for axis in (None, 0, -1, [0, 2], [2, -1], [0, 2, 4])],
    *[("flatten", SHAPE, {"start_axis": a, "end_axis": b}) for a, b in ((0, -1), (0, 1), (1, 2), (-2, -1), (1, 1))],
    *[("unflatten", (6, 4), {"axis": a, "shape": s}) for a, s in ((0, [2, 3]), (1, [2, -1]), (-1, [4, 1]))],
    *[("broadcast_to", (3, 1), {"shape": shape}) for shape in ([3, 4], [2, 3, 4], [3, 1], [0, 3, 2], [3, 0])],
    *[("repeat", SHAPE, {"repeats": n, "axis": axis}) for n in (0, 1, 3) for axis in (0, 1, -1)],
    *[("tile", SHAPE, {"reps": reps}) for reps in ([2], [1, 2], [2, 1, 2], [2, 1, 1, 2], [0, 1, 1], [1, 1, 1])],
    *[("flip", SHAPE, {"axis": axis}) for axis in (None, 0, -1, [0, 2], [1, -1])],
    *[("roll", SHAPE, {"shift": n, "axis": axis}) for n in (0, 1, -2, 5) for axis in (None, 0, -1, [0, 2])],
    *[("tril", (4, 5), {"k": k}) for k in (-5, -2, -1, 0, 1, 3, 9)],
    *[("triu", (4, 5), {"k": k}) for k in (-5, -2, -1, 0, 1, 3, 9)],
    *[("tril", (2, 3, 3), {"k": k}) for k in (-1, 0)],
    *[("triu", (2, 3, 3), {"k": k}) for k in (1, 0)],
    *[("diag", (4,), {"k": k}) for k in (-2, 0, 1)],
    *[("diag", (3, 5), {"k": k}) for k in (-2, -1, 0, 1, 4)],
    *[("diagonal", (3, 4, 5), {"offset": k, "axis1": a, "axis2": b}) for k in (-2, 0, 1) for a, b in PAIRS],
    *[("trace", (3, 4, 5), {"offset": k, "axis1": a, "axis2": b}) for k in (-1, 0, 2) for a, b in PAIRS],
    *[("split", (6, 4), {SPLIT: n, "axis": axis}) for n, axis in ((2, 0), (3, 0), (1, 1), (2, -1), (4, 1))],
    *[("split", (6, 4), {SPLIT: n, "axis": axis}) for n, axis in (([2], 0), ([1, 4], 0), ([0, 3, 3], -1), ([2, 9], 1))],
    *[("unstack", SHAPE, {"axis": axis}) for axis in (0, 1, -1)],
    *[("pad", SHAPE, {"widths": [[0, 1, 2]], "mode": mode}) for mode in ("constant", "edge")],
    *[("pad", SHAPE, {"widths": [[-1, 2, 0], [1, 1, 1]], "mode": mode}) for mode in MODES],
    *[("pad", SHAPE, {"widths": [[0, 1, 0], [2, 0, 3]], "mode": "constant", "value": value}) for value in (2, -1.5)],
    ("atleast_1d", SHAPE, {}),
    ("atleast_2d", SHAPE, {}),
    ("atleast_3d", SHAPE, {}),
    ("contiguous", SHAPE, {}),
    ("stop_gradient", SHAPE, {}),
]  # fmt: skip
REFUSED = [
    ("reshape", {"shape": [5, 5]}),
    ("reshape", {"shape": [-1, -1]}),
    ("reshape", {"shape": [-1, 0]}),
    ("transpose", {"axes": [0, 1]}),
    ("transpose", {"axes": [0, 0, 1]}),
    ("transpose", {"axes": [0, 1, 3]}),
    ("swapaxes", {"axis1": 0, "axis2": 3}),
    ("moveaxis", {"source": -4, "destination": 0}),
    ("expand_dims", {"axis": 5}),
    ("expand_dims", {"axis": [0, 0]}),
    ("squeeze", {"axis": 0}),
    ("squeeze", {"axis": 3}),
    ("flatten", {"start_axis": 2, "end_axis": 1}),
    ("unflatten", {"axis": 0, "shape": [3, 3]}),
    ("broadcast_to", {"shape": [3, 4]}),
    ("broadcast_to", {"shape": [2, 4, 4]}),
    ("flip", {"axis": 3}),
    ("roll", {"shift": 1, "axis": 3}),
    ("split", {"indices_or_sections": 5, "axis": 0}),
    ("unstack", {"axis": 3}),
]
JOINED = [
    ("concatenate", [SHAPE, SHAPE], {"axis": 0}),
    ("concatenate", [SHAPE, (2, 1, 4)], {"axis": 1}),
    ("concatenate", [SHAPE, (2, 3, 2), (2, 3, 0)], {"axis": -1}),
    ("concatenate", [(3,), (2,), (1,)], {"axis": 0}),
    ("stack", [SHAPE, SHAPE], {"axis": 0}),
    ("stack", [SHAPE, SHAPE, SHAPE], {"axis": 1}),
    ("stack", [SHAPE, SHAPE], {"axis": -1}),
    ("stack", [(), ()], {"axis": 0}),
    ("broadcast_arrays", [(3, 1), (4,)], {}),
    ("broadcast_arrays", [(2, 1, 4), (3, 1), ()], {}),
    ("meshgrid", [(3,), (4,)], {}),
    ("meshgrid", [(3,), (4,), (2,)], {"indexing": "ij"}),
    ("meshgrid", [(3,), (4,)], {"sparse": True}),
    ("meshgrid", [(3,), (4,)], {"sparse": True, "indexing": "ij"}),
    ("where", [(3, 4), (3, 4), (3, 4)], {}),
    ("where", [(3, 1), (4,), ()], {}),
    ("where", [(4,), (2, 3, 4), (3, 1)], {}),
    ("where", [(), (3,), (3,)], {}),
    ("kron", [(2, 3), (2, 2)], {}),
    ("kron", [(3,), (2, 2)], {}),
    ("kron", [(2,), (3,)], {}),
]


def cases():
    for op, shape, args in ARRANGED:
        for dtype in ("f32", "i32"):
            yield Case(op, [recipe(dtype, "any", shape)], args)
        for layout in ("transposed", "strided", "broadcast"):
            yield Case(op, [recipe("f32", "any", shape, layout)], args, may_refuse=True)
    for op, shape, args in first_of_each():
        yield from dtypes(op, ["any"], [shape], args)
    for op, args in REFUSED:
        yield Case(op, [recipe("f32", "any", SHAPE)], args, may_refuse=True)
    yield from small()
    yield from joined()
    yield from strided()
    yield from shapes()


def first_of_each():
    seen = set()
    for op, shape, args in ARRANGED:
        if op not in seen:
            yield op, shape, args
        seen.add(op)


def small():
    """Scalars and arrays without elements."""
    for op in ("atleast_1d", "atleast_2d", "atleast_3d", "contiguous"):
        for shape in ((), (0,), (3,), (2, 0)):
            yield Case(op, [recipe("f32", "any", shape)])
    for shape in ((), (0, 3)):
        yield Case("flatten", [recipe("f32", "any", shape)], {"start_axis": 0, "end_axis": -1})
        yield Case("squeeze", [recipe("f32", "any", shape)], {"axis": None})
        yield Case("expand_dims", [recipe("f32", "any", shape)], {"axis": 0})
        yield Case("flip", [recipe("f32", "any", shape)], {"axis": None})
        yield Case("transpose", [recipe("f32", "any", shape)], {"axes": list(range(len(shape)))[::-1]})
        yield Case("broadcast_to", [recipe("f32", "any", shape)], {"shape": [2, *shape]})
    yield Case("reshape", [recipe("f32", "any", (0, 3))], {"shape": [3, 0]})
    yield Case("reshape", [recipe("f32", "any", ())], {"shape": [1, 1]})
    yield Case("reshape", [recipe("f32", "any", (1, 1))], {"shape": []})
    yield Case("repeat", [recipe("f32", "any", (0, 3))], {"repeats": 2, "axis": 1})
    yield Case("tile", [recipe("f32", "any", (0, 3))], {"reps": [2, 2]})
    yield Case("pad", [recipe("f32", "any", (0, 3))], {"widths": [[0, 1, 1]], "mode": "constant", "value": 4})
    yield Case("tril", [recipe("f32", "any", (0, 3))], {"k": 0})
    yield Case("triu", [recipe("f32", "any", (3, 0))], {"k": 0})


def joined():
    for op, shapes, args in JOINED:
        kinds = ["below2", "any", "any"] if op == "where" else ["any"] * len(shapes)
        for dtype in COMMON:
            types = ["bool" if op == "where" else dtype, *[dtype] * (len(shapes) - 1)]
            yield Case(op, [recipe(*one) for one in zip(types, kinds, shapes)], args)
        for layout in ("transposed", "strided"):
            if () not in shapes and (2, 3, 0) not in shapes:
                yield Case(op, [recipe("f32", kind, shape, layout) for kind, shape in zip(kinds, shapes)], args)
    for left, right in (
        ("f16", "f32"),
        ("i32", "f16"),
        ("bool", "u8"),
        ("u8", "i8"),
        ("f32", "c64"),
        ("f16", "bf16"),
        ("i64", "u32"),
    ):
        inputs = [recipe(left, "any", (2, 2)), recipe(right, "any", (2, 2))]
        yield Case("concatenate", inputs, {"axis": 0})
        yield Case("stack", inputs, {"axis": 0})
        yield Case("where", [recipe("bool", "any", (2, 2)), *inputs])
        yield Case("kron", inputs)
    for dtype in ("f32", "i32", "u8"):
        yield Case(
            "where", [recipe(dtype, "below2", (3, 4)), recipe("f32", "any", (3, 4)), recipe("f32", "any", (3, 4))]
        )
    yield Case("where", [recipe("bool", "any", (3,)), recipe("f16", "any", (3,))], {"other": 2})
    yield Case("where", [recipe("bool", "any", (3,)), recipe("i32", "any", (3,))], {"other": 0.5})
    for shapes in ([(2, 3), (2, 4)], [(2, 3), (2, 3, 1)]):
        inputs = [recipe("f32", "any", shape) for shape in shapes]
        yield Case("concatenate", inputs, {"axis": 0}, may_refuse=True)
        yield Case("stack", inputs, {"axis": 0}, may_refuse=True)
        yield Case("broadcast_arrays", inputs, may_refuse=True)
    yield Case("concatenate", [recipe("f32", "any", SHAPE)] * 2, {"axis": 3}, may_refuse=True)
    yield Case("stack", [recipe("f32", "any", SHAPE)] * 2, {"axis": 4}, may_refuse=True)


def shapes():
    for one, other in (([3, 1], [4]), ([2, 1, 4], [3, 1]), ([], [2]), ([0, 1], [1, 3]), ([5], [5])):
        yield Case("broadcast_shapes", [], {"shapes": [one, other]})
    yield Case("broadcast_shapes", [], {"shapes": [[2, 1], [3], [1, 1, 1]]})
    for one, other in (([3], [4]), ([2, 3], [2]), ([0], [3])):
        yield Case("broadcast_shapes", [], {"shapes": [one, other]}, may_refuse=True)


def strided():
    for shape, strides, offset in (
        ([2, 3], [3, 1], 0),
        ([3, 3], [1, 1], 2),
        ([4], [-1], 3),
        ([2, 2, 2], [0, 4, 2], 1),
        ([0], [1], 0),
    ):
        for dtype in ("f32", "u8", "c64"):
            yield Case(
                "as_strided", [recipe(dtype, "any", (2, 6))], {"shape": shape, "strides": strides, "offset": offset}
            )


def pad(x, widths, mode, value=0):
    pairs = [(0, 0)] * x.ndim
    for axis, before, after in widths:
        pairs[axis] = (before, after)
    return mx.pad(x, pairs, mode, value)


OPS = {
    "broadcast_shapes": lambda shapes: mx.array(mx.broadcast_shapes(*shapes), mx.int32),
    "tile": lambda x, reps: mx.tile(x, reps),
    "roll": lambda x, shift, axis: mx.roll(x, shift, axis),
    "as_strided": lambda x, shape, strides, offset: mx.as_strided(x, shape, strides, offset),
    "pad": pad,
    "split": lambda x, indices_or_sections, axis: mx.split(x, indices_or_sections, axis),
    "concatenate": lambda *arrays, axis: mx.concatenate(arrays, axis),
    "stack": lambda *arrays, axis: mx.stack(arrays, axis),
    "where": lambda condition, x, y=None, other=None: mx.where(condition, x, other if y is None else y),
}
SINGLE = set()


def numpy_pad(x, widths, mode, value=0):
    pairs = [(0, 0)] * x.ndim
    for axis, before, after in widths:
        pairs[axis] = (before, after)
    return np.pad(x, pairs, mode, constant_values=value) if mode == "constant" else np.pad(x, pairs, mode)


def meshgrid(*arrays, sparse=False, indexing="xy"):
    return np.meshgrid(*arrays, sparse=sparse, indexing=indexing)


def flatten(x, start_axis, end_axis):
    x = np.atleast_1d(x)
    end = end_axis % x.ndim + 1
    start = start_axis % x.ndim
    return x.reshape(*x.shape[:start], int(np.prod(x.shape[start:end])), *x.shape[end:])


def unflatten(x, axis, shape):
    axis %= x.ndim
    known = -int(np.prod(shape))
    lengths = [x.shape[axis] // known if length < 0 else length for length in shape]
    return x.reshape(*x.shape[:axis], *lengths, *x.shape[axis + 1 :])


def split(x, indices_or_sections, axis):
    return np.split(x, indices_or_sections, axis)


NUMPY = {
    "broadcast_shapes": lambda shapes: np.array(np.broadcast_shapes(*map(tuple, shapes))),
    "reshape": lambda x, shape: x.reshape(shape),
    "transpose": lambda x, axes: np.transpose(x, axes),
    "swapaxes": lambda x, axis1, axis2: np.swapaxes(x, axis1, axis2),
    "moveaxis": lambda x, source, destination: np.moveaxis(x, source, destination),
    "expand_dims": lambda x, axis: np.expand_dims(x, axis),
    "squeeze": lambda x, axis: np.squeeze(x, tuple(axis) if isinstance(axis, list) else axis),
    "flatten": flatten,
    "unflatten": unflatten,
    "broadcast_to": lambda x, shape: np.broadcast_to(x, shape),
    "repeat": lambda x, repeats, axis: np.repeat(x, repeats, axis),
    "tile": lambda x, reps: np.tile(x, reps),
    "flip": lambda x, axis: np.flip(x, tuple(axis) if isinstance(axis, list) else axis),
    "roll": lambda x, shift, axis: np.roll(x, [shift] * len(axis) if isinstance(axis, list) else shift, axis),
    "tril": lambda x, k: np.tril(x, k),
    "triu": lambda x, k: np.triu(x, k),
    "diag": lambda x, k: np.diag(x, k),
    "diagonal": lambda x, offset, axis1, axis2: np.diagonal(x, offset, axis1, axis2),
    "trace": lambda x, offset, axis1, axis2: np.trace(x, offset, axis1, axis2),
    "split": split,
    "unstack": lambda x, axis: np.unstack(x, axis=axis),
    "pad": numpy_pad,
    "atleast_1d": np.atleast_1d,
    "atleast_2d": np.atleast_2d,
    "contiguous": lambda x: x,
    "stop_gradient": lambda x: x,
    "concatenate": lambda *arrays, axis: np.concatenate(arrays, axis),
    "stack": lambda *arrays, axis: np.stack(arrays, axis),
    "broadcast_arrays": lambda *arrays: np.broadcast_arrays(*arrays),
    "meshgrid": meshgrid,
    "where": lambda condition, x, y=None, other=None: np.where(condition, x, other if y is None else y),
    "kron": np.kron,
}
