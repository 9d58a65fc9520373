"""Tiny models of Idefics3 and SmolVLM."""

import types

import torch
from transformers import AutoConfig
from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil
from transformers.models.smolvlm import processing_smolvlm

from shown import Shown, build, kind, pictures
from tile_cases import MOVING, STILL, TEXT, expander, image_of

IMAGE, AROUND, WHOLE = "<image>", "<fake_token_around_image>", "<global-img>"
SPECIAL = ["<|begin_of_text|>", "<end_of_utterance>", IMAGE, AROUND, WHOLE, "<row_1_col_1>", "<row_1_col_2>", "<video>"]
TEMPLATE = (
    "<|begin_of_text|>{% for message in messages %}{{ message.role | capitalize }}"
    "{% if message.content[0].type == 'image' %}:{% else %}: {% endif %}{% for part in message.content %}"
    "{% if part.type == 'text' %}{{ part.text }}{% else %}<{{ part.type }}>{% endif %}{% endfor %}<end_of_utterance>\n"
    "{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}"
)
EDGE, PATCH, SCALE = 16, 4, 2
TOKENS = (EDGE // PATCH // SCALE) ** 2
OWN = {"size": {"longest_edge": 32}, "max_image_size": {"longest_edge": EDGE}}
VISION = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": EDGE,
    "patch_size": PATCH,
}


def process(media):
    found = Idefics3ImageProcessorPil(**OWN)(
        images=[[image_of(one) for one in media]], return_tensors="pt", return_row_col_info=True
    )
    parts = [text(*grid) for grid in zip(found["rows"][0], found["cols"][0])]
    return parts, {"pixel_values": found["pixel_values"], "pixel_attention_mask": found["pixel_attention_mask"]}


def text(rows, columns):
    whole = AROUND + WHOLE + IMAGE * TOKENS + AROUND
    if rows == 0 and columns == 0:
        return whole
    tile = lambda row, column: f"{AROUND}<row_{row + 1}_col_{column + 1}>" + IMAGE * TOKENS
    return "".join("".join(tile(row, column) for column in range(columns)) + "\n" for row in range(rows)) + "\n" + whole


def moving(media):
    """What SmolVLM sees: frames of videos are wholes."""
    parts, tiles = [], []
    for one in media:
        still = kind(one) == "image"
        processor = Idefics3ImageProcessorPil(do_image_splitting=still, **OWN)
        for frame in pictures(one):
            found = processor(images=[[frame]], return_tensors="pt", return_row_col_info=True)
            tiles.append(found["pixel_values"])
        parts.append(text(found["rows"][0][0], found["cols"][0][0]) if still else film(one))
    return parts, {"pixel_values": torch.cat(tiles, 1)}


def film(media):
    """What stands for a video, by transformers, which asks another package for numbers in words."""
    processing_smolvlm.num2words = {2: "two", 3: "three"}.get
    count, interval = media["frames"], media["interval"]
    times = [interval * at for at in range(count)]
    metadata = types.SimpleNamespace(fps=1 / interval, timestamps=times, duration=count * interval)
    inputs = {"pixel_values": torch.zeros(1, count), "video_metadata": [metadata]}
    names = {"image_token": IMAGE, "fake_image_token": AROUND, "global_image_token": WHOLE, "image_seq_len": TOKENS}
    return processing_smolvlm.SmolVLMProcessor.replace_video_token(types.SimpleNamespace(**names), inputs, 0)


def write(name, model_type, processor, cut, seed):
    text = TEXT | {"vocab_size": 264, "model_type": "llama"}
    own = {"image_token_id": 258, "scale_factor": SCALE, "tie_word_embeddings": False}
    config = AutoConfig.for_model(model_type, text_config=text, vision_config=VISION, **own)
    files = {"preprocessor_config.json": {"image_processor_type": processor} | OWN}
    shown = Shown(name, build(config, seed), SPECIAL, TEMPLATE, files)
    cases = STILL | MOVING if cut is moving else STILL
    for case, turns in cases.items():
        shown.case(case, turns, expander([IMAGE, "<video>"], cut))
    shown.finish()


def main():
    write("idefics3", "idefics3", "Idefics3ImageProcessor", process, 8)
    write("smolvlm", "smolvlm", "SmolVLMImageProcessor", moving, 9)


main()
