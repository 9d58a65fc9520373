"""The ops that a transformer uses, each with its inputs, its arguments and MLX's output.

Arguments have MLX's Python names. `slice` takes `start`, `stop` and `step` with Python's meaning,
`null` for an end left open. MLX does not define the order within the parts of `partition`,
`argpartition` (here its first `kth` indices only) and `topk`: those parts are sorted.
Half-precision inputs are small integers and fractions, whose results are exact.
"""

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from fixture import golden, to_numpy, write_json, write_tensors
from mlx.core.fast import scaled_dot_product_attention as sdpa

RANDOM = np.random.RandomState(4000)


def normal(*shape):
    return RANDOM.standard_normal(shape).astype(np.float32)


def causal_mask(length):
    return np.tril(np.ones((length, length), bool))


INPUTS = {
    "a": normal(2, 3, 4),
    "b": normal(2, 3, 4),
    "row": normal(4),
    "column": normal(3, 1),
    "positive": np.abs(normal(3, 4)) + 0.1,
    "wide": 30 * normal(2, 5),
    "left": normal(2, 3, 4),
    "right": normal(4, 5),
    "batched": normal(2, 4, 5),
    "weight": 1 + 0.2 * normal(4),
    "bias": 0.2 * normal(4),
    "table": normal(6, 4),
    "indices": np.array([[5, 0, 2], [1, 1, 3]], np.uint32),
    "negative_indices": np.array([-1, 0, -6], np.int32),
    "along": np.array([[[0, 1, 2, 0]], [[2, 2, 0, 1]]], np.int32),
    "distinct": RANDOM.permutation(24).reshape(3, 8).astype(np.float32),
    "heads": normal(1, 4, 6, 8),
    "kv_key": normal(1, 2, 6, 8),
    "kv_value": normal(1, 2, 6, 8),
    "long_key": normal(1, 4, 9, 8),
    "long_value": normal(1, 4, 9, 8),
    "last_query": normal(1, 4, 1, 8),
    "bool_mask": causal_mask(6) & ~np.tri(6, k=-3, dtype=bool),
    "float_mask": np.where(causal_mask(6), normal(6, 6), -np.inf).astype(np.float32),
    "frequencies": np.array([1.0, 4.0, 20.0, 100.0], np.float32),
    "condition": normal(3, 4) > 0,
    "bool": np.array([True, False, True, False]),
    "u8": np.array([0, 1, 200, 255], np.uint8),
    "i32": np.array([-7, 7, -1, 1000], np.int32),
    "i32_divisor": np.array([2, -2, 3, 7], np.int32),
    "u32": np.array([0, 1, 7, 4000000000], np.uint32),
    "i64": np.array([-1, 2, 1 << 40, 3], np.int64),
    "f16": np.array([0.5, -2.0, 8.0, 1.0], np.float16),
    "bf16": mx.array([1.0, -4.0, 0.25, 2.0], mx.bfloat16),
    "f32": np.array([1.5, 0.1, -3.0, 0.0], np.float32),
}

OPS = {
    "slice": lambda x, start, stop, step: x[tuple(map(slice, start, stop, step))],
    "gelu": nn.gelu,
    "gelu_approx": nn.gelu_approx,
    "silu": nn.silu,
    "rms_norm": mx.fast.rms_norm,
    "layer_norm": mx.fast.layer_norm,
    "rope": mx.fast.rope,
    "rope_frequencies": lambda x, freqs, **args: mx.fast.rope(x, base=None, freqs=freqs, **args),
    "attention": lambda q, k, v, mask=None, *, scale: sdpa(q, k, v, mask=mask, scale=scale),
    "causal_attention": lambda q, k, v, *, scale: sdpa(q, k, v, mask="causal", scale=scale),
    "concatenate": lambda *arrays, axis: mx.concatenate(arrays, axis=axis),
    "stack": lambda *arrays, axis: mx.stack(arrays, axis=axis),
    "astype": lambda x, dtype: x.astype(getattr(mx, {"bool": "bool_"}.get(dtype, dtype))),
    "partition": lambda x, kth: mx.concatenate(
        [mx.sort(part, axis=-1) for part in mx.split(mx.partition(x, kth, axis=-1), [kth], axis=-1)], axis=-1
    ),
    "argpartition": lambda x, kth: mx.sort(mx.argpartition(x, kth, axis=-1)[..., :kth], axis=-1),
    "topk": lambda x, k: mx.sort(mx.topk(x, k, axis=-1), axis=-1),
}

