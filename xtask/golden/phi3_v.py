"""A tiny Phi-3-V by mlx-vlm in float32. Images and tokens are those of the processor that it is published with, which mlx-vlm
has otherwise."""

import re
import types

import high_definition
import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx.utils import tree_flatten, tree_unflatten
from mlx_vlm.models.phi3_v import Model, ModelConfig
from mlx_vlm.models.phi3_v.vision import VisionModel
from safetensors.numpy import save_file

from tile_cases import STILL, image_of
from told import THEN, Told, image

CROPS = 4
SPECIAL = ["<s>", "<|endoftext|>", "<|user|>", "<|assistant|>", "<|end|>", "<|image|>"]
# What is kept for images, as the model's own negative numbers are no tokens.
IMAGE = 261
TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message.role + '|>\n' + message.content + '<|end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt and messages[-1].role != 'assistant' %}<|assistant|>\n{% endif %}"
)
BEGIN = {
    "post_processor": {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {"<s>": {"id": "<s>", "ids": [256], "tokens": ["<s>"]}},
    }
}
TOWER = {
    "hidden_size": 16,
    "image_size": 336,
    "intermediate_size": 24,
    "layer_norm_eps": 1e-05,
    "num_attention_heads": 2,
    "num_channels": 3,
    "num_hidden_layers": 2,
    "patch_size": 14,
}
CONFIG = {
    "model_type": "phi3_v",
    "architectures": ["Phi3VForCausalLM"],
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-5,
    "vocab_size": 262,
    "max_position_embeddings": 8192,
    "original_max_position_embeddings": 4096,
    "sliding_window": 262144,
    "hidden_act": "silu",
    "tie_word_embeddings": False,
    "rope_theta": 1000.0,
    "rope_scaling": {"type": "su", "short_factor": [1.0, 1.1, 1.3, 1.7], "long_factor": [1.0, 2.0, 4.0, 8.0]},
    "bos_token_id": 256,
    "eos_token_id": 257,
    "embd_layer": {
        "embedding_cls": "image",
        "hd_transform_order": "sub_glb",
        "projection_cls": "mlp",
        "use_hd_transform": True,
        "with_learnable_separator": True,
    },
    "img_processor": {"image_dim_out": 16, "model_name": "openai/clip-vit-large-patch14-336", "num_img_tokens": 144},
}
CASES = {"column": [["user", "High?", [image(64, 20, 5)]]]} | {name: turns for name, turns in STILL.items() if name != "turns"} | {
    "turns": [
        ["user", "One.", [image(22, 90, 9)]],
        ["assistant", "Yes.", []],
        ["user", "Two?", [image(64, 20, 3)]],
    ]
}


def build():
    """A model of random weights, which halves hold exactly. mlx-vlm knows the tower of the published size only."""
    VisionModel.CLIP_VIT_LARGE_PATCH14_336_CONFIG = types.SimpleNamespace(model_type="phi3_v", **TOWER)
    model = Model(ModelConfig.from_dict(CONFIG))
    tower, width = model.model.vision_embed_tokens, TOWER["hidden_size"]
    tower.image_dim_out = width
    tower.glb_GN, tower.sub_GN = mx.zeros([1, 1, 4 * width]), mx.zeros([1, 1, 1, 4 * width])
    tower.img_projection[0] = nn.Linear(4 * width, CONFIG["hidden_size"])
    random = np.random.default_rng(3)
    weights = []
    for name, weight in tree_flatten(model.parameters()):
        noise = random.standard_normal(weight.shape)
        if "norm" in name and name.endswith("weight"):
            noise = 1 + 0.2 * noise
        elif weight.ndim == 1:
            noise = 0.2 * noise
        elif "GN" in name or "embed_tokens.weight" in name or "position_embedding" in name:
            noise = 0.6 * noise
        else:
            noise = 1.4 * noise / noise[0].size ** 0.5
        weights.append((name, mx.array(noise.astype(np.float16).astype(np.float32))))
    model.update(tree_unflatten(weights))
    return model, dict(weights)


def text(turns):
    """Messages for the template, in which images have numbers."""
    messages, images = [], 0
    for role, said, media in turns:
        for _ in media:
            images += 1
        marks = "".join(f"<|image_{images - len(media) + at + 1}|>\n" for at in range(len(media)))
        messages.append({"role": role, "content": marks + said})
    return messages


