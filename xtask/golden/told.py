"""Conversations that show pictures, and the folder of a tiny model to which they are told."""

import json
import pathlib
import shutil

from PIL import Image
from safetensors.numpy import save_file
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from byte_tokenizer import tokenizer
from pictures import picture

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "crates" / "mlx-vlm" / "tests" / "golden"
# Logits are kept of so many last tokens of a prompt, and of these that follow it.
LAST = 6
THEN = [65, 200, 33]


class Told:
    """The folder of a model with its tokenizer, which takes `more` than bytes."""

    def __init__(self, name, special, template, files, more=None):
        self.cases, self.tensors = [], {}
        self.folder = GOLDEN / name
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        words = tokenizer({token: True for token in special}) | (more or {})
        self.write("tokenizer.json", words)
        self.write("tokenizer_config.json", {"chat_template": template})
        for file, contents in files.items():
            self.write(file, contents)
        self.words = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(json.dumps(words)))
        self.words.chat_template = template

    def write(self, file, contents):
        (self.folder / file).write_text(json.dumps(contents, separators=(",", ":")) + "\n")

    def keep(self, name, turns, tokens, logits):
        """Keeps a conversation with its tokens, and logits after each of these and those that follow."""
        self.cases.append({"name": name, "turns": turns, "tokens": tokens, "then": THEN, "last": LAST})
        self.tensors[name] = logits[-LAST - len(THEN) :]
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
