"""Rotary embeddings as mlx-lm's `initialize_rope` builds them, in float32."""

import mlx.core as mx
import numpy as np
from fixture import golden, to_numpy, write_json, write_tensors
from mlx_lm.models.rope_utils import initialize_rope

DIMS, BASE, OFFSETS = 16, 10000.0, (0, 7)
LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}
LONGROPE = {
    "rope_type": "longrope",
    "original_max_position_embeddings": 16,
    "short_factor": [1.0, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6],
    "long_factor": [1.0, 1.2, 1.5, 2.0, 3.0, 5.0, 8.0, 12.0],
}
DYNAMIC = {"rope_type": "dynamic", "factor": 4.0}
PROPORTIONAL = {"rope_type": "proportional", "partial_rotary_factor": 0.25}

# Each case: a name, the scaling, and what differs from dims 16, base 10000, not traditional,
# max_position_embeddings 128 and an input [1, 2, 5, 16].
CASES = [
    ("default", None, {}),
    ("default-traditional", None, {"traditional": True}),
    ("default-base", {"rope_type": "default"}, {"base": 500000.0}),
    ("default-partial", None, {"dims": 8}),
    ("default-batch", None, {"batch": 2}),
    ("linear", {"rope_type": "linear", "factor": 4.0}, {}),
    ("linear-type-key", {"type": "linear", "factor": 2.0}, {"traditional": True}),
    ("dynamic-short", DYNAMIC, {}),
    ("dynamic-long", DYNAMIC, {"max_position_embeddings": 4}),
    ("llama3", LLAMA3, {}),
    ("llama3-traditional", LLAMA3, {"traditional": True}),
    ("llama3-defaults", {"rope_type": "llama3", "factor": 8.0}, {"base": 500000.0}),
    ("yarn", YARN, {}),
    ("yarn-betas", YARN | {"beta_fast": 8.0, "beta_slow": 2.0}, {}),
    ("yarn-defaults", {"rope_type": "yarn", "factor": 4.0}, {}),
    ("yarn-mscale", YARN | {"mscale": 0.7}, {}),
    ("yarn-mscale-all-dim", YARN | {"mscale": 1.0, "mscale_all_dim": 0.5}, {}),
    ("yarn-mscale-equal", YARN | {"mscale": 1.0, "mscale_all_dim": 1.0}, {}),
    ("yarn-factor-one", YARN | {"factor": 1.0}, {}),
    ("yarn-partial", YARN, {"dims": 8}),
    ("yarn-traditional", YARN, {"traditional": True}),
    ("deepseek-yarn", YARN | {"type": "deepseek_yarn", "mscale": 1.0, "mscale_all_dim": 0.7}, {}),
    ("longrope", LONGROPE, {}),
    ("longrope-not-extended", LONGROPE, {"max_position_embeddings": 16}),
    ("longrope-partial", LONGROPE | {"long_factor": [1.0, 2.0, 4.0, 8.0]}, {"dims": 8}),
    ("proportional", PROPORTIONAL, {}),
    ("proportional-factor", PROPORTIONAL | {"factor": 2.0}, {}),
    ("mrope", {"rope_type": "mrope", "mrope_section": [2, 3, 3]}, {}),
]


def main():
    random = np.random.RandomState(2000)
    tensors, cases = {}, []
    for name, scaling, changes in CASES:
        case = {"dims": DIMS, "base": BASE, "traditional": False, "max_position_embeddings": 128} | changes
        x = random.standard_normal((case.pop("batch", 1), 2, 5, 16)).astype(np.float32)
        tensors[f"{name}.input"] = x
        rope = initialize_rope(scaling_config=scaling, **case)
        for offset in OFFSETS:
            output = f"{name}.output.{offset}"
            tensors[output] = to_numpy(rope(mx.array(x), offset=offset))
            cases.append(
                {"name": name, **case, "scaling": scaling, "offset": offset}
                | {"input": f"{name}.input", "output": output}
            )
    folder = golden("mlx-nn")
    write_tensors(folder / "rope.safetensors", tensors)
    write_json(folder / "rope.json", {"cases": cases})
    print(f"rope: {len(cases)} cases")


if __name__ == "__main__":
    main()
