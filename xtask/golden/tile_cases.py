"""Conversations that every family which cuts images into tiles is shown, and what stands for images in them."""

import re

import numpy as np
from PIL import Image

from told import image, pictures, video

TEXT = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 2048,
    "bos_token_id": 256,
    "eos_token_id": 257,
    "rope_theta": 1000.0,
}
STILL = {
    "image": [["user", "What is it?", [image(37, 51)]]],
    "two": [["user", "And these?", [image(30, 61, 1), image(64, 20, 2)]]],
    "turns": [
        ["user", "One.", [image(37, 51)]],
        ["assistant", "Yes.", []],
        ["user", "Two?", [image(24, 24, 3)]],
    ],
    "text": [["user", "Nothing.", []]],
}
MOVING = {
    "video": [["user", "What moves?", [video(3, 30, 42, 4)]]],
    "both": [["user", "Which?", [image(37, 51), video(2, 40, 33, 7, 0.25)]]],
}


def expander(markers, process):
    """What a conversation becomes. `process` takes all that is shown, and gives what stands for each in the text and what
    the model takes of them. `markers` are those of images and, perhaps, of videos."""

    def expand(text, media):
        parts, kwargs = process(media) if media else ([], {})
        pieces = re.split("|".join(map(re.escape, markers)), text)
        assert len(pieces) == len(parts) + 1, (markers, len(pieces), len(parts))
        whole = pieces[0] + "".join(part + piece for part, piece in zip(parts, pieces[1:]))
        return whole, lambda tokens: kwargs

    return expand


def image_of(media):
    """The one image of what is shown."""
    (one,) = pictures(media)
    return one


def resized(images, size, resample, **others):
    """Images in another size by Pillow, which models were trained behind; torchvision rounds otherwise."""
    import torch

    pictures = [Image.fromarray(image.permute(1, 2, 0).numpy()) for image in images]
    pictures = [image.resize((size.width, size.height), resample) for image in pictures]
    return torch.tensor(np.stack([np.array(image) for image in pictures])).permute(0, 3, 1, 2)
