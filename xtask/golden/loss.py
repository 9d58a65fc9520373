"""The losses of `mlx.nn` in float32, with every option."""

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from layer_case import Cases


def main():
    cases = Cases("loss", 5100)
    classes(cases)
    numbers(cases)
    vectors(cases)
    cases.write()


def add(cases, op, inputs, weights=None, **settings):
    """A case of a loss for each reduction; the weights are the last input."""

    def call(_, *given):
        extra = {} if weights is None else {"weights": given[len(inputs)]}
        loss = getattr(nn.losses, op)
        return loss(*given[: len(inputs)], **extra, **settings, reduction=reduction)

    given = inputs if weights is None else [*inputs, weights]
    for reduction in ["none", "mean", "sum"]:
        name = f"{op}-{len(cases.cases)}"
        cases.add(name, nn.Identity(), given, call, op=op, reduction=reduction, **settings)


def classes(cases):
    logits, rows = cases.normal(3, 4, 5, scale=3.0), uniform(cases, 3, 4)
    index, probable = integers(cases, 5, 3, 4), softmax(cases.normal(3, 4, 5))
    for smoothing in [0.0, 0.1]:
        for targets in [index, probable]:
            for weights in [None, rows]:
                add(cases, "cross_entropy", [logits, targets], weights, axis=-1, label_smoothing=smoothing)
    inputs = [logits, integers(cases, 4, 3, 5)]
    add(cases, "cross_entropy", inputs, axis=1, label_smoothing=0.2)
    inputs = [logits, softmax(cases.normal(3, 4, 5), 1)]
    add(cases, "cross_entropy", inputs, uniform(cases, 3, 5), axis=-2, label_smoothing=0.0)

    binary = [cases.normal(4, 3, scale=3.0), integers(cases, 2, 4, 3).astype(np.float32)]
    soft = [uniform(cases, 4, 3, low=0.01, high=0.99), uniform(cases, 4, 3)]
    for inputs, with_logits in [(binary, True), (soft, False)]:
        for weights in [None, uniform(cases, 4, 3)]:
            add(cases, "binary_cross_entropy", inputs, weights, with_logits=with_logits)

    add(cases, "nll_loss", [log_softmax(logits), index], axis=-1)
    add(cases, "nll_loss", [log_softmax(logits, 1), integers(cases, 4, 3, 5)], axis=1)
    for axis in [-1, 0]:
        add(cases, "kl_div_loss", [log_softmax(logits), log_softmax(cases.normal(3, 4, 5))], axis=axis)
    add(cases, "hinge_loss", [cases.normal(4, 3), np.sign(cases.normal(4, 3))])


def numbers(cases):
    pair = [cases.normal(4, 6, scale=2.0), cases.normal(4, 6)]
    for op in ["l1_loss", "mse_loss", "log_cosh_loss"]:
        add(cases, op, pair)
    for beta in [1.0, 0.3]:
        add(cases, "smooth_l1_loss", pair, beta=beta)
    for delta in [1.0, 0.4]:
        add(cases, "huber_loss", pair, delta=delta)
    variances = uniform(cases, 4, 6, low=0.2, high=2.0)
    variances[0, 0] = 1e-9
    for full, eps in [(False, 1e-6), (True, 0.5)]:
        add(cases, "gaussian_nll_loss", [*pair, variances], full=full, eps=eps)


def vectors(cases):
    a, b, c = (cases.normal(3, 4, 5) for _ in range(3))
    for axis, eps in [(1, 1e-8), (-1, 3.0)]:
        add(cases, "cosine_similarity_loss", [a, b], axis=axis, eps=eps)
    add(cases, "cosine_similarity_loss", [a, cases.normal(1, 4, 1)], axis=1, eps=1e-8)
    for axis, p, margin, eps in [(-1, 2, 1.0, 1e-6), (1, 1, 0.2, 1e-6), (-1, 3, 2.0, 0.1)]:
        add(cases, "triplet_loss", [a, b, c], axis=axis, p=p, margin=margin, eps=eps)
    first, second, signs = cases.normal(4, 6), cases.normal(4, 6), np.sign(cases.normal(4, 6))
    first[0, :2] = second[0, :2]
    for margin in [0.0, 0.5]:
        add(cases, "margin_ranking_loss", [first, second, signs], margin=margin)


def uniform(cases, *shape, low=0.0, high=1.0):
    return cases.random.uniform(low, high, shape).astype(np.float32)


def integers(cases, high, *shape):
    return cases.random.randint(0, high, shape).astype(np.int32)


def softmax(x, axis=-1):
    return np.array(mx.softmax(mx.array(x), axis=axis))


def log_softmax(x, axis=-1):
    return np.array(nn.log_softmax(mx.array(x), axis=axis))


if __name__ == "__main__":
    main()
