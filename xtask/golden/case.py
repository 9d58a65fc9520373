"""A case of the golden data, and the tables that most families sweep over."""

from dataclasses import dataclass, field

from recipe import show_shape

FLOATS = ["f32", "f16", "bf16", "f64"]
COMMON = [*FLOATS, "i32", "u8", "bool", "c64"]
RARE = ["i8", "i16", "i64", "u16", "u32", "u64"]
ALL = [*COMMON, *RARE]
LAYOUTS = ["transposed", "strided", "sliced", "broadcast", "empty", "scalar"]


@dataclass
class Case:
    """An op by its name in Python, its inputs as recipes, and its other arguments by name."""

    op: str
    inputs: list
    args: dict = field(default_factory=dict)
    may_refuse: bool = False


def recipe(dtype, kind, shape, layout="plain"):
    """The recipe of an array of `shape` that lies in memory as `layout` says."""
    lengths, step = list(shape), ""
    if layout == "transposed":
        lengths, step = lengths[::-1], " t"
    elif layout == "strided":
        slices = [":"] * len(lengths)
        lengths[-1], slices[-1] = 2 * lengths[-1], "::-2"
        if len(lengths) > 1:
            lengths[0], slices[0] = 2 * lengths[0] + 1, "1::2"
        step = " s" + ",".join(slices)
    elif layout == "sliced":
        lengths, step = [lengths[0] + 2, *lengths[1:]], " s1:-1"
    elif layout == "broadcast":
        lengths, step = [1, *lengths[1:]], " b" + show_shape(shape)
    elif layout == "empty":
        lengths = [*lengths[:-1], 0]
    elif layout == "scalar":
        lengths = []
    return f"{dtype} {kind} {show_shape(lengths)}{step}"


def dtypes(op, kinds, shapes, args=None, over=ALL):
    """The op over types; those that it refuses become cases of their own."""
    for dtype in over:
        inputs = [recipe(dtype, kind, shape) for kind, shape in zip(kinds, shapes)]
        yield Case(op, inputs, args or {}, may_refuse=True)


def layouts(op, kinds, shapes, args=None, over=LAYOUTS, dtype="f32"):
    """The op over the layouts of its first input, and of all its inputs where there are several."""
    for layout in over:
        first, *rest = (recipe(dtype, kind, shape, layout) for kind, shape in zip(kinds, shapes))
        plain = [recipe(dtype, kind, shape) for kind, shape in zip(kinds, shapes)]
        bare = layout in ("empty", "scalar")
        if not bare or not rest:
            yield Case(op, [first, *plain[1:]], args or {}, may_refuse=bare)
        if rest:
            yield Case(op, [first, *rest], args or {}, may_refuse=bare)
