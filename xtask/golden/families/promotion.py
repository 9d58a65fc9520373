"""What types hold, and which type two of them give.

A type is recorded as a scalar of that type, and the numbers of `finfo` by their bits as `float64`.
"""

import mlx.core as mx
import numpy as np
from case import ALL, Case
from recipe import DTYPES

CATEGORIES = [
    "generic", "number", "integer", "signedinteger", "unsignedinteger", "inexact", "floating", "complexfloating",
]  # fmt: skip


def cases():
    for left in ALL:
        for right in ALL:
            yield Case("result_type", [], {"left": left, "right": right})
            yield Case("can_cast", [], {"left": left, "right": right})
        for category in CATEGORIES:
            yield Case("issubdtype", [], {"dtype": left, "category": category})
        yield Case(
            "finfo" if left in ("f16", "bf16", "f32", "f64", "c64") else "iinfo", [], {"dtype": left}, may_refuse=True
        )
        yield Case(
            "iinfo" if left in ("f16", "bf16", "f32", "f64", "c64") else "finfo", [], {"dtype": left}, may_refuse=True
        )


def finfo(dtype):
    info = mx.finfo(DTYPES[dtype])
    numbers = [info.bits, info.min, info.max, info.eps, info.smallest_normal]
    return mx.array(np.array(numbers, np.float64).view(np.uint64))


def iinfo(dtype):
    info = mx.iinfo(DTYPES[dtype])
    return mx.array(np.int64(info.min)), mx.array(np.uint64(info.max))


OPS = {
    "result_type": lambda left, right: mx.zeros((), mx.result_type(DTYPES[left], DTYPES[right])),
    "can_cast": lambda left, right: mx.array(mx.can_cast(DTYPES[left], DTYPES[right])),
    "issubdtype": lambda dtype, category: mx.array(mx.issubdtype(DTYPES[dtype], getattr(mx, category))),
    "finfo": finfo,
    "iinfo": iinfo,
}
SINGLE = set()
NUMPY = {}
