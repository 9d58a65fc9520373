"""Linear algebra.

Eigenvectors, singular vectors and orthogonal factors are defined up to a sign or a phase. Recorded are their
absolute values, and the products that give the matrix back. The order of complex eigenvalues is not defined:
recorded are their real and their imaginary parts in order, and sums over the vectors. Ops that need such a
matrix make theirs positive definite or triangular first.
"""

import mlx.core as mx
import numpy as np
from case import Case, recipe

TYPES = ["f32", "f64", "c64", "f16", "i32"]
MATRICES = [(3, 3), (4, 4), (2, 3, 3)]
TALL = [(4, 3), (3, 5), (2, 3, 4), (3, 3)]


def cases():
    for op in ("det", "slogdet", "inv", "eigvals", "eig", "lu", "lu_factor"):
        for shape in MATRICES:
            for dtype in TYPES if shape == (3, 3) else ("f32", "f64"):
                yield Case(op, [recipe(dtype, "any", shape)], may_refuse=True)
        for layout in ("transposed", "strided"):
            yield Case(op, [recipe("f32", "any", (3, 3), layout)])
        yield Case(op, [recipe("f32", "any", (1, 1))])
        if op != "lu" and op != "lu_factor":
            yield Case(op, [recipe("f32", "any", (2, 3))], may_refuse=True)
        yield Case(op, [recipe("f32", "any", (3,))], may_refuse=True)
    yield from definite()
    yield from rectangular()
    yield from solved()
    yield from norms()
    yield from crossed()


def definite():
    for op in ("cholesky", "cholesky_inv"):
        for upper in (False, True):
            for shape in MATRICES:
                for dtype in ("f32", "f64"):
                    yield Case(op, [recipe(dtype, "any", shape)], {"upper": upper})
            for layout in ("transposed", "strided"):
                yield Case(op, [recipe("f32", "any", (3, 3), layout)], {"upper": upper})
    for op in ("eigh", "eigvalsh"):
        for side in ("L", "U"):
            for shape in MATRICES:
                for dtype in ("f32", "f64", "c64"):
                    yield Case(op, [recipe(dtype, "any", shape)], {"UPLO": side})
            yield Case(op, [recipe("f32", "any", (3, 3), "strided")], {"UPLO": side})


def rectangular():
    for shape in TALL:
        for dtype in TYPES if shape == (4, 3) else ("f32", "f64"):
            for op in ("qr", "svd", "svdvals", "pinv"):
                yield Case(op, [recipe(dtype, "any", shape)], may_refuse=True)
    for op in ("qr", "svd", "svdvals", "pinv"):
        for layout in ("transposed", "strided"):
            yield Case(op, [recipe("f32", "any", (4, 3), layout)])
        yield Case(op, [recipe("f32", "any", (3,))], may_refuse=True)


def solved():
    for left, right in (
        ((3, 3), (3,)),
        ((3, 3), (3, 2)),
        ((2, 3, 3), (2, 3, 2)),
        ((2, 3, 3), (3, 2)),
        ((3, 3), (2, 3, 2)),
    ):
        for dtype in ("f32", "f64", "c64", "f16") if right == (3,) else ("f32", "f64"):
            yield Case("solve", [recipe(dtype, "any", left), recipe(dtype, "any", right)], may_refuse=True)
            for upper in (False, True):
                inputs = [recipe(dtype, "any", left), recipe(dtype, "any", right)]
                yield Case("solve_triangular", inputs, {"upper": upper}, may_refuse=True)
    for upper in (False, True):
        for shape in MATRICES:
            for dtype in ("f32", "f64"):
                yield Case("tri_inv", [recipe(dtype, "any", shape)], {"upper": upper})
    yield Case("solve", [recipe("f32", "any", (3, 3)), recipe("f32", "any", (4,))], may_refuse=True)
    yield Case("solve", [recipe("f32", "any", (3, 2)), recipe("f32", "any", (3,))], may_refuse=True)


