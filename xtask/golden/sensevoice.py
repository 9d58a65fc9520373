"""A tiny random SenseVoice, and what mlx-audio makes of tones with it."""

import json

import mlx.core as mx
import numpy as np
from fixture import golden, write_tensors
from mlx.utils import tree_flatten, tree_unflatten
from mlx_audio.dsp import get_mel_banks_kaldi
from mlx_audio.stt.models.sensevoice import sensevoice
from mlx_audio.stt.models.sensevoice.config import ModelConfig
from tones import RATE, sound

FOLDER = golden("mlx-audio") / "recognizer" / "sensevoice"
TOKENS = ["<unk>", "<s>", "</s>", "▁the", "s", "▁a", "你", "好", ".", "▁of", "e", "t"]
TOKENS += ["<|en|>", "<|zh|>", "<|HAPPY|>", "<|SAD|>", "<|Speech|>", "<|BGM|>", "<|withitn|>", "<|woitn|>"]
CONFIG = {
    "model_type": "sensevoice",
    "vocab_size": len(TOKENS),
    "input_size": 140,
    "encoder_conf": {
        "output_size": 16,
        "attention_heads": 2,
        "linear_units": 24,
        "num_blocks": 3,
        "tp_blocks": 2,
        "kernel_size": 5,
        "sanm_shfit": 1,
    },
    "frontend_conf": {"fs": RATE, "window": "hamming", "n_mels": 20, "lfr_m": 7, "lfr_n": 6},
}
ASKED = {"auto": ("auto", False), "itn": ("en", True)}


def fbank(samples, sample_rate, n_mels, **_):
    """Kaldi's, whose pre-emphasis takes the first sample of a frame as the one before it, too; mlx-audio's has none."""
    samples = np.array(samples, np.float64) * 32768
    frames = np.stack([samples[at : at + 400] for at in range(0, len(samples) - 399, 160)])
    frames = frames - frames.mean(1, keepdims=True)
    frames = frames - 0.97 * np.concatenate([frames[:, :1], frames[:, :-1]], 1)
    power = np.abs(np.fft.rfft(frames * np.hamming(400), 512)) ** 2
    banks, _ = get_mel_banks_kaldi(n_mels, 512, float(sample_rate), 20.0, 0.0)
    mels = power[:, :256] @ np.array(banks, np.float64).T
    return mx.array(np.log(np.maximum(mels, np.finfo(np.float32).eps)).astype(np.float32))


def shaken(model, seed):
    generator = np.random.default_rng(seed)
    weights = {}
    for name, value in tree_flatten(model.parameters()):
        noise = generator.standard_normal(value.shape).astype(np.float32)
        fan = max(1, value[0].size) if value.ndim > 1 else 1
        noise = noise * (0.2 if value.ndim < 2 else (2.0 / fan) ** 0.5)
        noise = noise + (1.0 if "norm" in name and name.endswith("weight") else 0.0)
        noise = noise * (16.0 if name.startswith("embed") else 1.0)
        weights[name] = noise.astype(np.float16)
    model.update(tree_unflatten([(name, mx.array(value.astype(np.float32))) for name, value in weights.items()]))
    model.eval()
    return weights


def main():
    sensevoice._compute_fbank = fbank
    FOLDER.mkdir(parents=True, exist_ok=True)
    model = sensevoice.SenseVoiceSmall(ModelConfig.from_dict(json.loads(json.dumps(CONFIG))))
    weights = shaken(model, 0)
    generator = np.random.default_rng(1)
    means = np.round(-8 + generator.standard_normal(CONFIG["input_size"]), 3)
    scales = np.round(0.2 + 0.1 * generator.random(CONFIG["input_size"]), 3)
    lines = []
    for layer, numbers in [("AddShift", means), ("Rescale", scales)]:
        lines += [f"<{layer}> 140 140", f"<LearnRateCoef> 0 [ {' '.join(map(str, numbers))} ]"]
    (FOLDER / "am.mvn").write_text("\n".join(["<Nnet>", "<Splice> 140 140", "[ 0 ]", *lines, "</Nnet>"]) + "\n")
    (FOLDER / "config.json").write_text(json.dumps(CONFIG, indent=1) + "\n")
    (FOLDER / "tokens.json").write_text(json.dumps(TOKENS, ensure_ascii=False, indent=1) + "\n")
    sensevoice.SenseVoiceSmall.post_load_hook(model, FOLDER)
    norm, query = model._build_query(1)
    features = model._extract_features(mx.array(sound(20_000)))[None]
    scores = model.ctc_lo(model.encoder(mx.concatenate([query, norm, features], axis=1)))[0]
    # Each token is the likeliest in some frames.
    weights["ctc_lo.bias"] = np.array(model.ctc_lo.bias - scores.mean(0)).astype(np.float16)
    model.ctc_lo.bias = mx.array(weights["ctc_lo.bias"].astype(np.float32))
    expected = {}
    for at, (length, first) in enumerate([(20_000, 0), (31_337, 5000)]):
        features = model._extract_features(mx.array(sound(length, first)))[None]
        for name, (language, itn) in ASKED.items():
            norm, query = model._build_query(1, language, itn)
            hidden = model.encoder(mx.concatenate([query, norm, features], axis=1))
            scores = model.ctc_lo(hidden)[0]
            if name == "auto":
                expected[f"hidden.{at}"] = hidden[0]
                expected[f"scores.{at}"] = scores
            tokens, text = model._greedy_ctc_decode(model(features, language, itn)[0, 4:])
            expected[f"tokens.{name}.{at}"] = np.array(tokens, np.int32)
            expected[f"tags.{name}.{at}"] = np.array(scores[:4].argmax(-1)).astype(np.int32)
            print(name, at, repr(text), [TOKENS[tag] for tag in expected[f"tags.{name}.{at}"]])
    # As PyTorch has it.
    weights = {key: value.swapaxes(1, 2) if "fsmn" in key else value for key, value in weights.items()}
    weights = {key.replace("ctc_lo.", "ctc.ctc_lo."): value for key, value in weights.items()}
    write_tensors(FOLDER / "model.safetensors", weights)
    write_tensors(FOLDER / "expected.safetensors", {key: np.array(value) for key, value in expected.items()})


if __name__ == "__main__":
    main()
