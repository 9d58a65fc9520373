"""Images by Pillow and the processors of transformers, and tiny random towers of CLIP and SigLIP in float32."""

import json
import pathlib
import struct
import zlib

import numpy as np
import torch
from PIL import Image, ImageOps
from safetensors.numpy import save_file
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModel
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.models.siglip2.image_processing_pil_siglip2 import Siglip2ImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

CRATES = pathlib.Path(__file__).resolve().parents[2] / "crates"
IMAGES = CRATES / "mlx-image" / "tests" / "golden"
TOWERS = CRATES / "mlx-embed" / "tests" / "golden"

FILTERS = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}
SIZES = [
    ((23, 31), (7, 9)),
    ((23, 31), (40, 33)),
    ((23, 31), (23, 12)),
    ((23, 31), (50, 31)),
    ((23, 31), (1, 1)),
    ((1, 1), (3, 5)),
    ((1, 19), (4, 6)),
    ((17, 1), (6, 2)),
    ((2, 3), (13, 11)),
    ((60, 5), (3, 20)),
    ((301, 3), (30, 8)),
    ((70, 1), (10, 1)),
]

PROCESSORS = {
    "CLIPImageProcessor": CLIPImageProcessorPil,
    "SiglipImageProcessor": SiglipImageProcessorPil,
    "ViTImageProcessor": ViTImageProcessorPil,
    "Siglip2ImageProcessor": Siglip2ImageProcessorPil,
}
CONFIGS = [
    ("CLIPImageProcessor", {"size": 12, "crop_size": 12, "resample": 3}),
    ("CLIPImageProcessor", {"size": {"shortest_edge": 9}, "crop_size": {"height": 14, "width": 7}}),
    ("CLIPImageProcessor", {"do_resize": False, "crop_size": {"height": 30, "width": 20}, "resample": 1}),
    ("CLIPImageProcessor", {"size": {"shortest_edge": 10, "longest_edge": 12}, "do_center_crop": False}),
    ("CLIPImageProcessor", {"do_resize": False, "crop_size": 35, "do_normalize": False}),
    ("SiglipImageProcessor", {"size": {"height": 11, "width": 13}}),
    ("SiglipImageProcessor", {"size": {"height": 16, "width": 16}, "resample": 2, "image_mean": [0.1, 0.2, 0.3]}),
    ("ViTImageProcessor", {"size": 10, "do_rescale": False}),
    ("ViTImageProcessor", {"size": {"height": 8, "width": 12}, "resample": 0, "rescale_factor": 0.01}),
    ("Siglip2ImageProcessor", {"patch_size": 4, "max_num_patches": 20}),
    ("Siglip2ImageProcessor", {"patch_size": 5, "max_num_patches": 7, "resample": 3}),
]

LETTERS = {chr(ord("a") + at): 10 + at for at in range(26)}
TEXT = {
    "vocab_size": 48,
    "hidden_size": 24,
    "intermediate_size": 40,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "max_position_embeddings": 12,
}
VISION = {
    "hidden_size": 16,
    "intermediate_size": 36,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "patch_size": 6,
}
FAMILIES = {
    "clip": {
        "model_type": "clip",
        "projection_dim": 20,
        "text_config": TEXT | {"eos_token_id": 9},
        "vision_config": VISION | {"image_size": 24},
    },
    "siglip": {
        "model_type": "siglip",
        "text_config": TEXT | {"projection_size": 16},
        "vision_config": VISION | {"image_size": 24},
    },
    "siglip2": {
        "model_type": "siglip2",
        "text_config": TEXT | {"projection_size": 16},
        "vision_config": VISION | {"num_patches": 16},
    },
}
PREPROCESSORS = {
    "clip": {"feature_extractor_type": "CLIPFeatureExtractor", "size": 24, "crop_size": 24, "resample": 3},
    "siglip": {"image_processor_type": "SiglipImageProcessor", "size": {"height": 24, "width": 24}, "resample": 2},
    "siglip2": {"image_processor_type": "Siglip2ImageProcessor", "patch_size": 6, "max_num_patches": 20},
}
TEXTS = ["a b c", "Z, y.", "m q r s t u v w", "h I c", "a b c d e f g h i j k l m n o p"]


def noise(height, width, seed, channels=3):
    """Pixels of which no two are alike, and many are black or white."""
    levels = np.random.default_rng(seed).integers(-80, 336, (height, width, channels))
    return np.clip(levels, 0, 255).astype(np.uint8)


