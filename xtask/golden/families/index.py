"""Indexing, and ops that pick elements by index or put them there.

An `index` is Python's, with `@1` for the second input. `at_set` and its like take the array, the value, and
then the index arrays.
"""

import mlx.core as mx
import numpy as np
from case import ALL, COMMON, Case, layouts, recipe
from recipe import parse_slice

SHAPE = (3, 4, 5)
BASIC = [
    "0", "-1", "1,2", "0,-1,3", ":", "1:", ":-1", "::2", "::-1", "1:3,::2", ":,1", ":,-1,::-2", "...,0", "0,...", "...",
    "1,...,2", "...,1:3", "None", "None,0", ":,None,1", "...,None", "0,None,:,None", "5:", "2:1", ":,4:0:-1",
    "::-2,::-2,::-2",
    "-2:,-3:-1,-9:9", ":1,:1,:1", "2,::-1,None,1",
]  # fmt: skip
# An index and the shapes of its arrays, each with places for an axis of length 3.
ADVANCED = [
    ("@1", [(2,)]),
    ("@1", [(2, 2)]),
    ("@1", [()]),
    ("@1", [(0,)]),
    (":,@1", [(2,)]),
    ("...,@1", [(2, 3)]),
    ("@1,0", [(2,)]),
    ("0,@1", [(2,)]),
    ("@1,:,0", [(2,)]),
    ("@1,1:3", [(4,)]),
    ("::2,@1", [(4,)]),
    ("None,@1", [(2,)]),
    ("@1,None", [(2,)]),
    ("@1,@2", [(2,), (2,)]),
    ("@1,@2", [(2, 1), (3,)]),
    ("@1,:,@2", [(2,), (2,)]),
    (":,@1,@2", [(2,), (2,)]),
    ("@1,@2,@3", [(2,), (2,), (2,)]),
    ("@1,@2,@3", [(2, 1, 1), (3, 1), (2,)]),
    ("@1,0,@2", [(2,), (2,)]),
    ("@1,::2,@2", [(2, 2), (2,)]),
]
CHANGES = ["set", "add", "subtract", "multiply", "divide", "maximum", "minimum"]


def cases():
    yield from parts()
    yield from changes()
    yield from masks()
    yield from taken()
    yield from put()
    yield from moving()


def parts():
    for index in BASIC:
        for dtype in ("f32", "i32", "bool"):
            yield Case("index", [recipe(dtype, "any", SHAPE)], {"index": index})
        for layout in ("transposed", "strided", "broadcast"):
            yield Case("index", [recipe("f32", "any", SHAPE, layout)], {"index": index})
    for start in ("", "-7", "-2", "0", "3", "9"):
        for stop in ("", "-9", "-1", "2", "9"):
            for step in ("", "2", "-1", "-3"):
                yield Case("index", [recipe("i32", "distinct", (5,))], {"index": f"{start}:{stop}:{step}"})
    for index, shapes in ADVANCED:
        for dtype, kind in (("i32", "around3"), ("u32", "below3"), ("i64", "around3"), ("u8", "below3")):
            places = [recipe(dtype, kind, shape) for shape in shapes]
            yield Case("index", [recipe("f32", "any", SHAPE), *places], {"index": index})
        for layout in ("transposed", "strided"):
            places = [recipe("i32", "around3", shape) for shape in shapes]
            yield Case("index", [recipe("f32", "any", SHAPE, layout), *places], {"index": index})
    for dtype in ALL:
        yield Case("index", [recipe(dtype, "any", SHAPE)], {"index": "1:,::-2"})
        yield Case("index", [recipe(dtype, "any", SHAPE), recipe("i32", "around3", (2,))], {"index": ":,@1"})
    for index in ("0,0,0,0", "...,..."):
        yield Case("index", [recipe("f32", "any", SHAPE)], {"index": index}, may_refuse=True)
    inputs = [recipe("f32", "any", SHAPE), recipe("i32", "below3", (2,)), recipe("i32", "below3", (3,))]
    yield Case("index", inputs, {"index": "@1,@2"}, may_refuse=True)


