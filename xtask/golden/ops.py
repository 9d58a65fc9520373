"""Thousands of cases of MLX's ops: inputs as recipes, the arguments, and the outputs of MLX on a CPU.

A family is a module of `families`. It has `cases()`; `OPS`, the ops that are not simply `mx.<name>`; and
`NUMPY`, the same ops in NumPy with float64, against which MLX's outputs are held here, so that the data is
not only MLX against itself: 9,639 of 11,568 cases are, and the 298 of `places` are NumPy's own. `SINGLE` names
the ops that MLX computes in float32 for float64 too.

Each family writes `<family>.bin`, the outputs, and `<family>.tsv`, a case a line: op, inputs, arguments and
outputs. `f32 3,4 @96` is an output of that type and shape whose bytes begin at 96, `single` if float64 is no
more than float32. Arguments have MLX's Python names. Where MLX refuses, the outputs are `refused`.
"""

import importlib
import json
import math

import mlx.core as mx
import numpy as np
from fixture import golden
from recipe import NAMES, build, show_shape, to_bytes, to_numpy

FAMILIES = [
    "unary",
    "binary",
    "promotion",
    "reduce",
    "create",
    "shape",
    "index",
    "places",
    "sort",
    "product",
    "linalg",
    "fourier",
    "chance",
    "fast",
    "quantized",
]
REFUSED = "refused"
# What one rounding of the coarsest type of a case may do, over a few operations.
PRECISION = {"f64": 1e-11, "f32": 2e-5, "c64": 5e-5, "f16": 5e-3, "bf16": 4e-2}


class Blob:
    """Bytes that are stored once."""

    def __init__(self):
        self.bytes, self.seen = bytearray(), {}

    def add(self, data):
        if data not in self.seen:
            self.seen[data] = len(self.bytes)
            self.bytes += data
        return self.seen[data]


def main():
    total = checked = 0
    for name in FAMILIES:
        count, held = write(name)
        total, checked = total + count, checked + held
    print(f"ops: {total} cases, {checked} held against NumPy")


def write(name):
    """Writes a family; the number of its cases, and of those that NumPy agrees with."""
    family = importlib.import_module(f"families.{name}")
    blob, rows, held, wrong = Blob(), {}, 0, []
    for case in family.cases():
        key = "\t".join([case.op, ";".join(case.inputs), json.dumps(case.args, separators=(",", ":"))])
        if key in rows:
            continue
        try:
            rows[key], is_held = record(case, family, blob)
        except Exception as error:
            wrong.append(f"{case}: {error!r}")
        else:
            held += is_held
    if wrong:
        raise SystemExit("\n".join(wrong))
    folder = golden("mlx-core") / "ops"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.tsv").write_text("".join(f"{key}\t{outputs}\n" for key, outputs in rows.items()))
    (folder / f"{name}.bin").write_bytes(blob.bytes)
    refused = sum(outputs == REFUSED for outputs in rows.values())
    print(f"{name}: {len(rows)} cases, {refused} of them refused, {held} held against NumPy, {len(blob.bytes)} bytes")
    return len(rows), held


def record(case, family, blob):
    """What a case gives, and whether NumPy agrees with it."""
    inputs = [build(recipe, seed) for seed, recipe in enumerate(case.inputs)]
    try:
        outputs = call(family.OPS.get(case.op), case, inputs)
        mx.eval(outputs)
    except (IndexError, RuntimeError, ValueError):
        if not case.may_refuse:
            raise
        return REFUSED, False
    types = {NAMES[array.dtype] for array in [*inputs, *outputs]}
    is_single = case.op in family.SINGLE and "f64" in types
    suffix = " single" if is_single else ""
    text = ";".join(f"{NAMES[out.dtype]} {show_shape(out.shape)} @{blob.add(to_bytes(out))}{suffix}" for out in outputs)
    if case.op not in family.NUMPY:
        return text, False
    bound = max(PRECISION.get(dtype, 0) for dtype in types | ({"f32"} if is_single else set()))
    return text, hold(family.NUMPY[case.op], inputs, case.args, outputs, bound)


def call(function, case, inputs):
    function = function or getattr(mx, case.op)
    outputs = function(*inputs, **case.args)
    return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]


def hold(reference, inputs, args, outputs, bound):
    """Compares with NumPy; false where its function has no answer, which is `None`."""
    with np.errstate(all="ignore"):
        expected = reference(*map(to_numpy, inputs), **args)
    if expected is None:
        return False
    expected = list(expected) if isinstance(expected, (list, tuple)) else [expected]
    assert len(expected) == len(outputs)
    for output, wanted in zip(outputs, expected):
        wanted = np.asarray(wanted)
        assert tuple(output.shape) == wanted.shape, f"NumPy has shape {wanted.shape}"
        agrees(to_numpy(output), wanted, bound)
    return True


def agrees(actual, wanted, bound):
    if actual.dtype.kind in "biu":
        with np.errstate(all="ignore"):
            wanted = wanted.astype(actual.dtype)
        assert np.array_equal(actual, wanted), f"{actual} but NumPy has {wanted}"
        return
    finite = np.abs(wanted[np.isfinite(wanted)]).astype(np.float64)
    scale = max(math.sqrt(np.mean(finite**2)), 1e-6) if finite.size else 0.0
    close = np.isclose(actual, wanted, rtol=bound, atol=bound * scale, equal_nan=True)
    assert close.all(), f"{actual} but NumPy has {wanted}"


if __name__ == "__main__":
    main()
