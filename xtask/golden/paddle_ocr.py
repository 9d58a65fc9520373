"""A tiny PaddleOCR-VL."""

import torch
from transformers import AutoConfig
from transformers.models.paddleocr_vl.image_processing_pil_paddleocr_vl import PaddleOCRVLImageProcessorPil

from shown import Shown, build, image, pictures, replaced

IMAGE = "<|IMAGE_PLACEHOLDER|>"
SPECIAL = ["<|begin_of_sentence|>", "</s>", "<|IMAGE_START|>", "<|IMAGE_END|>", IMAGE]
TEMPLATE = (
    "<|begin_of_sentence|>{% for message in messages %}"
    "{% if message.role == 'user' %}User: {% else %}Assistant: {% endif %}"
    "{% for part in message.content %}{% if part.type == 'text' %}{{ part.text }}"
    "{% else %}<|IMAGE_START|><|IMAGE_PLACEHOLDER|><|IMAGE_END|>{% endif %}{% endfor %}"
    "{% if message.role == 'user' %}\n{% else %}</s>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}Assistant: {% endif %}"
)
PROCESSOR = {
    "image_processor_type": "PaddleOCRVLImageProcessor",
    "patch_size": 4,
    "temporal_patch_size": 1,
    "merge_size": 2,
    "min_pixels": 256,
    "max_pixels": 2048,
    "image_mean": [0.5] * 3,
    "image_std": [0.5] * 3,
}
TEXT = {
    "vocab_size": 261,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 512,
    "bos_token_id": 256,
    "eos_token_id": 257,
    "use_bias": True,
    "rope_parameters": {"rope_type": "default", "rope_theta": 1000.0, "mrope_section": [2, 1, 1]},
}
VISION = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 20,
    "patch_size": 4,
    "spatial_merge_size": 2,
}
CONVERSATIONS = {
    "image": [["user", "OCR:", [image(37, 51)]]],
    "two": [["user", "And these?", [image(30, 61, 1), image(64, 20, 2)]]],
    "turns": [
        ["user", "One.", [image(37, 51)]],
        ["assistant", "Yes.", []],
        ["user", "Two?", [image(24, 24, 3)]],
    ],
    "text": [["user", "Nothing.", []]],
}


def expander(processor):
    """What a conversation becomes: as many placeholders as there are squares of patches, and their numbers."""

    def expand(text, media):
        found = [processor(images=pictures(one), return_tensors="pt") for one in media]
        grids = [one["image_grid_thw"] for one in found]
        text = replaced(text, IMAGE, [IMAGE * int(grid.prod() // processor.merge_size**2) for grid in grids])
        kwargs = {}
        if found:
            values = torch.cat([one["pixel_values"] for one in found])
            kwargs = {"pixel_values": values, "image_grid_thw": torch.cat(grids)}

        def others(tokens):
            types = (tokens == 256 + SPECIAL.index(IMAGE)).int()
            return kwargs | {"mm_token_type_ids": types}

        return text, others

    return expand


def main():
    config = AutoConfig.for_model(
        "paddleocr_vl",
        text_config=TEXT,
        vision_config=VISION,
        tie_word_embeddings=False,
        image_token_id=256 + SPECIAL.index(IMAGE),
        video_token_id=262,
        vision_start_token_id=258,
        vision_end_token_id=259,
    )
    shown = Shown("paddleocr-vl", build(config), SPECIAL, TEMPLATE, {"preprocessor_config.json": PROCESSOR})
    own = {key: value for key, value in PROCESSOR.items() if key != "image_processor_type"}
    expand = expander(PaddleOCRVLImageProcessorPil(**own))
    for case, turns in CONVERSATIONS.items():
        shown.case(case, turns, expand)
    shown.finish()


main()
