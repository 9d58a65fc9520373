"""Tiny vision-language models by transformers in float32, and what they make of conversations that show pictures."""

import copy
import json
import pathlib
import shutil

import numpy as np
import torch
from PIL import Image
from safetensors.numpy import save_file
from tokenizers import Tokenizer
from transformers import AutoModelForImageTextToText, PreTrainedTokenizerFast

from byte_tokenizer import tokenizer
from pictures import picture

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "crates" / "mlx-vlm" / "tests" / "golden"
# Logits are kept of so many last tokens of a prompt, and of these that follow it.
LAST = 6
THEN = [65, 200, 33]


def build(config, seed=0, model=AutoModelForImageTextToText):
    """A model of random weights, which halves hold exactly. Each part is loud enough to matter."""
    torch.manual_seed(seed)
    built = model.from_config(config) if hasattr(model, "from_config") else model(config)
    built = built.to(torch.float32).eval()
    with torch.no_grad():
        for name, weight in built.named_parameters():
            fan = weight[0].numel() if weight.ndim > 1 else 1
            noise = torch.randn_like(weight)
            if "norm" in name and weight.ndim == 1 and name.endswith("weight"):
                weight.copy_(1 + 0.2 * noise if weight.abs().max() > 0 else 0.2 * noise)
            elif weight.ndim == 1:
                weight.copy_(0.2 * noise)
            elif "embed_tokens" in name or "embedding" in name:
                weight.copy_(0.6 * noise)
            else:
                weight.copy_(1.4 * noise / fan**0.5)
            weight.copy_(weight.half().float())
    return built


class Shown:
    """A family's tiny model with its tokenizer, in a folder of its own."""

    def __init__(self, name, model, special, template, files):
        self.model, self.cases, self.tensors = model, [], {}
        self.folder = GOLDEN / name
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        words = tokenizer({token: True for token in special})
        self.write("tokenizer.json", words)
        self.write("tokenizer_config.json", {"chat_template": template})
        for file, contents in files.items():
            self.write(file, contents)
        self.words = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(json.dumps(words)))
        self.words.chat_template = template
        copy.deepcopy(model).half().save_pretrained(self.folder)
        (self.folder / "generation_config.json").unlink(missing_ok=True)

    def write(self, file, contents):
        (self.folder / file).write_text(json.dumps(contents, separators=(",", ":")) + "\n")

    def text(self, turns):
        """What the chat template writes; each turn is who speaks, the text, and what is shown."""
        messages = [
            {"role": role, "content": [{"type": kind(one)} for one in media] + [{"type": "text", "text": text}]}
            for role, text, media in turns
        ]
        return self.words.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)

    def case(self, name, turns, expand):
        """Keeps a conversation with its tokens and logits. `expand` takes its text and media, and gives the text that the
        tokenizer takes and a function from tokens to what else the model takes."""
        media = [one for _, _, media in turns for one in media]
        text, others = expand(self.text(turns), media)
        tokens = self.words(text, add_special_tokens=False)["input_ids"]
        whole = torch.tensor([tokens + THEN])
        with torch.no_grad():
            logits = self.model(input_ids=whole, **others(whole)).logits
        self.cases.append({"name": name, "turns": turns, "tokens": tokens, "then": THEN, "last": LAST})
        self.tensors[name] = logits[0, -LAST - len(THEN) :].numpy()
        print(f"{self.folder.name}: {name}: {len(tokens)} tokens, logits of {logits.std():.2f}")

    def finish(self):
        """Writes the cases."""
        lines = ",\n".join(json.dumps(case) for case in self.cases)
        (self.folder / "cases.json").write_text(f"[\n{lines}\n]\n")
        save_file(self.tensors, self.folder / "logits.safetensors")


def kind(media):
    """What a conversation shows: an image by its size and seed, or a video, which has frames too."""
    return "video" if "frames" in media else "image"


def image(height, width, seed=0):
    return {"height": height, "width": width, "seed": seed}


def video(frames, height, width, seed=0, interval=0.5):
    return image(height, width, seed) | {"frames": frames, "interval": interval}


def pictures(media):
    """The frames of what is shown, by Pillow."""
    seeds = range(media["seed"], media["seed"] + media.get("frames", 1))
    return [Image.fromarray(picture(media["height"], media["width"], seed)) for seed in seeds]


def replaced(text, marker, parts):
    """A text with what stands for each image in place of its marker."""
    pieces = text.split(marker)
    assert len(pieces) == len(parts) + 1, (marker, len(pieces), len(parts))
    return pieces[0] + "".join(part + piece for part, piece in zip(parts, pieces[1:]))
