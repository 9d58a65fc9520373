"""Tiny random models of speech with heads for CTC or transducers, and what transformers makes of tones with them."""

import json
import pathlib

import torch
import transformers
from safetensors.torch import save_file
from tones import RATE, SPANS, sound

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "crates" / "mlx-audio" / "tests" / "golden" / "recognizer"
TOKENS = ["<pad>", "<s>", "</s>", "<unk>", "|", "E", "T", "A", "O", "N", "I", "'"]
WAV2VEC2 = {
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 40,
    "conv_dim": [10, 12, 14],
    "conv_kernel": [10, 3, 2],
    "conv_stride": [5, 2, 2],
    "num_feat_extract_layers": 3,
    "num_conv_pos_embeddings": 20,
    "num_conv_pos_embedding_groups": 4,
    "vocab_size": len(TOKENS),
    "pad_token_id": 0,
    "mask_time_prob": 0.0,
}
LARGE = WAV2VEC2 | {
    "feat_extract_norm": "layer",
    "do_stable_layer_norm": True,
    "conv_bias": True,
    "num_conv_pos_embeddings": 9,
    "layer_norm_eps": 1e-3,
}
PARAKEET = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "conv_kernel_size": 5,
    "subsampling_conv_channels": 6,
    "num_mel_bins": 24,
    "dropout": 0.0,
    "layerdrop": 0.0,
}


