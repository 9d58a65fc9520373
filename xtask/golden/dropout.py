"""What dropouts leave out after a seed, in float32."""

import mlx.core as mx
import mlx.nn as nn
from layer_case import Cases

SHAPES = {
    nn.Dropout: [(4, 6), (2, 3, 4)],
    nn.Dropout2d: [(3, 4, 6), (2, 3, 4, 6)],
    nn.Dropout3d: [(2, 3, 4, 6), (2, 2, 3, 2, 6)],
}


def main():
    cases = Cases("dropout", 5500)
    for kind, shapes in SHAPES.items():
        for shape in shapes:
            for p in [0.0, 0.3, 0.5]:
                seed = len(cases.cases)

                def call(layer, x):
                    mx.random.seed(seed)
                    return layer(x)

                cases.add(f"{kind.__name__}-{seed}", kind(p), [cases.normal(*shape)], call, p=p, seed=seed)
    cases.write()


if __name__ == "__main__":
    main()
