"""A photo of 12 megapixels to floats, by transformers and by Pillow with as little of numpy as there can be.

The line `make` writes the photo; the line `both` is answered by the seconds of each."""

import sys
import time

import numpy as np
from PIL import Image
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

PATH = sys.argv[1]
SIZE = (1344, 1008)
MEAN, STD = np.array([0.5, 0.4, 0.3], np.float32), np.array([0.2, 0.25, 0.3], np.float32)
PROCESSOR = ViTImageProcessorPil(
    size={"height": SIZE[1], "width": SIZE[0]}, resample=3, image_mean=MEAN.tolist(), image_std=STD.tolist()
)


def make():
    rows, columns = np.mgrid[0:3000, 0:4000]
    waves = [np.sin(columns / 200 + rows / 300), np.cos(columns / 150 - rows / 90), np.sin((columns + rows) / 70)]
    pixels = 128 + 90 * np.stack(waves, -1) + np.random.default_rng(0).normal(0, 6, (3000, 4000, 3))
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(PATH, quality=90)


def with_transformers():
    return PROCESSOR(images=[Image.open(PATH).convert("RGB")], return_tensors="np")["pixel_values"]


def with_numpy():
    pixels = np.asarray(Image.open(PATH).convert("RGB").resize(SIZE, Image.Resampling.BICUBIC))
    return (pixels * np.float32(1 / 255) - MEAN) / STD


def seconds(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


for line in sys.stdin:
    if line.strip() == "make":
        make()
        print(0, flush=True)
    else:
        print(seconds(with_transformers), seconds(with_numpy), flush=True)
