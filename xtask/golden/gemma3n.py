"""A tiny Gemma 3n, whose tower is of timm: of its blocks there is one of each kind at least."""

import timm.models.mobilenetv5 as timm
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForImageTextToText
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

from gemma_vl import CONVERSATIONS, TEXT, TURNS
from shown import Shown, build, pictures, replaced

SPECIAL = ["<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>", "<start_of_image>"]
SPECIAL += ["<end_of_image>", "<image_soft_token>"]
SIDE, WIDTH = 2, 12
SIZES = {"msfa_output_resolution": SIDE, "stem_size": 8}
STAGES = [
    ["er_r1_k3_s2_e2_c8", "er_r1_k3_s1_e2_c8"],
    ["uir_r1_a3_k5_s2_e2_c16", "uir_r1_a5_k0_s1_e2_c16"],
    ["uir_r1_a5_k5_s2_e2_c16", "uir_r1_a0_k0_s1_e1_c16", "mqa_r1_k3_h3_v2_s1_d4_c16", "uir_r1_a0_k0_s1_e2_c16"],
    ["uir_r1_a5_k5_s2_e2_c24", "mqa_r1_k3_h2_s1_d8_c24", "uir_r1_a0_k0_s1_e2_c24"],
]
AUDIO = {
    "vocab_size": 2,
    "vocab_offset": 265,
    "input_feat_size": 16,
    "hidden_size": 8,
    "conf_num_attention_heads": 2,
    "conf_num_hidden_layers": 1,
    "sscp_conv_channel_size": [4, 2],
}
TOWER = {"hidden_size": WIDTH, "vocab_size": 4, "vocab_offset": 261, "model_args": SIZES}
DECODER = TEXT | {
    "vocab_size": 267,
    "hidden_size": 36,
    "num_hidden_layers": 3,
    "vocab_size_per_layer_input": 261,
    "hidden_size_per_layer_input": 4,
    "altup_num_inputs": 2,
    "laurel_rank": 4,
    "intermediate_size": 16,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "num_kv_shared_layers": 1,
    "layer_types": ["sliding_attention", "full_attention", "full_attention"],
    "activation_sparsity_pattern": [0.5, 0.0, 0.0],
    "sliding_window": 16,
}
PROCESSOR = {"size": {"height": 96, "width": 96}, "resample": 2, "do_normalize": False}


def made(config):
    """The model of a config, with a tower of the stages above, as wide as that says in the end."""
    decode = timm.decode_arch_def
    timm.decode_arch_def = lambda _, **kwargs: decode(STAGES, **kwargs)
    model = AutoModelForImageTextToText.from_config(config)
    timm.decode_arch_def = decode
    tower = model.model.vision_tower.timm_model
    tower.msfa = timm.MobileNetV5MultiScaleFusionAdapter(
        in_chs=tower.msfa_in_chs, out_chs=WIDTH, output_resolution=SIDE, norm_layer=timm.RmsNorm2d, act_layer=timm._GELU
    )
    return model


def drop(path, part):
    """Leaves a part of what is heard out of a file, as it is read by none."""
    save_file({name: array for name, array in load_file(path).items() if part not in name}, path)


def main():
    tokens = {"boi_token_id": 260, "eoi_token_id": 261, "image_token_id": 262, "boa_token_id": 260}
    tokens |= {"eoa_token_id": 265, "audio_token_id": 266, "vision_soft_tokens_per_image": SIDE * SIDE}
    config = AutoConfig.for_model("gemma3n", text_config=DECODER, vision_config=TOWER, audio_config=AUDIO, **tokens)
    model = build(config, 5, made)
    torch.manual_seed(6)
    with torch.no_grad():
        for name, weight in model.model.vision_tower.named_parameters():
            noise = torch.randn_like(weight)
            if "bn" in name or name.endswith("gamma"):
                weight.copy_((1 + 0.2 * noise).half().float())
    files = {"preprocessor_config.json": {"image_processor_type": "SiglipImageProcessorFast"} | PROCESSOR}
    shown = Shown("gemma3n", model, SPECIAL, TURNS.replace("MARKER", "<image_soft_token>"), files)
    drop(shown.folder / "model.safetensors", "conformer")
    pil = SiglipImageProcessorPil(**PROCESSOR)
    whole = f"\n\n<start_of_image>{SIDE * SIDE * '<image_soft_token>'}<end_of_image>\n\n"

    def expand(text, media):
        found = [pil(images=pictures(one), return_tensors="pt")["pixel_values"] for one in media]
        kwargs = {"pixel_values": torch.cat(found)} if found else {}
        return replaced(text, "<image_soft_token>", [whole] * len(media)), lambda tokens: kwargs

    for name, turns in CONVERSATIONS.items():
        shown.case(name, turns, expand)
    shown.finish()
    # What the tower of real checkpoints is like.
    whole = timm.mobilenetv5_300m_enc(device="meta").state_dict()
    shown.write("mobilenetv5_300m_enc.json", {name: list(weight.shape) for name, weight in whole.items()})


if __name__ == "__main__":
    main()
