"""Fourier transforms."""

import mlx.core as mx
import numpy as np
from case import Case, recipe

ONE = ["fft", "ifft", "rfft", "irfft"]
TWO = ["fft2", "ifft2", "rfft2", "irfft2"]
MANY = ["fftn", "ifftn", "rfftn", "irfftn"]


def cases():
    for op in ONE:
        for dtype in ("f32", "c64", "f16", "bf16", "i32", "f64"):
            yield Case(op, [recipe(dtype, "any", (3, 8))], may_refuse=True)
        for shape in ((8,), (7,), (1,), (2, 3, 4), (2, 30)):
            yield Case(op, [recipe(kind(op), "any", shape)], may_refuse=True)
        for n in (None, 4, 5, 11, 16):
            for axis in (-1, 0, 1):
                yield Case(op, [recipe(kind(op), "any", (6, 8))], {"n": n, "axis": axis})
        yield from forms(op, (6, 8))
        yield Case(op, [recipe(kind(op), "any", (3, 4))], {"axis": 2}, may_refuse=True)
        yield Case(op, [recipe(kind(op), "any", (3, 4))], {"n": -1}, may_refuse=True)
    for op in TWO + MANY:
        for dtype in ("f32", "c64", "f16"):
            yield Case(op, [recipe(dtype, "any", (3, 4, 6))], may_refuse=True)
        for s, axes in (([4, 4], [0, 1]), ([3, 8], [-2, -1]), (None, [0, 2]), (None, [1, 0]), ([5, 3], [2, 0])):
            yield Case(op, [recipe(kind(op), "any", (3, 4, 6))], {"s": s, "axes": axes})
        yield from forms(op, (3, 4, 6))
        yield Case(op, [recipe(kind(op), "any", (3, 4))], {"axes": [0, 2]}, may_refuse=True)
    for op in MANY:
        for s, axes in (([2, 4, 4], [0, 1, 2]), (None, [1]), (None, None), ([6], [-1])):
            yield Case(op, [recipe(kind(op), "any", (3, 4, 6))], {"s": s, "axes": axes})
    for n in (1, 2, 5, 8):
        for d in (1.0, 0.5, 4.0):
            for op in ("fftfreq", "rfftfreq"):
                yield Case(op, [], {"n": n, "d": d})
    for op in ("fftshift", "ifftshift"):
        for shape in ((5,), (6,), (3, 4), (2, 3, 5)):
            for axes in (None, [0], [-1]):
                for dtype in ("f32", "i32", "c64"):
                    yield Case(op, [recipe(dtype, "any", shape)], {"axes": axes})
        yield Case(op, [recipe("f32", "any", (3, 4))], {"axes": [0, 1]})
        yield Case(op, [recipe("f32", "any", (3, 4), "strided")], {"axes": [1]})


def kind(op):
    return "f32" if op.startswith("r") else "c64"


def forms(op, shape):
    for norm in ("backward", "ortho", "forward"):
        yield Case(op, [recipe(kind(op), "any", shape)], {"norm": norm})
    for layout in ("transposed", "strided", "sliced", "broadcast"):
        yield Case(op, [recipe(kind(op), "any", shape, layout)])


OPS = {op: getattr(mx.fft, op) for op in (*ONE, *TWO, *MANY, "fftfreq", "rfftfreq", "fftshift", "ifftshift")}
SINGLE = set(OPS)


def held(op):
    def run(x, **args):
        if args.get("s") is not None and args.get("axes") is None:
            return None
        return getattr(np.fft, op)(x.real if op.startswith("r") else x, **args)

    return run


NUMPY = {op: held(op) for op in (*ONE, *TWO, *MANY)} | {
    "fftfreq": lambda n, d: np.fft.fftfreq(n, d),
    "rfftfreq": lambda n, d: np.fft.rfftfreq(n, d),
    "fftshift": lambda x, axes: np.fft.fftshift(x, axes),
    "ifftshift": lambda x, axes: np.fft.ifftshift(x, axes),
}
