"""The parts of an image that Moondream sees, as its authors cut them."""

import math

import numpy as np
from PIL import Image


def grid(height, width, crop, most, margin):
    """How many parts there are in a column and in a row; `margin` is in pixels."""
    height, width, step = height - 2 * margin, width - 2 * margin, crop - 2 * margin
    if height <= step or width <= step:
        return 1, 1
    rows, columns = math.ceil(height / step), math.ceil(width / step)
    if rows * columns > most:
        share = math.sqrt(most / (rows * columns))
        return max(1, math.floor(rows * share)), max(1, math.floor(columns * share))
    rows = max(rows, math.floor(math.sqrt(most * height / width)))
    columns = max(columns, math.floor(math.sqrt(most * width / height)))
    if rows * columns > most and columns > rows:
        columns = math.floor(most / rows)
    elif rows * columns > most:
        rows = math.floor(most / columns)
    return max(1, rows), max(1, columns)


def parts(image, crop=378, most=12, margin=4, patch=14):
    """The whole image, and parts of it that overlap, as bytes `[rows, columns, 3]`; how many there are in a column and a
    row."""
    margin *= patch
    rows, columns = grid(image.height, image.width, crop, most, margin)
    step = crop - 2 * margin
    size = columns * step + 2 * margin, rows * step + 2 * margin
    large = np.asarray(image.resize(size, Image.Resampling.LANCZOS))
    whole = np.asarray(image.resize((crop, crop), Image.Resampling.LANCZOS))
    corners = [(row * step, column * step) for row in range(rows) for column in range(columns)]
    return [whole] + [large[top : top + crop, left : left + crop] for top, left in corners], (rows, columns)


def numbers(part):
    return (part.astype(np.float32) / 255 - 0.5) / 0.5
