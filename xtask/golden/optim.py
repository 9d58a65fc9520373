"""Optimisers, schedules, gradient norms and a loss curve of `mlx.optimizers` in float32."""

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim
import numpy as np
from fixture import golden, write_json, write_tensors
from mlx.utils import tree_flatten, tree_unflatten

SHAPES = {
    "layers.0.weight": (4, 3),
    "layers.0.bias": (4,),
    "layers.1.weight": (3, 4),
    "conv.weight": (3, 2, 2, 2),
    "norm.weight": (4,),
}
STEPS, HALF = 10, 5

SGD = {
    "sgd": optim.SGD(0.1),
    "sgd_decay": optim.SGD(0.1, weight_decay=0.02),
    "sgd_momentum": optim.SGD(0.1, momentum=0.9, weight_decay=0.02),
    "sgd_dampening": optim.SGD(0.1, momentum=0.9, dampening=0.3),
    "sgd_nesterov": optim.SGD(0.1, momentum=0.8, weight_decay=0.02, nesterov=True),
    "sgd_schedule": optim.SGD(optim.linear_schedule(0.1, 0.01, 7), momentum=0.9),
}
ADAPTIVE = {
    "rms_prop": optim.RMSprop(0.01),
    "rms_prop_alpha": optim.RMSprop(0.02, alpha=0.8, eps=1e-3),
    "adagrad": optim.Adagrad(0.1),
    "adagrad_eps": optim.Adagrad(0.2, eps=1e-2),
    "ada_delta": optim.AdaDelta(1.0),
    "ada_delta_rho": optim.AdaDelta(0.5, rho=0.7, eps=1e-3),
    "adam": optim.Adam(0.01),
    "adam_betas": optim.Adam(0.02, betas=[0.8, 0.95], eps=1e-4),
    "adam_corrected": optim.Adam(0.01, bias_correction=True),
    "adam_schedule": optim.Adam(optim.cosine_decay(0.05, 8, end=0.001), bias_correction=True),
    "adam_w": optim.AdamW(0.01),
    "adam_w_decay": optim.AdamW(0.02, weight_decay=0.3),
    "adam_w_corrected": optim.AdamW(0.02, betas=[0.85, 0.98], weight_decay=0.1, bias_correction=True),
    "adamax": optim.Adamax(0.01),
    "adamax_betas": optim.Adamax(0.02, betas=[0.7, 0.9], eps=1e-3),
    "lion": optim.Lion(0.01),
    "lion_decay": optim.Lion(0.02, betas=[0.8, 0.95], weight_decay=0.3),
}
MATRIX = {
    "adafactor": optim.Adafactor(),
    "adafactor_warmup": optim.Adafactor(warmup_init=True),
    "adafactor_rate": optim.Adafactor(learning_rate=0.05, relative_step=False),
    "adafactor_plain": optim.Adafactor(
        learning_rate=optim.exponential_decay(0.05, 0.9), relative_step=False, scale_parameter=False
    ),
    "adafactor_moment": optim.Adafactor(beta_1=0.9, weight_decay=0.2, clip_threshold=0.5),
    "adafactor_decay": optim.Adafactor(eps=(1e-6, 0.5), decay_rate=-0.5, beta_1=0.7),
    "muon": optim.Muon(0.02),
    "muon_plain": optim.Muon(0.05, momentum=0.8, weight_decay=0.0, nesterov=False, ns_steps=3),
    "multi": optim.MultiOptimizer(
        [optim.Muon(0.02), optim.AdamW(0.01), optim.SGD(optim.step_decay(0.1, 0.5, 3), momentum=0.9)],
        [lambda path, array: array.ndim == 2, lambda path, array: path.endswith("bias")],
    ),
}
# Whose state after half of the steps is a file.
RESUMED = ["sgd_schedule", "adam_w_corrected", "adafactor_moment", "multi"]

SCHEDULES = {
    "exponential": optim.exponential_decay(0.1, 0.97),
    "step": optim.step_decay(0.1, 0.7, 9),
    "cosine": optim.cosine_decay(0.1, 60),
    "cosine_end": optim.cosine_decay(0.2, 80, end=0.05),
    "linear": optim.linear_schedule(0.0, 0.1, 70),
    "linear_down": optim.linear_schedule(0.3, 0.1, 33),
    "join": optim.join_schedules([optim.linear_schedule(0, 0.1, 10), optim.cosine_decay(0.1, 50)], [10]),
    "join_three": optim.join_schedules(
        [optim.linear_schedule(0.01, 0.2, 20), optim.step_decay(0.2, 0.5, 7), optim.exponential_decay(0.05, 0.9)],
        [15, 60],
    ),
}


