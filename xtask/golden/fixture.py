"""Where fixtures go and how they are written: the same bytes on every run."""

import json
import pathlib

import mlx.core as mx
import numpy as np

mx.set_default_device(mx.cpu)

SAFETENSORS_NAMES = {
    "bool": "BOOL",
    "int8": "I8",
    "uint8": "U8",
    "int32": "I32",
    "uint32": "U32",
    "int64": "I64",
    "float16": "F16",
    "float32": "F32",
}
WIDTHS = {"BOOL": 1, "I8": 1, "U8": 1, "F8_E4M3": 1, "F8_E8M0": 1, "F16": 2, "BF16": 2, "I32": 4, "U32": 4, "F32": 4, "I64": 8}
CRATES = pathlib.Path(__file__).resolve().parents[2] / "crates"


class Named:
    """Bytes that safetensors calls by a type which numpy lacks."""

    def __init__(self, type_name, codes):
        self.type_name, self.codes, self.shape = type_name, codes, codes.shape


def golden(crate):
    """The folder that holds a crate's fixtures."""
    folder = CRATES / crate / "tests" / "golden"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def to_numpy(array):
    """A numpy copy; bfloat16 comes back as float32, which holds it exactly."""
    if isinstance(array, mx.array) and array.dtype == mx.bfloat16:
        array = array.astype(mx.float32)
    return np.array(array)


def encode(array):
    """The safetensors name of an array's type, and its bytes."""
    if isinstance(array, Named):
        return array.type_name, array.codes.tobytes()
    bfloat16 = isinstance(array, mx.array) and array.dtype == mx.bfloat16
    values = np.ascontiguousarray(to_numpy(array))
    if bfloat16:
        return "BF16", (values.view(np.uint32) >> 16).astype("<u2").tobytes()
    return SAFETENSORS_NAMES[values.dtype.name], values.tobytes()


def write_tensors(path, tensors, metadata=None):
    """Writes a safetensors file, wide types first so that every tensor is aligned, then by name."""
    header = {"__metadata__": metadata} if metadata else {}
    encoded = {name: encode(array) for name, array in tensors.items()}
    body, offset = [], 0
    for name in sorted(encoded, key=lambda name: (-WIDTHS[encoded[name][0]], name)):
        dtype, data = encoded[name]
        offsets = [offset, offset + len(data)]
        header[name] = {"dtype": dtype, "shape": list(tensors[name].shape), "data_offsets": offsets}
        body.append(data)
        offset += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(body))


def write_json(path, value):
    """Writes indented JSON, lists of scalars on one line."""
    path.write_text(to_json(value, 0) + "\n")


def to_json(value, depth):
    pad = "  " * (depth + 1)
    if isinstance(value, dict) and value and depth < 2:
        items = [f"{pad}{json.dumps(key)}: {to_json(item, depth + 1)}" for key, item in value.items()]
        return "{\n" + ",\n".join(items) + "\n" + "  " * depth + "}"
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join(pad + json.dumps(item) for item in value) + "\n" + "  " * depth + "]"
    return json.dumps(value)


def relative_rms(actual, expected):
    """The error's root mean square over that of the expected values."""
    actual, expected = np.asarray(actual, np.float64), np.asarray(expected, np.float64)
    return float(np.sqrt(np.mean((actual - expected) ** 2) / np.mean(expected**2)))
