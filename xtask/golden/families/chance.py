"""Random numbers: the key of a seed gives the same numbers on every machine."""

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
        yield Case("multivariate_normal", [recipe("f32", "any", (3,)), recipe("f32", "small", (3, 3))], {"seed": 14, "shape": shape})


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


OPS = {op: draw(op) for op in ("uniform", "normal", "gumbel", "laplace", "randint", "bernoulli", "categorical", "truncated_normal")} | {
    "key": lambda seed: mx.random.key(seed),
    "split": lambda seed, num: mx.random.split(mx.random.key(seed), num),
    "uniform_between": draw("", "uniform"),
    "normal_about": lambda loc, scale, seed, shape: mx.random.normal(shape, loc=loc, scale=scale, key=mx.random.key(seed)),
    "bernoulli_each": draw("", "bernoulli"),
    "permutation": lambda seed, n: mx.random.permutation(n, key=mx.random.key(seed)),
    "permutation_of": lambda x, seed, axis: mx.random.permutation(x, axis, key=mx.random.key(seed)),
    "multivariate_normal": multivariate_normal,
}
SINGLE = set()
NUMPY = {}
