"""Pictures by a formula, and what is written of the numbers that a processor makes of them."""

import json
import pathlib

import numpy as np

IMAGES = pathlib.Path(__file__).resolve().parents[2] / "crates" / "mlx-image" / "tests" / "golden"
STEP, FIRST = 6364136223846793005, 1442695040888963407
# How far from a half a number has to be so that it is rounded alike everywhere.
CLEAR = 5e-4


def picture(height, width, seed=0):
    """Waves that differ in each channel, `[height, width, 3]`."""
    y, x, c = np.mgrid[0:height, 0:width, 0:3].astype(np.int64)
    return ((7 * y * y + 3 * x * x + 5 * x * y + 31 * x + 17 * y + 40 * seed) // 4 + 85 * c & 255).astype(np.uint8)


def digest(values):
    """A sum over all numbers, each times a factor rounded, and some of them as they are."""
    flat = np.ascontiguousarray(values, dtype=np.float32).ravel()
    distinct = np.unique(flat).astype(np.float64)
    clear = lambda scale: np.abs((distinct * scale) % 1.0 - 0.5).min() > CLEAR
    scale = next(scale for scale in range(1000, 1400) if clear(scale))
    rounded = np.rint(flat.astype(np.float64) * scale).astype(np.int64).astype(np.uint64)
    weights = np.arange(flat.size, dtype=np.uint64) * np.uint64(STEP) + np.uint64(FIRST)
    total = int((rounded * weights).sum(dtype=np.uint64))
    some = [float(flat[flat.size * at // 8 + at]) for at in range(8)]
    return {"count": flat.size, "scale": scale, "sum": f"{total:016x}", "some": some}


def channels_last(array):
    """An array `[.., channels, height, width]` with channels last."""
    return np.moveaxis(np.asarray(array), -3, -1)


def write(name, cases):
    """Writes one case a line."""
    lines = ",\n".join(json.dumps(case) for case in cases)
    (IMAGES / name).write_text(f'{{"cases": [\n{lines}\n]}}\n')


def sizes(count, seed):
    """Sizes of all kinds, hard ones first."""
    random = np.random.default_rng(seed)
    hard = [(1, 1), (1, 20000), (20000, 1), (1, 200), (201, 1), (9000, 12000)]
    return hard + [tuple(np.exp(random.uniform(0, 8, 2)).astype(int) + 1) for _ in range(count)]


def planned(plan, count, seed=0):
    """What `plan` says of many sizes, each after its size; nothing where it refuses."""
    found = []
    for height, width in sizes(count, seed):
        try:
            found.append([int(height), int(width), *map(int, plan(int(height), int(width)))])
        except ValueError:
            found.append([int(height), int(width)])
    return found
