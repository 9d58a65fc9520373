"""The activations of `mlx.nn` in float32."""

import mlx.core as mx
import mlx.nn as nn
from layer_case import Cases

PLAIN = [
    "gelu",
    "gelu_approx",
    "gelu_fast_approx",
    "hardswish",
    "log_sigmoid",
    "mish",
    "relu",
    "relu2",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "softplus",
    "softsign",
    "tanh",
]
# Arguments after the input; the first of each list are the defaults.
WITH_SETTINGS = {
    "celu": [[1.0], [0.7]],
    "elu": [[1.0], [0.3]],
    "glu": [[-1], [1]],
    "hard_shrink": [[0.5], [1.1]],
    "hard_tanh": [[-1.0, 1.0], [-0.3, 0.8]],
    "leaky_relu": [[0.01], [0.2]],
    "log_softmax": [[-1], [1]],
    "softmax": [[-1], [1]],
    "softmin": [[-1], [1]],
    "softshrink": [[0.5], [1.1]],
    "step": [[0.0], [0.4]],
}


def main():
    cases = Cases("activation", 5000)
    # Some values are far out, where a careless formula is no number or has no gradient.
    x = cases.normal(2, 4, 6, scale=2.0)
    x[0, 0, :4] = [-40.0, -9.0, 9.0, 40.0]
    for op in PLAIN:
        add(cases, op, x, [])
    for op, choices in WITH_SETTINGS.items():
        for settings in choices:
            add(cases, op, x, settings)
    for slopes in [1, 6]:
        cases.add(f"prelu-{slopes}", nn.PReLU(slopes), [x], op="prelu", slopes=slopes)
    cases.write()


def add(cases, op, x, settings):
    def call(_, x):
        y = getattr(nn, op)(x, *settings)
        return y.astype(mx.float32)

    cases.add("-".join([op, *map(str, settings)]), nn.Identity(), [x], call, op=op, settings=settings)


if __name__ == "__main__":
    main()
