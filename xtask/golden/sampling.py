"""What mlx-lm's samplers and logits processors make of fixed scores, in float32 on the CPU."""

import mlx.core as mx
import numpy as np
from fixture import golden, to_numpy, write_json, write_tensors
from mlx_lm import sample_utils as sample
from mlx_lm.generate import generate_step
from mlx_lm.utils import load_model

OUT = golden("mlx-lm")
DRAWS = 16
LARGE = 50_000

# What each sampler adds to a temperature of 1.
SAMPLERS = {
    "plain": {},
    "cold": {"temp": 0.3},
    "hot": {"temp": 1.7},
    "top-p": {"top_p": 0.8},
    "top-p-little": {"top_p": 1e-6},
    "top-p-most": {"top_p": 0.999},
    "min-p": {"min_p": 0.05},
    "min-p-all": {"min_p": 1.0},
    "min-p-keep": {"min_p": 0.9, "min_tokens_to_keep": 4},
    "top-k": {"top_k": 3},
    "top-k-one": {"top_k": 1},
    "xtc": {"xtc_probability": 1.0, "xtc_threshold": 0.1},
    "xtc-often": {"xtc_probability": 0.5, "xtc_threshold": 0.05},
    "xtc-special": {"xtc_probability": 1.0, "xtc_threshold": 0.02, "xtc_special_tokens": [1, 4]},
    "xtc-half": {"xtc_probability": 1.0, "xtc_threshold": 0.5},
    "xtc-none": {"xtc_probability": 1.0, "xtc_threshold": 0.0},
    "all": {
        "temp": 0.8,
        "top_p": 0.95,
        "min_p": 0.02,
        "min_tokens_to_keep": 2,
        "xtc_probability": 0.7,
        "xtc_threshold": 0.1,
        "top_k": 4,
    },
}
DEFAULTS = {"top_p": 0.0, "min_p": 0.0, "min_tokens_to_keep": 1, "top_k": 0}
XTC = {"xtc_probability": 0.0, "xtc_threshold": 0.1, "xtc_special_tokens": []}

BIAS = {3: 2.5, 0: -1.0, 11: -100.0}
PROCESSORS = {
    "bias": {"logit_bias": BIAS},
    "repetition": {"repetition_penalty": 1.3},
    "repetition-below-one": {"repetition_penalty": 0.7, "repetition_context_size": 5},
    "repetition-all": {"repetition_penalty": 1.1, "repetition_context_size": 0},
    "presence": {"presence_penalty": 0.6, "presence_context_size": 7},
    "presence-negative": {"presence_penalty": -0.6},
    "frequency": {"frequency_penalty": 0.4},
    "frequency-short": {"frequency_penalty": 0.4, "frequency_context_size": 3},
    "all": {
        "logit_bias": BIAS,
        "repetition_penalty": 1.2,
        "repetition_context_size": 6,
        "presence_penalty": 0.5,
        "presence_context_size": 30,
        "frequency_penalty": 0.25,
        "frequency_context_size": 4,
    },
    "none": {"repetition_penalty": 0.0, "presence_penalty": None},
}
# The model of the generation cases, and what they generate with.
MODEL = "llama-untied"
GENERATIONS = {
    "greedy": {"temp": 0.0, "processors": {"repetition_penalty": 1.5}},
    "sampled": {"temp": 1.0, "top_p": 0.9, "top_k": 20, "processors": {}},
    "all": {
        "temp": 0.9,
        "top_p": 0.95,
        "min_p": 0.01,
        "xtc_probability": 0.5,
        "xtc_threshold": 0.05,
        "processors": PROCESSORS["all"],
    },
}


def main():
    tensors, cases = {}, []
    random = np.random.RandomState(6600)
    for name, logits in small_scores(random).items():
        tensors[f"scores/{name}"] = logits
        for sampler, options in SAMPLERS.items():
            cases.append({"kind": "sampler", "name": f"{name}/{sampler}", "scores": name, **options})
            add_draws(tensors, cases[-1], mx.array(logits))
    for sampler, options in SAMPLERS.items():
        large = {"kind": "large", "name": f"large/{sampler}", "key": 9, **options}
        cases.append(large)
        add_draws(tensors, large, large_scores(large["key"]))
    for name, options in PROCESSORS.items():
        cases.append(add_processed(tensors, random, name, options))
    for name, options in GENERATIONS.items():
        cases.append(add_generated(tensors, name, options))
    write_tensors(OUT / "sampling.safetensors", tensors)
    write_json(OUT / "sampling.json", {"cases": cases})


