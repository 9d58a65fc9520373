"""A tiny FastVLM, whose tower is of timm."""

import torch
from transformers import AutoConfig
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from shown import Shown, build
from tile_cases import STILL, TEXT, expander, image_of

IMAGE = "<image>"
SPECIAL = ["<|im_start|>", "<|im_end|>", IMAGE]
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{% for part in message.content %}"
    "{% if part.type == 'text' %}{{ part.text }}{% else %}<image>\n{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
EDGE = 160
TOKENS = ((EDGE + 63) // 64) ** 2
OWN = {
    "size": {"shortest_edge": EDGE},
    "crop_size": {"height": EDGE, "width": EDGE},
    "image_mean": [0.0, 0.0, 0.0],
    "image_std": [1.0, 1.0, 1.0],
}
SIZES = {"layers": [1, 1, 1, 1, 1], "embed_dims": [4, 8, 8, 32, 32], "mlp_ratios": [2, 2, 2, 1, 1]}
VISION = {
    "model_type": "timm_wrapper",
    "architecture": "fastvit_mci3",
    "do_pooling": True,
    "global_pool": "avg",
    "hidden_size": 64,
    "num_labels": 0,
    "model_args": {"inference_mode": True} | SIZES,
}


def process(media):
    found = CLIPImageProcessorPil(**OWN)(images=[image_of(one) for one in media], return_tensors="pt")
    return [IMAGE * TOKENS] * len(media), {"pixel_values": found["pixel_values"]}


def main():
    text = TEXT | {"vocab_size": 260, "model_type": "qwen2", "intermediate_size": 28, "tie_word_embeddings": True}
    config = AutoConfig.for_model("fast_vlm", text_config=text, vision_config=VISION, image_token_index=258)
    model = build(config, 11)
    for name, buffer in model.named_buffers():
        if name.endswith("running_mean"):
            buffer.copy_((0.3 * torch.randn_like(buffer)).half().float())
        elif name.endswith("running_var"):
            buffer.copy_((0.5 + torch.rand_like(buffer)).half().float())
    files = {"preprocessor_config.json": {"image_processor_type": "CLIPImageProcessor"} | OWN}
    shown = Shown("fast-vlm", model, SPECIAL, TEMPLATE, files)
    for case, turns in STILL.items():
        shown.case(case, turns, expander([IMAGE], process))
    shown.finish()


main()
