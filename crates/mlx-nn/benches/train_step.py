"""The training steps of `train_step.rs` with Python's MLX. Each line read is a model; each line written, the seconds of its fastest step."""

import sys
import time
from functools import partial

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim

STEPS, BATCH, WIDTH, HEADS, LENGTH, TOKENS = (int(number) for number in sys.argv[1:])
mx.set_default_device(mx.cpu)


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = [nn.Linear(32, 64), nn.Linear(64, 64), nn.Linear(64, 10)]

    def __call__(self, x):
        for layer in self.layers[:-1]:
            x = nn.relu(layer(x))
        return self.layers[-1](x)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm_1, self.norm_2 = nn.RMSNorm(WIDTH), nn.RMSNorm(WIDTH)
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def attend(self, x):
        q, k, v = mx.split(self.qkv(x), 3, axis=-1)
        q, k, v = (part.reshape(*x.shape[:2], HEADS, -1).transpose(0, 2, 1, 3) for part in (q, k, v))
        y = mx.fast.scaled_dot_product_attention(q, k, v, scale=(WIDTH // HEADS) ** -0.5, mask="causal")
        return self.out(y.transpose(0, 2, 1, 3).reshape(x.shape))

    def __call__(self, x):
        x = x + self.attend(self.norm_1(x))
        return x + self.down(nn.gelu(self.up(self.norm_2(x))))


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(TOKENS, WIDTH)
        self.layers = [Block(), Block()]
        self.norm, self.head = nn.RMSNorm(WIDTH), nn.Linear(WIDTH, TOKENS)

    def __call__(self, x):
        x = self.embed(x)
        for layer in self.layers:
            x = layer(x)
        return self.head(self.norm(x))


def trainer(model, x, y):
    optimizer = optim.AdamW(1e-3)
    optimizer.init(model.trainable_parameters())
    state = [model.state, optimizer.state]

    def loss(x, y):
        return nn.losses.cross_entropy(model(x), y, reduction="mean")

    @partial(mx.compile, inputs=state, outputs=state)
    def step(x, y):
        value, gradients = nn.value_and_grad(model, loss)(x, y)
        optimizer.update(model, gradients)
        return value

    def timed_step():
        start = time.perf_counter()
        value = step(x, y)
        mx.eval(state, value)
        return time.perf_counter() - start

    def run():
        return min(timed_step() for _ in range(STEPS))

    return run


def main():
    tokens = mx.random.randint(0, TOKENS, (BATCH, LENGTH + 1)).astype(mx.uint32)
    trainers = {
        "mlp": trainer(Mlp(), mx.random.normal((32, 32)), mx.arange(32, dtype=mx.uint32) % 10),
        "transformer": trainer(Transformer(), tokens[:, :-1], tokens[:, 1:]),
    }
    for line in sys.stdin:
        print(trainers[line.strip()](), flush=True)


if __name__ == "__main__":
    main()
