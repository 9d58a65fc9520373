"""mlx_lm.py FOLDER PROMPT_TOKENS GENERATION_TOKENS THREADS: how fast mlx-lm reads random tokens and writes."""

import json
import os
import sys
import time
from pathlib import Path

import mlx.core as mx

mx.set_default_device(mx.cpu)

from mlx_lm.generate import generate_step
from mlx_lm.utils import load_model


def trial(model, prompt, count):
    """Seconds up to the first token, and from the first to the last one."""
    stream = mx.new_stream(mx.cpu)
    started = time.perf_counter()
    steps = generate_step(prompt, model, max_tokens=count, stream=stream)
    next(steps)
    first = time.perf_counter()
    for _ in steps:
        pass
    ended = time.perf_counter()
    # It has begun one token too many.
    mx.synchronize(stream)
    return first - started, ended - first


def main():
    folder, prompt_tokens, generation_tokens, threads = sys.argv[1], *map(int, sys.argv[2:])
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    model, config = load_model(Path(folder))
    prompt = mx.random.randint(0, config["vocab_size"], (prompt_tokens,))
    mx.eval(prompt)
    trial(model, prompt[:1], 1)
    reading, writing = trial(model, prompt, generation_tokens)
    print(json.dumps({
        "prompt_tps": prompt_tokens / reading,
        "generation_tps": (generation_tokens - 1) / writing,
    }))


main()
