"""Tiny vision-language models by mlx-vlm in float32, for families that transformers has not."""

import json

import mlx.core as mx
import numpy as np
import torch
from mlx.utils import tree_flatten, tree_unflatten
from safetensors.numpy import save_file

from shown import Shown

mx.set_default_device(mx.cpu)


def fill(module, seed=0):
    """Random weights, which halves hold exactly, for the arrays of a module. Each part is loud enough to matter."""
    random = np.random.RandomState(seed)
    filled = []
    for name, array in tree_flatten(module.parameters()):
        noise = random.standard_normal(array.shape)
        if array.ndim == 1 and name.endswith("weight"):
            noise = 1 + 0.2 * noise
        elif array.ndim == 1:
            noise = 0.2 * noise
        elif "embed_tokens" in name or "position_embedding" in name or "pos_emb" in name:
            noise = 0.6 * noise
        else:
            # Layers of experts are side by side.
            fan = np.prod(array.shape[2:] if array.ndim == 3 else array.shape[1:])
            noise = 1.4 * noise / fan**0.5
        filled.append((name, mx.array(noise.astype(np.float16).astype(np.float32))))
    module.update(tree_unflatten(filled))
    return dict(filled)


def channels_first(array):
    """A convolution as torch stores it."""
    return mx.moveaxis(array, -1, 1) if array.ndim == 4 else array


class MlxShown(Shown):
    """A family's tiny model of mlx-vlm. `arrays` are those of its checkpoint, and `logits` takes what `others` of an
    expansion gives of tokens."""

    def __init__(self, name, config, arrays, logits, words):
        special, template, files = words
        self.logits = logits
        super().__init__(name, Saved(config, arrays), special, template, files)
        self.model = self

    def __call__(self, input_ids, **others):
        return Scores(self.logits(mx.array(input_ids.numpy().astype(np.int32)), **others))


class Scores:
    """Logits as those of transformers."""

    def __init__(self, logits):
        self.logits = torch.tensor(np.array(logits, dtype=np.float32))


class Saved:
    """A checkpoint that is saved as those of transformers."""

    def __init__(self, config, arrays):
        self.config, self.arrays = config, {name: np.array(array) for name, array in arrays.items()}

    def __deepcopy__(self, memo):
        return self

    def half(self):
        return self

    def save_pretrained(self, folder):
        halves = {name: np.ascontiguousarray(array, dtype=np.float16) for name, array in self.arrays.items()}
        save_file(halves, folder / "model.safetensors")
        (folder / "config.json").write_text(json.dumps(self.config, indent=2) + "\n")
