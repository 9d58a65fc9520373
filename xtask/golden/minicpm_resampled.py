"""A tiny MiniCPM-V 4.5, whose tower, resampler and decoder are those of MiniCPM-o in mlx-vlm, in float32. Images are cut as by
the processor that it is published with, which but for the size of blocks is that of MiniCPM-V 4.6 in transformers."""

import types

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx.utils import tree_flatten, tree_unflatten
from mlx_vlm.models.minicpmo.config import ModelConfig
from mlx_vlm.models.minicpmo.minicpmo import Model
from safetensors.numpy import save_file
from transformers.models.minicpmv4_6 import image_processing_pil_minicpmv4_6 as sliced
from transformers.models.minicpmv4_6.processing_minicpmv4_6 import MiniCPMV4_6Processor

from tile_cases import STILL, image_of
from told import THEN, Told, image, replaced

MARKER, UNKNOWN = "(<image>./</image>)", "<unk>"
AROUND = {
    "image_start_token": "<image>",
    "image_end_token": "</image>",
    "slice_start_token": "<slice>",
    "slice_end_token": "</slice>",
    "image_id_start_token": "<image_id>",
    "image_id_end_token": "</image_id>",
}
SPECIAL = ["<|im_start|>", "<|im_end|>", UNKNOWN, *AROUND.values()]
TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
PATCH, QUERIES = 4, 5
OWN = {"patch_size": PATCH, "scale_resolution": 30, "max_slice_nums": 6}
CONFIG = {
    "model_type": "minicpmv",
    "version": 4.5,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "rms_norm_eps": 1e-6,
    "vocab_size": 265,
    "max_position_embeddings": 2048,
    "rope_theta": 1000.0,
    "tie_word_embeddings": False,
    "eos_token_id": 257,
    "query_num": QUERIES,
    "image_size": 448,
    "patch_size": PATCH,
    "drop_vision_last_layer": False,
    "use_image_id": True,
    "vision_config": {
        "model_type": "siglip",
        "hidden_size": 16,
        "intermediate_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": 22,
        "patch_size": PATCH,
    },
}
# mlx-vlm turns text along three axes, which are one.
ROPE = {"rope_scaling": {"type": "default", "mrope_section": [2, 1, 1]}}
CASES = STILL | {"slices": [["user", "Small?", [image(70, 50, 8), image(22, 90, 9)]]]}


class Sliced(sliced.MiniCPMV4_6ImageProcessorPil):
    """Blocks are patches, as none are merged."""

    def find_best_resize(self, image_size, scale_resolution, patch_size, downsample_mode, allow_upscale=False):
        height, width = image_size
        if height * width > scale_resolution**2 or allow_upscale:
            height = int(scale_resolution / (width / height) ** 0.5)
            width = int(height * (image_size[1] / image_size[0]))
        return tuple(sliced.ensure_divide(length, patch_size) for length in (height, width))


def build():
    """A model of random weights, which halves hold exactly."""
    config = ModelConfig.from_dict(CONFIG | ROPE | {"model_type": "qwen3", "init_audio": False, "init_tts": False})
    model = Model(config)
    for layer in model.vision_tower.encoder.layers:
        # What the config says, and mlx-vlm does not read.
        layer.mlp.activation_fn = nn.GELU(approx="tanh")
    random = np.random.default_rng(4)
    weights = []
    for name, weight in tree_flatten(model.parameters()):
        noise = random.standard_normal(weight.shape)
        if ("norm" in name or ".ln_" in name) and name.endswith("weight"):
            noise = 1 + 0.2 * noise
        elif weight.ndim == 1:
            noise = 0.2 * noise
        elif "embed_tokens" in name or "position_embedding" in name or name.endswith("query"):
            noise = 0.6 * noise
        else:
            noise = 1.4 * noise / noise[0].size ** 0.5
        weights.append((name, mx.array(noise.astype(np.float16).astype(np.float32))))
    model.update(tree_unflatten(weights))
    return model, {name: np.array(weight).astype(np.float16) for name, weight in weights}


def published(weights):
    """Weights by the names that they are published with, and as PyTorch stores them."""
    parts = [weights.pop(f"resampler.attn.{name}_proj.weight") for name in "qkv"]
    biases = [weights.pop(f"resampler.attn.{name}_proj.bias") for name in "qkv"]
    weights |= {"resampler.attn.in_proj_weight": np.concatenate(parts), "resampler.attn.in_proj_bias": np.concatenate(biases)}
    names = {"language_model.": "llm.", "vision_tower.": "vpm."}
    found = {}
    for name, weight in weights.items():
        name = next((new + name.removeprefix(old) for old, new in names.items() if name.startswith(old)), name)
        found[name] = np.ascontiguousarray(weight.transpose(0, 3, 1, 2) if weight.ndim == 4 else weight)
    return found


def text(turns):
    line = lambda said, media: "\n".join([MARKER] * len(media) + [said])
    return [{"role": role, "content": line(said, media)} for role, said, media in turns]


def shown(found, at):
    """What stands for an image, of which each slice has as many vectors as there are queries."""
    names = AROUND | {"image_token": UNKNOWN, "slice_mode": True}
    counts = np.full((len(found["target_sizes"]), 1), QUERIES)
    inputs = {"grids": found["grids"], "num_patches_per_image": found["num_patches_per_image"], "target_sizes": counts}
    whole = MiniCPMV4_6Processor.replace_image_token(types.SimpleNamespace(**names), inputs, 0, image_token_divisor=1)
    return f"<image_id>{at}</image_id>" + whole


def see(model, found):
    """Vectors of the slices, one behind the other."""
    values, sizes = found["pixel_values"][0], found["target_sizes"]
    strips = np.split(values, np.cumsum([PATCH * h * w for h, w in sizes])[:-1], axis=-1)
    pixels = []
    for strip, (height, width) in zip(strips, sizes):
        patches = strip.reshape(3, PATCH, height, width, PATCH).transpose(0, 2, 1, 3, 4)
        pixels.append(patches.reshape(3, height * PATCH, width * PATCH))
    seen = model.get_vision_embedding([pixels], [np.asarray(sizes)])[0]
    return seen.reshape(-1, seen.shape[-1])


def main():
    mx.set_default_device(mx.cpu)
    model, weights = build()
    files = {
        "config.json": CONFIG,
        "preprocessor_config.json": {"image_processor_type": "MiniCPMVImageProcessor", "use_image_id": True} | OWN,
    }
    told = Told("minicpmv4.5", SPECIAL, TEMPLATE, files)
    save_file(published(weights), told.folder / "model.safetensors", {"format": "pt"})
    unknown = 256 + SPECIAL.index(UNKNOWN)
    for name, turns in CASES.items():
        images = [image_of(one) for _, _, media in turns for one in media]
        found = [Sliced(**OWN)(images=[one], return_tensors="np") for one in images]
        said = told.words.apply_chat_template(text(turns), tokenize=False, add_generation_prompt=True)
        said = replaced(said, MARKER, [shown(one, at) for at, one in enumerate(found)])
        own = told.words(said, add_special_tokens=False)["input_ids"]
        whole = mx.array([own + THEN])
        embedded = model.language_model.model.embed_tokens(whole)
        if found:
            places = mx.array([at for at, token in enumerate(own) if token == unknown])
            embedded[0, places] = mx.concatenate([see(model, one) for one in found])
        positions = mx.broadcast_to(mx.arange(whole.shape[1])[None, None], (3, 1, whole.shape[1]))
        logits = model.language_model(whole, inputs_embeds=embedded, position_ids=positions).logits
        told.keep(name, turns, own, np.array(logits[0]))
    told.finish()


main()
