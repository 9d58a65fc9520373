"""A tiny DeepSeek-OCR by mlx-vlm, where that is what its authors wrote: they interpolate places otherwise, and the layers
of their CLIP have another activation."""

import math

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import torch
from mlx_vlm.models.deepseekocr import config as configs
from mlx_vlm.models.deepseekocr import sam, vision
from mlx_vlm.models.deepseekocr.deepseekocr import Model
from mlx_vlm.models.deepseekocr.processing_deepseekocr import ImageTransform, dynamic_preprocess
from PIL import ImageOps

from mlx_shown import MlxShown, channels_first, fill
from shown import image, pictures
from tile_cases import STILL, expander

IMAGE, MARK = "<image>", 258
SPECIAL = ["<begin>", "<end>", IMAGE, "<|ref|>"]
BASE, TILE, PATCH = 64, 32, 4
SAM = {"width": 16, "layers": 2, "heads": 2, "global_attn_indexes": [1], "downsample_channels": [8, 16]}
SAM |= {"image_size": BASE, "patch_size": PATCH, "window_size": 5, "prompt_embed_dim": 8}
CLIP = {"width": 16, "layers": 2, "heads": 2, "image_size": 224, "patch_size": 56}
TEXT = {
    "architectures": ["DeepseekV2ForCausalLM"],
    "bos_token_id": 256,
    "eos_token_id": 257,
    "first_k_dense_replace": 1,
    "hidden_size": 32,
    "intermediate_size": 36,
    "kv_lora_rank": None,
    "lm_head": True,
    "max_position_embeddings": 2048,
    "moe_intermediate_size": 8,
    "n_group": 1,
    "n_routed_experts": 5,
    "n_shared_experts": 2,
    "num_attention_heads": 4,
    "num_experts_per_tok": 2,
    "num_hidden_layers": 2,
    "num_key_value_heads": 2,
    "q_lora_rank": None,
    "qk_nope_head_dim": 0,
    "qk_rope_head_dim": 0,
    "rm_head": False,
    "topk_group": 1,
    "topk_method": "greedy",
    "use_mla": False,
    "v_head_dim": 0,
    "vocab_size": 260,
}
CONFIG = {
    "architectures": ["DeepseekOCRForCausalLM"],
    "candidate_resolutions": [[BASE, BASE]],
    "global_view_pos": "head",
    "image_token_index": MARK,
    "language_config": TEXT,
    "model_type": "deepseek_vl_v2",
    "projector_config": {"input_dim": 32, "model_type": "mlp_projector", "n_embed": 32, "projector_type": "linear"},
    "tile_tag": "2D",
    "vision_config": {
        "image_size": BASE,
        "mlp_ratio": 3.7362,
        "model_name": "deeplip_b_l",
        "model_type": "vision",
        "width": {"clip-l-14-224": CLIP, "sam_vit_b": SAM},
    },
} | TEXT
PROCESSOR = {
    "base_size": BASE,
    "candidate_resolutions": [[BASE, BASE]],
    "image_mean": [0.5, 0.5, 0.5],
    "image_size": TILE,
    "image_std": [0.5, 0.5, 0.5],
    "image_token": IMAGE,
    "normalize": True,
    "processor_class": "DeepseekVLV2Processor",
}


def square(places, side):
    """Vectors of places `[rows, columns, width]`, as the authors make others of them."""
    if places.shape[0] == side:
        return places
    told = torch.tensor(np.array(places)).permute(2, 0, 1)[None]
    made = torch.nn.functional.interpolate(told, size=(side, side), mode="bicubic", antialias=True, align_corners=False)
    return mx.array(made[0].permute(1, 2, 0).numpy())


def distances(queries, keys, learned):
    """Vectors of distances, where mlx-vlm begins with the first and the authors with the middle of the first."""
    count = 2 * queries - 1
    if learned.shape[0] != count:
        told = torch.tensor(np.array(learned)).T[None]
        learned = mx.array(torch.nn.functional.interpolate(told, size=count, mode="linear")[0].T.numpy())
    ahead = mx.arange(queries)[:, None] - mx.arange(keys)[None] + keys - 1
    return learned[ahead]


def places(self, learned, length):
    side = int(math.sqrt(length - 1))
    old = int(math.sqrt(learned.shape[1] - 1))
    made = square(learned[0, 1:].reshape(old, old, -1), side)
    return mx.concatenate([learned[:, :1], made.reshape(1, side * side, -1)], axis=1)


sam.get_abs_pos_sam = lambda learned, side: square(learned[0], side)[None]
sam.get_rel_pos = distances
vision.VisionEmbeddings._get_abs_pos = places


