"""Tiny InternVL models."""

import torch
from transformers import AutoConfig
from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil

from shown import Shown, build, kind, pictures
from tile_cases import MOVING, STILL, TEXT, expander

IMAGE, START, END = "<IMG_CONTEXT>", "<img>", "</img>"
SPECIAL = ["<|im_start|>", "<|im_end|>", IMAGE, START, END, "<video>"]
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{% for part in message.content %}"
    "{% if part.type == 'image' %}<IMG_CONTEXT>\n{% elif part.type == 'video' %}<video>\n{% else %}{{ part.text }}"
    "{% endif %}{% endfor %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
EDGE, TOKENS = 16, 4
OWN = {"size": {"height": EDGE, "width": EDGE}, "max_patches": 4}
PROCESSOR = {"image_processor_type": "GotOcr2ImageProcessor", "crop_to_patches": False} | OWN
VISION = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": [EDGE, EDGE],
    "patch_size": [4, 4],
}


def process(media):
    values, parts = [], []
    for one in media:
        still = kind(one) == "image"
        processor = GotOcr2ImageProcessorPil(crop_to_patches=still, **OWN)
        found = [processor(images=[frame], return_tensors="pt")["pixel_values"] for frame in pictures(one)]
        values += found
        text = [f"{START}{IMAGE * (TOKENS * len(tiles))}{END}" for tiles in found]
        parts.append(text[0] if still else "\n".join(f"Frame{at}: {frame}" for at, frame in enumerate(text, 1)))
    return parts, {"pixel_values": torch.cat(values)}


def write(name, text, vision, seed):
    own = {"image_token_id": 258, "image_seq_length": TOKENS, "tie_word_embeddings": False}
    config = AutoConfig.for_model("internvl", text_config=TEXT | text, vision_config=VISION | vision, **own)
    shown = Shown(name, build(config, seed), SPECIAL, TEMPLATE, {"preprocessor_config.json": PROCESSOR})
    for case, turns in (STILL | MOVING).items():
        shown.case(case, turns, expander([IMAGE, "<video>"], process))
    shown.finish()


def main():
    write("internvl", {"vocab_size": 262, "model_type": "qwen2"}, {"attention_bias": True}, 3)
    large = {"norm_type": "rms_norm", "use_qk_norm": True, "use_mean_pooling": False}
    write("internvl-6b", {"vocab_size": 262, "model_type": "qwen3", "head_dim": 8}, large, 4)


main()