def smooth(height, width):
    """Pixels that differ little from their neighbours."""
    rows, columns = np.mgrid[0:height, 0:width]
    return np.stack([rows * 5 + 20, columns * 4 + 60, 220 - rows * 2 - columns * 3], -1).astype(np.uint8)


def resizing():
    tensors = {}
    for at, (source, target) in enumerate(SIZES):
        # With this seed a byte tells that two numbers of Pillow's Hamming window are in single precision.
        pixels = noise(*source, 300 if source == (70, 1) else at)
        tensors[f"{at}.source"] = pixels
        for number, name in FILTERS.items():
            resized = Image.fromarray(pixels).resize(target[::-1], resample=number)
            tensors[f"{at}.{name}"] = np.array(resized)
    save_file(tensors, IMAGES / "resize.safetensors")


def png16(pixels):
    """A PNG of 16 bits a channel, which Pillow does not write."""
    height, width, channels = pixels.shape
    chunk = lambda name, data: struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    header = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def decoding():
    folder = IMAGES / "decode"
    folder.mkdir(parents=True, exist_ok=True)
    rgb, rgba = Image.fromarray(noise(7, 9, 50)), Image.fromarray(noise(7, 9, 51, 4))
    gray = Image.fromarray(noise(7, 9, 52, 1)[..., 0])
    gentle = Image.fromarray(smooth(24, 33))
    exif = Image.Exif()
    for orientation in range(1, 9):
        exif[0x0112] = orientation
        rgb.save(folder / f"orientation-{orientation}.png", exif=exif)
    rgb.save(folder / "rgb.png")
    rgba.save(folder / "rgba.png")
    gray.save(folder / "gray.png")
    rgba.convert("LA").save(folder / "gray-alpha.png")
    gray.convert("1").save(folder / "bits.png")
    palette = rgb.quantize(16)
    palette.save(folder / "palette.png", transparency=3)
    exif[0x0112] = 8
    rgba.save(folder / "lossless.webp", lossless=True, exact=True, exif=exif)
    palette.save(folder / "frames.gif", save_all=True, append_images=[rgb.rotate(180).quantize(16)])
    rgb.save(folder / "rgb.bmp")
    exif[0x0112] = 6
    gentle.save(folder / "full.jpg", quality=95, subsampling=0, exif=exif)
    gentle.save(folder / "half.jpg", quality=90, subsampling=2, progressive=True)
    gentle.convert("L").save(folder / "gray.jpg", quality=95)
    expected = {}
    for path in sorted(folder.iterdir()):
        if path.suffix != ".safetensors" and not path.name.startswith("deep"):
            expected[path.name] = np.array(ImageOps.exif_transpose(Image.open(path)).convert("RGB"))
    # Of 16 bits the upper 8 count, which is what Pillow does where it reads colours.
    deep = np.random.default_rng(53).integers(0, 1 << 16, (5, 6, 4))
    for channels in [1, 2, 3, 4]:
        name = f"deep-{channels}.png"
        (folder / name).write_bytes(png16(deep[..., :channels]))
        upper = (deep >> 8).astype(np.uint8)
        expected[name] = upper[..., :3] if channels > 2 else np.repeat(upper[..., :1], 3, -1)
        if channels > 2:
            assert (np.array(Image.open(folder / name).convert("RGB")) == expected[name]).all(), name
    save_file({name: np.ascontiguousarray(value) for name, value in expected.items()}, folder / "expected.safetensors")


def processed(name, config, image):
    """What a processor makes of an image, channels last."""
    output = PROCESSORS[name](**config)(images=[image], return_tensors="np")
    if "spatial_shapes" not in output:
        return {"values": np.ascontiguousarray(output["pixel_values"][0].transpose(1, 2, 0))}
    return {
        "values": output["pixel_values"][0],
        "mask": output["pixel_attention_mask"][0].astype(np.int32),
        "grid": np.array(output["spatial_shapes"][0], dtype=np.int32),
    }


def processing():
    tensors, cases = {}, []
    sizes = [(23, 31), (40, 18), (12, 12)]
    for at, size in enumerate(sizes):
        tensors[f"image.{at}"] = noise(*size, 60 + at)
    for name, config in CONFIGS:
        for at in range(len(sizes)):
            found = processed(name, config, Image.fromarray(tensors[f"image.{at}"]))
            tensors |= {f"{len(cases)}.{key}": value for key, value in found.items()}
            cases.append({"config": {"image_processor_type": name} | config, "image": at})
    save_file(tensors, IMAGES / "processors.safetensors")
    lines = ",\n".join(json.dumps(case) for case in cases)
    (IMAGES / "processors.json").write_text(f'{{"cases": [\n{lines}\n]}}\n')


