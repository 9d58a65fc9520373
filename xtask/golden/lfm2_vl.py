"""A tiny LFM2-VL."""

from transformers import AutoConfig
from transformers.models.lfm2_vl import image_processing_lfm2_vl as lfm2

from shown import Shown, build, image
from tile_cases import STILL, TEXT, expander, image_of, resized

IMAGE, START, END, THUMBNAIL = "<image>", "<|image_start|>", "<|image_end|>", "<|img_thumbnail|>"
SPECIAL = ["<|startoftext|>", "<|im_end|>", "<|im_start|>", IMAGE, START, END, THUMBNAIL, "<|img_row_1_col_1|>"]
TEMPLATE = (
    "<|startoftext|>{% for message in messages %}<|im_start|>{{ message.role }}\n{% for part in message.content %}"
    "{% if part.type == 'text' %}{{ part.text }}{% else %}<image>{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
PATCH, FACTOR, TILE = 4, 2, 16
OWN = {
    "tile_size": TILE,
    "encoder_patch_size": PATCH,
    "downsample_factor": FACTOR,
    "min_image_tokens": 4,
    "max_image_tokens": 16,
    "max_tiles": 4,
    "max_num_patches": 64,
}
CASES = STILL | {"tiles": [["user", "Small?", [image(70, 50, 8), image(22, 90, 9)]]]}


def process(media):
    base = lfm2.TorchvisionBackend
    base.resize = lambda self, images, size, resample, **others: resized(images, size, resample)
    processor = lfm2.Lfm2VlImageProcessor(**OWN, return_row_col_info=True)
    found = processor(images=[[image_of(one) for one in media]], return_tensors="pt")
    sizes = zip(found["image_rows"], found["image_cols"], found["image_sizes"])
    parts = [text(int(rows), int(columns), size) for rows, columns, size in sizes]
    names = ["pixel_values", "pixel_attention_mask", "spatial_shapes"]
    return parts, {name: found[name] for name in names}


def text(rows, columns, size):
    height, width = (int(edge) // PATCH // FACTOR for edge in size)
    whole = IMAGE * (height * width)
    if rows == 1 and columns == 1:
        return START + whole + END
    tile = IMAGE * (TILE // PATCH // FACTOR) ** 2
    names = [f"<|img_row_{row + 1}_col_{column + 1}|>" for row in range(rows) for column in range(columns)]
    return START + "".join(name + tile for name in names) + THUMBNAIL + whole + END


def main():
    text_config = TEXT | {
        "model_type": "lfm2",
        "vocab_size": 264,
        "conv_L_cache": 3,
        "block_auto_adjust_ff_dim": False,
        "layer_types": ["conv", "full_attention"],
    }
    vision = {
        "hidden_size": 16,
        "intermediate_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_patches": 16,
        "patch_size": PATCH,
        "vision_use_head": False,
    }
    own = {"image_token_id": 259, "projector_hidden_size": 24, "downsample_factor": FACTOR, "tie_word_embeddings": True}
    config = AutoConfig.for_model("lfm2_vl", text_config=text_config, vision_config=vision, **own)
    files = {"preprocessor_config.json": {"image_processor_type": "Lfm2VlImageProcessor"} | OWN}
    shown = Shown("lfm2-vl", build(config, 10), SPECIAL, TEMPLATE, files)
    for case, turns in CASES.items():
        shown.case(case, turns, expander([IMAGE], process))
    shown.finish()


main()
