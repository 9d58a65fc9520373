"""Convolutions and their transposes, in float32."""

import mlx.core as mx
import mlx.nn as nn
from layer_case import Cases

LAYERS = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSES = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
SPATIAL = {1: (9,), 2: (7, 6), 3: (5, 4, 5)}

# Each case: a name, the number of axes, and what differs from 4 channels in, 6 out, a kernel of 3 and the defaults.
CONVS = [
    ("plain", 1, {}),
    ("no-bias", 1, {"bias": False}),
    ("stride", 1, {"stride": 2}),
    ("padding", 1, {"padding": 1}),
    ("stride-padding-dilation", 1, {"stride": 3, "padding": 2, "dilation": 2}),
    ("groups", 1, {"groups": 2, "padding": 1}),
    ("depthwise", 1, {"groups": 4, "channels": (8, 4), "kernel": 4}),
    ("plain", 2, {}),
    ("no-bias", 2, {"bias": False, "kernel": (1, 1)}),
    ("uneven", 2, {"kernel": (3, 2), "stride": (2, 1), "padding": (1, 0), "dilation": (1, 2)}),
    ("stride-padding", 2, {"stride": 2, "padding": 1}),
    ("groups", 2, {"groups": 2, "stride": (1, 2), "padding": (2, 1)}),
    ("depthwise", 2, {"groups": 4, "channels": (4, 4), "padding": 1}),
    ("wide-padding", 2, {"kernel": (2, 2), "padding": 3}),
    ("plain", 3, {"channels": (3, 2), "kernel": 2}),
    ("uneven", 3, {"channels": (3, 2), "kernel": (2, 1, 3), "stride": (1, 2, 2), "padding": (1, 0, 1)}),
    ("no-bias", 3, {"channels": (3, 2), "kernel": 2, "dilation": (2, 1, 2), "bias": False}),
]
CONV_TRANSPOSES = [
    ("plain", 1, {}),
    ("no-bias", 1, {"bias": False, "stride": 2}),
    ("all", 1, {"stride": 3, "padding": 1, "dilation": 2, "output_padding": 1}),
    ("groups", 1, {"groups": 2, "stride": 2}),
    ("plain", 2, {}),
    ("stride", 2, {"stride": 2, "padding": 1, "output_padding": 1}),
    ("uneven", 2, {"kernel": (3, 2), "stride": (2, 1), "padding": (1, 0), "dilation": (1, 2)}),
    ("output-padding", 2, {"stride": (3, 2), "output_padding": (2, 0), "bias": False}),
    ("groups", 2, {"groups": 2, "padding": 1}),
    ("plain", 3, {"channels": (3, 2), "kernel": 2}),
    ("uneven", 3, {"channels": (3, 2), "kernel": (2, 1, 3), "stride": (1, 2, 2), "output_padding": (0, 1, 1)}),
    ("padding", 3, {"channels": (3, 2), "kernel": 3, "padding": (1, 0, 1), "bias": False}),
]
GROUPED = {1: mx.conv_transpose1d, 2: mx.conv_transpose2d}


def main():
    cases = Cases("conv", 6000)
    for name, axes, changes in CONVS:
        settings = complete(axes, changes)
        layer = build(LAYERS[axes], axes, settings)
        call = padded(axes, settings) if name == "wide-padding" else None
        cases.add(f"conv{axes}d-{name}", layer, [image(cases, axes, settings)], call, axes=axes, **settings)
    for name, axes, changes in CONV_TRANSPOSES:
        settings = complete(axes, {"output_padding": 0} | changes)
        groups = settings["groups"]
        layer = build(TRANSPOSES[axes], axes, settings)
        call = None
        if groups > 1:
            layer.weight = layer.weight[..., : settings["channels"][1] // groups]
            call = grouped(axes, settings)
        x = image(cases, axes, settings)
        cases.add(f"conv_transpose{axes}d-{name}", layer, [x], call, axes=axes, **settings)
    cases.write()


def complete(axes, changes):
    """All settings, with a number for each axis; channels are those out, then those in."""
    lists = {"kernel": 3, "stride": 1, "padding": 0, "dilation": 1} | changes
    others = {"channels": (6, 4), "groups": 1, "bias": True}
    settings = others | {key: lists[key] for key in others.keys() & lists.keys()}
    for key in lists.keys() - others.keys():
        value = lists[key]
        settings[key] = [value] * axes if isinstance(value, int) else list(value)
    return dict(sorted(settings.items()))


def build(layer, axes, settings):
    given = {key: value for key, value in settings.items() if key not in ("channels", "kernel")}
    given = {key: tuple(value) if isinstance(value, list) else value for key, value in given.items()}
    kernel = tuple(settings["kernel"])
    if axes == 1:
        given = {key: value[0] if isinstance(value, tuple) else value for key, value in given.items()}
        kernel = kernel[0]
    if layer not in (nn.Conv1d, nn.Conv2d):
        given.pop("groups")
    outputs, inputs = settings["channels"]
    return layer(inputs, outputs, kernel, **given)


def padded(axes, settings):
    """Pads first: MLX's gradients have a wrong shape where the padding reaches beyond the kernel."""
    widths = [(0, 0), *((n, n) for n in settings["padding"]), (0, 0)]

    def call(layer, x):
        layer.padding = 0
        return layer(mx.pad(x, widths))

    return call


def grouped(axes, settings):
    """`mlx.nn` has no groups in its transposes, but its ops have."""
    keys = ("stride", "padding", "dilation", "output_padding")
    given = {key: tuple(settings[key]) if axes > 1 else settings[key][0] for key in keys}

    def call(layer, x):
        y = GROUPED[axes](x, layer.weight, **given, groups=settings["groups"])
        return y + layer.bias

    return call


def image(cases, axes, settings):
    return cases.normal(2, *SPATIAL[axes], settings["channels"][1])


if __name__ == "__main__":
    main()