def shake(model, seed):
    """Weights that are large enough for every part to matter, of half precision."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if not value.is_floating_point():
                continue
            noise = torch.randn(value.shape, generator=generator)
            if name.endswith(("original0", "running_var")):
                value.copy_((0.5 + noise.abs()).half())
            else:
                fan = max(1, value[0].numel()) if value.ndim > 1 else 1
                noise = noise * (0.2 if value.ndim < 2 else (2.0 / fan) ** 0.5)
                value.copy_((noise + (1.0 if "norm" in name and name.endswith("weight") else 0.0)).half())
    return model.eval()


def save(name, config, state, expected, **files):
    folder = FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    for file, value in files.items():
        (folder / f"{file}.json").write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n")
    kept = {key: value.half() if value.is_floating_point() else value for key, value in sorted(state.items())}
    save_file({key: value.contiguous() for key, value in kept.items()}, folder / "model.safetensors")
    save_file({key: value.contiguous() for key, value in expected.items()}, folder / "expected.safetensors")


def centre(head, scores):
    """Has each token be the likeliest in some frames."""
    with torch.no_grad():
        middle = scores.reshape(-1, scores.shape[-1]).mean(0)
        head.bias.copy_((head.bias - middle).half())


def wav2vec2(name, kind, fields, seed, rename=lambda key: key):
    config = getattr(transformers, f"{kind}Config")(**fields)
    model = shake(getattr(transformers, f"{kind}ForCTC")(config), seed)
    batched = fields.get("feat_extract_norm") == "layer"
    preprocessor = {"do_normalize": True, "return_attention_mask": batched, "sampling_rate": RATE, "feature_size": 1}
    extractor = transformers.Wav2Vec2FeatureExtractor(**preprocessor)
    sounds = [sound(700), sound(460, 9000)]
    with torch.no_grad():
        centre(model.lm_head, model(extractor(sounds[0], sampling_rate=RATE, return_tensors="pt").input_values).logits)
    expected, times = {}, []
    vocab = {token: at for at, token in enumerate(TOKENS)}
    folder = FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps(vocab, indent=1) + "\n")
    tokenizer = transformers.Wav2Vec2CTCTokenizer(str(folder / "vocab.json"))
    for at, samples in enumerate(sounds):
        with torch.no_grad():
            values = extractor(samples, sampling_rate=RATE, return_tensors="pt").input_values
            output = model(values, output_hidden_states=True)
            base = getattr(model, model.base_model_prefix)
            expected[f"hidden.{at}"] = base(values).last_hidden_state[0]
        expected[f"scores.{at}"] = output.logits[0]
        ids = output.logits[0].argmax(-1).tolist()
        decoded = tokenizer.decode(ids, skip_special_tokens=False, output_word_offsets=True, output_char_offsets=True)
        chars = [char for char in decoded.char_offsets if char["char"] not in TOKENS[:4]]
        times.append([[char["char"], int(char["start_offset"]), int(char["end_offset"])] for char in chars])
    if batched:
        padded = extractor(sounds, sampling_rate=RATE, padding=True, return_tensors="pt", return_attention_mask=True)
        with torch.no_grad():
            logits = model(padded.input_values, attention_mask=padded.attention_mask).logits
        expected |= {f"batched.{at}": row[: len(expected[f"scores.{at}"])].clone() for at, row in enumerate(logits)}
    state = {rename(key): value for key, value in model.state_dict().items()}
    config = config.to_diff_dict() | {"architectures": [f"{kind}ForCTC"]}
    save(name, config, state, expected, preprocessor_config=preprocessor, times=times)


def old(key):
    """A key of weights as PyTorch wrote it before its parametrizations."""
    key = key.replace("parametrizations.weight.original0", "weight_g")
    return key.replace("parametrizations.weight.original1", "weight_v")


def pieces(count):
    """A tokenizer of syllables, with the blank as last token."""
    names = ["<unk>"] + [f"▁{letter}" if at % 3 == 0 else letter for at, letter in enumerate("abcdefghijklmnopqrst")]
    names = names[: count - 1] + ["<blank>"]
    special = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    added = [{"id": at, "content": names[at]} | special for at in (0, count - 1)]
    vocab = {name: at for at, name in enumerate(names)}
    model = {"type": "BPE", "vocab": vocab, "merges": [], "unk_token": "<unk>"}
    return {"version": "1.0", "added_tokens": added, "model": model}


def parakeet(name, kind, fields, seed):
    config = getattr(transformers, f"Parakeet{kind}Config")(encoder_config=PARAKEET, **fields)
    model = shake(getattr(transformers, f"ParakeetFor{kind}")(config), seed)
    head = model.ctc_head if kind == "CTC" else model.joint.head
    preprocessor = {"feature_size": PARAKEET["num_mel_bins"], "sampling_rate": RATE, "hop_length": 160, "n_fft": 512}
    preprocessor |= {"win_length": 400, "preemphasis": 0.97}
    extractor = transformers.ParakeetFeatureExtractor(**preprocessor)
    expected = {}
    sounds = [sound(*span) for span in SPANS]
    padded = extractor(sounds, sampling_rate=RATE, return_tensors="pt")
    with torch.no_grad():
        encoded = model.encoder(**padded)
        states = encoded.last_hidden_state[0]
        if kind == "CTC":
            centre(head, head(states[None]))
        else:
            start = model.decoder(torch.tensor([[config.blank_token_id]]))
            centre(head, model.joint(start, model.encoder_projector(states)[None]))
            # transformers takes the likeliest of tokens and durations together.
            head.bias[fields["vocab_size"] :] -= 30
            # It has no end of tokens without a duration.
            head.bias[fields["vocab_size"] :][:1] -= 1.5
            head.bias.copy_(head.bias.half())
    for at, samples in enumerate(sounds):
        features = extractor(samples, sampling_rate=RATE, return_tensors="pt")
        with torch.no_grad():
            hidden = model.encoder(**features)
            count = int(hidden.attention_mask.sum())
            expected[f"hidden.{at}"] = hidden.last_hidden_state[0, :count]
            expected[f"batched.{at}"] = encoded.last_hidden_state[at, :count].clone()
            if kind == "CTC":
                expected[f"scores.{at}"] = model(**features).logits[0, :count]
                continue
            heard = model.generate(**features, decoder_start_token_id=config.blank_token_id)
        tokens, frames, frame = [], [], 0
        for token, duration in zip(heard.sequences[0].tolist()[1:], heard.durations[0].tolist()[1:], strict=True):
            if token != config.blank_token_id:
                tokens.append(token)
                frames.append([frame, duration])
            frame += duration
        print(name, at, tokens, frames)
        assert frame >= count, f"generation stopped early: {frame} of {count}, {tokens} {frames}"
        expected[f"tokens.{at}"] = torch.tensor(tokens, dtype=torch.int32)
        expected[f"frames.{at}"] = torch.tensor(frames, dtype=torch.int32)
    config = config.to_diff_dict() | {"encoder_config": PARAKEET} | fields
    config["model_type"] = f"parakeet_{kind.lower()}"
    save(
        name,
        config,
        model.state_dict(),
        expected,
        preprocessor_config=preprocessor,
        tokenizer=pieces(fields["vocab_size"]),
    )


def main():
    wav2vec2("wav2vec2-base", "Wav2Vec2", WAV2VEC2, 0)
    wav2vec2("wav2vec2-large", "Wav2Vec2", LARGE, 1)
    wav2vec2("hubert", "Hubert", WAV2VEC2 | {"feat_proj_layer_norm": False}, 2, old)
    parakeet("parakeet-ctc", "CTC", {"vocab_size": 12, "pad_token_id": 11}, 3)
    transducer = {"decoder_hidden_size": 10, "num_decoder_layers": 2, "vocab_size": 12, "blank_token_id": 11}
    parakeet("parakeet-tdt", "TDT", transducer | {"durations": [0, 1, 2, 4]}, 4)
    parakeet("parakeet-rnnt", "RNNT", transducer | {"max_symbols_per_step": 3, "num_decoder_layers": 1}, 5)


if __name__ == "__main__":
    main()
