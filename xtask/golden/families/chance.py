"""Random numbers: the key of a seed gives the same numbers on every machine."""

from statistics import NormalDist

import mlx.core as mx
import numpy as np
from case import Case, recipe
from recipe import DTYPES

FLOATS = ["f32", "f16", "bf16"]
SHAPES = [[], [5], [2, 3], [0, 2], [3, 1, 4]]
SEEDS = [0, 7, 2**32 + 1, 2**64 - 1]


def cases():
    for seed in SEEDS:
        yield Case("key", [], {"seed": seed})
        for num in (1, 2, 5):
            yield Case("split", [], {"seed": seed, "num": num})
    for op in ("uniform", "normal", "gumbel", "laplace"):
        for shape in SHAPES:
            for dtype in FLOATS:
                yield Case(op, [], {"seed": 3, "shape": shape, "dtype": dtype})
        for seed in SEEDS:
            yield Case(op, [], {"seed": seed, "shape": [4], "dtype": "f32"})
        yield Case(op, [], {"seed": 3, "shape": [4], "dtype": "i32"}, may_refuse=True)
    for low, high in ((0.0, 1.0), (-2.0, 3.0), (5.0, 5.0)):
        for dtype in FLOATS:
            yield Case("uniform", [], {"seed": 11, "shape": [3, 4], "dtype": dtype, "low": low, "high": high})
    for low, high in (((3, 1), (4,)), ((), (3, 4))):
        inputs = [recipe("f32", "unit", low), recipe("f32", "pos", high)]
        yield Case("uniform_between", inputs, {"seed": 5, "shape": [3, 4]})
    for loc, scale in ((1.5, 1.0), (0.0, 2.0), (-1.0, 0.5)):
        for op in ("normal", "laplace"):
            for dtype in FLOATS:
                yield Case(op, [], {"seed": 4, "shape": [3, 4], "dtype": dtype, "loc": loc, "scale": scale})
    yield Case("normal_about", [recipe("f32", "any", (3, 1)), recipe("f32", "pos", (4,))], {"seed": 4, "shape": [3, 4]})
    yield Case("normal", [], {"seed": 4, "shape": [3, 4], "dtype": "c64"})
    yield from whole()
    yield from drawn()


def whole():
    for low, high in ((0, 10), (-5, 5), (3, 4), (-(2**31), 2**31 - 1)):
        for dtype in ("i32", "i64", "u8", "i16", "u32"):
            fits = dtype in ("i32", "i64") or low >= 0
            if fits:
                yield Case("randint", [], {"seed": 9, "shape": [3, 4], "low": low, "high": high, "dtype": dtype})
    for shape in SHAPES:
        yield Case("randint", [], {"seed": 2, "shape": shape, "low": 0, "high": 100, "dtype": "i32"})
        yield Case("bernoulli", [], {"seed": 2, "shape": shape, "p": 0.3})
    yield Case("randint", [], {"seed": 2, "shape": [2], "low": 0, "high": 9, "dtype": "f32"}, may_refuse=True)
    for p in (0.0, 0.5, 1.0):
        yield Case("bernoulli", [], {"seed": 8, "shape": [20], "p": p})
    yield Case("bernoulli_each", [recipe("f32", "below2", (3, 4))], {"seed": 8, "shape": [3, 4]})
    yield Case("bernoulli_each", [recipe("f32", "=0.25,0.5,0.75", (3,))], {"seed": 8, "shape": [4, 3]})
    for n in (1, 5, 12):
        yield Case("permutation", [], {"seed": 6, "n": n})
    for axis in (0, 1, -1):
        for dtype in ("f32", "i32"):
            yield Case("permutation_of", [recipe(dtype, "any", (3, 4))], {"seed": 6, "axis": axis})


def drawn():
    for shape in ((6,), (3, 5), (2, 3, 4)):
        for axis in (-1, 0):
            for dtype in FLOATS:
                yield Case("categorical", [recipe(dtype, "any", shape)], {"seed": 12, "axis": axis})
            yield Case("categorical", [recipe("f32", "any", shape)], {"seed": 12, "axis": axis, "num_samples": 4})
    yield Case("categorical", [recipe("f32", "any", (3, 5))], {"seed": 12, "axis": -1, "shape": [2, 3]})
    yield Case("categorical", [recipe("f32", "any", (3, 5))], {"seed": 12, "axis": 0, "shape": [5]})
    yield Case("categorical", [recipe("f32", "any", (3, 5))], {"seed": 12, "axis": 2}, may_refuse=True)
    for lower, upper in ((-1.0, 1.0), (0.5, 2.0), (-3.0, -2.0)):
        for dtype in FLOATS:
            args = {"seed": 13, "shape": [3, 4], "dtype": dtype, "lower": lower, "upper": upper}
            yield Case("truncated_normal", [], args)
    for shape in ([], [3], [2, 2]):
        yield Case(
            "multivariate_normal",
            [recipe("f32", "any", (3,)), recipe("f32", "small", (3, 3))],
            {"seed": 14, "shape": shape},
        )