def draw(random, prefix):
    return {f"{prefix}.{name}": random.standard_normal(shape).astype(np.float32) for name, shape in SHAPES.items()}


def tree(tensors, prefix):
    return tree_unflatten([(name, mx.array(tensors[f"{prefix}.{name}"])) for name in SHAPES])


def flat(value, prefix):
    """Copies, since some optimizers change parameters in place."""
    return {f"{prefix}.{name}": copied(array) for name, array in tree_flatten(value)}


def copied(array):
    return np.array(array.astype(mx.uint32) if array.dtype == mx.uint64 else array)


def trajectory(name, optimizer, tensors, folder):
    """Parameters after the first, middle and last step, and the last state."""
    parameters, results = tree(tensors, "parameters"), {}
    optimizer.init(parameters)
    for step in range(1, STEPS + 1):
        parameters = optimizer.apply_gradients(tree(tensors, f"gradients.{step}"), parameters)
        mx.eval(parameters, optimizer.state)
        if step in (1, HALF, STEPS):
            results |= flat(parameters, f"{name}.{step}")
        if step == HALF and name in RESUMED:
            state = dict(tree_flatten(optimizer.state))
            mx.save_safetensors(str(folder / f"optim_{name}.safetensors"), state)
    return results | flat(optimizer.state, f"{name}.state")


def norms(tensors):
    """Gradients clipped to three norms, and their norm before."""
    results = {}
    for name, norm in {"short": 0.5, "long": 1e3, "none": 0.0}.items():
        clipped, total = optim.clip_grad_norm(tree(tensors, "gradients.1"), norm)
        results |= flat(clipped, f"clip_{name}") | {f"clip_{name}_norm": total}
    return results


def curve(random):
    """The losses of a small network over 50 steps of AdamW."""
    x = random.standard_normal((64, 8)).astype(np.float32)
    y = np.argmax(x @ random.standard_normal((8, 4)), axis=1).astype(np.uint32)
    shapes = {"layers.0.weight": (16, 8), "layers.0.bias": (16,), "layers.2.weight": (4, 16), "layers.2.bias": (4,)}
    start = {name: (random.standard_normal(shape) * 0.3).astype(np.float32) for name, shape in shapes.items()}
    model = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 4))
    model.load_weights([(name, mx.array(array)) for name, array in start.items()])
    optimizer = optim.AdamW(optim.cosine_decay(0.05, 50), weight_decay=0.1, bias_correction=True)

    def loss(model):
        return nn.losses.cross_entropy(model(mx.array(x)), mx.array(y), reduction="mean")

    losses, step = [], nn.value_and_grad(model, loss)
    for _ in range(50):
        value, gradients = step(model)
        optimizer.update(model, gradients)
        mx.eval(model.parameters(), optimizer.state)
        losses.append(value.item())
    return {"curve.x": x, "curve.y": y, "curve.losses": np.array(losses, np.float32)} | {
        f"curve.start.{name}": array for name, array in start.items()
    }


def main():
    random, folder = np.random.RandomState(5010), golden("mlx-nn")
    tensors = draw(random, "parameters")
    for step in range(1, STEPS + 1):
        tensors |= draw(random, f"gradients.{step}")
    optimizers = SGD | ADAPTIVE | MATRIX
    results = {}
    for name, optimizer in optimizers.items():
        results |= trajectory(name, optimizer, tensors, folder)
    for name, schedule in SCHEDULES.items():
        rates = [schedule(mx.array(step, mx.uint64)).item() for step in range(100)]
        results[f"schedule.{name}"] = np.array(rates, np.float32)
    results |= norms(tensors) | curve(random)
    write_tensors(folder / "optim.safetensors", tensors | results)
    cases = [{"optimizer": name, "resumed": name in RESUMED} for name in optimizers]
    write_json(folder / "optim.json", {"schedules": list(SCHEDULES), "cases": cases})
    print(f"optim: {len(cases)} optimizers, {len(SCHEDULES)} schedules")


if __name__ == "__main__":
    main()