def norms():
    for shape in ((5,), (3, 4), (2, 3, 4)):
        for dtype in ("f32", "f16", "bf16", "f64", "c64", "i32"):
            yield Case("norm", [recipe(dtype, "any", shape)])
    for axis in (0, 1, -1, [0], [1]):
        for order in (None, 0, 1, 2, 3, 0.5, -1, "inf", "-inf"):
            for keepdims in (False, True):
                yield Case("norm", [recipe("f32", "any", (3, 4))], {"ord": order, "axis": axis, "keepdims": keepdims})
    for order in (None, 1, -1, 2, -2, "inf", "-inf", "fro", "nuc"):
        for axis in ([0, 1], [1, 0], [-2, -1]):
            for keepdims in (False, True):
                for dtype in ("f32", "f64"):
                    args = {"ord": order, "axis": axis, "keepdims": keepdims}
                    yield Case("norm", [recipe(dtype, "any", (3, 4))], args)
    for axis in ([0, 2], [-1, 0]):
        for order in (None, 1, "fro", "nuc"):
            yield Case("norm", [recipe("f32", "any", (2, 3, 4))], {"ord": order, "axis": axis})
    for layout in ("transposed", "strided", "broadcast"):
        yield Case("norm", [recipe("f32", "any", (3, 4), layout)], {"ord": 2, "axis": -1})
        yield Case("norm", [recipe("f32", "any", (3, 4), layout)], {"ord": "fro", "axis": [0, 1]})


def crossed():
    for shape in ((3, 4), (2, 3, 4), (0, 3)):
        yield Case("matrix_transpose", [recipe("f32", "any", shape)])
    yield Case("matrix_transpose", [recipe("f32", "any", (3,))], may_refuse=True)
    for order in (None, 1, "fro", "nuc", 2):
        yield Case("matrix_norm", [recipe("f32", "any", (2, 3, 4))], {"ord": order})
    for left, right, axis in (
        ((3,), (3,), -1),
        ((4, 3), (4, 3), -1),
        ((3, 4), (3, 4), 0),
        ((4, 3), (3,), -1),
        ((2,), (2,), -1),
        ((4, 2), (4, 3), -1),
    ):
        for dtype in ("f32", "f16", "i32", "f64", "c64"):
            yield Case(
                "cross", [recipe(dtype, "small", left), recipe(dtype, "small", right)], {"axis": axis}, may_refuse=True
            )
    yield Case("cross", [recipe("f32", "small", (4,)), recipe("f32", "small", (4,))], may_refuse=True)


CPU = {"stream": mx.cpu}
ORDERS = {"inf": float("inf"), "-inf": -float("inf")}


def spd(x):
    return x @ mx.swapaxes(x, -1, -2) + 2 * mx.eye(x.shape[-1], dtype=x.dtype)


def triangle(x, upper):
    cut = mx.triu(x, 1) if upper else mx.tril(x, -1)
    return 0.25 * cut + 2 * mx.eye(x.shape[-1], dtype=x.dtype)


def eigh(x, UPLO):
    values, vectors = mx.linalg.eigh(x, UPLO, **CPU)
    back = (vectors * values[..., None, :]) @ mx.conj(mx.swapaxes(vectors, -1, -2))
    return values, mx.abs(vectors), back


def eig(x):
    values, vectors = mx.linalg.eig(x, **CPU)
    return *parts(values), mx.sum(mx.abs(vectors), -1)


def parts(values):
    return mx.sort(mx.real(values)), mx.sort(mx.imag(values))


def qr(x):
    q, r = mx.linalg.qr(x, **CPU)
    return mx.abs(q), mx.abs(r), q @ r


def svd(x):
    u, s, vt = mx.linalg.svd(x, **CPU)
    k = s.shape[-1]
    return mx.abs(u[..., :k]), s, mx.abs(vt[..., :k, :]), (u[..., :k] * s[..., None, :]) @ vt[..., :k, :]


def norm(x, ord=None, axis=None, keepdims=False):
    return mx.linalg.norm(x, ORDERS.get(ord, ord), axis, keepdims, **CPU)


def matrix_transpose(x):
    """MLX's own reverses all axes; the array API's, which is meant, exchanges the last two."""
    if x.ndim < 2:
        raise ValueError("not a matrix")
    return mx.swapaxes(x, -1, -2)


def linalg(op):
    return lambda *inputs, **args: getattr(mx.linalg, op)(*inputs, **args, **CPU)


