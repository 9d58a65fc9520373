"""The initialisers of `mlx.nn`, each after a seed."""

import mlx.core as mx
import mlx.nn.init as init
from fixture import golden, write_json, write_tensors

SHAPES = [[6, 5], [3, 8], [4, 3, 2], [4, 2, 3, 5]]
DTYPES = {"float32": mx.float32, "float16": mx.float16, "bfloat16": mx.bfloat16}


def plain(dtype):
    """Functions of any shape: their settings, and the array for a shape."""
    yield {"op": "constant", "value": 0.3}, init.constant(0.3, dtype)
    yield {"op": "normal", "mean": 0.5, "std": 2.0}, init.normal(0.5, 2.0, dtype)
    yield {"op": "uniform", "low": -0.25, "high": 0.75}, init.uniform(-0.25, 0.75, dtype)


def scaled(dtype):
    """Functions of shapes that have inputs and outputs."""
    for gain in [1.0, 2.5]:
        for op in ["glorot_normal", "glorot_uniform"]:
            function = getattr(init, op)(dtype)
            yield {"op": op, "gain": gain}, lambda x, f=function, g=gain: f(x, gain=g)
        for op in ["he_normal", "he_uniform"]:
            for mode in ["fan_in", "fan_out"]:
                function = getattr(init, op)(dtype)
                yield {"op": op, "mode": mode, "gain": gain}, lambda x, f=function, m=mode, g=gain: f(
                    x, mode=m, gain=g
                )


def matrices(dtype):
    for gain in [1.0, 1.5]:
        yield {"op": "orthogonal", "gain": gain}, init.orthogonal(gain, dtype)


def runs():
    """Every function with the shapes that it is tried with."""
    for name, dtype in DTYPES.items():
        for shape in SHAPES if name == "float32" else SHAPES[:1]:
            for settings, function in scaled(dtype):
                yield settings, function, name, shape
        for shape in [[7], [2, 3]]:
            for settings, function in plain(dtype):
                yield settings, function, name, shape
        for shape in [[4, 4], [3, 6], [6, 3]]:
            for settings, function in matrices(dtype):
                yield settings, function, name, shape
        yield {"op": "identity"}, init.identity(dtype), name, [4, 4]


def main():
    tensors, cases = {}, []
    for seed, (settings, function, dtype, shape) in enumerate(runs()):
        mx.random.seed(seed)
        name = f"{settings['op']}.{seed}"
        array = function(mx.zeros(shape))
        assert array.dtype == DTYPES[dtype]
        tensors[name] = array.astype(mx.float32)
        cases.append({**settings, "dtype": dtype, "shape": shape, "seed": seed, "output": name})
    folder = golden("mlx-nn")
    write_tensors(folder / "init.safetensors", tensors)
    write_json(folder / "init.json", {"cases": cases})
    print(f"init: {len(cases)} cases")


if __name__ == "__main__":
    main()
