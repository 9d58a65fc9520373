"""Tiny llama checkpoints as other programs quantize them, their weights as floats and their logits.

Numbers are drawn as codes and packed by each format's definition. They are read back one by one, so that the
floats are those of the stored words. Sources: AutoGPTQ and GPTQModel (GPTQ, Frantar et al. 2022), AutoAWQ
(AWQ, Lin et al. 2023), compressed-tensors, DeepSeek-V3 (FP8 in blocks), OCP's 8-bit and microscaling
specifications, transformers' bitnet (Ma et al. 2024).
"""

import mlx.core as mx
import numpy as np
import numpy_llama
from fixture import Named, golden, relative_rms, write_json, write_tensors
from llama import logits, sample
from mlx_lm.models.llama import Model, ModelArgs

BASE = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 64,
    "intermediate_size": 64,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 40,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "max_position_embeddings": 128,
    "tie_word_embeddings": True,
    "hidden_act": "silu",
    "torch_dtype": "float16",
}
# The layers whose floats are kept; the logits depend on all of them.
KEPT = ("self_attn.q_proj", "mlp.down_proj")
AWQ_ORDER = (0, 2, 4, 6, 1, 3, 5, 7)


def shapes(config):
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    kept = hidden * config["num_key_value_heads"] // config["num_attention_heads"]
    square, narrow = (hidden, hidden), (kept, hidden)
    attention = {"q_proj": square, "k_proj": narrow, "v_proj": narrow, "o_proj": square}
    mlp = {"gate_proj": (inner, hidden), "up_proj": (inner, hidden), "down_proj": (hidden, inner)}
    layers = {f"self_attn.{name}": shape for name, shape in attention.items()}
    return layers | {f"mlp.{name}": shape for name, shape in mlp.items()}


def half(random, shape, center):
    return (center * random.uniform(0.5, 1.5, shape)).astype(np.float16)


def step(bits, columns):
    """A scale that gives weights of the deviation 1 / sqrt(columns)."""
    return 3.4 / 2**bits / columns**0.5