def changes():
    for change in CHANGES:
        op = f"at_{change}"
        kind = "pos" if change == "divide" else "any"
        for index in ("0", "-1,2", "1:", "::2,:,::-1", "...,1", ":,None,1", "2,::-2", "2:1"):
            for dtype in ("f32", "i32") if change != "divide" else ("f32", "f16"):
                for shape in ((), (1,)):
                    yield Case(op, [recipe(dtype, "any", SHAPE), recipe(dtype, kind, shape)], {"index": index})
        yield Case(op, [recipe("f32", "any", SHAPE), recipe("f32", kind, (4, 5))], {"index": "1"})
        yield Case(op, [recipe("f32", "any", SHAPE), recipe("f32", kind, (2, 1, 3))], {"index": "1:,:,::2"})
        yield Case(op, [recipe("f32", "any", SHAPE), recipe("i32", "pos", (5,))], {"index": ":2"})
        yield from scattered(op, kind, change == "set")
        # Whole numbers have no reciprocals.
        for dtype in COMMON if change != "divide" else ("f32", "f16", "bf16", "f64", "c64"):
            inputs = [recipe(dtype, "small", (4, 3)), recipe(dtype, "pos", (2, 3)), recipe("i32", "=2,0", (2,))]
            yield Case(op, inputs, {"index": "@2"}, may_refuse=True)
        for layout in ("transposed", "strided", "broadcast"):
            inputs = [recipe("f32", "any", SHAPE, layout), recipe("f32", kind, (2, 1, 5)), recipe("i32", "=2,0", (2,))]
            yield Case(op, inputs, {"index": "@2"})
            yield Case(op, inputs[:2], {"index": "1:"})
        yield Case(op, [recipe("f32", "any", SHAPE), recipe("f32", kind, (3, 3))], {"index": "1"}, may_refuse=True)


def scattered(op, kind, once):
    """Index arrays; those that name a place twice only where the order does not matter."""
    first, second = ("=2,0", "=-1,1") if once else ("=2,2", "=-1,-1")
    for index, value, places in (
        ("@2", (), [first]),
        ("@2", (2, 4, 5), [first]),
        ("@2", (5,), [first]),
        (":,@2", (3, 2, 1), [first]),
        ("@2,@3", (2, 5), [first, second]),
        ("@2,@3", (), [first, second]),
        ("@2,:,@3", (2, 4), [first, second]),
        ("@2,1:3,0", (2, 1), [first]),
        ("0,@2", (2, 5), [second]),
    ):
        arrays = [recipe("i32", numbers, (2,)) for numbers in places]
        yield Case(op, [recipe("f32", "any", SHAPE), recipe("f32", kind, value), *arrays], {"index": index})


def masks():
    for shape in ((3, 4, 5), (3, 4), (3,)):
        for dtype in ("f32", "i32", "bf16"):
            inputs = [recipe(dtype, "any", SHAPE), recipe(dtype, "small", ()), recipe("bool", "any", shape)]
            yield Case("at_set", inputs, {"index": "@2"})


def taken():
    for axis in (0, 1, -1, None):
        for shape in ((), (2,), (2, 3), (0,)):
            yield Case("take", [recipe("f32", "any", SHAPE), recipe("i32", "around3", shape)], {"axis": axis})
        yield from layouts(
            "take", ["any", "below3"], [SHAPE, (2, 2)], {"axis": axis}, over=["transposed", "strided"], dtype="i32"
        )
        for dtype in ALL:
            yield Case("take", [recipe(dtype, "any", SHAPE), recipe("u32", "below3", (2,))], {"axis": axis})
        for dtype in ("i8", "i16", "i64", "u8", "u16", "u64"):
            yield Case("take", [recipe("f32", "any", SHAPE), recipe(dtype, "below3", (2,))], {"axis": axis})
    for axis, shape in (
        (0, (2, 4, 5)),
        (1, (3, 7, 5)),
        (-1, (3, 4, 2)),
        (1, (3, 1, 5)),
        (0, (1, 4, 5)),
        (1, (3, 2, 1)),
        (2, (1, 1, 3)),
    ):
        for dtype in ("i32", "u32", "i64"):
            kind = "below3" if dtype == "u32" else "around3"
            yield Case("take_along_axis", [recipe("f32", "any", SHAPE), recipe(dtype, kind, shape)], {"axis": axis})
        for dtype in COMMON:
            yield Case(
                "take_along_axis", [recipe(dtype, "any", SHAPE), recipe("i32", "around3", shape)], {"axis": axis}
            )
        for layout in ("transposed", "strided"):
            inputs = [recipe("f32", "any", SHAPE, layout), recipe("i32", "around3", shape, layout)]
            yield Case("take_along_axis", inputs, {"axis": axis})
    yield Case("take_along_axis", [recipe("f32", "any", SHAPE), recipe("i32", "below3", (6,))], {"axis": None})
    yield Case(
        "take_along_axis", [recipe("f32", "any", SHAPE), recipe("i32", "below3", (3, 4))], {"axis": 0}, may_refuse=True
    )
    yield Case("take", [recipe("f32", "any", SHAPE), recipe("i32", "below3", (3,))], {"axis": 3}, may_refuse=True)


