"""`mx.quantize`, `dequantize` and `quantized_matmul` of float32 weights."""

import mlx.core as mx
import numpy as np
from fixture import golden, relative_rms, to_numpy, write_json, write_tensors

AFFINE = [("affine", bits, group) for group in (32, 64, 128) for bits in (2, 3, 4, 5, 6, 8)]
FLOATS = [("mxfp4", 4, 32), ("nvfp4", 4, 16), ("mxfp8", 8, 32)]
ROWS, GROUPS = 8, 2
# An 8-bit float spends four bits on its exponent.
SIGNIFICANT_BITS = {"mxfp8-8-32": 4}


def main():
    random = np.random.RandomState(3000)
    tensors, cases = {}, []
    for group in sorted({group for _, _, group in AFFINE + FLOATS}):
        width = group * GROUPS
        tensors[f"weight.{group}"] = random.standard_normal((ROWS, width)).astype(np.float32)
        tensors[f"x.{group}"] = random.standard_normal((3, width)).astype(np.float32)
    tensors["x.rows"] = random.standard_normal((3, ROWS)).astype(np.float32)
    for mode, bits, group in AFFINE + FLOATS:
        cases.append(add_case(tensors, mode, bits, group))
    folder = golden("mlx-nn")
    write_tensors(folder / "quant.safetensors", tensors)
    write_json(folder / "quant.json", {"cases": cases})
    print(f"quant: {len(cases)} cases")


def add_case(tensors, mode, bits, group):
    """Adds a case's outputs to the tensors; `matmul` is x wᵀ, `matmul_rows` is x.rows w."""
    name = f"{mode}-{bits}-{group}"
    settings = {"group_size": group, "bits": bits, "mode": mode}
    weight, x, rows = (mx.array(tensors[key]) for key in (f"weight.{group}", f"x.{group}", "x.rows"))
    packed = mx.quantize(weight, **settings)
    dense = mx.dequantize(*packed, **settings, dtype=mx.float32)
    outputs = dict(zip(("packed", "scales", "biases"), packed))
    outputs["dequantized"] = dense
    outputs["matmul"] = mx.quantized_matmul(x, *packed, transpose=True, **settings)
    outputs["matmul_rows"] = mx.quantized_matmul(rows, *packed, transpose=False, **settings)
    check(name, bits, weight, outputs, tensors)
    tensors.update({f"{name}.{key}": to_numpy(value) for key, value in outputs.items()})
    case = {"name": name, **settings, "weight": f"weight.{group}", "x": f"x.{group}", "x_rows": "x.rows"}
    return case | {key: f"{name}.{key}" for key in outputs}


def check(name, bits, weight, outputs, tensors):
    """A quantized weight is near the weight, and the products are those of numpy."""
    dense = to_numpy(outputs["dequantized"])
    bound = 2 / 2 ** SIGNIFICANT_BITS.get(name, bits)
    assert (error := relative_rms(dense, to_numpy(weight))) < bound, f"{name}: weights off by {error}"
    x = tensors[f"x.{weight.shape[-1] // GROUPS}"]
    for product, expected in (("matmul", x @ dense.T), ("matmul_rows", tensors["x.rows"] @ dense)):
        error = relative_rms(to_numpy(outputs[product]), expected)
        assert error < 1e-5, f"{name}: {product} is off by {error}"


if __name__ == "__main__":
    main()
