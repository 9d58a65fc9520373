"""Tiny Qwen-VL models."""

import numpy as np
import torch
from transformers import AutoConfig
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from shown import Shown, build, image, kind, pictures, replaced, video

IMAGE, VIDEO = "<|image_pad|>", "<|video_pad|>"
SPECIAL = ["<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", IMAGE, VIDEO]
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{% for part in message.content %}"
    "{% if part.type == 'text' %}{{ part.text }}{% else %}<|vision_start|><|{{ part.type }}_pad|><|vision_end|>"
    "{% endif %}{% endfor %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TOKENS = {"vision_start_token_id": 258, "vision_end_token_id": 259, "image_token_id": 260, "video_token_id": 261}
PROCESSOR = {
    "image_processor_type": "Qwen2VLImageProcessor",
    "patch_size": 4,
    "temporal_patch_size": 2,
    "merge_size": 2,
    "min_pixels": 256,
    "max_pixels": 2048,
}
TEXT = {
    "vocab_size": 262,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "bos_token_id": 256,
    "eos_token_id": 257,
    "rope_theta": 1000.0,
    "rope_scaling": {"type": "mrope", "rope_type": "default", "mrope_section": [2, 1, 1]},
}
CONVERSATIONS = {
    "image": [["user", "What is it?", [image(37, 51)]]],
    "two": [["user", "And these?", [image(30, 61, 1), image(64, 20, 2)]]],
    "turns": [
        ["user", "One.", [image(37, 51)]],
        ["assistant", "Yes.", []],
        ["user", "Two?", [image(24, 24, 3)]],
    ],
    "video": [["user", "What moves?", [video(5, 30, 42, 4)]]],
    "both": [["user", "Which?", [image(37, 51), video(3, 40, 33, 7, 0.25)]]],
    "text": [["user", "Nothing.", []]],
}


def expander(processor, seconds=False):
    """What a conversation becomes: as many placeholders as there are squares of patches, and their numbers."""
    merge = processor.merge_size**2

    def cut(media):
        if kind(media) == "image":
            found = processor(images=pictures(media), return_tensors="pt")
            return found["pixel_values"], found["image_grid_thw"]
        return frames(processor, pictures(media))

    def expand(text, media):
        parts = {"image": ([], []), "video": ([], [])}
        for one in media:
            values, grid = cut(one)
            parts[kind(one)][0].append(values)
            parts[kind(one)][1].append(grid)
        kwargs = {}
        for marker, what, key in [(IMAGE, "image", "pixel_values"), (VIDEO, "video", "pixel_values_videos")]:
            values, grids = parts[what]
            text = replaced(text, marker, [marker * int(grid.prod() // merge) for grid in grids])
            if values:
                kwargs |= {key: torch.cat(values), f"{what}_grid_thw": torch.cat(grids)}
        if seconds and parts["video"][0]:
            each = [2 * one["interval"] for one in media if kind(one) == "video"]
            kwargs["second_per_grid_ts"] = torch.tensor(each)
        kinds = {TOKENS["image_token_id"]: 1, TOKENS["video_token_id"]: 2}

        def others(tokens):
            types = torch.tensor([[kinds.get(int(token), 0) for token in tokens[0]]], dtype=torch.int32)
            return kwargs | {"mm_token_type_ids": types}

        return text, others

    return expand


def frames(processor, all_frames):
    """The tubelets of a video, whose frames are resized and scaled one by one: the last is repeated for a whole one."""
    depth, patch, merge = processor.temporal_patch_size, processor.patch_size, processor.merge_size
    whole = list(all_frames) + [all_frames[-1]] * (-len(all_frames) % depth)
    # An image is taken as a tubelet of equal frames: its first frame is what is wanted.
    each = [processor(images=[frame], return_tensors="np") for frame in whole]
    _, height, width = map(int, each[0]["image_grid_thw"][0])
    cut = [one["pixel_values"].reshape(height * width, 3, depth, patch, patch)[:, :, 0] for one in each]
    cut = np.stack(cut).reshape(len(whole) // depth, depth, height * width, 3, patch, patch)
    values = cut.transpose(0, 2, 3, 1, 4, 5).reshape(-1, 3 * depth * patch * patch)
    return torch.tensor(values), torch.tensor([[len(whole) // depth, height, width]])


def main():
    vision = {
        "depth": 2,
        "embed_dim": 16,
        "hidden_size": 32,
        "mlp_ratio": 2,
        "num_heads": 2,
        "patch_size": 4,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
    }
    config = AutoConfig.for_model("qwen2_vl", text_config=TEXT, vision_config=vision, tie_word_embeddings=False, **TOKENS)
    shown = Shown("qwen2-vl", build(config), SPECIAL, TEMPLATE, {"preprocessor_config.json": PROCESSOR})
    own = {key: value for key, value in PROCESSOR.items() if key != "image_processor_type"}
    expand = expander(Qwen2VLImageProcessorPil(**own))
    for name, turns in CONVERSATIONS.items():
        shown.case(name, turns, expand)
    shown.finish()


main()
