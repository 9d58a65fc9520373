"""The activations of `mlx.nn` in float32."""

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from fixture import golden, write_json, write_tensors

ACTIVATIONS = {"silu": nn.silu, "gelu": nn.gelu, "gelu_approx": nn.gelu_approx}


def main():
    x = np.random.RandomState(5000).standard_normal((2, 3, 4)).astype(np.float32)
    tensors, cases = {"x": x}, []
    for op, activation in ACTIVATIONS.items():
        tensors[op] = activation(mx.array(x))
        cases.append({"op": op, "inputs": ["x"], "output": op})
    folder = golden("mlx-nn")
    write_tensors(folder / "activation.safetensors", tensors)
    write_json(folder / "activation.json", {"cases": cases})
    print(f"activation: {len(cases)} cases")


if __name__ == "__main__":
    main()