ROPE = {"dims": 8, "traditional": False, "base": 10000.0, "scale": 1.0, "offset": 0}
PARTIAL_ROPE = {"dims": 8, "traditional": False, "scale": 1.0, "offset": 5}
SCALE = {"scale": 8**-0.5}

# (op, inputs, arguments)
CASES = [
    ("add", ["a", "b"], {}),
    ("add", ["a", "row"], {}),
    ("add", ["column", "row"], {}),
    ("subtract", ["a", "b"], {}),
    ("multiply", ["a", "column"], {}),
    ("divide", ["a", "positive"], {}),
    ("negative", ["a"], {}),
    ("abs", ["a"], {}),
    ("square", ["a"], {}),
    ("sqrt", ["positive"], {}),
    ("rsqrt", ["positive"], {}),
    ("exp", ["a"], {}),
    ("log", ["positive"], {}),
    ("tanh", ["a"], {}),
    ("sigmoid", ["a"], {}),
    ("silu", ["a"], {}),
    ("gelu", ["a"], {}),
    ("gelu_approx", ["a"], {}),
    ("maximum", ["a", "b"], {}),
    ("minimum", ["a", "row"], {}),
    ("power", ["positive", "row"], {}),
    ("matmul", ["left", "right"], {}),
    ("matmul", ["left", "batched"], {}),
    ("matmul", ["row", "right"], {}),
    ("softmax", ["a"], {"axis": -1}),
    ("softmax", ["a"], {"axis": 1}),
    ("softmax", ["wide"], {"axis": -1}),
    ("logsumexp", ["wide"], {"axis": -1, "keepdims": True}),
    ("logsumexp", ["a"], {"axis": 0, "keepdims": False}),
    ("sum", ["a"], {"axis": 1, "keepdims": False}),
    ("mean", ["a"], {"axis": -1, "keepdims": True}),
    ("max", ["a"], {"axis": 0, "keepdims": False}),
    ("cumsum", ["a"], {"axis": 1, "reverse": False, "inclusive": True}),
    ("cumsum", ["a"], {"axis": -1, "reverse": True, "inclusive": False}),
    ("rms_norm", ["a", "weight"], {"eps": 1e-5}),
    ("layer_norm", ["a", "weight", "bias"], {"eps": 1e-5}),
    ("rope", ["heads"], ROPE),
    ("rope", ["heads"], ROPE | {"offset": 7, "scale": 0.25}),
    ("rope", ["heads"], ROPE | {"traditional": True, "offset": 3}),
    ("rope", ["heads"], ROPE | {"dims": 4}),
    ("rope_frequencies", ["heads", "frequencies"], PARTIAL_ROPE),
    ("attention", ["heads", "long_key", "long_value"], SCALE),
    ("attention", ["heads", "kv_key", "kv_value"], SCALE),
    ("attention", ["last_query", "long_key", "long_value"], {"scale": 1.0}),
    ("attention", ["heads", "kv_key", "kv_value", "bool_mask"], SCALE),
    ("attention", ["heads", "kv_key", "kv_value", "float_mask"], SCALE),
    ("causal_attention", ["heads", "kv_key", "kv_value"], SCALE),
    ("causal_attention", ["heads", "long_key", "long_value"], SCALE),
    ("take", ["table", "indices"], {"axis": 0}),
    ("take", ["table", "negative_indices"], {"axis": 0}),
    ("take_along_axis", ["a", "along"], {"axis": 1}),
    ("concatenate", ["a", "b"], {"axis": 1}),
    ("concatenate", ["a", "b", "left"], {"axis": -1}),
    ("stack", ["a", "b"], {"axis": 1}),
    ("argmax", ["a"], {"axis": -1, "keepdims": False}),
    ("argmin", ["distinct"], {"axis": 0, "keepdims": True}),
    ("sort", ["a"], {"axis": -1}),
    ("argsort", ["distinct"], {"axis": -1}),
    ("partition", ["distinct"], {"kth": 3}),
    ("argpartition", ["distinct"], {"kth": 3}),
    ("topk", ["distinct"], {"k": 2}),
    ("where", ["condition", "a", "row"], {}),
    ("reshape", ["a"], {"shape": [4, -1]}),
    ("transpose", ["a"], {"axes": [2, 0, 1]}),
    ("swapaxes", ["a"], {"axis1": -1, "axis2": 0}),
    ("expand_dims", ["a"], {"axis": -1}),
    ("broadcast_to", ["row"], {"shape": [2, 3, 4]}),
    ("repeat", ["kv_key"], {"repeats": 2, "axis": 1}),
    ("tril", ["batched"], {"k": -1}),
    ("slice", ["a"], {"start": [0, 1], "stop": [None, None], "step": [1, 1]}),
    ("slice", ["a"], {"start": [None, -2, 0], "stop": [1, None, -1], "step": [1, 1, 2]}),
    ("slice", ["distinct"], {"start": [None, 6], "stop": [None, None], "step": [-1, -2]}),
    ("slice", ["distinct"], {"start": [1, 3], "stop": [100, 3], "step": [1, 1]}),
    ("add", ["bool", "i32"], {}),
    ("add", ["bool", "f16"], {}),
    ("add", ["u8", "i32"], {}),
    ("add", ["u8", "u8"], {}),
    ("add", ["u32", "i32"], {}),
    ("add", ["i32", "i64"], {}),
    ("multiply", ["i32", "f16"], {}),
    ("multiply", ["f16", "f32"], {}),
    ("multiply", ["f16", "bf16"], {}),
    ("add", ["bf16", "f32"], {}),
    ("divide", ["i32", "i32_divisor"], {}),
    ("floor_divide", ["i32", "i32_divisor"], {}),
    ("remainder", ["i32", "i32_divisor"], {}),
    ("sum", ["bool"], {"axis": 0, "keepdims": False}),
    ("sum", ["u8"], {"axis": 0, "keepdims": False}),
    ("less", ["a", "b"], {}),
    ("equal", ["u8", "i32"], {}),
    ("greater_equal", ["i32", "f32"], {}),
    ("logical_and", ["bool", "u8"], {}),
    ("logical_not", ["i32"], {}),
    ("astype", ["f32"], {"dtype": "int32"}),
    ("astype", ["i32"], {"dtype": "bool"}),
    ("astype", ["f16"], {"dtype": "bfloat16"}),
]


