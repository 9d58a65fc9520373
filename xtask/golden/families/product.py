"""Products of matrices and tensors, and convolutions."""

import mlx.core as mx
import numpy as np
from case import FLOATS, Case, layouts, recipe

TYPES = [*FLOATS, "c64"]
MATMULS = [
    ((3, 4), (4, 5)),
    ((4,), (4, 5)),
    ((3, 4), (4,)),
    ((4,), (4,)),
    ((2, 3, 4), (4, 5)),
    ((2, 3, 4), (2, 4, 5)),
    ((2, 1, 3, 4), (5, 4, 2)),
    ((1, 4), (4, 1)),
    ((17, 33), (33, 18)),
    ((3, 0), (0, 2)),
    ((0, 4), (4, 5)),
    ((2, 3, 4), (4,)),
]
EINSUMS = [
    ("ij,jk->ik", [(3, 4), (4, 5)]),
    ("ij,jk", [(3, 4), (4, 5)]),
    ("ij->ji", [(3, 4)]),
    ("ij->", [(3, 4)]),
    ("ij->j", [(3, 4)]),
    ("ii->i", [(4, 4)]),
    ("ii", [(4, 4)]),
    ("i,j->ij", [(3,), (4,)]),
    ("i,i->", [(4,), (4,)]),
    ("bij,bjk->bik", [(2, 3, 4), (2, 4, 5)]),
    ("bhqd,bhkd->bhqk", [(2, 2, 3, 4), (2, 2, 5, 4)]),
    ("ijk,k->ij", [(2, 3, 4), (4,)]),
    ("ij,jk,kl->il", [(2, 3), (3, 4), (4, 2)]),
    ("...i,i->...", [(2, 3, 4), (4,)]),
    ("...ij,...jk->...ik", [(2, 3, 4), (2, 4, 5)]),
    ("ijk->kij", [(2, 3, 4)]),
    ("ij,ij->ij", [(3, 4), (3, 4)]),
    ("abc,bd,c->ad", [(2, 3, 4), (3, 2), (4,)]),
]


def cases():
    yield from matmuls()
    yield from pairs()
    yield from contracted()
    yield from chosen()
    yield from convolved()
    yield from transposed()
    yield from hadamard()


def matmuls():
    for left, right in MATMULS:
        for dtype in TYPES:
            yield Case("matmul", [recipe(dtype, "small", left), recipe(dtype, "small", right)])
        yield Case("matmul", [recipe("f32", "any", left), recipe("f32", "any", right)])
    for left, right in (((3, 4), (4, 5)), ((2, 3, 4), (2, 4, 5)), ((2, 3, 4), (4, 5))):
        yield from layouts(
            "matmul", ["any", "any"], [left, right], over=["transposed", "strided", "sliced", "broadcast"]
        )
        yield Case("matmul", [recipe("f32", "any", left), recipe("f32", "any", right, "transposed")])
    for dtype in ("i32", "bool", "u8"):
        yield Case("matmul", [recipe(dtype, "small", (3, 4)), recipe(dtype, "small", (4, 5))], may_refuse=True)
    for left, right in (("f16", "f32"), ("f16", "bf16"), ("f32", "c64"), ("i32", "f16")):
        yield Case("matmul", [recipe(left, "small", (3, 4)), recipe(right, "small", (4, 5))])
    for left, right in (((3, 4), (5, 4)), ((), (4,)), ((2, 3, 4), (3, 4, 5))):
        yield Case("matmul", [recipe("f32", "any", left), recipe("f32", "any", right)], may_refuse=True)
    for shapes in (
        ((3, 5), (3, 4), (4, 5)),
        ((5,), (3, 4), (4, 5)),
        ((), (3, 4), (4, 5)),
        ((2, 3, 5), (2, 3, 4), (4, 5)),
        ((5,), (2, 3, 4), (2, 4, 5)),
    ):
        for args in ({}, {"alpha": 0.5}, {"beta": 2.0}, {"alpha": -1.5, "beta": 0.25}, {"beta": 0.0}):
            yield Case("addmm", [recipe("f32", "any", shape) for shape in shapes], args)
        for dtype in ("f16", "bf16", "f64"):
            yield Case("addmm", [recipe(dtype, "small", shape) for shape in shapes], {"alpha": 0.5, "beta": 2.0})
    yield from layouts("addmm", ["any"] * 3, [(3, 5), (3, 4), (4, 5)], over=["transposed", "strided", "broadcast"])


