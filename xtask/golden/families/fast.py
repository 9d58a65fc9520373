"""The fused ops of transformers."""

import mlx.core as mx
import numpy as np
from case import Case, recipe

FLOATS = ["f32", "f16", "bf16", "f64"]
BASE = {"dims": 8, "traditional": False, "base": 10000.0, "scale": 1.0, "offset": 0}


def cases():
    yield from norms()
    yield from ropes()
    yield from attention()
    yield from entropy()


def norms():
    for dtype in FLOATS:
        for shape in ((4,), (2, 3, 4), (3, 33), (2, 0, 4)):
            x, weight, bias = (recipe(dtype, "any", shape), *[recipe(dtype, "any", shape[-1:])] * 2)
            for eps in (1e-5, 0.1):
                yield Case("rms_norm", [x, weight], {"eps": eps})
                yield Case("rms_norm", [x], {"eps": eps})
                yield Case("layer_norm", [x, weight, bias], {"eps": eps})
                yield Case("layer_norm", [x, weight], {"eps": eps})
                yield Case("layer_norm", [x], {"eps": eps})
    for layout in ("transposed", "strided", "sliced", "broadcast"):
        x, weight, bias = recipe("f32", "any", (3, 4), layout), *[recipe("f32", "any", (4,), "strided")] * 2
        yield Case("rms_norm", [x, weight], {"eps": 1e-5})
        yield Case("layer_norm", [x, weight, bias], {"eps": 1e-5})
    for op in ("rms_norm", "layer_norm"):
        yield Case(op, [recipe("f32", "any", (3, 4)), recipe("f32", "any", (5,))], {"eps": 1e-5}, may_refuse=True)
        yield Case(op, [recipe("f32", "any", ()), recipe("f32", "any", (1,))], {"eps": 1e-5}, may_refuse=True)
        yield Case(op, [recipe("i32", "any", (3, 4)), recipe("i32", "any", (4,))], {"eps": 1e-5}, may_refuse=True)
        yield Case(op, [recipe("f16", "any", (3, 4)), recipe("f32", "any", (4,))], {"eps": 1e-5})


def ropes():
    for dtype in FLOATS:
        for shape in ((1, 3, 8), (2, 2, 5, 8), (1, 3, 12)):
            for change in (
                {},
                {"offset": 7},
                {"scale": 0.25, "offset": 2},
                {"traditional": True, "offset": 3},
                {"dims": 4},
                {"base": 500.0},
            ):
                yield Case("rope", [recipe(dtype, "any", shape)], BASE | change, may_refuse=True)
    for layout in ("transposed", "strided", "sliced", "broadcast"):
        for traditional in (False, True):
            yield Case(
                "rope", [recipe("f32", "any", (2, 3, 8), layout)], BASE | {"traditional": traditional, "offset": 1}
            )
    freqs = {"dims": 8, "traditional": False, "scale": 1.0}
    for dtype in ("f32", "f16", "bf16"):
        for offset in (0, 5):
            for traditional in (False, True):
                args = freqs | {"offset": offset, "traditional": traditional}
                yield Case("rope_freqs", [recipe(dtype, "any", (2, 3, 8)), recipe("f32", "=1,4,20,100", (4,))], args)
    for offset in ("=3", "=0"):
        for dtype in ("f32", "f16"):
            args = {name: value for name, value in BASE.items() if name != "offset"}
            yield Case("rope_at", [recipe(dtype, "any", (2, 3, 8)), recipe("i32", offset, ())], args)
    args = {name: value for name, value in BASE.items() if name != "offset"}
    yield Case("rope_at", [recipe("f32", "any", (2, 2, 3, 8)), recipe("i32", "=4,1", (2,))], args)
    for shape in ((8,), (3, 8)):
        yield Case("rope", [recipe("f32", "any", shape)], BASE, may_refuse=True)
    yield Case("rope", [recipe("i32", "any", (1, 2, 8))], BASE, may_refuse=True)


def attention():
    scale = {"scale": 0.25}
    for dtype in ("f32", "f16", "bf16"):
        for heads, kv_heads, queries, keys in ((2, 2, 3, 3), (4, 2, 3, 5), (4, 1, 1, 6), (2, 2, 6, 6)):
            q = recipe(dtype, "unit", (2, heads, queries, 8))
            kv = [recipe(dtype, "unit", (2, kv_heads, keys, 8))] * 2
            yield Case("attention", [q, *kv], scale)
            yield Case("attention", [q, *kv], {"scale": 1.0})
            yield Case("causal_attention", [q, *kv], scale)
            for shape in ((queries, keys), (2, heads, queries, keys), (2, 1, 1, keys)):
                yield Case("attention", [q, *kv, recipe("bool", "stripes", shape)], scale)
                yield Case("attention", [q, *kv, recipe(dtype, "unit", shape)], scale)
            yield Case("attention_sinks", [q, *kv, recipe(dtype, "unit", (heads,))], scale)
    for width in (4, 64, 80, 128):
        q, kv = recipe("f32", "unit", (1, 2, 4, width)), [recipe("f32", "unit", (1, 2, 5, width))] * 2
        yield Case("attention", [q, *kv], scale)
        yield Case("causal_attention", [q, *kv], scale)
    values = recipe("f32", "unit", (1, 2, 5, 6))
    yield Case("attention", [recipe("f32", "unit", (1, 2, 4, 8)), recipe("f32", "unit", (1, 2, 5, 8)), values], scale)
    for layout in ("transposed", "strided", "sliced"):
        parts = [recipe("f32", "unit", (1, 2, 4, 8), layout)] * 3
        yield Case("attention", parts, scale)
    q = recipe("f32", "unit", (1, 3, 4, 8))
    yield Case("attention", [q, *[recipe("f32", "unit", (1, 2, 4, 8))] * 2], scale, may_refuse=True)
    yield Case("attention", [recipe("f32", "unit", (3, 4, 8))] * 3, scale, may_refuse=True)