def main():
    tensors, cases, seen = dict(INPUTS), [], {}
    for op, inputs, args in CASES:
        seen[op] = seen.get(op, 0) + 1
        output = f"{op}.{seen[op]}"
        tensors[output] = run(op, [mx.array(INPUTS[name]) for name in inputs], args)
        dtype = str(tensors[output].dtype).removeprefix("mlx.core.")
        cases.append({"op": op, "inputs": inputs, "args": args, "output": output, "dtype": dtype})
    folder = golden("mlx-core")
    write_tensors(folder / "ops.safetensors", tensors)
    write_json(folder / "ops.json", {"cases": cases})
    print(f"ops: {len(cases)} cases")


def run(op, arrays, args):
    result = OPS[op](*arrays, **args) if op in OPS else getattr(mx, op)(*arrays, **args)
    if op not in ("attention", "causal_attention"):
        return result
    expected = attention(*map(to_numpy, arrays), **args, causal=op == "causal_attention")
    assert np.allclose(to_numpy(result), expected, atol=1e-5), f"{op} {args}"
    return result


def attention(query, key, value, mask=None, *, scale, causal):
    """Attention by the formula in float64, to hold MLX's fused one against."""
    groups, rows, columns = query.shape[1] // key.shape[1], query.shape[2], key.shape[2]
    key, value = (np.repeat(part, groups, axis=1).astype(np.float64) for part in (key, value))
    scores = query @ key.swapaxes(2, 3) * scale
    if causal:
        mask = np.tri(rows, columns, columns - rows, dtype=bool)
    if mask is not None:
        scores = np.where(mask, scores, -np.inf) if mask.dtype == bool else scores + mask
    scores = np.exp(scores - scores.max(-1, keepdims=True))
    return scores / scores.sum(-1, keepdims=True) @ value


if __name__ == "__main__":
    main()