def pairs():
    for op, shapes in (
        ("inner", [((4,), (4,)), ((3, 4), (4,)), ((3, 4), (5, 4)), ((2, 3, 4), (5, 4)), ((), (3,))]),
        ("outer", [((3,), (4,)), ((2, 2), (3,)), ((), (3,)), ((0,), (3,))]),
        ("vecdot", [((4,), (4,)), ((3, 4), (3, 4)), ((2, 3, 4), (2, 3, 4)), ((2, 3, 4), (1, 3, 4))]),
    ):
        for left, right in shapes:
            for dtype in TYPES:
                yield Case(op, [recipe(dtype, "small", left), recipe(dtype, "small", right)])
            yield Case(op, [recipe("i32", "small", left), recipe("i32", "small", right)], may_refuse=True)
    for op, shape in (("inner", (3, 4)), ("outer", (3, 4)), ("vecdot", (3, 4))):
        yield from layouts(op, ["any", "any"], [shape, shape], over=["transposed", "strided"])
    for axis in (0, 1, -1):
        for dtype in ("f32", "f16"):
            yield Case("vecdot", [recipe(dtype, "small", (3, 4)), recipe(dtype, "small", (3, 4))], {"axis": axis})
    for axes, left, right in (
        (1, (3, 4), (4, 5)),
        (2, (2, 3, 4), (3, 4, 5)),
        (0, (3,), (4,)),
        ([[1], [0]], (3, 4), (4, 5)),
        ([[0, 2], [1, 0]], (2, 3, 4), (4, 2, 5)),
        ([[-1], [-1]], (2, 3), (4, 3)),
    ):
        for dtype in TYPES:
            yield Case("tensordot", [recipe(dtype, "small", left), recipe(dtype, "small", right)], {"axes": axes})
        for layout in ("transposed", "strided"):
            inputs = [recipe("f32", "any", left, layout), recipe("f32", "any", right, layout)]
            yield Case("tensordot", inputs, {"axes": axes})


def contracted():
    for subscripts, shapes in EINSUMS:
        for dtype in ("f32", "f16", "f64"):
            yield Case("einsum", [recipe(dtype, "small", shape) for shape in shapes], {"subscripts": subscripts})
        for layout in ("transposed", "strided"):
            inputs = [recipe("f32", "small", shape, layout) for shape in shapes]
            yield Case("einsum", inputs, {"subscripts": subscripts})
        if "..." not in subscripts:
            inputs = [recipe("f32", "small", shape) for shape in shapes]
            yield Case("einsum_path", inputs, {"subscripts": subscripts})
    for subscripts in ("ij,jk->il", "ij", "ijk,jk->ik"):
        inputs = [recipe("f32", "small", (3, 4)), recipe("f32", "small", (4, 5))]
        yield Case("einsum", inputs, {"subscripts": subscripts}, may_refuse=True)


