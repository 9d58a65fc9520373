"""Ops of two arrays, element by element, and the types that they give."""

import mlx.core as mx
import numpy as np
from case import ALL, COMMON, Case, dtypes, layouts, recipe

SHAPE = (3, 4)

# The kinds of both inputs.
KINDS = {
    "add": ("any", "any"),
    "arctan2": ("any", "nonzero"),
    "bitwise_and": ("any", "any"),
    "bitwise_or": ("any", "any"),
    "bitwise_xor": ("any", "any"),
    "divide": ("any", "nonzero"),
    "divmod": ("any", "nonzero"),
    "equal": ("small", "small"),
    "floor_divide": ("any", "nonzero"),
    "greater": ("small", "small"),
    "greater_equal": ("small", "small"),
    "left_shift": ("any", "below7"),
    "less": ("small", "small"),
    "less_equal": ("small", "small"),
    "logaddexp": ("any", "any"),
    "logical_and": ("below3", "below3"),
    "logical_or": ("below3", "below3"),
    "logical_xor": ("below3", "below3"),
    "maximum": ("any", "any"),
    "minimum": ("any", "any"),
    "multiply": ("any", "any"),
    "not_equal": ("small", "small"),
    "power": ("pos", "below4"),
    "remainder": ("any", "nonzero"),
    "right_shift": ("any", "below7"),
    "subtract": ("any", "any"),
}
WHOLE = ("bitwise_and", "bitwise_or", "bitwise_xor", "left_shift", "right_shift")
# No type is divided by a number that could be 0: a whole one ends the process.
DIVISIONS = ("divmod", "floor_divide", "remainder")
BROADCASTS = [
    ((3, 4), (4,)),
    ((3, 1), (4,)),
    ((2, 1, 4), (3, 1)),
    ((3, 4), ()),
    ((), (3, 4)),
    ((0, 4), (1, 4)),
    ((1,), (0,)),
]


def cases():
    for op, kinds in KINDS.items():
        dtype = "i32" if op in WHOLE else "f32"
        yield from dtypes(op, kinds, [SHAPE, SHAPE])
        yield from layouts(op, kinds, [SHAPE, SHAPE], dtype=dtype)
        for shapes in BROADCASTS:
            yield Case(op, [recipe(dtype, kind, shape) for kind, shape in zip(kinds, shapes)])
    yield from promoted()
    yield from beside_numbers()
    yield from close()
    yield from special()


def promoted():
    """Every pair of types."""
    for left in ALL:
        for right in ALL:
            yield Case("add", [recipe(left, "below9", (3,)), recipe(right, "below9", (3,))])
    pairs = [(left, right) for left in COMMON for right in COMMON if left != right]
    for left, right in pairs:
        for op in ("equal", "maximum"):
            yield Case(op, [recipe(left, "below3", (3,)), recipe(right, "below3", (3,))])
        for op in ("divide", "power", "multiply"):
            yield Case(op, [recipe(left, "pos", (3,)), recipe(right, "=1,2,3", (3,))], may_refuse=True)


def beside_numbers():
    """Numbers of Python, which take the type of the array."""
    for dtype in ALL:
        for number in (3, 2.5, True):
            for op in ("add", "multiply", "power"):
                if op != "power" or number == 3:
                    yield Case(op, [recipe(dtype, "below3", (3,))], {"other": number})
        yield Case("greater", [recipe(dtype, "below5", (5,))], {"other": 2})


def close():
    near = "=1,2,3.0001,-4,0", "=1,2.00001,3,-4.1,0"
    for dtype in COMMON:
        inputs = [recipe(dtype, kind, (5,)) for kind in near]
        for args in ({}, {"rtol": 0.1}, {"rtol": 0.0, "atol": 0.01}):
            for op in ("isclose", "allclose"):
                yield Case(op, inputs, args, may_refuse=True)
        yield Case("array_equal", inputs)
        yield Case("array_equal", [inputs[0], inputs[0]])
        yield Case("array_equal", [inputs[0], recipe(dtype, "any", (4,))])
    for op in ("isclose", "allclose", "array_equal"):
        for equal_nan in (False, True):
            for dtype in ("f32", "f16", "bf16"):
                yield Case(
                    op, [recipe(dtype, "special", (3, 4)), recipe(dtype, "special", (3, 4))], {"equal_nan": equal_nan}
                )


