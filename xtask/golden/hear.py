"""A tiny random Whisper by transformers, and what OpenAI's implementation hears in real recordings, in float32."""

import json
import pathlib
import struct

import numpy as np
import torch
import whisper
from byte_tokenizer import tokenizer
from safetensors.torch import save_file
from transformers import WhisperConfig, WhisperForConditionalGeneration
from whisper.model import ModelDimensions

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "crates" / "mlx-audio" / "tests" / "golden"
ASSETS = ROOT / "assets"
RATE = 16000

# Tokens behind the bytes, in OpenAI's order, before 1,501 times.
SPECIAL = ["<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|translate|>", "<|transcribe|>"]
SPECIAL += ["<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>"]


def sound(samples):
    """Two tones, one of which grows."""
    time = np.arange(samples) / RATE
    return (0.3 * np.sin(2 * np.pi * 440 * time) + 0.1 * time * np.sin(2 * np.pi * 1250 * time)).astype(np.float32)


def tiny():
    torch.manual_seed(7)
    first_time = 256 + len(SPECIAL)
    config = WhisperConfig(
        vocab_size=first_time + 1501,
        num_mel_bins=80,
        d_model=8,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        max_target_positions=64,
        pad_token_id=256,
        bos_token_id=256,
        eos_token_id=256,
        decoder_start_token_id=257,
        attn_implementation="eager",
    )
    model = WhisperForConditionalGeneration(config).eval()
    state = {}
    for name, array in model.state_dict().items():
        if "embed_positions" not in name or "decoder" in name:
            array = torch.randn(array.shape) * (0.4 if array.ndim > 1 else 0.2) + (1.0 if "norm.weight" in name else 0.0)
        state[name] = array.half().float()
    state["proj_out.weight"] = state["model.decoder.embed_tokens.weight"]
    model.load_state_dict(state)
    folder = FOLDER / "whisper"
    folder.mkdir(parents=True, exist_ok=True)
    kept = {name: array.half().contiguous() for name, array in state.items() if name != "proj_out.weight"}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config.to_diff_dict(), indent=1) + "\n")
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer(dict.fromkeys(SPECIAL, True)), ensure_ascii=False) + "\n")
    features = whisper.log_mel_spectrogram(sound(3 * RATE), padding=30 * RATE)[None, :, : 3 * 100]
    features = torch.nn.functional.pad(features, (0, 3000 - 3 * 100))
    tokens = torch.tensor([[257, 264, 40, 41, 42, 300, 301]])
    with torch.no_grad():
        hidden = model.model.encoder(features).last_hidden_state[0]
        logits = model(features, decoder_input_ids=tokens).logits[0]
    expected = {"tokens": tokens[0].int(), "hidden": hidden[::25].contiguous(), "logits": logits.contiguous()}
    save_file(expected, folder / "expected.safetensors")


def variables(path):
    """The arrays of a CTranslate2 file."""
    with open(path, "rb") as file:

        def read(form):
            return struct.unpack("<" + form, file.read(struct.calcsize("<" + form)))

        def text():
            return file.read(read("H")[0]).rstrip(b"\0").decode()

        read("I"), text(), read("I")
        arrays = {}
        for _ in range(read("I")[0]):
            name, (rank,) = text(), read("B")
            shape, (kind, length) = read(f"{rank}I"), read("BI")
            form = {0: "<f4", 1: "i1", 2: "<i2", 3: "<i4", 4: "<f2"}[kind]
            arrays[name] = np.frombuffer(file.read(length), form).reshape(shape)
    return {name: torch.tensor(array.astype(np.float32)) for name, array in arrays.items()}


LAYER = {
    "self_attention/layer_norm/": "attn_ln.",
    "attention/layer_norm/": "cross_attn_ln.",
    "ffn/layer_norm/": "mlp_ln.",
    "ffn/linear_0/": "mlp.0.",
    "ffn/linear_1/": "mlp.2.",
}
LINEAR = {
    "self_attention/linear_0": ("attn", ["query", "key", "value"]),
    "self_attention/linear_1": ("attn", ["out"]),
    "attention/linear_0": ("cross_attn", ["query"]),
    "attention/linear_1": ("cross_attn", ["key", "value"]),
    "attention/linear_2": ("cross_attn", ["out"]),
}


