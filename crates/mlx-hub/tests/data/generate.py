"""Writes blocks.gguf and affine.json, the references of the tests beside this folder.

    pip install gguf 'mlx[cpu]==0.32.2' && python generate.py

blocks.gguf: for each quantized type a tensor of random blocks, and beside it (name + ".f32") what
the `gguf` package makes of them. affine.json: words, scales and biases packed by MLX, and the
floats that MLX makes of them.
"""

import json
import pathlib

import gguf
import mlx.core as mx
import numpy as np

FOLDER = pathlib.Path(__file__).parent
TYPES = ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K"]
# Where a block keeps its half-float factors, in bytes.
FACTORS = {
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0],
    "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
}


def blocks(rng, name):
    """Three rows of random bytes, with factors that are ordinary numbers."""
    quant = gguf.GGMLQuantizationType[name]
    weights, size = gguf.GGML_QUANT_SIZES[quant]
    columns = 2 if weights == 32 else 1
    data = rng.integers(0, 256, (3, columns, size), dtype=np.uint8)
    for at in FACTORS[name]:
        factor = rng.normal(0, 0.05, (3, columns, 1)).astype(np.float16)
        data[:, :, at:at + 2] = factor.view(np.uint8)
    return quant, data.reshape(3, columns * size)


def write_blocks(path):
    rng = np.random.default_rng(7)
    writer = gguf.GGUFWriter(path, "blocks")
    writer.add_uint32("blocks.whole", 7)
    writer.add_float32("blocks.epsilon", 1e-5)
    writer.add_bool("blocks.flag", True)
    writer.add_array("blocks.names", ["a", "ä", ""])
    writer.add_array("blocks.numbers", [1, -2, 3])
    for name in TYPES:
        quant, data = blocks(rng, name)
        writer.add_tensor(name, data, raw_dtype=quant)
        writer.add_tensor(f"{name}.f32", gguf.dequantize(data, quant).astype(np.float32))
    dense = rng.normal(0, 1, (2, 3, 5, 7)).astype(np.float32)
    bf16 = (dense.view(np.uint32) >> 16).astype(np.uint16)
    writer.add_tensor("F16", dense.astype(np.float16))
    writer.add_tensor("F16.f32", dense.astype(np.float16).astype(np.float32))
    writer.add_tensor("BF16", bf16.view(np.uint8), raw_dtype=gguf.GGMLQuantizationType.BF16)
    writer.add_tensor("BF16.f32", (bf16.astype(np.uint32) << 16).view(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_affine(path):
    cases = []
    for bits in (4, 5, 8):
        mx.random.seed(bits)
        packed, scales, biases = mx.quantize(mx.random.normal((2, 64)), group_size=32, bits=bits)
        dense = mx.dequantize(packed, scales, biases, group_size=32, bits=bits)
        cases.append({
            "bits": bits,
            "weight": np.array(packed).ravel().tolist(),
            "scales": np.array(scales).ravel().tolist(),
            "biases": np.array(biases).ravel().tolist(),
            "dense": np.array(dense).ravel().tolist(),
        })
    path.write_text(json.dumps(cases) + "\n")


if __name__ == "__main__":
    write_blocks(FOLDER / "blocks.gguf")
    write_affine(FOLDER / "affine.json")
