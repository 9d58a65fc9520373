"""A tiny random Qwen3-ASR in the layout of the original, and what transformers and mlx_audio make of some sounds with it,
in float32."""

import json
import pathlib

import numpy as np
import torch
from byte_tokenizer import tokenizer
from moonshine import shake, sound
from safetensors.torch import load_file, save_file

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "crates" / "mlx-audio" / "tests" / "golden" / "qwen3_asr"
# More than attention sees together, and less than half a second.
SAMPLES = [55000, 33000, 20000, 6000]
SPECIAL = {
    "<|endoftext|>": True,
    "<|im_start|>": True,
    "<|im_end|>": True,
    "<|audio_start|>": True,
    "<|audio_end|>": True,
    "<|audio_pad|>": True,
    "<asr_text>": False,
    "<blank>": True,
}
IDS = {token: 256 + at for at, token in enumerate(SPECIAL)}
AUDIO = {
    "num_mel_bins": 128,
    "encoder_layers": 2,
    "encoder_attention_heads": 2,
    "encoder_ffn_dim": 20,
    "d_model": 12,
    "output_dim": 16,
    "n_window": 50,
    "n_window_infer": 200,
    "downsample_hidden_size": 6,
    "activation_function": "gelu",
}
TEXT = {
    "vocab_size": 264,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 512,
    "rms_norm_eps": 1e-6,
    "tie_word_embeddings": True,
    "hidden_act": "silu",
    "attention_bias": False,
}
NEW = 12


def original():
    """The config as the original has it."""
    rope = {"rope_theta": 1000000, "rope_scaling": {"mrope_section": [2, 1, 1], "interleaved": True, "rope_type": "default", "type": "default"}}
    thinker = {"audio_config": AUDIO, "text_config": TEXT | rope, "audio_token_id": IDS["<|audio_pad|>"], "model_type": "qwen3_asr"}
    return {"model_type": "qwen3_asr", "support_languages": ["English", "Klingon"], "thinker_config": thinker}


def renamed(name):
    """A key of transformers as the original has it."""
    for new, old in [
        ("model.audio_tower.", "audio_tower."),
        ("model.language_model.", "model."),
        ("model.multi_modal_projector.linear_1.", "audio_tower.proj1."),
        ("model.multi_modal_projector.linear_2.", "audio_tower.proj2."),
    ]:
        if name.startswith(new):
            return f"thinker.{old}{name.removeprefix(new)}"
    return f"thinker.{name}"


def prompt(places, language=None):
    """The tokens of a prompt. Those of letters are their bytes."""
    text = lambda words: list(words.encode())
    start, end, newline = IDS["<|im_start|>"], IDS["<|im_end|>"], text("\n")
    tokens = [start, *text("system\n"), end, *newline, start, *text("user\n"), IDS["<|audio_start|>"]]
    tokens += [IDS["<|audio_pad|>"]] * places + [IDS["<|audio_end|>"], end, *newline, start, *text("assistant\n")]
    return tokens + ([*text(f"language {language}"), IDS["<asr_text>"]] if language else [])


def by_transformers(model, audio, language):
    """Audio features, scores behind the prompt and those of tokens behind it, and the likeliest tokens."""
    from transformers import Qwen3ASRFeatureExtractor

    extract = Qwen3ASRFeatureExtractor()
    inputs = extract([audio], sampling_rate=16000, padding=True, return_attention_mask=True, return_tensors="pt")
    features, mask = inputs["input_features"], inputs["attention_mask"]
    with torch.no_grad():
        hidden = model.get_audio_features(features, mask).pooler_output
        tokens = torch.tensor([prompt(len(hidden), language)])
        rest = torch.tensor([[72, 101, 108]])
        logits = model(torch.cat([tokens, rest], 1), features, mask).logits[0, -4:]
        written = []
        for _ in range(NEW):
            all_tokens = torch.cat([tokens, torch.tensor([written], dtype=torch.long)], 1)
            written.append(int(model(all_tokens, features, mask).logits[0, -1].argmax()))
    return hidden.contiguous(), logits.contiguous(), written


