"""The texts of `batch.rs` with mlx-lm. Each line read is a case; each line written, the seconds that it took."""

import sys
import time
from pathlib import Path

import mlx.core as mx
from mlx_lm.generate import BatchGenerator
from mlx_lm.utils import load_model

mx.set_default_device(mx.cpu)
MODEL, _ = load_model(Path(sys.argv[1]))


def prompt(shortest, text):
    length = shortest + text * shortest // 8
    return [(at * 7919 + text * 104_729) % 40_000 + 100 for at in range(length)]


def seconds(texts, shortest, max_tokens, prompts):
    start = time.perf_counter()
    batch = BatchGenerator(MODEL, prefill_batch_size=prompts)
    batch.insert([prompt(shortest, text) for text in range(texts)], [max_tokens] * texts)
    tokens = 0
    while responses := batch.next_generated():
        tokens += len(responses)
    batch.close()
    assert tokens == texts * max_tokens
    return time.perf_counter() - start


for line in sys.stdin:
    print(seconds(*map(int, line.split())), flush=True)