def small_scores(random):
    """Scores `[1, 9]`: common ones, some of them equal, all equal, one certain, some impossible."""
    normal = random.standard_normal((1, 9)).astype(np.float32) * 2
    impossible = normal.copy()
    impossible[0, [1, 5, 6]] = -np.inf
    certain = np.full((1, 9), -80, np.float32)
    certain[0, 4] = 30
    ties = np.array([[1, 2, 2, 0, 2, -1, 1, 2, 0]], np.float32)
    return {
        "normal": normal,
        "ties": ties,
        "equal": np.zeros((1, 9), np.float32),
        "certain": certain,
        "impossible": impossible,
    }


def large_scores(key):
    """Scores over a real vocabulary, in steps of an eighth, so that many are equal."""
    return mx.round(mx.random.normal((1, LARGE), key=mx.random.key(key)) * 24) / 8


def log_probabilities(logits):
    return logits - mx.logsumexp(logits, keepdims=True)


def add_draws(tensors, case, logits):
    """The filtered log-probabilities, and tokens drawn one after another, both from the case's seed."""
    options = {key: value for key, value in case.items() if key not in ("kind", "name", "scores", "key")}
    case["seed"] = 100 + len(tensors)
    logprobs, name = log_probabilities(logits), case["name"]
    mx.random.seed(case["seed"])
    filtered = to_numpy(filter_all(logprobs, **{**DEFAULTS, **XTC, **options}))
    if case["kind"] == "large":
        tensors[f"kept/{name}"] = np.packbits(filtered[0] > -np.inf, bitorder="little")
    else:
        tensors[f"filtered/{name}"] = filtered
    mx.random.seed(case["seed"])
    sampler = sample.make_sampler(**{"temp": 1.0, **options})
    tensors[f"tokens/{name}"] = np.array([sampler(logprobs).item() for _ in range(DRAWS)], np.int32)


def filter_all(x, top_p, min_p, min_tokens_to_keep, top_k, temp=1.0, **xtc):
    """The filters of `make_sampler` in its order."""
    if 0 < top_p < 1:
        x = sample.apply_top_p(x, top_p)
    if min_p != 0:
        x = sample.apply_min_p(x, min_p, min_tokens_to_keep)
    if xtc["xtc_probability"] > 0:
        x = sample.apply_xtc(x, *xtc.values())
    return sample.apply_top_k(x, top_k) if top_k > 0 else x


def add_processed(tensors, random, name, options):
    """Scores after a prompt of 9 tokens and after each of 30 more."""
    history = random.randint(0, 12, 39).astype(np.int32)
    scores = random.standard_normal((31, 12)).astype(np.float32) * 2
    rows = []
    for at, row in enumerate(scores):
        out = mx.array(row[None])
        for process in sample.make_logits_processors(**options):
            out = process(mx.array(history[: 9 + at]), out)
        rows.append(to_numpy(out)[0])
    tensors[f"history/{name}"], tensors[f"scores/processor/{name}"] = history, scores
    tensors[f"processed/{name}"] = np.stack(rows)
    return {"kind": "processor", "name": name, **named(options)}


def named(options):
    """Options as JSON has them: keys are texts."""
    bias = {str(token): bias for token, bias in options.get("logit_bias", {}).items()}
    return {**{key: value for key, value in options.items() if value is not None}, "logit_bias": bias}


def add_generated(tensors, name, options):
    """Tokens of a tiny model, and how likely each was beside the three most likely ones."""
    model, _ = load_model(OUT / MODEL)
    prompt, seed = [3, 1, 4, 1, 5, 9, 2, 6], 77
    processors = sample.make_logits_processors(**options["processors"])
    sampling = {key: value for key, value in options.items() if key != "processors"}
    mx.random.seed(seed)
    steps = generate_step(
        mx.array(prompt),
        model,
        max_tokens=24,
        sampler=sample.make_sampler(**sampling),
        logits_processors=processors,
    )
    tokens, chosen, best = [], [], []
    for token, logprobs in steps:
        row = to_numpy(logprobs)
        tokens.append(token)
        chosen.append(row[token])
        best.append(np.argsort(-row, kind="stable")[:3])
    tensors[f"generated/{name}"] = np.array(tokens, np.int32)
    tensors[f"chosen/{name}"] = np.array(chosen, np.float32)
    tensors[f"best/{name}"] = np.stack(best).astype(np.int32)
    case = {"kind": "generation", "name": name, "model": MODEL, "prompt": prompt, "seed": seed}
    return {**case, **sampling, **named(options["processors"])}


if __name__ == "__main__":
    main()
