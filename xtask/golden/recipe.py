"""Arrays from recipes, by a formula that `crates/mlx-core/tests/it/golden/recipe.rs` has too.

A recipe is `dtype kind shape step...`, such as `f32 any 4,3 t`. The values of an input depend on its kind,
its place among the inputs (the seed) and the place of each element, and every type holds them exactly. `-` is
the shape of a scalar. Steps make a view: `t` reverses the axes, `p1,0,2` orders them, `s1::2,:` slices,
`b2,3,4` broadcasts.

The hash is lowbias32 (Wellons, "Prospecting for Hash Functions", 2018).
"""

import mlx.core as mx
import numpy as np

DTYPES = {
    "bool": mx.bool_,
    "u8": mx.uint8,
    "u16": mx.uint16,
    "u32": mx.uint32,
    "u64": mx.uint64,
    "i8": mx.int8,
    "i16": mx.int16,
    "i32": mx.int32,
    "i64": mx.int64,
    "f16": mx.float16,
    "bf16": mx.bfloat16,
    "f32": mx.float32,
    "f64": mx.float64,
    "c64": mx.complex64,
}
NAMES = {dtype: name for name, dtype in DTYPES.items()}
FLOATS = ("f16", "bf16", "f32", "f64")
SPECIALS = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.5, -2.5, 0.5, -1.0, 3.0, -0.5, 2.0]
DENOMINATORS = {"any": 8, "pos": 8, "nonzero": 8, "unit": 32, "distinct": 4}
IMAGINARY, LOW = 100, 1000


def build(recipe, seed):
    """The array of a recipe; `seed` is its place among the inputs."""
    dtype, kind, shape, *steps = recipe.split(" ")
    lengths = parse_shape(shape)
    array = as_mlx(values(dtype, kind, int(np.prod(lengths)), seed).reshape(lengths), dtype)
    for step in steps:
        array = view(array, step[0], step[1:])
    return array


def values(dtype, kind, size, seed):
    if kind.startswith("="):
        return np.array([float(value) for value in kind[1:].split(",")])
    if kind == "special":
        return np.array([SPECIALS[i % len(SPECIALS)] for i in range(size)])
    if kind == "full":
        high, low = hashes(size, seed).astype(np.uint64), hashes(size, seed + LOW).astype(np.uint64)
        return high << np.uint64(32) | low
    exact = whole(kind, size, seed, dtype)
    if dtype in FLOATS:
        return exact / DENOMINATORS.get(kind, 1)
    if dtype == "c64":
        return (exact + 1j * whole(kind, size, seed + IMAGINARY, dtype)) / DENOMINATORS.get(kind, 1)
    return np.abs(exact) if dtype.startswith("u") else exact


def whole(kind, size, seed, dtype):
    """The numerators of a kind."""
    h = hashes(size, seed).astype(np.int64)
    if kind == "any":
        return h % 63 - 31
    if kind == "pos":
        return h % 32 + 1
    if kind == "nonzero" and dtype == "bool":
        return h * 0 + 1
    if kind == "nonzero":
        return (h % 31 + 1) * np.where(h >> 16 & 1, -1, 1)
    if kind == "unit":
        return h % 61 - 30 if dtype in FLOATS or dtype == "c64" else h % 3 - 1
    if kind == "stripes":
        return (np.arange(size) % 3 != 0).astype(np.int64)
    if kind == "small":
        return h % 7 - 3
    if kind == "distinct":
        rank = np.empty(size, np.int64)
        rank[np.argsort(h, kind="stable")] = np.arange(size)
        return rank if dtype.startswith("u") else rank - size // 2
    if kind.startswith("below"):
        return h % int(kind[5:])
    if kind.startswith("around"):
        return h % (2 * int(kind[6:])) - int(kind[6:])
    raise ValueError(f"no kind {kind}")


def hashes(size, seed):
    h = np.arange(size, dtype=np.uint32) * np.uint32(0x9E3779B1) + np.uint32(seed * 0x85EBCA6B & 0xFFFFFFFF)
    h = (h ^ h >> np.uint32(16)) * np.uint32(0x7FEB352D)
    h = (h ^ h >> np.uint32(15)) * np.uint32(0x846CA68B)
    return h ^ h >> np.uint32(16)


def as_mlx(exact, dtype):
    if dtype == "bool":
        return mx.array(exact.astype(np.uint64) & np.uint64(1) == 1)
    if dtype in ("f16", "f32", "bf16"):
        return mx.array(exact.astype(np.float32)).astype(DTYPES[dtype])
    if dtype == "f64":
        return mx.array(exact.astype(np.float64), dtype=mx.float64)
    if dtype == "c64":
        return mx.array(exact.astype(np.complex64))
    return mx.array(exact.astype(str(DTYPES[dtype]).removeprefix("mlx.core.")))


def view(array, step, argument):
    if step == "t":
        return array.T
    if step == "p":
        return mx.transpose(array, parse_shape(argument))
    if step == "b":
        return mx.broadcast_to(array, parse_shape(argument))
    return array[tuple(parse_slice(text) for text in argument.split(","))]


def parse_shape(text):
    return [] if text == "-" else [int(length) for length in text.split(",")]


def parse_slice(text):
    return slice(*(int(bound) if bound else None for bound in text.split(":")))


def show_shape(lengths):
    return ",".join(map(str, lengths)) or "-"


def to_numpy(array):
    """A numpy copy in the widest type of its kind."""
    if array.dtype in (mx.float16, mx.bfloat16, mx.float32):
        return np.array(array.astype(mx.float32)).astype(np.float64)
    if array.dtype == mx.complex64:
        return np.array(array).astype(np.complex128)
    return np.array(array)


def to_bytes(array):
    """The elements in row-major order, little-endian."""
    if array.dtype == mx.bfloat16:
        return (np.array(array.astype(mx.float32)).view(np.uint32) >> 16).astype("<u2").tobytes()
    return np.array(array).tobytes()
