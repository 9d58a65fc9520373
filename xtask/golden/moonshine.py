"""A tiny random Moonshine, and what transformers makes of some sounds with it, in float32."""

import json
import pathlib

import numpy as np
import torch
from byte_tokenizer import tokenizer
from safetensors.torch import save_file

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "crates" / "mlx-audio" / "tests" / "golden" / "moonshine"
RATE = 16000
SAMPLES = [36800, 16000, 9000]
CONFIG = {
    "vocab_size": 260,
    "hidden_size": 20,
    "intermediate_size": 24,
    "encoder_num_hidden_layers": 2,
    "decoder_num_hidden_layers": 2,
    "encoder_num_attention_heads": 2,
    "decoder_num_attention_heads": 2,
    "max_position_embeddings": 194,
    "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.8},
    "bos_token_id": 256,
    "decoder_start_token_id": 256,
    "pad_token_id": 258,
    "attn_implementation": "eager",
}

# Behind the bytes.
SPECIAL = ["<s>", "</s>", "<pad>", "<unk>"]


def sound(samples, pitch):
    """Two tones, one of which grows."""
    time = np.arange(samples) / RATE
    tones = 0.3 * np.sin(2 * np.pi * pitch * time) + 0.1 * time * np.sin(2 * np.pi * 2.7 * pitch * time)
    return tones.astype(np.float32)


def shake(model, seed):
    """Weights of half precision that are large enough for every part to matter."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in model.named_parameters():
            noise = torch.randn(value.shape, generator=generator)
            fan = max(1, value[0].numel()) if value.ndim > 1 else 1
            value.copy_(noise * (0.2 if value.ndim < 2 else (3.0 / fan) ** 0.5))
            if "norm" in name and name.endswith("weight"):
                value.add_(1.0)
            value.copy_(value.half().float())
    return model.eval()


def write(folder, model, config, special):
    """The files of a checkpoint."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: array.half().contiguous() for name, array in model.state_dict().items()}
    state = {name: array for name, array in state.items() if not name.startswith(("proj_out.", "lm_head."))}
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer(special), ensure_ascii=False) + "\n")


def most(samples):
    """How long a text may be, with the token that it begins with, as the model card says."""
    return int(samples * 6.5 / RATE)


def generated(model, audio, end):
    with torch.no_grad():
        tokens = model.generate(audio[None], max_length=most(len(audio)), do_sample=False, eos_token_id=end)[0, 1:]
    return [int(token) for token in tokens if int(token) != end]


def main():
    from transformers import MoonshineConfig, MoonshineForConditionalGeneration

    model = shake(MoonshineForConditionalGeneration(MoonshineConfig(**CONFIG)), 1)
    model.generation_config.pad_token_id = CONFIG["pad_token_id"]
    sounds = [torch.from_numpy(sound(samples, 200 + 130 * at)) for at, samples in enumerate(SAMPLES)]
    whole = [generated(model, audio, -1) for audio in sounds]
    # The longest text ends early, by a token that is nowhere before.
    others = [*whole[1], *whole[2]]
    end = next(token for at, token in enumerate(whole[0]) if at > 3 and token not in [*whole[0][:at], *others])
    print(whole, end)
    expected = {"tokens": torch.tensor([256, 72, 101, 108, 108, 111, 33], dtype=torch.int32)}
    for at, audio in enumerate(sounds):
        with torch.no_grad():
            expected[f"hidden.{at}"] = model.model.encoder(audio[None]).last_hidden_state[0].contiguous()
            tokens = expected["tokens"][None].long()
            expected[f"logits.{at}"] = model(audio[None], decoder_input_ids=tokens).logits[0].contiguous()
        expected[f"generated.{at}"] = torch.tensor(generated(model, audio, end), dtype=torch.int32)
    config = model.config.to_diff_dict() | {"eos_token_id": end}
    write(FOLDER, model, config, dict.fromkeys(SPECIAL, True))
    save_file(expected, FOLDER / "expected.safetensors")


if __name__ == "__main__":
    main()
