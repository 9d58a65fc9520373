"""Tiny Gemmas that see: Gemma 3, PaliGemma 1 and 2, and Gemma 4."""

import torch
from transformers import AutoConfig
from transformers.models.gemma3.image_processing_pil_gemma3 import Gemma3ImageProcessorPil
from transformers.models.gemma4.image_processing_pil_gemma4 import Gemma4ImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

from shown import THEN, Shown, build, image, kind, pictures, replaced, video

TEXT = {
    "vocab_size": 264,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 1024,
    "bos_token_id": 256,
    "eos_token_id": 257,
    "pad_token_id": 0,
}
TOWER = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "patch_size": 4,
    "image_size": 16,
    "vision_use_head": False,
}
CONVERSATIONS = {
    "image": [["user", "What is it?", [image(37, 51)]]],
    "two": [["user", "And these?", [image(30, 61, 1), image(64, 20, 2)]]],
    "turns": [
        ["user", "One.", [image(37, 51)]],
        ["assistant", "Yes.", []],
        ["user", "Two?", [image(24, 24, 3)]],
    ],
    "text": [["user", "Nothing.", []]],
}
# What a chat template of Gemma writes of turns, where each part that is shown is a marker.
TURNS = (
    "<bos>{% for message in messages %}<start_of_turn>{{ 'model' if message.role == 'assistant' else message.role }}\n"
    "{% for part in message.content %}{% if part.type == 'text' %}{{ part.text | trim }}{% else %}MARKER"
    "{% endif %}{% endfor %}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)


def types(kinds):
    """The kind of each token of a text, of which those of no kind are 0; those that follow it are text."""
    return lambda tokens: torch.tensor([[kinds.get(int(token), 0) for token in tokens[0]]], dtype=torch.int32)


def gemma3():
    """Images become tiles of one size, and their tokens see each other."""
    special = ["<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>"]
    special += ["<start_of_image>", "<end_of_image>", "<image_soft_token>"]
    # Embeddings are scaled by the root of their width as half of a float has it, which that of a square is.
    text = TEXT | {"hidden_size": 36, "sliding_window": 3, "sliding_window_pattern": 2, "query_pre_attn_scalar": 8}
    tokens = {"boi_token_index": 260, "eoi_token_index": 261, "image_token_index": 262}
    config = AutoConfig.for_model("gemma3", text_config=text, vision_config=TOWER, mm_tokens_per_image=4, **tokens)
    processor = {
        "size": {"height": 16, "width": 16},
        "do_pan_and_scan": True,
        "pan_and_scan_min_crop_size": 16,
        "pan_and_scan_max_num_crops": 3,
        "pan_and_scan_min_ratio_to_activate": 1.5,
    }
    file = {"preprocessor_config.json": {"image_processor_type": "Gemma3ImageProcessor"} | processor}
    template = TURNS.replace("MARKER", "<start_of_image>")
    shown = Shown("gemma3", build(config), special, template, file)
    pil, kinds = Gemma3ImageProcessorPil(**processor), types({262: 1})
    whole = "\n\n<start_of_image>" + 4 * "<image_soft_token>" + "<end_of_image>\n\n"

    def expand(text, media):
        found = [pil(images=pictures(one), return_tensors="pt") for one in media]
        parts = [whole if not int(one["num_crops"][0]) else scanned(int(one["num_crops"][0])) for one in found]
        kwargs = {"pixel_values": torch.cat([one["pixel_values"] for one in found])} if found else {}
        others = lambda tokens: kwargs | {"token_type_ids": kinds(tokens)}
        return replaced(text, "<start_of_image>", parts), others

    def scanned(crops):
        beside = " and here are some crops to help you see better "
        return "Here is the original image " + whole + beside + " ".join([whole] * crops)

    for name, turns in CONVERSATIONS.items():
        shown.case(name, turns, expand)
    shown.finish()


def paligemma(name, kind, more):
    """An image and a prompt that all see each other; what follows sees what is before it."""
    special = ["<bos>", "<eos>", "<image>"]
    text = TEXT | {"model_type": kind, "use_bidirectional_attention": True} | more
    tower = TOWER | {"model_type": "siglip_vision_model", "projection_dim": 32}
    sizes = {"projection_dim": 32, "hidden_size": 32, "vocab_size": 264, "image_token_index": 258}
    config = AutoConfig.for_model("paligemma", text_config=text, vision_config=tower, **sizes)
    processor = {"size": {"height": 16, "width": 16}}
    file = {"preprocessor_config.json": {"image_processor_type": "SiglipImageProcessor"} | processor}
    template = (
        "{% for message in messages %}{% for part in message.content %}{% if part.type == 'image' %}<image>"
        "{% endif %}{% endfor %}{% endfor %}<bos>{% for message in messages %}{% for part in message.content %}"
        "{% if part.type == 'text' %}{{ part.text }}\n{% endif %}{% endfor %}{% endfor %}"
    )
    shown = Shown(name, build(config), special, template, file)
    pil = SiglipImageProcessorPil(**processor)

    def expand(text, media):
        found = [pil(images=pictures(one), return_tensors="pt")["pixel_values"] for one in media]
        kwargs = {"pixel_values": torch.cat(found)} if found else {}

        def others(tokens):
            kinds = torch.zeros_like(tokens, dtype=torch.int32)
            kinds[:, -len(THEN) :] = 1
            return kwargs | {"token_type_ids": kinds}

        return replaced(text, "<image>", [16 * "<image>"] * len(media)), others

    for name, turns in CONVERSATIONS.items():
        shown.case(name, turns, expand)
    shown.finish()


def gemma4(name, more, vision):
    """Images and frames of any proportions."""
    special = ["<bos>", "<eos>", "<|turn>", "<turn|>", "<|image>", "<image|>", "<|image|>", "<|video|>"]
    text = TEXT | {"sliding_window": 16, "layer_types": ["sliding_attention", "full_attention"]}
    text |= {"global_head_dim": 16, "vocab_size_per_layer_input": 264, "hidden_size_per_layer_input": 0} | more
    tower = TOWER | {"num_key_value_heads": 2, "head_dim": 8, "pooling_kernel_size": 2, "position_embedding_size": 40}
    tower = {key: value for key, value in tower.items() if key not in ["image_size", "vision_use_head"]} | vision
    tokens = {"boi_token_id": 260, "eoi_token_id": 261, "image_token_id": 262, "video_token_id": 263}
    tokens |= {"audio_config": None, "audio_token_id": 300}
    config = AutoConfig.for_model("gemma4", text_config=text, vision_config=tower, **tokens)
    processor = {"patch_size": 4, "max_soft_tokens": 70, "pooling_kernel_size": 2}
    files = {
        "preprocessor_config.json": {"image_processor_type": "Gemma4ImageProcessor"} | processor,
        "video_preprocessor_config.json": {"video_processor_type": "Gemma4VideoProcessor"} | processor,
    }
    template = TURNS.replace("MARKER", "\n\n<|{{ part.type }}|>\n\n")
    template = template.replace("<start_of_turn>", "<|turn>").replace("<end_of_turn>", "<turn|>")
    model = build(config)
    with torch.no_grad():
        for part, buffer in model.named_buffers():
            loud = {"std_bias": 0.5, "std_scale": 1.0, "layer_scalar": 0.8, "input_min": -1.5, "input_max": 1.4}
            loud |= {"output_min": -2.0, "output_max": 1.9}
            value = loud.get(part.rsplit(".", 1)[-1])
            if value is not None:
                wave = 0.3 * torch.sin(torch.arange(buffer.numel()).float())
                buffer.copy_((value + wave.reshape(buffer.shape)).half().float())
    shown = Shown(name, model, special, template, files)
    pil, kinds = Gemma4ImageProcessorPil(**processor), types({262: 1, 263: 2})

    def expand(text, media):
        parts, kwargs = {"image": [], "video": []}, {}
        values = {"image": ([], []), "video": ([], [])}
        for one in media:
            found = pil(images=pictures(one), return_tensors="pt")
            count = int(found["num_soft_tokens_per_image"][0])
            run = f"<|image>{count * f'<|{kind(one)}|>'}<image|>"
            if kind(one) == "video":
                at = [int(frame * one["interval"]) for frame in range(one["frames"])]
                run = " ".join(f"{second // 60:02d}:{second % 60:02d} {run}" for second in at)
            parts[kind(one)].append(run)
            values[kind(one)][0].append(found["pixel_values"])
            values[kind(one)][1].append(found["image_position_ids"])
        for what, key, places in [
            ("image", "pixel_values", "image_position_ids"),
            ("video", "pixel_values_videos", "video_position_ids"),
        ]:
            # Parts have markers in them, which are not to be found again.
            text = replaced(text, f"<|{what}|>", [part.replace("|>", "|}") for part in parts[what]])
            if values[what][0]:
                kwargs |= {key: torch.cat(values[what][0]), places: torch.cat(values[what][1])}
        if values["video"][0]:
            kwargs["num_frames_per_video"] = torch.tensor([len(each) for each in values["video"][0]])
        return text.replace("|}", "|>"), lambda tokens: kwargs | {"mm_token_type_ids": kinds(tokens)}

    films = {
        "video": [["user", "What moves?", [video(3, 30, 42, 4, 30.5)]]],
        "both": [["user", "Which?", [image(37, 51), video(2, 40, 33, 7, 1.0)]]],
    }
    for name, turns in (CONVERSATIONS | films).items():
        shown.case(name, turns, expand)
    shown.finish()


def main():
    gemma3()
    paligemma("paligemma", "gemma", {})
    paligemma("paligemma2", "gemma2", {"sliding_window": 64, "query_pre_attn_scalar": 8})
    inputs = {"hidden_size_per_layer_input": 8}
    gemma4("gemma4", inputs, {"use_clipped_linears": True})
    # What a full layer sees is told by what a layer behind it makes of that.
    layers = ["full_attention", "sliding_attention", "full_attention"]
    together = {"use_bidirectional_attention": "vision", "num_hidden_layers": 3, "layer_types": layers}
    gemma4("gemma4-together", together, {"standardize": True})


if __name__ == "__main__":
    main()
