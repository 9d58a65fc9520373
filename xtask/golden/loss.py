"""The losses of `mlx.nn` in float32, with every option."""

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from parity import Cases

REDUCTIONS = ["none", "mean", "sum"]


def softmax(x, axis=-1):
    return np.array(mx.softmax(mx.array(x), axis=axis))


def log_softmax(x, axis=-1):
    return np.array(nn.log_softmax(mx.array(x), axis=axis))


class Losses(Cases):
    def each(self, op, arrays, **settings):
        """A case of a loss for each reduction."""
        for reduction in REDUCTIONS:
            function = lambda **given: getattr(nn.losses, op)(**given, **settings, reduction=reduction)
            name = f"{op}.{len(self.cases)}"
            self.add(name, function, arrays, op=op, settings=settings | {"reduction": reduction})


def classes(cases):
    logits, rows = cases.normal(3, 4, 5, scale=3.0), cases.uniform(3, 4)
    index, probable = cases.integers(5, 3, 4), softmax(cases.normal(3, 4, 5))
    for smoothing in [0.0, 0.1]:
        for targets in [index, probable]:
            arrays = {"logits": logits, "targets": targets}
            cases.each("cross_entropy", arrays, label_smoothing=smoothing)
            cases.each("cross_entropy", arrays | {"weights": rows}, label_smoothing=smoothing)
    arrays = {"logits": logits, "targets": cases.integers(4, 3, 5)}
    cases.each("cross_entropy", arrays, axis=1, label_smoothing=0.2)
    arrays = {"logits": logits, "targets": softmax(cases.normal(3, 4, 5), 1)}
    cases.each("cross_entropy", arrays | {"weights": cases.uniform(3, 5)}, axis=-2)

    targets = cases.integers(2, 4, 3).astype(np.float32)
    binary = {"inputs": cases.normal(4, 3, scale=3.0), "targets": targets}
    cases.each("binary_cross_entropy", binary)
    cases.each("binary_cross_entropy", binary | {"weights": cases.uniform(4, 3)})
    soft = {"inputs": cases.uniform(4, 3, low=0.01, high=0.99), "targets": cases.uniform(4, 3)}
    cases.each("binary_cross_entropy", soft, with_logits=False)
    cases.each("binary_cross_entropy", soft | {"weights": cases.uniform(4, 3)}, with_logits=False)

    cases.each("nll_loss", {"inputs": log_softmax(logits), "targets": index})
    cases.each("nll_loss", {"inputs": log_softmax(logits, 1), "targets": cases.integers(4, 3, 5)}, axis=1)
    arrays = {"inputs": log_softmax(logits), "targets": log_softmax(cases.normal(3, 4, 5))}
    cases.each("kl_div_loss", arrays)
    cases.each("kl_div_loss", arrays, axis=0)
    signs = np.sign(cases.normal(4, 3))
    cases.each("hinge_loss", {"inputs": cases.normal(4, 3), "targets": signs})


def numbers(cases):
    guesses, targets = cases.normal(4, 6, scale=2.0), cases.normal(4, 6)
    pair, inputs = {"predictions": guesses, "targets": targets}, {"inputs": guesses, "targets": targets}
    for op in ["l1_loss", "mse_loss"]:
        cases.each(op, pair)
    for beta in [1.0, 0.3]:
        cases.each("smooth_l1_loss", pair, beta=beta)
    for delta in [1.0, 0.4]:
        cases.each("huber_loss", inputs, delta=delta)
    cases.each("log_cosh_loss", inputs)
    variances = cases.uniform(4, 6, low=0.2, high=2.0)
    variances[0, 0] = 1e-9
    for settings in [{}, {"full": True, "eps": 0.5}]:
        cases.each("gaussian_nll_loss", inputs | {"vars": variances}, **settings)


def vectors(cases):
    a, b, c = (cases.normal(3, 4, 5) for _ in range(3))
    for settings in [{}, {"axis": -1, "eps": 3.0}]:
        cases.each("cosine_similarity_loss", {"x1": a, "x2": b}, **settings)
    cases.each("cosine_similarity_loss", {"x1": a, "x2": cases.normal(1, 4, 1)})
    triplet = {"anchors": a, "positives": b, "negatives": c}
    for settings in [{}, {"axis": 1, "p": 1, "margin": 0.2}, {"p": 3, "margin": 2.0, "eps": 0.1}]:
        cases.each("triplet_loss", triplet, **settings)
    signs = np.sign(cases.normal(4, 6))
    scores = {"inputs1": cases.normal(4, 6), "inputs2": cases.normal(4, 6), "targets": signs}
    scores["inputs1"][0, :2] = scores["inputs2"][0, :2]
    for margin in [0.0, 0.5]:
        cases.each("margin_ranking_loss", scores, margin=margin)


def main():
    cases = Losses(5100)
    classes(cases)
    numbers(cases)
    vectors(cases)
    cases.write("loss")


if __name__ == "__main__":
    main()
