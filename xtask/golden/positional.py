"""Positional encodings, in float32."""

import itertools

import mlx.nn as nn
import numpy as np
from layer_case import Cases

SINUSOIDS = [
    (8, {}),
    (2, {}),
    (6, {"cos_first": True, "scale": 1.0}),
    (6, {"min_freq": 0.01, "max_freq": 2.0, "scale": 0.5, "full_turns": True}),
]
ROTATIONS = [
    {"traditional": False, "base": 10000.0, "scale": 1.0, "offset": 0},
    {"traditional": True, "base": 10000.0, "scale": 1.0, "offset": 5},
    {"traditional": False, "base": 500.0, "scale": 0.5, "offset": 3},
    {"traditional": True, "base": 100.0, "scale": 2.0, "offset": 0},
]


def main():
    cases = Cases("positional", 5400)
    for number, (dims, changes) in enumerate(SINUSOIDS):
        settings = {"min_freq": 1e-4, "max_freq": 1.0, "scale": None, "cos_first": False, "full_turns": False}
        settings = settings | changes
        layer = nn.SinusoidalPositionalEncoding(dims, **settings)
        positions = cases.random.uniform(0.0, 8.0, (2, 5)).astype(np.float32)
        cases.add(f"sinusoidal-{number}", layer, [positions], dims=dims, **settings)
    for heads, offset in itertools.product([1, 4, 6, 7], [0, 3]):
        call = lambda layer, scores, mask=None: layer(scores, offset, mask)
        inputs = [cases.normal(2, heads, 3, 6), cases.normal(3, 6)]
        cases.add(f"alibi-{heads}-{offset}", nn.ALiBi(), inputs[:1], call, offset=offset)
        cases.add(f"alibi-{heads}-{offset}-mask", nn.ALiBi(), inputs, call, offset=offset)
    for number, settings in enumerate(ROTATIONS):
        offset = settings["offset"]
        layer = nn.RoPE(6, settings["traditional"], settings["base"], settings["scale"])
        call = lambda layer, x: layer(x, offset=offset)
        cases.add(f"rope-{number}", layer, [cases.normal(2, 2, 4, 8)], call, **settings)
    cases.write()


if __name__ == "__main__":
    main()
