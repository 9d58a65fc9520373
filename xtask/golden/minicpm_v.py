"""Tiny models of MiniCPM-V 4.6, which merge patches within the tower or not."""

import types

import numpy as np
import torch
from transformers import AutoConfig
from transformers.models.minicpmv4_6.image_processing_pil_minicpmv4_6 import MiniCPMV4_6ImageProcessorPil
from transformers.models.minicpmv4_6.processing_minicpmv4_6 import MiniCPMV4_6Processor

from shown import Shown, build, image, kind, pictures
from tile_cases import MOVING, STILL, TEXT, expander

IMAGE, VIDEO = "<|image_pad|>", "<|video_pad|>"
AROUND = {
    "image_start_token": "<image>",
    "image_end_token": "</image>",
    "slice_start_token": "<slice>",
    "slice_end_token": "</slice>",
    "image_id_start_token": "<image_id>",
    "image_id_end_token": "</image_id>",
}
SPECIAL = ["<|im_start|>", "<|im_end|>", IMAGE, VIDEO, *AROUND.values()]
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{% for part in message.content %}"
    "{% if part.type == 'text' %}{{ part.text }}{% else %}<|{{ part.type }}_pad|>{% endif %}{% endfor %}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
OWN = {"patch_size": 4, "scale_resolution": 32, "max_slice_nums": 6}
# Frames are cut less than images.
FILM = OWN | {"max_slice_nums": 2}
SLICED = STILL | {"slices": [["user", "Small?", [image(70, 50, 8), image(22, 90, 9)]]]} | MOVING
DENSE = {name: SLICED[name] for name in ["image", "both"]}
TEXT = TEXT | {
    "vocab_size": 256 + len(SPECIAL),
    "intermediate_size": 32,
    "head_dim": 16,
    "layer_types": ["linear_attention", "full_attention"],
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
    "linear_conv_kernel_dim": 4,
    "rope_parameters": {"rope_type": "default", "rope_theta": 1000.0, "partial_rotary_factor": 0.5, "mrope_section": [2, 1, 1]},
}
VISION = {
    "hidden_size": 16,
    "intermediate_size": 18,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 22,
    "patch_size": 4,
}


def processing(mode):
    """What stands for images and videos, and their patches, by the processor of transformers."""
    names = AROUND | {"image_token": IMAGE, "video_token": VIDEO, "slice_mode": True, "video_slice_mode": True}
    words = types.SimpleNamespace(**names)
    divisor = 4 if mode == "4x" else 16

    def cut(one):
        own = OWN if kind(one) == "image" else FILM
        processor = MiniCPMV4_6ImageProcessorPil(**own, downsample_mode=mode)
        return processor(images=pictures(one), return_tensors="pt")

    def shown(one, found):
        grids, sizes = np.array(found["grids"]), found["target_sizes"]
        if kind(one) == "image":
            counts = found["num_patches_per_image"]
            inputs = {"grids": grids, "num_patches_per_image": counts, "target_sizes": sizes}
            return MiniCPMV4_6Processor.replace_image_token(words, inputs, 0, image_token_divisor=divisor)
        inputs = {"target_sizes_videos": sizes, "num_frames_per_video": [len(grids)], "grids_videos": torch.tensor(grids)}
        return MiniCPMV4_6Processor.replace_video_token(words, inputs, 0, video_token_divisor=divisor)

    def process(media):
        parts, values = [], {"image": [], "video": []}
        for one in media:
            found = cut(one)
            number = len(values[kind(one)])
            values[kind(one)].append(found)
            parts.append(f"<image_id>{number}</image_id>" + shown(one, found))
        kwargs = {}
        for name, end in [("image", ""), ("video", "_videos")]:
            if values[name]:
                kwargs["pixel_values" + end] = torch.cat([found["pixel_values"] for found in values[name]], -1)
                kwargs["target_sizes" + end] = torch.cat([found["target_sizes"] for found in values[name]])
        return parts, kwargs

    return process


def write(name, mode, cases, seed):
    own = {"image_token_id": 258, "video_token_id": 259, "insert_layer_id": 0, "downsample_mode": mode}
    config = AutoConfig.for_model(
        "minicpmv4_6", text_config=TEXT | {"model_type": "qwen3_5_text"}, vision_config=VISION, tie_word_embeddings=False, **own
    )
    files = {
        "preprocessor_config.json": {"image_processor_type": "MiniCPMV4_6ImageProcessor", "downsample_mode": mode} | OWN,
        "video_preprocessor_config.json": {"video_processor_type": "MiniCPMV4_6VideoProcessor", "downsample_mode": mode} | FILM,
    }
    shown = Shown(name, build(config, seed), SPECIAL, TEMPLATE, files)
    for case, turns in cases.items():
        shown.case(case, turns, expander([IMAGE, VIDEO], processing(mode)))
    shown.finish()


def main():
    write("minicpmv4.6", "16x", SLICED, 11)
    write("minicpmv4.6-4x", "4x", DENSE, 12)


main()
