"""Tiny models with the tower of Pixtral."""

from transformers import AutoConfig
from transformers.models.pixtral.image_processing_pil_pixtral import PixtralImageProcessorPil

from shown import Shown, build
from tile_cases import STILL, TEXT, expander, image_of

IMAGE, BREAK, END = "[IMG]", "[IMG_BREAK]", "[IMG_END]"
SPECIAL = ["<s>", "</s>", "[INST]", "[/INST]", IMAGE, BREAK, END]
TEMPLATE = (
    "<s>{% for message in messages %}{% if message.role == 'user' %}[INST]{% for part in message.content %}"
    "{% if part.type == 'text' %}{{ part.text }}{% else %}[IMG]{% endif %}{% endfor %}[/INST]{% else %}"
    "{{ message.content[0].text }}</s>{% endif %}{% endfor %}"
)
PATCH = 4
PROCESSOR = {
    "image_processor_type": "PixtralImageProcessor",
    "patch_size": {"height": PATCH, "width": PATCH},
    "size": {"longest_edge": 40},
}
VISION = {
    "model_type": "pixtral",
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 40,
    "patch_size": PATCH,
    "rope_theta": 100.0,
}
WHOLE = {"image_token_index": 260, "tie_word_embeddings": False}


def process(merge):
    edge = PATCH * merge
    own = {"patch_size": {"height": edge, "width": edge}, "size": PROCESSOR["size"]}
    processor = PixtralImageProcessorPil(**own)

    def process(media):
        found = processor(images=[image_of(one) for one in media], return_tensors="pt")
        text = lambda height, width: BREAK.join([IMAGE * (int(width) // edge)] * (int(height) // edge)) + END
        parts = [text(*size) for size in found["image_sizes"]]
        return parts, {"pixel_values": found["pixel_values"], "image_sizes": found["image_sizes"]}

    return process


def write(name, config, merge, seed):
    shown = Shown(name, build(config, seed), SPECIAL, TEMPLATE, {"preprocessor_config.json": PROCESSOR})
    for case, turns in STILL.items():
        shown.case(case, turns, expander([IMAGE], process(merge)))
    shown.finish()


def main():
    text = TEXT | {"vocab_size": 263, "model_type": "mistral", "head_dim": 8, "sliding_window": None}
    pixtral = {"vision_feature_layer": -1, "vision_feature_select_strategy": "full"}
    write("pixtral", AutoConfig.for_model("llava", text_config=text, vision_config=VISION, **pixtral, **WHOLE), 1, 1)
    merging = {"spatial_merge_size": 2}
    write("mistral3", AutoConfig.for_model("mistral3", text_config=text, vision_config=VISION, **merging, **WHOLE), 2, 2)


main()
