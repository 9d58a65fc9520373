"""Tiny models of LLaVA."""

import torch
from transformers import AutoConfig
from transformers.image_processing_utils import select_best_resolution
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.llava_next.image_processing_pil_llava_next import LlavaNextImageProcessorPil
from transformers.models.llava_next.processing_llava_next import LlavaNextProcessor
from transformers.models.llava_onevision.image_processing_pil_llava_onevision import LlavaOnevisionImageProcessorPil
from transformers.models.llava_onevision.processing_llava_onevision import LlavaOnevisionProcessor

from shown import Shown, build, image, kind, pictures
from tile_cases import MOVING, STILL, TEXT, expander, image_of

IMAGE, VIDEO = "<image>", "<video>"
SPECIAL = ["<s>", "</s>", IMAGE, VIDEO]
EDGE, PATCH = 16, 4
SIDE = EDGE // PATCH
FIRST = "{% for part in message.content %}{% if part.type != 'text' %}<{{ part.type }}>\n{% endif %}{% endfor %}"
WORDS = "{% for part in message.content %}{% if part.type == 'text' %}{{ part.text }}{% endif %}{% endfor %}"
VICUNA = (
    "{% for message in messages %}{{ message.role.upper() }}: " + FIRST + WORDS + " {% endfor %}"
    "{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)
MISTRAL = (
    "<s>{% for message in messages %}{% if message.role == 'user' %}[INST] " + FIRST + WORDS + " [/INST]{% else %} "
    + WORDS + "</s>{% endif %}{% endfor %}"
)
QWEN = (
    "{% for message in messages %}<|im_start|>{{ message.role }} " + FIRST + WORDS + "<|im_end|>{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SIZES = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": EDGE,
    "patch_size": PATCH,
}
CLIP = SIZES | {"model_type": "clip_vision_model", "projection_dim": 16}
SIGLIP = SIZES | {"model_type": "siglip_vision_model", "vision_use_head": False}
SQUARE = {"size": {"shortest_edge": EDGE}, "crop_size": {"height": EDGE, "width": EDGE}}
PINS = [[16, 32], [32, 16], [32, 32], [48, 16], [16, 48]]
MANY = [[height, width] for height in (16, 32, 48) for width in (16, 32, 48)]
WHOLE = {"image_token_index": 258, "tie_word_embeddings": False}
SMALL = {"small": [["user", "And this?", [image(9, 61, 5)]]], "long": [["user", "And this?", [image(91, 70, 6)]]]}


class Counts:
    """What the processors know of a model, without its tokenizer."""

    def __init__(self, pinpoints, aspect="anyres_max_9"):
        self.image_processor = type("Pins", (), {"image_grid_pinpoints": pinpoints})
        self.patch_size, self.num_image_tokens, self.num_additional_image_tokens = PATCH, SIDE * SIDE, 0
        self.vision_aspect_ratio = aspect
        self._get_unpadded_features = lambda *sizes: self.processor._get_unpadded_features(self, *sizes)

    def tokens(self, height, width):
        return self.processor._get_number_of_features(self, int(height), int(width), EDGE, EDGE)


class NextCounts(Counts):
    processor = LlavaNextProcessor


class OneVisionCounts(Counts):
    processor = LlavaOnevisionProcessor


def plain(media):
    found = CLIPImageProcessorPil(**SQUARE)(images=[image_of(one) for one in media], return_tensors="pt")
    return [IMAGE * (SIDE * SIDE)] * len(media), {"pixel_values": found["pixel_values"]}


def next_(media):
    processor = LlavaNextImageProcessorPil(image_grid_pinpoints=PINS, **SQUARE)
    found = processor(images=[image_of(one) for one in media], return_tensors="pt")
    parts = [IMAGE * NextCounts(PINS).tokens(*size) for size in found["image_sizes"]]
    return parts, {"pixel_values": found["pixel_values"], "image_sizes": found["image_sizes"]}


def one_vision(aspect):
    own = {"size": {"height": EDGE, "width": EDGE}, "image_grid_pinpoints": MANY}

    def process(media):
        stills = [one for one in media if kind(one) == "image"]
        kwargs, parts = {}, {}
        if stills:
            found = LlavaOnevisionImageProcessorPil(**own)(images=[[image_of(one) for one in stills]], return_tensors="pt")
            names = ["pixel_values", "image_sizes", "batch_num_images"]
            kwargs = {name: found[name] for name in names}
            several = len(stills) > 1
            count = lambda size: SIDE * SIDE + 1 if several else OneVisionCounts(MANY, aspect).tokens(*size)
            parts = {id(one): IMAGE * count(size) for one, size in zip(stills, found["image_sizes"])}
        for one in media:
            if kind(one) == "video":
                # A frame is an image that is not cut, but without room around it.
                frames = CLIPImageProcessorPil(do_center_crop=False, size=own["size"])(images=pictures(one), return_tensors="pt")
                kwargs["pixel_values_videos"] = frames["pixel_values"][None]
                parts[id(one)] = VIDEO * (one["frames"] * ((SIDE + 1) // 2) ** 2 + 1)
        return [parts[id(one)] for one in media], kwargs

    return process


def write(name, config, template, files, cases, process, seed):
    shown = Shown(name, build(config, seed), SPECIAL + ["<|im_start|>", "<|im_end|>"], template, files)
    for case, turns in cases.items():
        shown.case(case, turns, expander([IMAGE, VIDEO], process))
    shown.finish()


def main():
    llama = TEXT | {"vocab_size": 262, "model_type": "llama"}
    config = AutoConfig.for_model("llava", text_config=llama, vision_config=CLIP, **WHOLE)
    files = {"preprocessor_config.json": {"image_processor_type": "CLIPImageProcessor"} | SQUARE}
    write("llava", config, VICUNA, files, STILL, plain, 5)

    mistral = TEXT | {"vocab_size": 262, "model_type": "mistral", "sliding_window": None}
    config = AutoConfig.for_model("llava_next", text_config=mistral, vision_config=CLIP, image_grid_pinpoints=PINS, **WHOLE)
    files = {"preprocessor_config.json": {"image_processor_type": "LlavaNextImageProcessor", "image_grid_pinpoints": PINS} | SQUARE}
    write("llava-next", config, MISTRAL, files, STILL | SMALL, next_, 6)

    qwen = TEXT | {"vocab_size": 262, "model_type": "qwen2"}
    own = {"video_token_index": 259, "vision_aspect_ratio": "anyres_max_3", "image_grid_pinpoints": MANY}
    config = AutoConfig.for_model("llava_onevision", text_config=qwen, vision_config=SIGLIP, **own, **WHOLE)
    square = {"size": {"height": EDGE, "width": EDGE}}
    files = {
        "preprocessor_config.json": {"image_processor_type": "LlavaOnevisionImageProcessor", "image_grid_pinpoints": MANY} | square,
        "video_preprocessor_config.json": {"video_processor_type": "LlavaOnevisionVideoProcessor"} | square,
    }
    write("llava-onevision", config, QWEN, files, STILL | SMALL | MOVING, one_vision("anyres_max_3"), 7)


main()
