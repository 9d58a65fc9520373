"""Tiny random codecs, and what transformers, or a model's own package, makes of some audio with them, in float32."""

import json
import pathlib

import numpy as np
import torch
from safetensors.numpy import save_file

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "crates" / "mlx-audio" / "tests" / "golden" / "codec"
RATE = 800
ENCODEC = {
    "model_type": "encodec",
    "sampling_rate": RATE,
    "target_bandwidths": [0.4, 0.8, 1.6],
    "hidden_size": 12,
    "num_filters": 4,
    "upsampling_ratios": [3, 4],
    "codebook_size": 16,
    "num_lstm_layers": 2,
    "num_residual_layers": 2,
}
ENCODEC_48 = ENCODEC | {
    "audio_channels": 2,
    "normalize": True,
    "chunk_length_s": 0.1,
    "overlap": 0.1,
    "norm_type": "time_group_norm",
    "use_causal_conv": False,
}
DAC = {
    "model_type": "dac",
    "sampling_rate": RATE,
    "encoder_hidden_size": 4,
    "downsampling_ratios": [2, 5],
    "upsampling_ratios": [5, 2],
    "decoder_hidden_size": 20,
    "hidden_size": 16,
    "n_codebooks": 3,
    "codebook_size": 16,
    "codebook_dim": 5,
}
MIMI = {
    "model_type": "mimi",
    "sampling_rate": RATE,
    "frame_rate": 67.0,
    "hidden_size": 16,
    "num_filters": 4,
    "upsampling_ratios": [3, 2],
    "codebook_size": 16,
    "codebook_dim": 8,
    "vector_quantization_hidden_dimension": 8,
    "num_quantizers": 4,
    "num_semantic_quantizers": 1,
    "upsample_groups": 16,
    "num_hidden_layers": 2,
    "intermediate_size": 24,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "sliding_window": 5,
}
# The published models of music attend, that of speech does not.
SNAC = {
    "sampling_rate": RATE,
    "encoder_dim": 4,
    "encoder_rates": [2, 3],
    "decoder_dim": 16,
    "decoder_rates": [3, 2],
    "attn_window_size": None,
    "codebook_size": 16,
    "codebook_dim": 5,
    "vq_strides": [4, 2, 1],
    "noise": True,
    "depthwise": True,
}
SNAC_LOCAL = SNAC | {
    "encoder_dim": 32,
    "decoder_dim": 64,
    "encoder_rates": [2],
    "decoder_rates": [2],
    "attn_window_size": 6,
}
PUBLISHED = [
    ("encoder.encoder_seanet.", "encoder."),
    ("encoder.encoder_transformer.", "encoder_transformer."),
    ("encoder.downsample.", "downsample."),
    ("decoder.upsample.", "upsample."),
    ("decoder.decoder_transformer.", "decoder_transformer."),
    ("decoder.decoder_seanet.", "decoder."),
]
LENGTHS = [1, 12, 100, 173]


def sound(length, channels, seed):
    """Some tones in noise, `[channels, length]`."""
    generator = np.random.default_rng(seed)
    time = np.arange(length) / RATE
    tones = np.stack([np.sin(2 * np.pi * (50 + 37 * at) * time) for at in range(channels)])
    return torch.from_numpy((0.4 * tones + 0.2 * generator.standard_normal(tones.shape)).astype(np.float32))