def tokens(words, said, counts):
    """Tokens of texts between images, each by itself, and the numbers that stand for images: -1, -2 and so on."""
    found = []
    for at, piece in enumerate(re.split(r"<\|image_\d+\|>", said)):
        found += words(piece)["input_ids"]
        found += [-at - 1] * (counts[at] if at < len(counts) else 0)
    return found


def count(rows, columns):
    return (rows * columns + 1) * 144 + 1 + (rows + 1) * 12


def see(tower, tiles, rows, columns):
    """Vectors of an image, of which the whole is the first tile. mlx-vlm puts tiles that are side by side one below the
    other, where the model's authors make one picture of them."""
    _, _, states = tower.img_processor.vision_model(mx.array(tiles), output_hidden_states=True)
    side, width = 12, 4 * tower.image_dim_out
    patches = states[-2][:, 1:].reshape(-1, side, 2, side, 2, tower.image_dim_out)
    squares = patches.transpose(0, 1, 3, 2, 4, 5).reshape(-1, side, side, width)

    def lines(tiles, rows, columns):
        picture = tiles.reshape(rows, columns, side, side, width).transpose(0, 2, 1, 3, 4)
        picture = picture.reshape(rows * side, columns * side, width)
        ends = mx.broadcast_to(tower.sub_GN[0], (rows * side, 1, width))
        return mx.concatenate([picture, ends], 1).reshape(-1, width)

    seen = mx.concatenate([lines(squares[1:], rows, columns), tower.glb_GN[0], lines(squares[:1], 1, 1)])
    for layer in tower.img_projection:
        seen = layer(seen)
    return seen


def check(model, tiles, own, embedded):
    """In an image of one column of tiles, mlx-vlm sees the same."""
    rows = len(tiles) - 1
    kwargs = {"pixel_values": mx.array(tiles.transpose(0, 3, 1, 2)[None]), "image_sizes": mx.array([[336 * rows, 336]])}
    theirs = model.get_input_embeddings(mx.array([own]), **kwargs).inputs_embeds[0]
    assert mx.allclose(theirs, embedded, atol=1e-5).item()


def main():
    mx.set_default_device(mx.cpu)
    model, weights = build()
    files = {
        "config.json": CONFIG | {"vision_config": TOWER},
        "preprocessor_config.json": {"image_processor_type": "Phi3VImageProcessor", "num_crops": CROPS, "num_img_tokens": 144},
    }
    told = Told("phi3-v", SPECIAL, TEMPLATE, files, BEGIN)
    stored = {name: np.array(weight).astype(np.float16) for name, weight in weights.items()}
    for name, weight in stored.items():
        # As PyTorch stores convolutions.
        stored[name] = np.ascontiguousarray(weight.transpose(0, 3, 1, 2) if weight.ndim == 4 and "patch" in name else weight)
    save_file(stored, told.folder / "model.safetensors", {"format": "pt"})
    for name, turns in CASES.items():
        canvases = [high_definition.padded(image_of(one), CROPS) for _, _, media in turns for one in media]
        sizes = [canvas.shape[:2] for canvas in canvases]
        said = told.words.apply_chat_template(text(turns), tokenize=False, add_generation_prompt=True)
        own = tokens(told.words, said, [count(*(edge // 336 for edge in size)) for size in sizes])
        whole = own + THEN
        embedded = model.model.embed_tokens(mx.array([max(token, 0) for token in whole]))
        for at, (canvas, size) in enumerate(zip(canvases, sizes)):
            values = high_definition.numbers(canvas)
            tiles = np.concatenate([high_definition.whole(values)[None], high_definition.tiles(values)])
            seen = see(model.model.vision_embed_tokens, tiles, *(edge // 336 for edge in size))
            first = whole.index(-at - 1)
            embedded[first : first + len(seen)] = seen
            if len(canvases) == 1 and size[1] == 336:
                check(model, tiles, whole, embedded)
                print(f"{name}: mlx-vlm sees the same")
        logits = model(mx.array([whole]), inputs_embeds=embedded[None]).logits
        told.keep(name, turns, [token if token >= 0 else IMAGE for token in own], np.array(logits[0]))
    told.finish()


main()
