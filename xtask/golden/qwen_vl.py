"""Tiny Qwen-VL models."""

import torch
from transformers import AutoConfig
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.models.qwen3_vl.video_processing_qwen3_vl import smart_resize

from shown import Shown, build, image, kind, pictures, replaced, video
from tubelet_frames import frames, times

IMAGE, VIDEO = "<|image_pad|>", "<|video_pad|>"
START, END = "<|vision_start|>", "<|vision_end|>"
SPECIAL = ["<|im_start|>", "<|im_end|>", START, END, IMAGE, VIDEO]
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
HALVES = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
FILM = HALVES | {
    "video_processor_type": "Qwen3VLVideoProcessor",
    "patch_size": 4,
    "temporal_patch_size": 2,
    "merge_size": 2,
    "size": {"shortest_edge": 512, "longest_edge": 4096},
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
VISION = {
    "depth": 3,
    "hidden_size": 16,
    "out_hidden_size": 32,
    "intermediate_size": 24,
    "num_heads": 2,
    "patch_size": 4,
    "spatial_merge_size": 2,
    "temporal_patch_size": 2,
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


def expander(processor, seconds=False, film=None):
    """What a conversation becomes: as many placeholders as there are squares of patches, and their numbers. The frames
    of a `film` have their times before them, and it stands in place of all that the template writes."""
    merge = processor.merge_size**2

    def cut(media):
        if kind(media) == "image":
            found = processor(images=pictures(media), return_tensors="pt")
            return found["pixel_values"], found["image_grid_thw"]
        bounds = film and (smart_resize, film)
        return frames(processor, pictures(media), bounds)

    def timed(media, grid):
        each = VIDEO * int(grid[0, 1:].prod() // merge)
        middle = lambda moments: (moments[0] + moments[-1]) / 2
        return "".join(f"<{middle(at):.1f} seconds>{START}{each}{END}" for at in times(media, 2))

    def expand(text, media):
        parts = {"image": ([], []), "video": ([], [])}
        stands = {"image": [], "video": []}
        for one in media:
            values, grid = cut(one)
            parts[kind(one)][0].append(values)
            parts[kind(one)][1].append(grid)
            marker = IMAGE if kind(one) == "image" else VIDEO
            timely = film and kind(one) == "video"
            stands[kind(one)].append(timed(one, grid) if timely else marker * int(grid.prod() // merge))
        text = replaced(text, IMAGE, stands["image"])
        text = replaced(text, START + VIDEO + END if film else VIDEO, stands["video"])
        kwargs = {}
        for what, key in [("image", "pixel_values"), ("video", "pixel_values_videos")]:
            values, grids = parts[what]
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


def write(name, model_type, text, vision, files, **options):
    """The conversations of one model."""
    config = AutoConfig.for_model(
        model_type, text_config=text, vision_config=vision, tie_word_embeddings=False, **TOKENS
    )
    shown = Shown(name, build(config), SPECIAL, TEMPLATE, files)
    own = {key: value for key, value in files["preprocessor_config.json"].items() if key != "image_processor_type"}
    expand = expander(Qwen2VLImageProcessorPil(**own), **options)
    for case, turns in CONVERSATIONS.items():
        shown.case(case, turns, expand)
    shown.finish()


def second():
    """Qwen2-VL and Qwen2.5-VL."""
    own = {"depth": 2, "embed_dim": 16, "hidden_size": 32, "mlp_ratio": 2}
    older = {key: VISION[key] for key in ["num_heads", "patch_size", "spatial_merge_size", "temporal_patch_size"]} | own
    files = {"preprocessor_config.json": PROCESSOR}
    write("qwen2-vl", "qwen2_vl", TEXT, older, files)
    vision = VISION | {"window_size": 16, "fullatt_block_indexes": [1], "tokens_per_second": 2}
    write("qwen2.5-vl", "qwen2_5_vl", TEXT, vision, files, seconds=True)


def third():
    """Qwen3-VL and Qwen3.5-VL, and both with experts."""
    files = {"preprocessor_config.json": PROCESSOR | HALVES, "video_preprocessor_config.json": FILM}
    rope = {"rope_type": "default", "mrope_section": [2, 1, 1], "mrope_interleaved": True}
    text = TEXT | {"head_dim": 8, "intermediate_size": 32, "rope_scaling": rope}
    experts = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 8}
    vision = VISION | {"num_position_embeddings": 25, "deepstack_visual_indexes": [0, 2]}
    options = {"film": FILM["size"]}
    write("qwen3-vl", "qwen3_vl", text, vision, files, **options)
    write("qwen3-vl-moe", "qwen3_vl_moe", text | experts, vision, files, **options)
    vision.pop("deepstack_visual_indexes")
    part = {"partial_rotary_factor": 0.5, "rope_theta": 1000.0}
    hybrid = text | {
        "head_dim": 16,
        "layer_types": ["linear_attention", "full_attention"],
        "linear_key_head_dim": 8,
        "linear_value_head_dim": 8,
        "linear_num_key_heads": 2,
        "linear_num_value_heads": 4,
        "rope_parameters": rope | part,
    }
    del hybrid["rope_scaling"], hybrid["rope_theta"]
    write("qwen3.5-vl", "qwen3_5", hybrid, vision, files, **options)
    experts |= {"shared_expert_intermediate_size": 8}
    write("qwen3.5-vl-moe", "qwen3_5_moe", hybrid | experts, vision, files, **options)


second()
third()
