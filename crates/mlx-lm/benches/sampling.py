"""The draws of `sampling.rs` with mlx-lm. Each line read is a vocabulary and a sampler; each line written, the seconds of the fastest draw."""

import sys
import time

import mlx.core as mx
from mlx_lm.sample_utils import make_sampler

DRAWS = int(sys.argv[1])
mx.set_default_device(mx.cpu)

XTC = {"xtc_probability": 0.5}
SAMPLERS = {
    "greedy": {"temp": 0},
    "plain": {},
    "top_p": {"top_p": 0.95},
    "min_p": {"min_p": 0.05},
    "top_k": {"top_k": 40},
    "xtc": XTC,
    "all": {"top_p": 0.95, "min_p": 0.05, "top_k": 40, **XTC},
}


def draw(sampler, scores):
    start = time.perf_counter()
    sampler(scores - mx.logsumexp(scores, keepdims=True)).item()
    return time.perf_counter() - start


for line in sys.stdin:
    vocab_size, name = line.split()
    scores = mx.random.normal((1, int(vocab_size)), key=mx.random.key(0)) * 3
    mx.eval(scores)
    sampler = make_sampler(**{"temp": 0.8, **SAMPLERS[name]})
    print(min(draw(sampler, scores) for _ in range(DRAWS)), flush=True)