def tokenizer(family):
    """A tokenizer whose words are letters, with what the family puts around a text."""
    special = {"<pad>": 0, "<s>": 1, "<unk>": 3, "</s>": 9}
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    named = lambda token: {"SpecialToken": {"id": token, "type_id": 0}}
    begin = [named("<s>")] if family == "clip" else []
    around = ["<s>", "</s>"] if family == "clip" else ["</s>"]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": at, "content": name} | flags for name, at in special.items()],
        "normalizer": {"type": "Lowercase"} if family == "clip" else None,
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": begin + [{"Sequence": {"id": "A", "type_id": 0}}, named("</s>")],
            "pair": [],
            "special_tokens": {name: {"id": name, "ids": [special[name]], "tokens": [name]} for name in around},
        },
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": special | LETTERS, "unk_token": "<unk>"},
    }


def random_model(config, seed):
    """A model whose weights are large enough for every part to matter."""
    torch.manual_seed(seed)
    fields = {name: value for name, value in config.items() if name != "model_type"}
    model = AutoModel.from_config(
        AutoConfig.for_model(config["model_type"], **fields), attn_implementation="eager"
    ).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.normal_(0.0, 0.3 if parameter.ndim > 1 else 0.2)
            if "norm" in name.lower() and name.endswith("weight"):
                parameter.add_(1.0)
        model.logit_scale.fill_(2.0)
        if hasattr(model, "logit_bias"):
            model.logit_bias.fill_(-1.5)
    return model


def tokens(family, length):
    """The padded ids of all texts, each prepared as the family's tokenizer in transformers does."""
    tok = Tokenizer.from_str(json.dumps(tokenizer(family)))
    tok.enable_truncation(length)
    prepare = {
        "clip": lambda text: text,
        "siglip": lambda text: text.lower().replace(",", "").replace(".", ""),
        "siglip2": lambda text: text.lower(),
    }[family]
    ids = [tok.encode(prepare(text)).ids for text in TEXTS]
    longest = max(map(len, ids)) if family == "clip" else length
    return torch.tensor([text + [0] * (longest - len(text)) for text in ids])


def seen(family, images):
    """The inputs of the image tower, all images together."""
    config = dict(PREPROCESSORS[family])
    name = config.pop("image_processor_type", None)
    config.pop("feature_extractor_type", None)
    output = PROCESSORS[name or "CLIPImageProcessor"](**config)(images=images, return_tensors="np")
    return {key: torch.tensor(np.array(value)) for key, value in output.items()}


def towers():
    for seed, (family, config) in enumerate(FAMILIES.items()):
        folder = TOWERS / family
        folder.mkdir(parents=True, exist_ok=True)
        model = random_model(config, seed)
        ids = tokens(family, TEXT["max_position_embeddings"])
        pictures = [Image.fromarray(noise(*size, 70 + at)) for at, size in enumerate([(23, 31), (40, 18), (24, 24)])]
        for at, picture in enumerate(pictures):
            picture.save(folder / f"image-{at}.png")
        inputs = seen(family, pictures)
        with torch.no_grad():
            output = model(input_ids=ids, **inputs)
            logits = output.logits_per_image
            expected = {"texts": output.text_embeds, "images": output.image_embeds, "logits": logits}
            expected["probabilities"] = logits.softmax(1) if family == "clip" else logits.sigmoid()
            if family == "clip":
                model.text_model.eos_token_id = 2
                expected["highest"] = model(input_ids=ids, **inputs).text_embeds
                assert not torch.allclose(expected["highest"], expected["texts"], atol=1e-2)
        values = inputs["pixel_values"]
        expected["pixel_values"] = values if family == "siglip2" else values.permute(0, 2, 3, 1)
        save_file({name: value.contiguous().numpy() for name, value in expected.items()}, folder / "expected.safetensors")
        state = {name: value.contiguous().numpy() for name, value in model.state_dict().items()}
        save_file(state, folder / "model.safetensors")
        # The class tells how texts are prepared.
        classes = {"clip": "CLIPTokenizer", "siglip": "SiglipTokenizer", "siglip2": "GemmaTokenizer"}
        files = {
            "config": config,
            "preprocessor_config": PREPROCESSORS[family],
            "tokenizer": tokenizer(family),
            "tokenizer_config": {"tokenizer_class": classes[family], "pad_token": "<pad>"},
        }
        for name, value in files.items():
            (folder / f"{name}.json").write_text(json.dumps(value, indent=2) + "\n")


def main():
    IMAGES.mkdir(parents=True, exist_ok=True)
    resizing()
    decoding()
    processing()
    towers()


main()