def shake(model, seed):
    """Weights that are large enough for every part to matter."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if not value.is_floating_point() or name.endswith(("inited", "initialized", "inv_freq")):
                continue
            noise = torch.randn(value.shape, generator=generator)
            if name.endswith(("original0", "weight_g", "alpha", "cluster_usage", "cluster_size", "layer_scale.scale")):
                value.copy_(0.5 + noise.abs())
            elif name.endswith(("embed", "embed_avg", "embed_sum")):
                value.copy_(noise)
            else:
                fan = max(1, value[0].numel()) if value.ndim > 1 else 1
                value.copy_(noise * (0.1 if value.ndim < 2 else (1.5 / fan) ** 0.5))
                if "norm" in name and name.endswith("weight"):
                    value.add_(1.0)
    return model.eval()


def calm(model, last, run):
    """Has the last convolution give samples that its hyperbolic tangent does not clip."""
    seen = []
    hook = last.register_forward_hook(lambda _, __, output: seen.append(float(output.std())))
    with torch.no_grad():
        run()
        hook.remove()
        for name, value in last.named_parameters():
            if not name.endswith("original1"):
                value.mul_(0.4 / seen[0])


def save(name, config, state, expected):
    folder = FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    arrays = {key: value.detach().numpy() for key, value in state.items()}
    arrays = {key: np.ascontiguousarray(value) for key, value in sorted(arrays.items())}
    if sum(value.nbytes for value in arrays.values()) < 1 << 17:
        save_file(arrays, folder / "model.safetensors")
    else:
        for at in range(2):
            shard = {key: arrays[key] for key in list(arrays)[at::2]}
            save_file(shard, folder / f"model-{at + 1:05}-of-00002.safetensors")
    save_file(expected, folder / "expected.safetensors")


def of_codes(codes):
    return np.asarray(codes).astype(np.int32)


def audio_of(values):
    """`[channels, length]` as the codecs give it."""
    values = values.detach().numpy()
    return np.ascontiguousarray(values[0] if len(values) == 1 else values.T)


def encodec(name, config, seed):
    from transformers import EncodecConfig, EncodecModel

    fields = {key: value for key, value in config.items() if key != "model_type"}
    model = shake(EncodecModel(EncodecConfig(**fields)), seed)
    expected = {}
    for at, length in enumerate(LENGTHS):
        audio = sound(length, config.get("audio_channels", 1), at)
        expected[f"audio.{at}"] = audio_of(audio)
        for bandwidth in config["target_bandwidths"]:
            with torch.no_grad():
                codes, scales, last = model.encode(audio[None], None, bandwidth, return_dict=False)
                back = model.decode(codes, scales, None, False, last_frame_pad_length=last)[0][0]
            parts = [part[0] for part in codes]
            if last:
                parts[-1] = parts[-1][:, :-last]
            key = f"{at}.{bandwidth}"
            expected[f"codes.{key}"] = of_codes(torch.cat(parts, 1))
            expected[f"decoded.{key}"] = audio_of(back[:, :length])
            if scales[0] is not None:
                expected[f"scales.{at}"] = np.array([float(scale) for scale in scales], np.float32)
    save(name, config, model.state_dict(), expected)


def dac(name, config, seed):
    from transformers import DacConfig, DacModel

    fields = {key: value for key, value in config.items() if key not in ("model_type", "upsampling_ratios", "hidden_size")}
    model = shake(DacModel(DacConfig(**fields)), seed)
    hop = int(np.prod(config["downsampling_ratios"]))
    calm(model, model.decoder.conv2, lambda: model(sound(200, 1, 9)[None]))
    expected = {}
    for at, length in enumerate(LENGTHS):
        audio = sound(length, 1, at)
        expected[f"audio.{at}"] = audio_of(audio)
        padded = torch.nn.functional.pad(audio, (0, -length % hop))
        for books in range(1, config["n_codebooks"] + 1):
            with torch.no_grad():
                codes = model.encode(padded[None], books).audio_codes
                back = model.decode(audio_codes=codes).audio_values
            expected[f"codes.{at}.{books}"] = of_codes(codes[0])
            expected[f"decoded.{at}.{books}"] = audio_of(back[:, :length])
    save(name, config, model.state_dict(), expected)


def published(key):
    """A key of Mimi as its checkpoint has it."""
    for ours, theirs in PUBLISHED:
        if key.startswith(ours):
            return theirs + key.removeprefix(ours)
    return key


def mimi(name, config, seed):
    from transformers import MimiConfig, MimiModel

    fields = {key: value for key, value in config.items() if key != "model_type"}
    model = shake(MimiModel(MimiConfig(**fields)), seed)
    expected = {}
    for at, length in enumerate(LENGTHS):
        audio = sound(length, 1, at)
        expected[f"audio.{at}"] = audio_of(audio)
        for books in range(1, config["num_quantizers"] + 1):
            with torch.no_grad():
                codes = model.encode(audio[None], None, books).audio_codes
                back = model.decode(codes).audio_values[0]
            expected[f"codes.{at}.{books}"] = of_codes(codes[0])
            expected[f"decoded.{at}.{books}"] = audio_of(back[:, :length])
    state = {published(key): value for key, value in model.state_dict().items()}
    save(name, config, state, expected)


def snac(name, config, seed):
    """By the models' own package, `snac` 1.2.1; noise is made of ones."""
    from snac import SNAC as Model

    model = shake(Model(**config), seed)
    randn, torch.randn = torch.randn, lambda *shape, **_: torch.ones(*shape)
    calm(model, model.decoder.model[-2], lambda: model(sound(200, 1, 9)[None]))
    with torch.no_grad():
        for value in list(model.parameters()):
            value.copy_(value.half().float())
    expected = {}
    for at, length in enumerate(LENGTHS):
        audio = sound(length, 1, at)
        expected[f"audio.{at}"] = audio_of(audio)
        with torch.no_grad():
            codes = model.encode(audio[None])
            back = model.decode(codes)[0]
        for rate, row in enumerate(codes):
            expected[f"codes.{at}.{rate}"] = of_codes(row)
        expected[f"decoded.{at}"] = audio_of(back[:, :length])
    torch.randn = randn
    state = {key: value.half() for key, value in model.state_dict().items()}
    save(name, config, state, expected)


def main():
    encodec("encodec", ENCODEC, 0)
    encodec("encodec-stereo", ENCODEC_48, 1)
    dac("dac", DAC, 2)
    mimi("mimi", MIMI, 3)
    snac("snac", SNAC, 4)
    snac("snac-local", SNAC_LOCAL, 5)


if __name__ == "__main__":
    main()