def draw(op, name=None):
    """The op with the key of `seed`, and its type by a short name."""
    function = getattr(mx.random, name or op)

    def run(*inputs, seed, dtype=None, shape=None, **args):
        args |= {} if dtype is None else {"dtype": DTYPES[dtype]}
        args |= {} if shape is None else {"shape": shape}
        return function(*inputs, **args, key=mx.random.key(seed))

    return run


def multivariate_normal(mean, root, seed, shape):
    cov = root @ root.T + mx.eye(3)
    return mx.random.multivariate_normal(mean, cov, shape, key=mx.random.key(seed), stream=mx.cpu)


OPS = {
    op: draw(op)
    for op in ("uniform", "normal", "gumbel", "laplace", "randint", "bernoulli", "categorical", "truncated_normal")
} | {
    "key": lambda seed: mx.random.key(seed),
    "split": lambda seed, num: mx.random.split(mx.random.key(seed), num),
    "uniform_between": draw("", "uniform"),
    "normal_about": lambda loc, scale, seed, shape: mx.random.normal(
        shape, loc=loc, scale=scale, key=mx.random.key(seed)
    ),
    "bernoulli_each": draw("", "bernoulli"),
    "permutation": lambda seed, n: mx.random.permutation(n, key=mx.random.key(seed)),
    "permutation_of": lambda x, seed, axis: mx.random.permutation(x, axis, key=mx.random.key(seed)),
    "multivariate_normal": multivariate_normal,
}
SINGLE = set()


def np_key(seed):
    return np.array([seed >> 32, seed & 0xFFFFFFFF], np.uint32)


def threefry(key, first, second):
    """Threefry-2x32 of 20 rounds (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", 2011)."""
    keys = [key[0], key[1], key[0] ^ key[1] ^ np.uint32(0x1BD11BDA)]
    first, second = first + keys[0], second + keys[1]
    for group in range(5):
        for turn in ((13, 15, 26, 6), (17, 29, 16, 24))[group % 2]:
            first = first + second
            second = (second << np.uint32(turn) | second >> np.uint32(32 - turn)) ^ first
        first, second = first + keys[(group + 1) % 3], second + keys[(group + 2) % 3] + np.uint32(group + 1)
    return first, second


def bits(seed, size):
    """The places count up in two halves; what is left over in the middle is drawn by itself."""
    key, half = np_key(seed), size // 2
    places = np.arange(half, dtype=np.uint32)
    first, second = threefry(key, places, places + np.uint32(size - half))
    middle, _ = threefry(key, np.array([half], np.uint32), np.zeros(1, np.uint32))
    return np.concatenate([first, middle[: size % 2], second])


def unit(seed, shape):
    """Numbers between 0 and 1."""
    return (bits(seed, int(np.prod(shape))) / 2**32).reshape(shape)


def single(function):
    """The function for `float32`; half types are drawn from fewer bits."""
    return lambda *inputs, dtype="f32", **args: function(*inputs, **args) if dtype == "f32" else None


def uniform(seed, shape, low=0.0, high=1.0):
    return low + (high - low) * unit(seed, shape)


def normal(seed, shape, loc=0.0, scale=1.0):
    return loc + scale * np.vectorize(NormalDist().inv_cdf, otypes=[np.float64])(unit(seed, shape))


def truncated_normal(seed, shape, lower, upper):
    cdf, inverse = NormalDist().cdf, np.vectorize(NormalDist().inv_cdf, otypes=[np.float64])
    return inverse(uniform(seed, shape, cdf(lower), cdf(upper)))


def gumbel(seed, shape):
    return -np.log(-np.log(unit(seed, shape)))


def laplace(seed, shape, loc=0.0, scale=1.0):
    centred = 2 * unit(seed, shape) - 1
    return loc + scale * np.sign(centred) * np.log1p(-np.abs(centred))


NUMPY = {
    "key": np_key,
    "split": lambda seed, num: bits(seed, 2 * num).reshape(num, 2),
    "uniform": single(uniform),
    "uniform_between": lambda low, high, seed, shape: uniform(seed, shape, low, high),
    "normal": single(normal),
    "normal_about": lambda loc, scale, seed, shape: normal(seed, shape, loc, scale),
    "gumbel": single(gumbel),
    "laplace": single(laplace),
    "truncated_normal": single(truncated_normal),
    "bernoulli": lambda seed, shape, p: unit(seed, shape) < p,
    "bernoulli_each": lambda p, seed, shape: unit(seed, shape) < p,
}
