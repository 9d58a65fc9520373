"""What Phi-3-V sees of an image, as the processor of its authors has it: mlx-vlm stretches where they pad."""

import math

import numpy as np
from PIL import Image

EDGE = 336
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


def fitted(height, width, most):
    """The size of an image as wide or high as so many tiles at most allow, and the whole tiles that it needs."""
    if width < height:
        return tuple(edges[::-1] for edges in fitted(width, height, most))
    ratio = width / height
    along = 1
    while (along + 1) * math.ceil((along + 1) / ratio) <= most:
        along += 1
    inner = (int(along * EDGE / ratio), along * EDGE)
    return inner, (math.ceil(inner[0] / EDGE), along)


def padded(image, most):
    """The image in the middle of whole tiles of white, `[height, width, 3]`. What is higher than wide is turned before it
    is resized, and back behind it."""
    inner, grid = fitted(image.height, image.width, most)
    turned = image.width < image.height
    if turned:
        image, inner, grid = image.transpose(Image.TRANSPOSE), inner[::-1], grid[::-1]
    resized = np.array(image.resize(inner[::-1], Image.BILINEAR))
    above = (grid[0] * EDGE - inner[0]) // 2
    canvas = np.full((grid[0] * EDGE, inner[1], 3), 255, np.uint8)
    canvas[above : above + inner[0]] = resized
    return canvas.transpose(1, 0, 2) if turned else canvas


def numbers(canvas):
    """Floats of pixels, `[height, width, 3]`."""
    scaled = canvas.astype(np.float32) / np.float32(255)
    return (scaled - np.array(MEAN, np.float32)) / np.array(STD, np.float32)


def tiles(values):
    """The tiles that a canvas consists of, row by row, `[tiles, 336, 336, 3]`."""
    rows, columns = values.shape[0] // EDGE, values.shape[1] // EDGE
    cut = values.reshape(rows, EDGE, columns, EDGE, 3).transpose(0, 2, 1, 3, 4)
    return cut.reshape(-1, EDGE, EDGE, 3)


def whole(values):
    """All of a canvas in the size of a tile, by curves through four neighbours, whatever is between them."""
    for axis in (0, 1):
        ratio = values.shape[axis] / EDGE
        place = (np.arange(EDGE) + 0.5) * ratio - 0.5
        first = np.floor(place).astype(int)
        part = place - first
        shares = [curve(part + 1), curve(part), curve(1 - part), curve(2 - part)]
        line = lambda tap: np.take(values, np.clip(first + tap - 1, 0, values.shape[axis] - 1), axis)
        along = lambda share: share.reshape([-1 if at == axis else 1 for at in range(3)])
        values = sum(along(share) * line(tap) for tap, share in enumerate(shares))
    return values.astype(np.float32)


def curve(x, slope=-0.75):
    near = ((slope + 2) * x - (slope + 3)) * x * x + 1
    far = ((slope * x - 5 * slope) * x + 8 * slope) * x - 4 * slope
    return np.where(x <= 1, near, far)
