"""Resampling by `nn.Upsample`, and `nn.Bilinear`, in float32."""

import mlx.core as mx
import mlx.nn as nn
from layer_case import Cases

SPATIAL = {1: (7,), 2: (6, 5), 3: (4, 3, 2)}
# A scale, the numbers of axes it is tried with, and the kinds of interpolation.
NEAREST = [(2, (1, 2, 3)), (1.5, (1, 2)), (0.6, (1, 2)), ((3, 1.7), (2,)), ((1, 2), (2,)), ((0.4, 2.0), (2,))]
SMOOTH = [(2, (1, 2, 3)), (1.7, (1, 2)), (0.5, (1, 2)), ((1.0, 3.0), (2,)), ((0.34, 2.5), (2,))]
GRIDS = {"centers": {}, "corners": {"align_corners": True}, "antialiased": {"antialias": True}}
# Channels of both inputs and the output, the shape of a batch, whether there is a bias.
BILINEAR = [((4, 3, 5), (2,), True), ((4, 3, 5), (2, 3), False), ((2, 1, 1), (1,), True), ((3, 2, 2), (), True)]


def main():
    cases = Cases("upsample", 6200)
    for scale, dimensions in NEAREST:
        for axes in dimensions:
            add(cases, scale, axes, "nearest", "centers")
    for mode in ("linear", "cubic"):
        for grid in GRIDS:
            for scale, dimensions in SMOOTH:
                for axes in dimensions:
                    if axes < 3 or mode == "linear":
                        add(cases, scale, axes, mode, grid)
    for channels, batch, bias in BILINEAR:
        first, second, outputs = channels
        inputs = [cases.normal(*batch, first), cases.normal(*batch, second)]
        name = f"bilinear-{len(cases.cases)}"
        cases.add(name, nn.Bilinear(*channels, bias=bias), inputs, channels=channels, bias=bias)
    cases.write()


def add(cases, scale, axes, mode, grid):
    scales = list(map(float, scale)) if isinstance(scale, tuple) else [float(scale)]
    name = "-".join([mode, grid, f"{axes}d", *map(str, scales)])
    layer = nn.Upsample(scale, mode, **GRIDS[grid])
    x = cases.normal(2, *SPATIAL[axes], 2)
    cases.add(name, layer, [x], mode=mode, grid=grid, scales=scales, every_axis=not isinstance(scale, tuple))


if __name__ == "__main__":
    main()