OPS = {op: linalg(op) for op in ("det", "slogdet", "inv", "lu", "lu_factor", "pinv", "solve", "cross")} | {
    "cholesky": lambda x, upper: mx.linalg.cholesky(spd(x), upper, **CPU),
    "cholesky_inv": lambda x, upper: mx.linalg.cholesky_inv(mx.linalg.cholesky(spd(x), upper, **CPU), upper, **CPU),
    "eig": eig,
    "eigvals": lambda x: parts(mx.linalg.eigvals(x, **CPU)),
    "eigh": eigh,
    "eigvalsh": lambda x, UPLO: mx.linalg.eigvalsh(x, UPLO, **CPU),
    "matrix_norm": lambda x, ord=None: mx.linalg.norm(x, ORDERS.get(ord, ord), [-2, -1], **CPU),
    "matrix_transpose": matrix_transpose,
    "norm": norm,
    "qr": qr,
    "solve_triangular": lambda x, b, upper: mx.linalg.solve_triangular(triangle(x, upper), b, upper=upper, **CPU),
    "svd": svd,
    "svdvals": lambda x: mx.linalg.svd(x, False, **CPU),
    "tri_inv": lambda x, upper: mx.linalg.tri_inv(triangle(x, upper), upper, **CPU),
}
SINGLE = {"det", "slogdet"}


def np_spd(x):
    return x @ np.swapaxes(x, -1, -2) + 2 * np.eye(x.shape[-1])


def np_hermitian(x, UPLO):
    """What one triangle of a matrix stands for."""
    half = np.tril(x, -1) if UPLO == "L" else np.triu(x, 1)
    diagonal = np.real(np.diagonal(x, 0, -2, -1))[..., None] * np.eye(x.shape[-1])
    return half + np.conj(np.swapaxes(half, -1, -2)) + diagonal


def np_triangle(x, upper):
    return 0.25 * (np.triu(x, 1) if upper else np.tril(x, -1)) + 2 * np.eye(x.shape[-1])


def np_eigh(x, UPLO):
    values, vectors = np.linalg.eigh(x, UPLO)
    return values, np.abs(vectors), np_hermitian(x, UPLO)


def np_parts(values):
    return np.sort(values.real), np.sort(values.imag)


def np_qr(x):
    q, r = np.linalg.qr(x)
    return np.abs(q), np.abs(r), x


def np_svd(x):
    u, s, vt = np.linalg.svd(x, full_matrices=False)
    return np.abs(u), s, np.abs(vt), x


def np_norm(x, ord=None, axis=None, keepdims=False):
    axis = tuple(axis) if isinstance(axis, list) else axis
    if isinstance(axis, tuple) and len(axis) == 1:
        axis = axis[0]
    return np.linalg.norm(x, ORDERS.get(ord, ord), axis, keepdims)


def np_solve(a, b):
    return None if b.ndim == a.ndim - 1 and b.ndim > 1 else np.linalg.solve(a, b)


NUMPY = {
    "det": np.linalg.det,
    "slogdet": lambda x: tuple(np.linalg.slogdet(x)),
    "inv": np.linalg.inv,
    "eigvals": lambda x: np_parts(np.linalg.eigvals(x)),
    "eig": lambda x: (*np_parts(np.linalg.eig(x)[0]), np.abs(np.linalg.eig(x)[1]).sum(-1)),
    "cholesky": lambda x, upper: np.linalg.cholesky(np_spd(x), upper=upper),
    "cholesky_inv": lambda x, upper: np.linalg.inv(np_spd(x)),
    "eigh": np_eigh,
    "eigvalsh": lambda x, UPLO: np.linalg.eigvalsh(x, UPLO),
    "qr": np_qr,
    "svd": np_svd,
    "svdvals": lambda x: np.linalg.svd(x, compute_uv=False),
    "pinv": np.linalg.pinv,
    "matrix_norm": lambda x, ord=None: np.linalg.matrix_norm(x, ord=ord or "fro"),
    "matrix_transpose": np.matrix_transpose,
    "norm": np_norm,
    "solve": np_solve,
    "solve_triangular": lambda x, b, upper: np_solve(np_triangle(x, upper), b),
    "tri_inv": lambda x, upper: np.linalg.inv(np_triangle(x, upper)),
    "cross": lambda a, b, axis=-1: None if 2 in (a.shape[axis], b.shape[-1]) else np.cross(a, b, axis=axis),
}