def chosen():
    """Products of chosen matrices, of segments and of masked blocks."""
    for lhs, rhs, shape in (("=0,1,1", "=2,0,1", (3,)), ("=1,0,1,1", "=0,0,2,1", (2, 2)), ("=1", "=2", (1,))):
        for dtype in ("f32", "f16"):
            indices = [recipe("u32", lhs, shape), recipe("u32", rhs, shape)]
            yield Case("gather_mm", [recipe(dtype, "small", (2, 3, 4)), recipe(dtype, "small", (3, 4, 5)), *indices])
    for layout in ("transposed", "strided"):
        inputs = [recipe("f32", "small", (2, 3, 4), layout), recipe("f32", "small", (3, 4, 5), layout)]
        yield Case("gather_mm", [*inputs, recipe("u32", "=1,0", (2,)), recipe("u32", "=2,0", (2,))])
    inputs = [recipe("f32", "small", (3, 1, 4)), recipe("f32", "small", (3, 4, 5))]
    indices = [recipe("u32", "=0,1,2", (3,)), recipe("u32", "=0,0,2", (3,))]
    yield Case("gather_mm", [*inputs, *indices], {"sorted_indices": True})
    for segments, count in (("=0,2,2,5,5,6", 3), ("=0,6", 1), ("=0,3,3,3", 2)):
        for dtype in ("f32", "f64", "f16", "bf16"):
            inputs = [recipe(dtype, "small", (3, 6)), recipe(dtype, "small", (6, 4))]
            yield Case("segmented_mm", [*inputs, recipe("u32", segments, (count, 2))])
    for masks in (
        {},
        {"out": True},
        {"lhs": True},
        {"rhs": True},
        {"out": True, "lhs": True, "rhs": True},
        {"lhs": True, "rhs": True},
    ):
        for block, (m, k, n) in ((32, (64, 32, 32)), (32, (33, 64, 40))):
            tiles = [-(-length // block) for length in (m, k, n)]
            shapes = {"out": (tiles[0], tiles[2]), "lhs": (tiles[0], tiles[1]), "rhs": (tiles[1], tiles[2])}
            for kind, dtype in (("bool", "f32"), ("f32", "f32"), ("bool", "f16")):
                mask = [recipe(kind, "below3", shapes[name]) for name in masks]
                inputs = [recipe(dtype, "small", (m, k)), recipe(dtype, "small", (k, n)), *mask]
                if (masks or kind == "bool") and (dtype == "f32" or block < m < 64):
                    yield Case("block_masked_mm", inputs, {"block_size": block, "masks": list(masks)})


def convolved():
    for dtype in ("f32", "f16", "bf16"):
        for a, v in ((5, 3), (3, 5), (4, 4), (6, 1)):
            for mode in ("full", "same", "valid"):
                yield Case("convolve", [recipe(dtype, "small", (a,)), recipe(dtype, "small", (v,))], {"mode": mode})
    one = [
        {},
        {"stride": 2},
        {"padding": 2},
        {"dilation": 2},
        {"stride": 2, "padding": 1, "dilation": 2},
        {"groups": 2},
    ]
    for args in one:
        weight = 4 // args.get("groups", 1)
        for dtype in FLOATS:
            inputs = [recipe(dtype, "small", (2, 9, 4)), recipe(dtype, "small", (6, 3, weight))]
            yield Case("conv1d", inputs, args, may_refuse=True)
        for layout in ("transposed", "strided"):
            inputs = [recipe("f32", "any", (2, 9, 4), layout), recipe("f32", "any", (6, 3, weight), layout)]
            yield Case("conv1d", inputs, args)
    two = [
        {},
        {"stride": 2},
        {"padding": 1},
        {"dilation": 2},
        {"stride": [2, 1], "padding": [0, 2], "dilation": [1, 2]},
        {"groups": 2},
    ]
    for args in two:
        weight = 4 // args.get("groups", 1)
        for dtype in FLOATS:
            inputs = [recipe(dtype, "small", (1, 6, 7, 4)), recipe(dtype, "small", (2, 3, 2, weight))]
            yield Case("conv2d", inputs, args, may_refuse=True)
        for layout in ("transposed", "strided"):
            inputs = [recipe("f32", "any", (1, 6, 7, 4), layout), recipe("f32", "any", (2, 3, 2, weight), layout)]
            yield Case("conv2d", inputs, args)
    three = [{}, {"stride": 2}, {"padding": 1}, {"dilation": [1, 2, 1]}, {"stride": [2, 1, 1], "padding": [1, 0, 1]}]
    for args in three:
        for dtype in ("f32", "f16"):
            inputs = [recipe(dtype, "small", (1, 4, 5, 4, 2)), recipe(dtype, "small", (2, 2, 2, 2, 2))]
            yield Case("conv3d", inputs, args, may_refuse=True)
    general = [
        {"stride": 1, "padding": 0},
        {"stride": [1, 2], "padding": [[1, 0], [2, 1]]},
        {"padding": 1, "input_dilation": 2},
        {"padding": [2, 1], "kernel_dilation": [2, 1], "flip": True},
        {"groups": 2, "flip": True},
        {"input_dilation": [2, 1], "kernel_dilation": 1, "stride": 2, "padding": 1},
    ]
    for args in general:
        weight = 4 // args.get("groups", 1)
        for dtype in ("f32", "f16"):
            inputs = [recipe(dtype, "small", (2, 6, 5, 4)), recipe(dtype, "small", (2, 2, 3, weight))]
            yield Case("conv_general", inputs, args)
    inputs = [recipe("f32", "small", (2, 9, 4)), recipe("f32", "small", (6, 3, 3))]
    yield Case("conv1d", inputs, may_refuse=True)
    yield Case("conv2d", inputs, may_refuse=True)


def transposed():
    for args in (
        {},
        {"stride": 2},
        {"padding": 1},
        {"dilation": 2},
        {"stride": 2, "padding": 1, "output_padding": 1},
        {"groups": 2},
    ):
        groups = args.get("groups", 1)
        for dtype in ("f32", "f16", "bf16"):
            inputs = [recipe(dtype, "small", (2, 5, 4)), recipe(dtype, "small", (2 * groups, 3, 4 // groups))]
            yield Case("conv_transpose1d", inputs, args, may_refuse=True)
            inputs = [recipe(dtype, "small", (1, 4, 3, 4)), recipe(dtype, "small", (2 * groups, 3, 2, 4 // groups))]
            yield Case("conv_transpose2d", inputs, args, may_refuse=True)
            inputs = [recipe(dtype, "small", (1, 3, 3, 2, 2)), recipe(dtype, "small", (2, 2, 2, 2, 2))]
            if groups == 1:
                yield Case("conv_transpose3d", inputs, args, may_refuse=True)
    args = {"stride": [2, 1], "padding": [0, 1], "dilation": [1, 2], "output_padding": [1, 0]}
    yield Case("conv_transpose2d", [recipe("f32", "small", (1, 4, 3, 4)), recipe("f32", "small", (2, 3, 2, 4))], args)
    args = {"stride": [2, 1, 1], "padding": [0, 1, 0], "output_padding": [1, 0, 0]}
    yield Case(
        "conv_transpose3d", [recipe("f32", "small", (1, 3, 3, 2, 2)), recipe("f32", "small", (2, 2, 2, 2, 2))], args
    )


def hadamard():
    for length in (1, 2, 8, 12, 20, 28, 64, 96):
        for dtype in ("f32", "f16", "bf16"):
            yield Case("hadamard_transform", [recipe(dtype, "small", (2, length))], may_refuse=True)
        yield Case("hadamard_transform", [recipe("f32", "any", (2, length))], {"scale": 0.5})
    for layout in ("transposed", "strided"):
        yield Case("hadamard_transform", [recipe("f32", "any", (2, 8), layout)])
    yield Case("hadamard_transform", [recipe("f32", "any", (2, 7))], may_refuse=True)


def einsum_path(*arrays, subscripts):
    """The operands of each step."""
    steps, _ = mx.einsum_path(subscripts, *arrays)
    return [mx.array(step, mx.int32) for step in steps]


def by_single(function):
    """The function in `float32`, as MLX has only that on a CPU, or is wrong in half types."""

    def run(a, b, *others, **args):
        if a.dtype == mx.float64:
            return function(a, b, *others, **args)
        return function(a.astype(mx.float32), b.astype(mx.float32), *others, **args).astype(a.dtype)

    return run


def block_masked_mm(a, b, *masks, block_size, **args):
    named = {f"mask_{name}": mask for name, mask in zip(args["masks"], masks)}
    return mx.block_masked_mm(a, b, block_size, **named)


OPS = {
    "gather_mm": by_single(mx.gather_mm),
    "block_masked_mm": by_single(block_masked_mm),
    "segmented_mm": by_single(mx.segmented_mm),
    "einsum": lambda *arrays, subscripts: mx.einsum(subscripts, *arrays),
    "einsum_path": einsum_path,
    "tensordot": lambda a, b, axes: mx.tensordot(a, b, axes),
    "hadamard_transform": lambda x, scale=None: mx.hadamard_transform(x, scale),
    "conv_general": lambda x, w, padding=0, **args: mx.conv_general(
        x, w, padding=tuple(padding) if isinstance(padding, list) and isinstance(padding[0], list) else padding, **args
    ),
}
SINGLE = set()


def addmm(c, a, b, alpha=1.0, beta=1.0):
    return beta * c + alpha * (a @ b)


def np_gather_mm(a, b, lhs, rhs, sorted_indices=False):
    return a[lhs] @ b[rhs]


def segmented_mm(a, b, segments):
    return np.stack([a[:, start:stop] @ b[start:stop] for start, stop in segments])


def masked(x, mask, block):
    spread = np.repeat(np.repeat(mask, block, 0), block, 1)
    return x * spread[: x.shape[0], : x.shape[1]]


def np_block_masked_mm(a, b, *masks, block_size, **args):
    named = dict(zip(args["masks"], masks))
    a = masked(a, named["lhs"], block_size) if "lhs" in named else a
    b = masked(b, named["rhs"], block_size) if "rhs" in named else b
    return masked(a @ b, named["out"], block_size) if "out" in named else a @ b


def windows(x, w, rank, stride=1, padding=0, dilation=1, groups=1):
    """The convolution of `[batch, …, channels]` by its definition."""

    def each(value):
        return list(value) if isinstance(value, (list, tuple)) else [value] * rank

    stride, padding, dilation = each(stride), each(padding), each(dilation)
    pads = [pad if isinstance(pad, list) else [pad, pad] for pad in padding]
    x = np.pad(x, [(0, 0), *map(tuple, pads), (0, 0)])
    kernel = w.shape[1:-1]
    out = [(x.shape[1 + i] - dilation[i] * (kernel[i] - 1) - 1) // stride[i] + 1 for i in range(rank)]
    result = np.zeros((x.shape[0], *out, w.shape[0]))
    inputs, outputs = w.shape[-1], w.shape[0] // groups
    for place in np.ndindex(*out):
        for tap in np.ndindex(*kernel):
            at = tuple(place[i] * stride[i] + tap[i] * dilation[i] for i in range(rank))
            for g in range(groups):
                part = x[(slice(None), *at, slice(g * inputs, (g + 1) * inputs))]
                rows = slice(g * outputs, (g + 1) * outputs)
                result[(slice(None), *place, rows)] += part @ w[(rows, *tap)].T
    return result


def spread(x, rank, gaps):
    gaps = gaps if isinstance(gaps, list) else [gaps] * rank
    lengths = [(length - 1) * gap + 1 for length, gap in zip(x.shape[1:-1], gaps)]
    out = np.zeros((x.shape[0], *lengths, x.shape[-1]))
    out[(slice(None), *(slice(None, None, gap) for gap in gaps))] = x
    return out


def conv_general(x, w, stride=1, padding=0, kernel_dilation=1, input_dilation=1, groups=1, flip=False):
    if isinstance(padding, list) and isinstance(padding[0], list):
        padding = [list(pair) for pair in zip(*padding)]
    w = w[:, ::-1, ::-1] if flip else w
    return windows(spread(x, 2, input_dilation), w, 2, stride, padding, kernel_dilation, groups)


def conv(rank):
    return lambda x, w, **args: windows(x, w, rank, **args)


def conv_transpose(rank):
    """The convolution of the spread input with the kernel turned round."""

    def run(x, w, stride=1, padding=0, dilation=1, output_padding=0, groups=1):
        def each(value):
            return list(value) if isinstance(value, list) else [value] * rank

        pads = [
            [d * (k - 1) - p, d * (k - 1) - p + o]
            for d, k, p, o in zip(each(dilation), w.shape[1:-1], each(padding), each(output_padding))
        ]
        w = w[(slice(None), *[slice(None, None, -1)] * rank)]
        return windows(spread(x, rank, stride), w, rank, 1, pads, dilation, groups)

    return run


def hadamard_transform(x, scale=None):
    n = x.shape[-1]
    if n & (n - 1):
        return None
    matrix = np.ones((1, 1))
    while len(matrix) < n:
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    return x @ matrix * (n**-0.5 if scale is None else scale)


NUMPY = {
    "matmul": np.matmul,
    "addmm": addmm,
    "inner": np.inner,
    "outer": np.outer,
    "vecdot": lambda a, b, axis=-1: np.vecdot(a, b, axis=axis),
    "tensordot": lambda a, b, axes: np.tensordot(a, b, axes),
    "einsum": lambda *arrays, subscripts: np.einsum(subscripts, *arrays),
    "gather_mm": np_gather_mm,
    "segmented_mm": segmented_mm,
    "block_masked_mm": np_block_masked_mm,
    "convolve": lambda a, v, mode: np.convolve(a, v, mode),
    "conv1d": conv(1),
    "conv2d": conv(2),
    "conv3d": conv(3),
    "conv_general": conv_general,
    "conv_transpose1d": conv_transpose(1),
    "conv_transpose2d": conv_transpose(2),
    "conv_transpose3d": conv_transpose(3),
    "hadamard_transform": hadamard_transform,
}