def openai_state(arrays):
    """Names of OpenAI's implementation."""
    state = {}
    for name, array in arrays.items():
        if array.ndim == 0 or name.startswith("decoder/projection"):
            continue
        part, rest = name.split("/", 1)
        ends = lambda text: text.replace("gamma", "weight").replace("beta", "bias")
        if rest.startswith("layer_norm/"):
            norm = "ln_post" if part == "encoder" else "ln"
            state[f"{part}.{norm}.{ends(rest.split('/')[1])}"] = array
        elif rest.startswith("layer_"):
            number, rest = rest.removeprefix("layer_").split("/", 1)
            block = f"{part}.blocks.{number}."
            linear, ending = rest.rsplit("/", 1)
            if linear in LINEAR:
                module, names = LINEAR[linear]
                for one, piece in zip(names, array.chunk(len(names))):
                    if (one, ending) != ("key", "bias"):
                        state[f"{block}{module}.{one}.{ending}"] = piece
            else:
                old = next(old for old in LAYER if rest.startswith(old))
                state[block + LAYER[old] + ends(rest.removeprefix(old))] = array
        elif rest.startswith("position_encodings"):
            state[f"{part}.positional_embedding"] = array
        elif rest == "embeddings/weight":
            state["decoder.token_embedding.weight"] = array
        else:
            state[f"{part}.{rest.replace('/', '.')}"] = array
    return state


def openai_model(group):
    """The model of a CTranslate2 checkpoint in OpenAI's implementation."""
    folder = ASSETS / group
    state = openai_state(variables(folder / "model.bin"))
    width = state["encoder.conv1.weight"].shape[0]
    layers = lambda part: 1 + max(int(name.split(".")[2]) for name in state if name.startswith(f"{part}.blocks."))
    vocab = state["decoder.token_embedding.weight"].shape[0]
    heads = width // 64
    dims = ModelDimensions(80, 1500, width, heads, layers("encoder"), vocab, 448, width, heads, layers("decoder"))
    model = whisper.model.Whisper(dims).eval()
    model.load_state_dict(state, strict=False)
    mask = torch.zeros(dims.n_text_layer, dims.n_text_head, dtype=torch.bool)
    for layer, head in json.loads((folder / "config.json").read_text())["alignment_heads"]:
        mask[layer, head] = True
    model.register_buffer("alignment_heads", mask.to_sparse(), persistent=False)
    return model


def recordings():
    for path in sorted((ASSETS / "librivox").glob("*.wav")) + sorted((ASSETS / "speech").glob("*.wav")):
        yield path


def hear(model, path):
    """What is heard in a file, and when."""
    import soundfile

    samples, rate = soundfile.read(path, dtype="float32")
    assert rate == RATE and samples.ndim == 1
    found = whisper.transcribe(model, samples, fp16=False, beam_size=5, word_timestamps=True, temperature=0.0)
    words = [[word["word"], word["start"], word["end"]] for part in found["segments"] for word in part["words"]]
    times = [[part["start"], part["end"]] for part in found["segments"]]
    return {"file": path.name, "language": found["language"], "text": found["text"].strip(), "words": words, "segments": times}


def spoken():
    torch.set_num_threads(2)
    for group in ["whisper-tiny.en", "whisper-base"]:
        model = openai_model(group)
        heard = [hear(model, path) for path in recordings() if group == "whisper-base" or not path.name[:3] in ("es_", "fr_", "zh_")]
        lines = ",\n".join(json.dumps(one, ensure_ascii=False) for one in heard)
        (FOLDER / f"{group}.json").write_text(f"[\n{lines}\n]\n")


def noise(samples, seed, level):
    """Numbers that any language makes alike."""
    values = np.empty(samples)
    for at in range(samples):
        seed = (1664525 * seed + 1013904223) % 2**32
        values[at] = seed / 2**31 - 1
    return (level * values).astype(np.float32)


# How the recording of `clipped` is heard.
CLIPPED = [
    {},
    {"hallucination_silence_threshold": 1.0},
    {"hallucination_silence_threshold": 2.0, "clip_timestamps": [0.0, 30.0]},
    {"clip_timestamps": [4.0, 8.0, 22.0, 27.0]},
    {"clip_timestamps": [22.0], "hallucination_silence_threshold": 1.0},
    {"clip_timestamps": [1.0, 3.5, 3.5, 25.0], "hallucination_silence_threshold": 0.5},
]


def clipped():
    """What is heard in parts of a recording, and where words are made up in noise."""
    import soundfile

    model = openai_model("whisper-tiny.en")
    files = sorted((ASSETS / "librivox").glob("*.wav"))
    first, second = (soundfile.read(files[at], dtype="float32")[0] for at in (2, 1))
    parts = [np.zeros(3 * RATE, np.float32), first, noise(15 * RATE, 1, 0.03), second, noise(25 * RATE, 2, 0.03)]
    samples, lines = np.concatenate(parts), []
    for options in CLIPPED:
        found = whisper.transcribe(model, samples, fp16=False, beam_size=5, word_timestamps=True, temperature=0.0, **options)
        segments = [[round(float(part["start"]), 2), round(float(part["end"]), 2), part["text"]] for part in found["segments"]]
        lines.append(json.dumps({"options": options, "segments": [part for part in segments if part[2]]}, ensure_ascii=False))
    (FOLDER / "whisper-clips.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")


if __name__ == "__main__":
    tiny()
    spoken()
    clipped()
