"""Pooling layers, in float32."""

import itertools

import mlx.nn as nn
from layer_case import Cases

PLACES = {1: (7,), 2: (6, 5), 3: (4, 5, 4)}
# The kernel, stride and padding for each number of axes.
WINDOWS = {
    1: [(2, None, 0), (3, 2, 1), (7, 7, 0), (3, 1, 2), (2, 2, 1)],
    2: [(2, None, 0), ((3, 5), None, 0), ((3, 2), (1, 2), (1, 0)), ((2, 1), (3, 1), (0, 2))],
    3: [(2, None, 0), ((2, 5, 2), None, 0), ((2, 3, 1), (1, 2, 3), (1, 0, 0))],
}


def main():
    cases = Cases("pool", 5300)
    for kind, axes in itertools.product(["MaxPool", "AvgPool"], [1, 2, 3]):
        for number, window in enumerate(WINDOWS[axes]):
            layer = getattr(nn, f"{kind}{axes}d")(*window)
            padding = [before for before, _ in layer._padding]
            settings = {"kernel": layer._kernel_size, "stride": layer._stride, "padding": padding}
            cases.add(f"{kind}{axes}d-{number}", layer, [cases.normal(2, *PLACES[axes], 3)], **settings)
    cases.write()


if __name__ == "__main__":
    main()