def model():
    text = {name: value for name, value in TEXT.items() if name not in ("kv_lora_rank", "q_lora_rank")}
    seen = {"model_type": "vision", "layers": CLIP["layers"], "hidden_size": CLIP["width"], "num_attention_heads": CLIP["heads"]}
    seen |= {"intermediate_size": 4 * CLIP["width"], "patch_size": CLIP["patch_size"], "layer_norm_eps": 1e-5}
    built = Model(configs.ModelConfig.from_dict(CONFIG | {"language_config": text, "vision_config": seen}))
    inner, (middle, last) = SAM["prompt_embed_dim"], SAM["downsample_channels"]
    sizes = {"img_size": BASE, "patch_size": PATCH, "embed_dim": SAM["width"], "depth": SAM["layers"], "out_chans": inner}
    more = {"window_size": SAM["window_size"], "global_attn_indexes": SAM["global_attn_indexes"]}
    built.sam_model = sam.SAMEncoder(num_heads=SAM["heads"], **sizes, **more)
    halved = {"kernel_size": 3, "stride": 2, "padding": 1, "bias": False}
    built.sam_model.net_2 = nn.Conv2d(inner, middle, **halved)
    built.sam_model.net_3 = nn.Conv2d(middle, last, **halved)
    for layer in built.vision_model.transformer.layers:
        layer.mlp.activation_fn = lambda x: x * mx.sigmoid(1.702 * x)
    # What sees patches of its own is stored, but not used.
    built.vision_model.embeddings.patch_embedding = nn.Linear(1, 2, bias=False)
    return built


def stored(arrays):
    """As the authors name them."""
    found = {}
    for name, array in arrays.items():
        name = name.removeprefix("language_model.").removeprefix("model.")
        name = name.replace("view_separator", "view_seperator")
        if ".switch_mlp." in name:
            before, after = name.split("switch_mlp.")
            found |= {f"model.{before}experts.{at}.{after}": one for at, one in enumerate(array)}
        else:
            found[name if name.startswith("lm_head") else f"model.{name}"] = array if "pos_embed" in name else channels_first(array)
    found["model.vision_model.embeddings.position_ids"] = mx.arange(17)[None]
    return found


def view(picture):
    """The whole in a square with colour beside it, tiles, and how many of these there are in a row and a column."""
    transform = ImageTransform()
    whole = ImageOps.pad(picture, (BASE, BASE), color=(127, 127, 127))
    tiles, crops = ([], (1, 1)) if max(picture.size) <= TILE else dynamic_preprocess(picture, image_size=TILE)
    patches = mx.stack([transform(tile) for tile in tiles]) if tiles else mx.zeros((1, 3, BASE, BASE))
    return [patches, transform(whole)[None]], crops


def count(crops):
    """How many tokens stand for an image."""
    whole, tile = BASE // PATCH // 4, TILE // PATCH // 4
    across, down = crops
    return whole * (whole + 1) + 1 + (tile * down * (tile * across + 1) if (across, down) != (1, 1) else 0)


def main():
    built = model()
    arrays = fill(built, 11)
    built.eval()

    def process(media):
        views = [view(picture) for one in media for picture in pictures(one)]
        return [IMAGE * count(crops) for _, crops in views], {"views": views}

    def logits(tokens, views=()):
        hidden = built.language_model.model.embed_tokens(tokens)
        marked, at = np.where(np.array(tokens[0]) == MARK)[0], 0
        # mlx-vlm takes one image at a time.
        for pixels, crops in views:
            own = marked[at : at + count(crops)]
            mask = np.zeros((1, tokens.shape[1]), dtype=bool)
            mask[0, own] = True
            seen = built.get_input_embeddings(tokens, pixels, mx.array([crops]), mask).inputs_embeds
            hidden[0, mx.array(own)] = seen[0, mx.array(own)]
            at += len(own)
        assert at == len(marked)
        return built.language_model(tokens, inputs_embeds=hidden).logits

    words = SPECIAL, None, {"processor_config.json": PROCESSOR}
    shown = MlxShown("deepseek-ocr", CONFIG, stored(arrays), logits, words)
    # The checkpoint has no template: its authors give texts as they are.
    shown.write("tokenizer_config.json", {"bos_token": "<begin>"})
    shown.text = lambda turns: "<begin>" + "".join(f"{IMAGE}\n" * len(media) + text for _, text, media in turns)
    cases = STILL | {"small": [["user", "Free OCR. ", [image(20, 31, 5)]]]}
    for case, turns in cases.items():
        shown.case(case, turns, expander([IMAGE], process))
    shown.finish()


main()
