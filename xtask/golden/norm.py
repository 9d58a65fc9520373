"""Normalising layers, in float32."""

import itertools

import mlx.core as mx
import mlx.nn as nn
from layer_case import Cases


def main():
    cases = Cases("norm", 5200)
    for affine, bias, eps in [(True, True, 1e-5), (True, False, 1e-5), (False, False, 1e-5), (True, True, 0.1)]:
        settings = {"affine": affine, "bias": bias, "eps": eps}
        add(cases, nn.LayerNorm(8, **settings), (2, 3, 8), **settings)
    for eps in [1e-5, 0.1]:
        add(cases, nn.RMSNorm(8, eps), (2, 3, 8), eps=eps)
    for shape, affine, eps in [
        ((2, 5, 4), False, 1e-5),
        ((2, 3, 4, 4), True, 1e-5),
        ((2, 2, 3, 2, 4), True, 0.1),
    ]:
        settings = {"affine": affine, "eps": eps}
        add(cases, nn.InstanceNorm(4, **settings), shape, **settings)
    for shape, compatible in itertools.product([(3, 6), (2, 5, 6), (2, 3, 4, 6)], [False, True]):
        settings = {"affine": True, "eps": 1e-5, "pytorch_compatible": compatible}
        add(cases, nn.GroupNorm(3, 6, **settings), shape, groups=3, **settings)
    settings = {"affine": False, "eps": 0.1, "pytorch_compatible": False}
    add(cases, nn.GroupNorm(2, 6, **settings), (2, 3, 6), groups=2, **settings)
    batch_norms(cases)
    cases.write()


def batch_norms(cases):
    defaults = {"affine": True, "track_running_stats": True, "momentum": 0.1, "eps": 1e-5}
    changes = [{"affine": False}, {"track_running_stats": False}, {"momentum": 0.3, "eps": 0.1}]
    for shape in [(5, 4), (3, 5, 4), (2, 3, 2, 4)]:
        batch_norm(cases, shape, defaults)
    for change in changes:
        batch_norm(cases, (3, 5, 4), defaults | change)


def batch_norm(cases, shape, settings):
    """A case of each mode; what training gives besides are the new moments."""

    def train(layer, x):
        y = layer(x)
        return [y, layer.running_mean, layer.running_var] if layer.track_running_stats else [y]

    for training, call in [(False, None), (True, train)]:
        layer = nn.BatchNorm(4, **settings).train(training)
        add(cases, layer, shape, call, training=training, **settings)


def add(cases, layer, shape, call=None, **settings):
    """A case whose parameters are positive, as variances are."""
    drawn = {key: cases.random.uniform(0.5, 1.5, value.shape) for key, value in layer.parameters().items()}
    layer.update({key: mx.array(value, mx.float32) for key, value in drawn.items()})
    name = f"{type(layer).__name__}-{len(cases.cases)}"
    cases.add(name, layer, [cases.normal(*shape, scale=2.0) + 0.5], call, drawn=True, **settings)


if __name__ == "__main__":
    main()