def by_mlx_audio(folder, audio, language):
    """The same by mlx_audio, which needs a feature extractor of transformers."""
    import mlx.core as mx
    from mlx_audio.stt.models.qwen3_asr import Model, ModelConfig
    from transformers import WhisperFeatureExtractor

    mx.set_default_device(mx.cpu)
    config = ModelConfig.from_dict(json.loads((folder / "config.json").read_text()))
    model = Model(config)
    weights = {name: mx.array(value.float().numpy()) for name, value in load_file(folder / "model.safetensors").items()}
    model.load_weights(list(model.sanitize(weights).items()))
    extract = WhisperFeatureExtractor(feature_size=128)
    inputs = extract(audio, sampling_rate=16000, return_attention_mask=True, truncation=False, padding=True, return_tensors="np")
    hidden = model.get_audio_features(mx.array(inputs["input_features"]), mx.array(inputs["attention_mask"]))
    tokens = mx.array([prompt(len(hidden), language)])
    cache = model.make_cache()
    last = model._forward_with_embeds(model._build_inputs_embeds(tokens, hidden), cache)[0, -1:]
    rest = model(mx.array([[72, 101, 108]]), cache=cache)[0]
    logits = mx.concatenate([last, rest])
    cache = model.make_cache()
    scores = model._forward_with_embeds(model._build_inputs_embeds(tokens, hidden), cache)[0, -1]
    written = []
    for _ in range(NEW):
        written.append(int(scores.argmax()))
        scores = model(mx.array([written[-1:]]), cache=cache)[0, -1]
    return np.array(hidden), np.array(logits), written


def apart(found, expected):
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    return float(np.sqrt(np.mean((found - expected) ** 2) / np.mean(expected**2)))


def main():
    from transformers import Qwen3ASRConfig, Qwen3ASRForConditionalGeneration

    text = TEXT | {"model_type": "qwen3", "rope_parameters": {"rope_type": "default", "rope_theta": 1000000.0}}
    audio = AUDIO | {"model_type": "qwen3_asr_encoder"}
    config = Qwen3ASRConfig(audio_config=audio, text_config=text, audio_token_id=IDS["<|audio_pad|>"], attn_implementation="eager")
    model = shake(Qwen3ASRForConditionalGeneration(config), 3)
    FOLDER.mkdir(parents=True, exist_ok=True)
    state = {renamed(name): value.half().contiguous() for name, value in model.state_dict().items()}
    save_file({name: value for name, value in state.items() if "lm_head" not in name}, FOLDER / "model.safetensors")
    (FOLDER / "config.json").write_text(json.dumps(original(), indent=1) + "\n")
    (FOLDER / "tokenizer.json").write_text(json.dumps(tokenizer(SPECIAL), ensure_ascii=False) + "\n")
    expected = {}
    for at, samples in enumerate(SAMPLES):
        audio, language = sound(samples, 200 + 130 * at), "English" if at == 1 else None
        hidden, logits, written = by_transformers(model, audio, language)
        expected |= {f"hidden.{at}": hidden, f"logits.{at}": logits}
        expected[f"generated.{at}"] = torch.tensor(written, dtype=torch.int32)
        print(samples, hidden.shape, written)
        # Of less than a second, mlx_audio itself makes one.
        if samples >= 16000:
            by_mlx = by_mlx_audio(FOLDER, audio, language)
            print("mlx_audio", apart(by_mlx[0], hidden), apart(by_mlx[1], logits), by_mlx[2] == written)
            expected[f"mlx.logits.{at}"] = torch.from_numpy(by_mlx[1])
            expected[f"mlx.hidden.{at}"] = torch.from_numpy(by_mlx[0])
    save_file(expected, FOLDER / "expected.safetensors")


if __name__ == "__main__":
    main()
