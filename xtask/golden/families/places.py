"""Blocks that are read and written where index arrays say.

Python has no such functions: the data is NumPy's. `axes` names the axis of each index array, the last inputs.
"""

import mlx.core as mx
import numpy as np
from case import COMMON, Case, recipe

SHAPE = (4, 5, 3)
# Axes, the index arrays' recipes, and the block.
PLACES = [
    ([0], ["i32 =2,0,3 3"], [1, 5, 3]),
    ([0], ["i32 =1,0,2,0 2,2"], [2, 5, 3]),
    ([1], ["u32 =4,1 2"], [4, 1, 3]),
    ([2], ["i64 =0,2 2"], [2, 2, 1]),
    ([0, 1], ["i32 =3,0 2", "i32 =1,3 2"], [1, 1, 3]),
    ([0, 2], ["i32 =2,0 2,1", "u8 =0,1 2"], [1, 5, 2]),
    ([0, 1, 2], ["i32 =3,0,2 3", "i32 =1,4,0 3", "i32 =0,2,1 3"], [1, 1, 1]),
    ([1], ["i32 =2 -"], [1, 3, 1]),
]
UPDATES = {
    "set": None,
    "add": np.add,
    "multiply": np.multiply,
    "maximum": np.maximum,
    "minimum": np.minimum,
}


def cases():
    for axes, indices, sizes in PLACES:
        for dtype in COMMON:
            yield Case("gather", [recipe(dtype, "any", SHAPE), *indices], {"axes": axes, "sizes": sizes})
        for layout in ("transposed", "strided", "broadcast"):
            yield Case("gather", [recipe("f32", "any", SHAPE, layout), *indices], {"axes": axes, "sizes": sizes})
        yield from scatters(axes, indices, sizes)
    for axis, shape in ((0, (2, 5, 3)), (1, (4, 6, 3)), (-1, (4, 5, 1))):
        for dtype in ("f32", "i32", "f16"):
            inputs = [recipe(dtype, "small", SHAPE), recipe("i32", "around3", shape), recipe(dtype, "small", shape)]
            yield Case("scatter_add_axis", inputs, {"axis": axis})
        for layout in ("transposed", "strided"):
            inputs = [recipe("f32", "small", SHAPE, layout), recipe("i32", "around3", shape, layout)]
            yield Case("scatter_add_axis", [*inputs, recipe("f32", "small", shape)], {"axis": axis})


def scatters(axes, indices, sizes):
    count = np.broadcast_shapes(*(tuple(lengths(index)) for index in indices))
    for name in UPDATES:
        # Blocks that overlap are written in no certain order.
        if name == "set" and sizes[0] == 2 and len(axes) == 1 and axes[0] == 0:
            continue
        for dtype in ("f32", "i32", "f16"):
            inputs = [recipe(dtype, "small", SHAPE), recipe(dtype, "small", (*count, *sizes)), *indices]
            yield Case(f"scatter_{name}", inputs, {"axes": axes})
        for layout in ("transposed", "strided"):
            inputs = [recipe("f32", "any", SHAPE, layout), recipe("f32", "any", (*count, *sizes), layout), *indices]
            yield Case(f"scatter_{name}", inputs, {"axes": axes})


def lengths(text):
    shape = text.split(" ")[2]
    return [] if shape == "-" else map(int, shape.split(","))


def blocks(axes, indices, sizes):
    """For each place its index and the block there."""
    spread = np.broadcast_arrays(*indices)
    for at in np.ndindex(spread[0].shape):
        start = dict(zip(axes, (int(index[at]) for index in spread)))
        yield at, tuple(slice(start.get(axis, 0), start.get(axis, 0) + size) for axis, size in enumerate(sizes))


def by_numpy(function):
    """The function of NumPy arrays; bfloat16 goes through float32, which holds it."""

    def run(*inputs, **args):
        dtype = inputs[0].dtype
        arrays = [np.array(x.astype(mx.float32) if x.dtype == mx.bfloat16 else x) for x in inputs]
        return mx.array(function(*arrays, **args)).astype(dtype)

    return run


def gather(x, *indices, axes, sizes):
    out = np.empty((*np.broadcast_shapes(*(index.shape for index in indices)), *sizes), x.dtype)
    for at, block in blocks(axes, indices, sizes):
        out[at] = x[block]
    return out


def scatter(update):
    def run(x, updates, *indices, axes):
        x = x.copy()
        for at, block in blocks(axes, indices, updates.shape[updates.ndim - x.ndim :]):
            x[block] = updates[at] if update is None else update(x[block], updates[at])
        return x

    return run


def scatter_add_axis(x, indices, values, axis):
    x = x.copy()
    places = list(np.indices(indices.shape, sparse=True))
    places[axis] = indices
    np.add.at(x, tuple(places), values)
    return x


OPS = {
    "gather": by_numpy(gather),
    "scatter_add_axis": by_numpy(scatter_add_axis),
} | {f"scatter_{name}": by_numpy(scatter(update)) for name, update in UPDATES.items()}
SINGLE = set()
NUMPY = {}