def special():
    """Infinities and NaN beside what they are compared and joined with."""
    left, right = "=nan,inf,-inf,nan,0,inf", "=1,1,2,nan,nan,inf"
    for dtype in ("f32", "f16", "bf16", "f64"):
        for op in (
            "maximum",
            "minimum",
            "equal",
            "not_equal",
            "less",
            "less_equal",
            "greater",
            "greater_equal",
            "add",
            "logaddexp",
        ):
            yield Case(op, [recipe(dtype, left, (6,)), recipe(dtype, right, (6,))])
        yield Case("divide", [recipe(dtype, "=1,-1,0,3,inf", (5,)), recipe(dtype, "=0,0,0,inf,2", (5,))])
    for dtype in ("i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64"):
        for op in ("add", "subtract", "multiply", "maximum", "less", "bitwise_xor"):
            yield Case(op, [recipe(dtype, "full", (6,)), recipe(dtype, "full", (6,))])


def beside(op):
    """The op with an array or a number."""
    function = getattr(mx, op)
    return lambda left, right=None, *, other=None: function(left, other if right is None else right)


SINGLE = {"logaddexp"}

OPS = {op: beside(op) for op in ("add", "greater", "multiply", "power")}


def held(function, complex_too=True):
    """The function of both arrays in a type that holds them; whole numbers wrap in int64."""

    def reference(left, right=None, other=None):
        right = np.asarray(other) if right is None else right
        if not complex_too and "c" in (left.dtype.kind, right.dtype.kind):
            return None
        wide = {"b": np.int64, "i": np.int64, "u": np.uint64, "f": np.float64, "c": np.complex128}
        wide = np.result_type(wide[left.dtype.kind], wide[right.dtype.kind])
        return function(left.astype(wide), right.astype(wide))

    return reference


def same(function):
    """The function of both arrays as they are."""
    return lambda left, right=None, other=None: function(left, other if right is None else right)


def of_reals(function):
    """The function of real numbers."""

    def reference(left, right):
        if left.dtype.kind == "c":
            return None
        return function(left, right)

    return reference


def floor_divide(left, right):
    """MLX cuts quotients of whole numbers towards zero here, though not in `divmod`."""
    quotient = left.astype(np.float64) / right.astype(np.float64)
    return np.floor(quotient) if left.dtype.kind == "f" else np.trunc(quotient)


def shift(function):
    return lambda left, right: function(left, right) if left.dtype.kind in "iu" else None


def power(left, right=None, other=None):
    right = np.asarray(other) if right is None else right
    if "c" in (left.dtype.kind, right.dtype.kind):
        return None
    wide = np.float64 if "f" in (left.dtype.kind, right.dtype.kind) else np.int64
    return left.astype(wide) ** right.astype(wide)


NUMPY = {
    "add": held(np.add),
    "arctan2": held(np.arctan2, complex_too=False),
    "bitwise_and": np.bitwise_and,
    "bitwise_or": np.bitwise_or,
    "bitwise_xor": np.bitwise_xor,
    "divide": held(np.divide),
    "divmod": of_reals(lambda left, right: (np.floor(left / right), np.mod(left.astype(float), right.astype(float)))),
    "equal": same(np.equal),
    "floor_divide": of_reals(floor_divide),
    "greater": held(np.greater, complex_too=False),
    "greater_equal": held(np.greater_equal, complex_too=False),
    "left_shift": shift(np.left_shift),
    "less": held(np.less, complex_too=False),
    "less_equal": held(np.less_equal, complex_too=False),
    "logaddexp": held(lambda left, right: np.logaddexp(left.astype(float), right.astype(float)), complex_too=False),
    "logical_and": lambda left, right: np.logical_and(left.real, right.real),
    "logical_or": lambda left, right: np.logical_or(left.real, right.real),
    "logical_xor": lambda left, right: np.logical_xor(left.real, right.real),
    "maximum": held(np.maximum, complex_too=False),
    "minimum": held(np.minimum, complex_too=False),
    "multiply": held(np.multiply),
    "not_equal": same(np.not_equal),
    "power": power,
    "remainder": of_reals(lambda left, right: np.mod(left.astype(float), right.astype(float))),
    "right_shift": shift(np.right_shift),
    "subtract": held(np.subtract),
    "isclose": lambda left, right, rtol=1e-5, atol=1e-8, equal_nan=False: np.isclose(
        left, right, rtol, atol, equal_nan
    ),
    "allclose": lambda left, right, rtol=1e-5, atol=1e-8, equal_nan=False: np.allclose(
        left, right, rtol, atol, equal_nan
    ),
    "array_equal": lambda left, right, equal_nan=False: np.array_equal(left, right, equal_nan),
}