def entropy():
    for dtype in FLOATS:
        for shape in ((5,), (3, 7), (2, 3, 4)):
            yield Case(
                "cross_entropy", [recipe(dtype, "any", shape), recipe("i32", "below4", shape[:-1])], may_refuse=True
            )
    yield Case("cross_entropy", [recipe("f32", "any", (3, 7)), recipe("u32", "below7", (3,))])
    for layout in ("transposed", "strided"):
        yield Case("cross_entropy", [recipe("f32", "any", (3, 7), layout), recipe("i32", "below7", (3,))])


sdpa = mx.fast.scaled_dot_product_attention

OPS = {
    "rms_norm": lambda x, weight=None, *, eps: mx.fast.rms_norm(x, weight, eps),
    "layer_norm": lambda x, weight=None, bias=None, *, eps: mx.fast.layer_norm(x, weight, bias, eps),
    "rope": mx.fast.rope,
    "rope_freqs": lambda x, freqs, **args: mx.fast.rope(x, base=None, freqs=freqs, **args),
    "rope_at": lambda x, offset, **args: mx.fast.rope(x, offset=offset, **args),
    "attention": lambda q, k, v, mask=None, *, scale: sdpa(q, k, v, mask=mask, scale=scale),
    "causal_attention": lambda q, k, v, *, scale: sdpa(q, k, v, mask="causal", scale=scale),
    "attention_sinks": lambda q, k, v, sinks, *, scale: sdpa(q, k, v, sinks=sinks, scale=scale),
    "cross_entropy": mx.fast.cross_entropy,
}
SINGLE = {"rms_norm", "layer_norm", "rope"}


def rms_norm(x, weight=None, *, eps):
    return x / np.sqrt(np.mean(x**2, -1, keepdims=True) + eps) * (1 if weight is None else weight)


def layer_norm(x, weight=None, bias=None, *, eps):
    centred = x - np.mean(x, -1, keepdims=True)
    scaled = centred / np.sqrt(np.var(x, -1, keepdims=True) + eps) * (1 if weight is None else weight)
    return scaled + (0 if bias is None else bias)


def rope(x, dims, traditional, base=None, scale=1.0, offset=0, freqs=None):
    half = dims // 2
    rates = 1 / freqs if freqs is not None else np.power(float(base), -np.arange(half) / half)
    offset = np.asarray(offset).reshape(-1, *[1] * (x.ndim - 1)) if np.ndim(offset) else offset
    places = (np.arange(x.shape[-2])[:, None] + offset) * scale
    cos, sin = np.cos(places * rates), np.sin(places * rates)
    out = x.copy()
    first, second = (slice(0, dims, 2), slice(1, dims, 2)) if traditional else (slice(0, half), slice(half, dims))
    out[..., first] = x[..., first] * cos - x[..., second] * sin
    out[..., second] = x[..., first] * sin + x[..., second] * cos
    return out


def np_attention(query, key, value, mask=None, *, scale, causal=False, sinks=None):
    """Attention by the formula."""
    groups, rows, columns = query.shape[1] // key.shape[1], query.shape[2], key.shape[2]
    key, value = (np.repeat(part, groups, axis=1) for part in (key, value))
    scores = query @ key.swapaxes(2, 3) * scale
    if causal:
        mask = np.tri(rows, columns, columns - rows, dtype=bool)
    if mask is not None:
        # A row without a key to see has no defined result.
        scores = np.where(mask, scores, -np.inf) if mask.dtype == bool else scores + mask
    sink = -np.inf if sinks is None else sinks[:, None, None]
    top = np.maximum(scores.max(-1, keepdims=True), sink)
    scores = np.exp(scores - top)
    return scores / (scores.sum(-1, keepdims=True) + np.exp(sink - top)) @ value


def cross_entropy(logits, targets):
    total = np.logaddexp.reduce(logits, -1)
    return total - np.take_along_axis(logits, targets[..., None].astype(np.int64), -1)[..., 0]


NUMPY = {
    "rms_norm": rms_norm,
    "layer_norm": layer_norm,
    "rope": rope,
    "rope_freqs": lambda x, freqs, **args: rope(x, freqs=freqs, **args),
    "rope_at": lambda x, offset, **args: rope(x, offset=offset, **args),
    "attention": np_attention,
    "causal_attention": lambda q, k, v, scale: np_attention(q, k, v, scale=scale, causal=True),
    "attention_sinks": lambda q, k, v, sinks, scale: np_attention(q, k, v, scale=scale, sinks=sinks),
    "cross_entropy": cross_entropy,
}
