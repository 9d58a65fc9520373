"""Prompt caches that mlx-lm writes, and the logits that follow them."""

import json

import mlx.core as mx
from fixture import golden, to_numpy, write_tensors
from llama import load, patched, sample
from mlx_lm.models.cache import (
    ArraysCache,
    CacheList,
    ChunkedKVCache,
    KVCache,
    QuantizedKVCache,
    RotatingKVCache,
    make_prompt_cache,
    save_prompt_cache,
)
import numpy as np

FOLDER = golden("mlx-lm").parent / "prompt-cache"
# The checkpoint, how its config changes, its caches, and how the prompt comes.
CASES = {
    "sliding": ("llama-sliding", {}, make_prompt_cache, [20]),
    "sliding-turned": ("llama-sliding", {}, make_prompt_cache, [5, 4, 1, 1, 1, 1]),
    "kept": ("llama-gqa", {}, lambda model: caches(model, lambda: RotatingKVCache(12, keep=4)), [1] * 18),
    "quantized": (
        "llama-4bit",
        {"num_attention_heads": 2, "num_key_value_heads": 1},
        lambda model: caches(model, lambda: QuantizedKVCache(group_size=32, bits=8)),
        [6, 1, 1],
    ),
    "conv": ("lfm2-tied", {}, make_prompt_cache, [5, 4, 1, 1]),
    "delta": ("qwen3_5-tied", {}, make_prompt_cache, [19, 1]),
}


def main():
    FOLDER.mkdir(exist_ok=True)
    for seed, (name, case) in enumerate(CASES.items()):
        write_case(name, *case, np.random.RandomState(2000 + seed))
    write_kinds()


def caches(model, make):
    return [make() for _ in model.layers]


def write_case(name, checkpoint, changes, make, chunks, random):
    folder = golden("mlx-lm") / checkpoint
    config = patched(json.loads((folder / "config.json").read_text()), changes)
    model = load(folder, config)
    cache = make(model)
    prompt = sample(random, config, sum(chunks))
    for chunk in np.split(prompt, np.cumsum(chunks)[:-1]):
        mx.eval(model(mx.array(chunk)[None], cache=cache))
    save_prompt_cache(str(FOLDER / f"{name}.safetensors"), cache, {"model": checkpoint})
    tokens = sample(random, config, 12)
    scores = [model(mx.array([[token]]), cache=cache)[0, 0] for token in tokens.tolist()]
    expected = {"prompt": prompt, "continue": tokens, "decode": to_numpy(mx.stack(scores))}
    write_tensors(FOLDER / f"{name}.expected.safetensors", expected)


def write_kinds():
    """One layer of each kind, small, with numbers that tell where they come from."""
    rows = lambda count, start=0: mx.arange(start, start + count, dtype=mx.float32)[None, None, :, None]
    full, chunked, state = KVCache(), ChunkedKVCache(4), ArraysCache(2)
    full.state = (rows(7), -rows(7), 5)
    chunked.state = (rows(6, 3), -rows(6, 3), 8, 4, 3)
    state[1] = mx.ones((1, 2))
    layers = [CacheList(state, full), chunked, KVCache(), ArraysCache(1)]
    save_prompt_cache(str(FOLDER / "kinds.safetensors"), layers)


if __name__ == "__main__":
    main()
