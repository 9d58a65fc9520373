"""Tiny models of GLM-4V and GLM-OCR."""

import torch
from transformers import AutoConfig
from transformers.models.glm4v.image_processing_pil_glm4v import Glm4vImageProcessorPil, smart_resize

from shown import Shown, build, image, kind, pictures, replaced, video
from tubelet_frames import frames, times

IMAGE, VIDEO = "<|image|>", "<|video|>"
START, END = "<|begin_of_image|>", "<|end_of_image|>"
FILM, CUT = "<|begin_of_video|>", "<|end_of_video|>"
SPECIAL = ["[gMASK]", "<sop>", "<|user|>", "<|assistant|>", START, END, FILM, CUT, IMAGE, VIDEO]
TEMPLATE = (
    "[gMASK]<sop>{% for message in messages %}<|{{ message.role }}|>\n{% for part in message.content %}"
    "{% if part.type == 'text' %}{{ part.text }}"
    "{% else %}<|begin_of_{{ part.type }}|><|{{ part.type }}|><|end_of_{{ part.type }}|>{% endif %}"
    "{% endfor %}{% endfor %}{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
TOKENS = {
    f"{name}_token_id": 256 + SPECIAL.index(token)
    for name, token in [
        ("image_start", START),
        ("image_end", END),
        ("video_start", FILM),
        ("video_end", CUT),
        ("image", IMAGE),
        ("video", VIDEO),
    ]
}
PROCESSOR = {
    "image_processor_type": "Glm4vImageProcessor",
    "patch_size": 4,
    "temporal_patch_size": 2,
    "merge_size": 2,
    "size": {"shortest_edge": 512, "longest_edge": 4096},
}
MOTION = PROCESSOR | {"size": {"shortest_edge": 512, "longest_edge": 6000}}
TEXT = {
    "vocab_size": 266,
    "hidden_size": 32,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 512,
    "eos_token_id": 258,
    "pad_token_id": None,
}
ROPE = {"rope_type": "default", "rope_theta": 1000.0, "mrope_section": [2, 1, 1], "partial_rotary_factor": 0.5}
VISION = {
    "depth": 2,
    "hidden_size": 16,
    "out_hidden_size": 32,
    "intermediate_size": 20,
    "num_heads": 2,
    "image_size": 20,
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
    "video": [["user", "What moves?", [video(5, 30, 42, 4, 0.75)]]],
    # transformers counts the frames of a video among images, so that there cannot be both.
    "films": [["user", "Which?", [video(4, 24, 37), video(3, 40, 33, 7, 0.25)]]],
    "text": [["user", "Nothing.", []]],
}


def expander(processor, tenths):
    """What a conversation becomes. A video becomes images of its frames, each with its time behind it."""
    merge = processor.merge_size**2

    def timed(media, grid):
        each = START + IMAGE * int(grid[0, 1:].prod() // merge) + END
        moment = lambda at: f"{at:.1f} seconds" if tenths else str(int(at))
        return "".join(each + moment(at[0]) for at in times(media, 2))

    def expand(text, media):
        parts = {"image": ([], [], []), "video": ([], [], [])}
        for one in media:
            values, grids, stands = parts[kind(one)]
            if kind(one) == "image":
                found = processor(images=pictures(one), return_tensors="pt")
                cut, grid = found["pixel_values"], found["image_grid_thw"]
                stands.append(IMAGE * int(grid.prod() // merge))
            else:
                cut, grid = frames(processor, pictures(one), (smart_resize, MOTION["size"]))
                stands.append(timed(one, grid))
            values.append(cut)
            grids.append(grid)
        text = replaced(text, IMAGE, parts["image"][2])
        text = replaced(text, VIDEO, parts["video"][2])
        kwargs = {}
        for what, key in [("image", "pixel_values"), ("video", "pixel_values_videos")]:
            values, grids, _ = parts[what]
            if values:
                kwargs |= {key: torch.cat(values), f"{what}_grid_thw": torch.cat(grids)}

        def others(tokens):
            types, film = [], False
            for token in tokens[0].tolist():
                film = token == TOKENS["video_start_token_id"] or film and token != TOKENS["video_end_token_id"]
                types.append((2 if film else 1) if token == TOKENS["image_token_id"] else 0)
            return kwargs | {"mm_token_type_ids": torch.tensor([types], dtype=torch.int32)}

        return text, others

    return expand


def write(name, model_type, text, vision=None, rope=ROPE, tenths=False):
    """The conversations of one model."""
    config = AutoConfig.for_model(
        model_type,
        text_config=TEXT | {"rope_parameters": rope} | text,
        vision_config=VISION | (vision or {}),
        tie_word_embeddings=False,
        **TOKENS,
    )
    version = {"image_processor_type": "Glm46VImageProcessor", "processor_class": "Glm46VProcessor"} if tenths else {}
    film = {"video_processor_type": "Glm46VVideoProcessor" if tenths else "Glm4vVideoProcessor"}
    own = {key: value for key, value in PROCESSOR.items() if key != "image_processor_type"}
    moving = {key: value for key, value in MOTION.items() if key != "image_processor_type"}
    files = {
        "preprocessor_config.json": PROCESSOR | version,
        "video_preprocessor_config.json": film | moving,
    }
    shown = Shown(name, build(config), SPECIAL, TEMPLATE, files)
    expand = expander(Glm4vImageProcessorPil(**own), tenths)
    for case, turns in CONVERSATIONS.items():
        shown.case(case, turns, expand)
    shown.finish()


def main():
    write("glm4v", "glm4v", {})
    experts = {
        "n_routed_experts": 4,
        "n_shared_experts": 1,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 8,
        "routed_scaling_factor": 1.5,
    }
    write("glm4v-moe", "glm4v_moe", experts, {"attention_bias": True}, tenths=True)
    whole = ROPE | {"partial_rotary_factor": 1.0, "mrope_section": [4, 2, 2]}
    wide = {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16}
    write("glm-ocr", "glm_ocr", wide, {"attention_bias": True}, rope=whole, tenths=True)


main()