def stream(codes, bits):
    """Codes one after another from the lowest bit on, in 32-bit words."""
    number = sum(int(code) << (bits * at) for at, code in enumerate(codes))
    return np.frombuffer(number.to_bytes(len(codes) * bits // 8, "little"), "<u4")


def read_stream(words, bits):
    number = int.from_bytes(np.ascontiguousarray(words).astype("<u4").tobytes(), "little")
    return [number >> (bits * at) & (2**bits - 1) for at in range(len(words) * 32 // bits)]


def gptq(random, shape, bits, group, shuffled=False, version=1, symmetric=False):
    (rows, columns), most = shape, 2**bits
    group = columns if group == -1 else group
    count = columns // group
    index = np.arange(columns, dtype=np.int32) // group
    if shuffled:
        random.shuffle(index)
    codes = random.randint(0, most, shape)
    zeros = np.full((count, rows), most // 2) if symmetric else random.randint(0, most, (count, rows))
    if not symmetric:
        zeros.flat[0] = 0  # version 1 stores it as the greatest number
    stored = (zeros - (version == 1)) % most
    tensors = {
        "qweight": np.stack([stream(row, bits) for row in codes], 1).view(np.int32),
        "qzeros": np.stack([stream(row, bits) for row in stored]).view(np.int32),
        "scales": half(random, (count, rows), step(bits, columns)),
        "g_idx": index,
    }
    return tensors, read_gptq(tensors, bits, version)


def gptq_with_bias(random, shape):
    """With the bias of zeros that AutoGPTQ stores where the model has none."""
    tensors, floats = gptq(random, shape, 4, 32)
    return tensors | {"bias": np.zeros(shape[0], np.float16)}, floats


def read_gptq(tensors, bits, version):
    words, scales, index = (tensors[name] for name in ("qweight", "scales", "g_idx"))
    zeros = [[(z + (version == 1)) % 2**bits for z in read_stream(row, bits)] for row in tensors["qzeros"]]
    floats = np.zeros((words.shape[1], len(index)))
    for row in range(len(floats)):
        for column, code in enumerate(read_stream(words[:, row], bits)):
            group = index[column]
            floats[row, column] = (code - zeros[group][row]) * float(scales[group, row])
    return floats


def awq_words(codes):
    """Eight columns in a word, in AutoAWQ's order."""
    words = np.zeros((codes.shape[0], codes.shape[1] // 8), np.uint32)
    for at, column in enumerate(AWQ_ORDER):
        words |= codes[:, column::8].astype(np.uint32) << np.uint32(4 * at)
    return words.view(np.int32)


def read_awq_word(words, row, column):
    return int(words[row, column // 8]) >> (4 * AWQ_ORDER.index(column % 8)) & 15


def awq(random, shape, group):
    rows, columns = shape
    tensors = {
        "qweight": awq_words(random.randint(0, 16, (columns, rows))),
        "qzeros": awq_words(random.randint(0, 16, (columns // group, rows))),
        "scales": half(random, (columns // group, rows), step(4, columns)),
    }
    floats = np.zeros(shape)
    for row, column in np.ndindex(*shape):
        place = column // group
        code = read_awq_word(tensors["qweight"], column, row)
        zero = read_awq_word(tensors["qzeros"], place, row)
        floats[row, column] = (code - zero) * float(tensors["scales"][place, row])
    return tensors, floats


def packed(random, shape, bits, group, asymmetric=False, shuffled=False, early=False):
    """compressed-tensors' pack-quantized: signed numbers, stored with half the range added.

    Early versions store zero points as they are: bytes with signs.
    """
    (rows, columns), most = shape, 2**bits
    group = columns if group == -1 else group
    count = columns // group
    index = np.arange(columns, dtype=np.int32) // group
    if shuffled:
        random.shuffle(index)
    codes = random.randint(0, most, shape)
    scales = half(random, (rows, count), step(bits, columns))
    tensors = {
        "weight_packed": np.stack([stream(row, bits) for row in codes]).view(np.int32),
        "weight_scale": scales,
        "weight_shape": np.array(shape, np.int64),
    }
    zeros = np.full((rows, count), most // 2)
    if asymmetric:
        zeros = random.randint(0, most, (rows, count))
        words = np.stack([stream(column, bits) for column in zeros.T], 1).view(np.int32)
        tensors["weight_zero_point"] = (zeros - most // 2).astype(np.int8) if early else words
    if shuffled:
        tensors["weight_g_idx"] = index
    floats = np.zeros(shape)
    for row in range(rows):
        for column, code in enumerate(read_stream(tensors["weight_packed"][row], bits)):
            group = index[column]
            floats[row, column] = (code - zeros[row, group]) * float(scales[row, group])
    return tensors, floats


def int8(random, shape, scale_shape, asymmetric=False):
    codes = random.randint(-128, 128, shape).astype(np.int8)
    scales = half(random, scale_shape, step(8, shape[1]))
    tensors = {"weight": codes, "weight_scale": scales}
    zeros = np.zeros(scale_shape)
    if asymmetric:
        tensors["weight_zero_point"] = random.randint(-128, 128, scale_shape).astype(np.int8)
        zeros = tensors["weight_zero_point"].astype(np.float64)
    if len(scale_shape) == 2:
        zeros, scales = (np.repeat(part, shape[1] // scale_shape[1], 1) for part in (zeros, scales))
    return tensors, (codes - zeros) * scales.astype(np.float64)


def e4m3(code):
    """OCP's 8-bit float: a sign, four bits of exponent with bias 7, three of fraction, no infinity."""
    code = int(code)
    sign, exponent, fraction = -1 if code & 128 else 1, code >> 3 & 15, code & 7
    return sign * (fraction / 8 * 2**-6 if exponent == 0 else (1 + fraction / 8) * 2.0 ** (exponent - 7))


def e4m3_codes(random, shape):
    """Codes of every exponent below 4; two in three are near 1."""
    near = random.randint(0x28, 0x40, shape) | random.randint(0, 2, shape) << 7
    every = random.randint(0, 0x48, shape) | random.randint(0, 2, shape) << 7
    return np.where(random.uniform(size=shape) < 0.66, near, every).astype(np.uint8)


def fp8(random, shape, scale_name, scales, spread):
    codes = e4m3_codes(random, shape)
    floats = np.vectorize(e4m3)(codes) * spread
    return {"weight": Named("F8_E4M3", codes), scale_name: scales}, floats


def fp8_rows(random, shape):
    scales = half(random, (shape[0], 1), shape[1] ** -0.5)
    return fp8(random, shape, "weight_scale", scales, scales.astype(np.float64))


def fp8_tensor(random, shape):
    scale = np.float32(random.uniform(0.5, 1.5) * shape[1] ** -0.5)
    tensors, floats = fp8(random, shape, "weight_scale", scale, np.float64(scale))
    return tensors | {"input_scale": np.float32(0.25)}, floats


def fp8_blocks(random, shape, height, width, exponents=False):
    count = (-(-shape[0] // height), -(-shape[1] // width))
    if exponents:
        codes = random.randint(122, 126, count).astype(np.uint8)
        scales, values = Named("F8_E8M0", codes), 2.0 ** (codes.astype(np.float64) - 127)
    else:
        scales = (random.uniform(0.5, 1.5, count) * shape[1] ** -0.5).astype(np.float32)
        values = scales.astype(np.float64)
    spread = np.array([[values[r // height, c // width] for c in range(shape[1])] for r in range(shape[0])])
    return fp8(random, shape, "weight_scale_inv", scales, spread)


def e2m1(code):
    return (-1 if code & 8 else 1) * (0, 0.5, 1, 1.5, 2, 3, 4, 6)[code & 7]


def fp4(random, shape, group):
    """Two numbers a byte, the first in the low half; with the scales as MLX has none of its own."""
    rows, columns = shape
    codes = random.randint(0, 256, (rows, columns // 2)).astype(np.uint8)
    values = np.array([[e2m1(codes[r, c // 2] >> 4 * (c % 2) & 15) for c in range(columns)] for r in range(rows)])
    return codes, values, (rows, columns // group)


def nvfp4(random, shape):
    codes, values, count = fp4(random, shape, 16)
    scales = random.randint(0x30, 0x60, count).astype(np.uint8)
    whole = np.array([4.0 * shape[1] ** 0.5 * random.uniform(2, 3)], np.float32)
    spread = np.repeat(np.vectorize(e4m3)(scales), 16, 1) / np.float64(whole[0])
    tensors = {"weight_packed": codes, "weight_scale": Named("F8_E4M3", scales), "weight_global_scale": whole}
    return tensors, values * spread


def mxfp4(random, shape):
    codes, values, count = fp4(random, shape, 32)
    scales = random.randint(121, 125, count).astype(np.uint8)
    spread = np.repeat(2.0 ** (scales.astype(np.float64) - 127), 32, 1)
    return {"weight_packed": codes, "weight_scale": scales}, values * spread


def bitnet(random, shape, inverse):
    codes = random.randint(0, 3, shape)
    quarter = shape[0] // 4
    words = sum(codes[at * quarter : (at + 1) * quarter] << 2 * at for at in range(4)).astype(np.uint8)
    scale = np.array([shape[1] ** (0.5 if inverse else -0.5)], np.float16) * np.float16(1.25)
    factor = 1 / float(scale[0]) if inverse else float(scale[0])
    floats = np.zeros(shape)
    for row, column in np.ndindex(*shape):
        floats[row, column] = (int(words[row % quarter, column]) >> 2 * (row // quarter) & 3) - 1
    return {"weight": words, "weight_scale": scale}, floats * factor


def dense(random, shape):
    weight = (random.standard_normal(shape) * shape[1] ** -0.5).astype(np.float16)
    return {"weight": weight}, weight.astype(np.float64)


def group(bits, kind, targets=("Linear",), strategy="group", **more):
    weights = {"num_bits": bits, "type": kind, "symmetric": True, "strategy": strategy, "dynamic": False}
    return {"targets": list(targets), "weights": weights | more, "input_activations": None}


def compressed(form, groups, ignore=("lm_head",)):
    named = {f"group_{at}": group for at, group in enumerate(groups)}
    return {"quant_method": "compressed-tensors", "format": form, "config_groups": named, "ignore": list(ignore)}


GPTQ = {"quant_method": "gptq", "sym": False, "desc_act": False}
FP8 = {"quant_method": "fp8", "fmt": "e4m3", "activation_scheme": "dynamic"}

# Each checkpoint's quantization_config, how a layer is stored, which is stored otherwise, and other sizes.
FORMATS = {
    "llama-awq": (
        {"quant_method": "awq", "bits": 4, "group_size": 32, "version": "gemm", "zero_point": True},
        lambda random, shape: awq(random, shape, 32),
        {"self_attn.k_proj": dense},
        {},
    ),
    "llama-gptq": (
        GPTQ | {"bits": 4, "group_size": 32},
        lambda random, shape: gptq(random, shape, 4, 32),
        {"self_attn.v_proj": dense, "self_attn.o_proj": gptq_with_bias},
        {},
    ),
    "llama-gptq-act-order": (
        GPTQ | {"bits": 4, "group_size": 32, "desc_act": True, "checkpoint_format": "gptq_v2"},
        lambda random, shape: gptq(random, shape, 4, 32, shuffled=True, version=2),
        {},
        {},
    ),
    "llama-gptq-3bit": (
        GPTQ | {"bits": 3, "group_size": -1, "checkpoint_format": "gptq"},
        lambda random, shape: gptq(random, shape, 3, -1, symmetric=True),
        {
            "self_attn.q_proj": lambda random, shape: gptq(random, shape, 3, 32, shuffled=True),
            "mlp.down_proj": lambda random, shape: gptq(random, shape, 3, 96),
        },
        {"intermediate_size": 192},
    ),
    "llama-gptq-mixed": (
        GPTQ | {"bits": 8, "group_size": 16, "dynamic": {"+:.*mlp.*": {"bits": 2, "group_size": 32}}},
        lambda random, shape: gptq(random, shape, 8, 16),
        {f"mlp.{name}_proj": lambda random, shape: gptq(random, shape, 2, 32) for name in ("gate", "up", "down")},
        {},
    ),
    "llama-compressed-int4": (
        compressed(
            "pack-quantized",
            [
                group(4, "int", group_size=32),
                group(8, "int", ["re:.*down_proj$"], "channel"),
                group(4, "int", ["model.layers.0.self_attn.o_proj"], "tensor"),
            ],
            ["lm_head", "re:.*self_attn.k_proj"],
        ),
        lambda random, shape: packed(random, shape, 4, 32),
        {
            "mlp.down_proj": lambda random, shape: packed(random, shape, 8, -1),
            "self_attn.k_proj": dense,
        },
        {"intermediate_size": 96},
    ),
    "llama-compressed-asymmetric": (
        compressed("pack-quantized", [group(4, "int", group_size=32, symmetric=False, actorder="group")]),
        lambda random, shape: packed(random, shape, 4, 32, asymmetric=True),
        {
            "self_attn.q_proj": lambda random, shape: packed(random, shape, 4, 32, asymmetric=True, shuffled=True),
            "mlp.up_proj": lambda random, shape: packed(random, shape, 4, 32, asymmetric=True, early=True),
        },
        {},
    ),
    "llama-compressed-int8": (
        compressed("int-quantized", [group(8, "int", strategy="channel")]),
        lambda random, shape: int8(random, shape, (shape[0], 1)),
        {
            "self_attn.v_proj": lambda random, shape: int8(random, shape, (1,)),
            "mlp.down_proj": lambda random, shape: int8(random, shape, (shape[0], 2), asymmetric=True),
        },
        {},
    ),
    "llama-compressed-fp8": (
        compressed("float-quantized", [group(8, "float", strategy="channel")]),
        fp8_rows,
        {"mlp.down_proj": fp8_tensor},
        {},
    ),
    "llama-compressed-nvfp4": (
        compressed("nvfp4-pack-quantized", [group(4, "float", strategy="tensor_group", group_size=16)]),
        nvfp4,
        {},
        {},
    ),
    "llama-compressed-mxfp4": (
        compressed("mxfp4-pack-quantized", [group(4, "float", group_size=32)]),
        mxfp4,
        {},
        {},
    ),
    "llama-fp8-blocks": (
        FP8 | {"weight_block_size": [128, 128]},
        lambda random, shape: fp8_blocks(random, shape, 128, 128),
        {"self_attn.k_proj": dense},
        {"intermediate_size": 160},
    ),
    "llama-fp8-exponents": (
        FP8 | {"weight_block_size": [48, 32], "scale_fmt": "ue8m0"},
        lambda random, shape: fp8_blocks(random, shape, 48, 32, exponents=True),
        {},
        {},
    ),
    "llama-fp8-tensor": (FP8 | {"activation_scheme": "static"}, fp8_tensor, {}, {}),
    "llama-bitnet": (
        {"quant_method": "bitnet", "modules_to_not_convert": None},
        lambda random, shape: bitnet(random, shape, inverse=True),
        {},
        {},
    ),
    "llama-bitnet-auto": (
        {"quant_method": "bitnet", "linear_class": "autobitlinear", "quantization_mode": "offline"},
        lambda random, shape: bitnet(random, shape, inverse=False),
        {},
        {"intermediate_size": 96},
    ),
}


def main():
    for seed, name in enumerate(FORMATS):
        write_checkpoint(name, np.random.RandomState(2000 + seed))


def write_checkpoint(name, random):
    settings, store, exceptions, sizes = FORMATS[name]
    config = BASE | sizes | {"quantization_config": settings}
    stored, floats = vectors(random, config), {}
    floats |= {key: value.astype(np.float64) for key, value in stored.items()}
    for path, shape in shapes(config).items():
        tensors, weight = exceptions.get(path, store)(random, shape)
        stored |= {f"model.layers.0.{path}.{part}": array for part, array in tensors.items()}
        floats[f"model.layers.0.{path}.weight"] = weight
    folder = golden("mlx-lm") / name
    folder.mkdir(exist_ok=True)
    write_json(folder / "config.json", config)
    write_tensors(folder / "model.safetensors", stored, {"format": "pt"})
    expected = {"tokens": sample(random, config, 20), "continue": sample(random, config, 4)}
    model = Model(ModelArgs.from_dict(config))
    model.load_weights([(key, mx.array(value.astype(np.float32))) for key, value in floats.items()])
    expected["prefill"], expected["decode"] = logits(model, expected)
    for path in KEPT:
        key = f"model.layers.0.{path}"
        expected[f"floats.{key}"] = floats[f"{key}.weight"].astype(np.float32)
    write_tensors(folder / "expected.safetensors", expected)
    error = relative_rms(expected["prefill"], numpy_llama.logits(config, floats, expected["tokens"]))
    assert error < 1e-5, f"{name}: prefill is off by {error}"
    print(f"{name}: logits of deviation {expected['prefill'].std():.2f}")


def vectors(random, config):
    """What no format packs: the embedding and the norms."""
    hidden = config["hidden_size"]
    norms = ("layers.0.input_layernorm", "layers.0.post_attention_layernorm", "norm")
    stored = {f"model.{name}.weight": (1 + 0.2 * random.standard_normal(hidden)).astype(np.float16) for name in norms}
    table = random.standard_normal((config["vocab_size"], hidden)).astype(np.float16)
    return stored | {"model.embed_tokens.weight": table}


if __name__ == "__main__":
    main()