def put():
    for axis, shape in ((0, (2, 3, 4)), (1, (3, 2, 4)), (-1, (3, 3, 2))):
        places = {0: "=" + ",".join(["2"] * 12 + ["0"] * 12), 1: "=" + ",".join((["1"] * 4 + ["-1"] * 4) * 3)}
        kind = places.get(axis, "=" + ",".join(["3", "0"] * 9))
        base = (3, 3, 4)
        for dtype in COMMON:
            inputs = [recipe(dtype, "any", base), recipe("i32", kind, shape), recipe(dtype, "small", shape)]
            yield Case("put_along_axis", inputs, {"axis": axis})
        for value in ((), (1, 1, shape[-1])):
            inputs = [recipe("f32", "any", base), recipe("i32", kind, shape), recipe("f32", "small", value)]
            yield Case("put_along_axis", inputs, {"axis": axis})
        for layout in ("transposed", "strided"):
            inputs = [
                recipe("f32", "any", base, layout),
                recipe("i32", kind, shape),
                recipe("f32", "small", shape, layout),
            ]
            yield Case("put_along_axis", inputs, {"axis": axis})
    for dtype in ("i64", "u32", "u8"):
        inputs = [recipe("f32", "any", (5,)), recipe(dtype, "=4,0", (2,)), recipe("f32", "small", (2,))]
        yield Case("put_along_axis", inputs, {"axis": 0})


def moving():
    """Slices that begin where an array says."""
    for axes, size, start in (
        ([0, 1, 2], [2, 2, 2], "=1,2,3"),
        ([0, 2], [1, 4, 2], "=2,0"),
        ([1], [3, 2, 5], "=1"),
        ([2], [3, 4, 0], "=1"),
    ):
        for dtype in ("f32", "i32", "bf16", "bool"):
            inputs = [recipe(dtype, "any", SHAPE), recipe("i32", start, (len(axes),))]
            yield Case("slice", inputs, {"axes": axes, "slice_size": size})
            yield Case("slice_update", [inputs[0], recipe(dtype, "small", size), inputs[1]], {"axes": axes})
        for layout in ("transposed", "strided"):
            inputs = [recipe("f32", "any", SHAPE, layout), recipe("i32", start, (len(axes),))]
            yield Case("slice", inputs, {"axes": axes, "slice_size": size})
            yield Case("slice_update", [inputs[0], recipe("f32", "small", size), inputs[1]], {"axes": axes})


def parse(text, arrays):
    """The index; `@1` is the second input, so the first of `arrays` has to be it."""
    entries = tuple(entry(part, arrays) for part in text.split(","))
    return entries[0] if len(entries) == 1 else entries


def entry(part, arrays):
    if part.startswith("@"):
        return arrays[int(part[1:])]
    if part in ("None", "..."):
        return None if part == "None" else ...
    return parse_slice(part) if ":" in part else int(part)


def index(*arrays, index):
    return arrays[0][parse(index, arrays)]


def at(change):
    def run(*arrays, index):
        x, value = arrays[:2]
        where = parse(index, arrays)
        if change != "set":
            return getattr(x.at[where], change)(value)
        x = mx.array(x)
        x[where] = value
        return x

    return run


SINGLE = set()

OPS = {"index": index} | {f"at_{change}": at(change) for change in CHANGES}


def np_at(function):
    def run(*arrays, index):
        x, value = arrays[0].copy(), arrays[1]
        if x.dtype == bool:
            return None
        where = parse(index, arrays)
        target = np.empty(x[where].shape)
        value = np.broadcast_to(value, target.shape).astype(x.dtype)
        if function is None:
            x[where] = value
        else:
            function.at(x, where, value)
        return x

    return run


def put_along_axis(x, indices, values, axis):
    x = x.copy()
    np.put_along_axis(x, indices, np.broadcast_to(values, indices.shape), axis)
    return x


def take_along_axis(x, indices, axis):
    if axis is None:
        return np.take_along_axis(x, indices.astype(np.int64), axis)
    lengths = np.broadcast_shapes(
        *(shape[: axis % 3] + (1,) + shape[axis % 3 + 1 :] for shape in (x.shape, indices.shape))
    )
    spread = np.broadcast_to(indices, lengths[: axis % 3] + (indices.shape[axis],) + lengths[axis % 3 + 1 :])
    return np.take_along_axis(x, spread.astype(np.int64), axis)


def moving_slice(x, start, axes, lengths):
    begin = dict(zip(axes, start))
    return tuple(slice(begin.get(axis, 0), begin.get(axis, 0) + length) for axis, length in enumerate(lengths))


def slice_update(x, update, start, axes):
    x = x.copy()
    x[moving_slice(x, start, axes, update.shape)] = update
    return x


NUMPY = {
    "index": index,
    "take": lambda x, indices, axis: np.take(x, indices.astype(np.int64), axis),
    "take_along_axis": take_along_axis,
    "put_along_axis": put_along_axis,
    "slice": lambda x, start, axes, slice_size: x[moving_slice(x, start, axes, slice_size)],
    "slice_update": slice_update,
    "at_set": np_at(None),
    "at_add": np_at(np.add),
    "at_subtract": np_at(np.subtract),
    "at_multiply": np_at(np.multiply),
    "at_divide": np_at(np.divide),
    "at_maximum": np_at(np.maximum),
    "at_minimum": np_at(np.minimum),
}
