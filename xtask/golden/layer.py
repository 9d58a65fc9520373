"""Layers of `mlx.nn` that have no matrices, in float32: norms, pools, positions."""

import itertools

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from parity import Cases


def called(layer, **extra):
    """A function of the input and the parameters of `layer`."""

    def function(x, **parameters):
        layer.update(parameters)
        return layer(x, **extra)

    return function


def norm(cases, kind, shape, arguments, **settings):
    """A case of a norm with random parameters in the place of its ones and zeros."""
    layer = getattr(nn, kind)(*arguments, **settings)
    drawn = {key: cases.uniform(*value.shape, low=0.5, high=1.5) for key, value in layer.parameters().items()}
    arrays = {"x": cases.normal(*shape, scale=2.0) + np.float32(0.5)} | drawn
    name = f"{kind}.{len(cases.cases)}"
    if kind != "BatchNorm":
        cases.add(name, called(layer), arrays, op=kind, arguments=list(arguments), settings=settings)
        return
    cases.add(name, called(layer.eval()), arrays, op=kind, settings=settings)
    layer.train()
    cases.add(f"{name}.train", called(layer), arrays, op="BatchNorm.train", settings=settings)
    if settings.get("track_running_stats", True):
        moments = ["running_mean", "running_var"]
        layer.update({key: mx.array(drawn[key]) for key in moments})
        layer(mx.array(arrays["x"]))
        cases.tensors |= {f"{name}.train.new.{key}": np.array(layer[key]) for key in moments}


def norms(cases):
    for settings in [{}, {"bias": False}, {"affine": False}, {"eps": 0.1}]:
        norm(cases, "LayerNorm", (2, 3, 8), (8,), **settings)
    for settings in [{}, {"eps": 0.1}]:
        norm(cases, "RMSNorm", (2, 3, 8), (8,), **settings)
    for shape, settings in [((2, 5, 4), {}), ((2, 3, 4, 4), {"affine": True}), ((2, 2, 3, 2, 4), {"eps": 0.1})]:
        norm(cases, "InstanceNorm", shape, (4,), **settings)
    for shape, compatible in itertools.product([(3, 6), (2, 5, 6), (2, 3, 4, 6)], [False, True]):
        norm(cases, "GroupNorm", shape, (3, 6), pytorch_compatible=compatible)
    norm(cases, "GroupNorm", (2, 3, 6), (2, 6), affine=False, eps=0.1)
    for shape in [(5, 4), (3, 5, 4), (2, 3, 2, 4)]:
        norm(cases, "BatchNorm", shape, (4,))
    for settings in [{"affine": False}, {"track_running_stats": False}, {"momentum": 0.3, "eps": 0.1}]:
        norm(cases, "BatchNorm", (3, 5, 4), (4,), **settings)


def pools(cases):
    places = {1: (7,), 2: (6, 5), 3: (4, 5, 4)}
    windows = {
        1: [(2, None, 0), (3, 2, 1), (7, 7, 0), (3, 1, 2)],
        2: [(2, None, 0), ((3, 5), None, 0), ((3, 2), (1, 2), (1, 0)), ((2, 1), (3, 1), (0, 2))],
        3: [(2, None, 0), ((2, 5, 2), None, 0), ((2, 3, 1), (1, 2, 3), (1, 0, 0))],
    }
    for kind, axes in itertools.product(["MaxPool", "AvgPool"], [1, 2, 3]):
        for kernel, stride, padding in windows[axes]:
            layer = getattr(nn, f"{kind}{axes}d")(kernel, stride, padding)
            name = f"{kind}{axes}d.{len(cases.cases)}"
            window = [layer._kernel_size, layer._stride, [before for before, _ in layer._padding]]
            cases.add(name, layer, {"x": cases.normal(2, *places[axes], 3)}, op=f"{kind}{axes}d", window=window)


def positions(cases):
    for dims, settings in [
        (8, {}),
        (2, {}),
        (6, {"cos_first": True, "scale": 1.0}),
        (6, {"min_freq": 0.01, "max_freq": 2.0, "scale": 0.5, "full_turns": True}),
    ]:
        layer = nn.SinusoidalPositionalEncoding(dims, **settings)
        arrays = {"x": cases.uniform(2, 5, high=8.0)}
        cases.add(f"Sinusoidal.{len(cases.cases)}", layer, arrays, op="Sinusoidal", dims=dims, settings=settings)
    for heads, offset in itertools.product([1, 4, 6, 7], [0, 3]):
        arrays = {"x": cases.normal(2, heads, 3, 6)}
        settings = {"op": "ALiBi", "offset": offset}
        function = lambda x, mask=None: nn.ALiBi()(x, offset=offset, mask=mask)
        cases.add(f"ALiBi.{len(cases.cases)}", function, arrays, **settings)
        arrays = arrays | {"mask": cases.normal(3, 6)}
        cases.add(f"ALiBi.{len(cases.cases)}", function, arrays, **settings)
    for traditional, base, scale, offset in [
        (False, 10000.0, 1.0, 0),
        (True, 10000.0, 1.0, 5),
        (False, 500.0, 0.5, 3),
        (True, 100.0, 2.0, 0),
    ]:
        layer = nn.RoPE(6, traditional=traditional, base=base, scale=scale)
        settings = {"traditional": traditional, "base": base, "scale": scale, "offset": offset}
        arrays = {"x": cases.normal(2, 2, 4, 8)}
        cases.add(f"RoPE.{len(cases.cases)}", called(layer, offset=offset), arrays, op="RoPE", **settings)


def dropouts(cases):
    """What is left out after a seed."""
    for op, shape in [("Dropout", (4, 6)), ("Dropout2d", (3, 4, 6)), ("Dropout2d", (2, 3, 4, 6))] + [
        ("Dropout3d", (2, 3, 4, 6)),
        ("Dropout3d", (2, 2, 3, 2, 6)),
    ]:
        for p in [0.3, 0.5]:
            seed = len(cases.cases)
            layer = getattr(nn, op)(p)

            def function(x):
                mx.random.seed(seed)
                return layer(x)

            cases.add(f"{op}.{seed}", function, {"x": cases.normal(*shape)}, op=op, p=p, seed=seed)


def main():
    cases = Cases(5200)
    norms(cases)
    pools(cases)
    positions(cases)
    dropouts(cases)
    cases.write("layer")


if __name__ == "__main__":
    main()
