"""Images as tiles, patches and wholes, by the processors of transformers with Pillow."""

import high_definition
import numpy as np
import torch
from pictures import channels_last, digest, picture, planned, write
from PIL import Image
from transformers.models.gemma3.image_processing_pil_gemma3 import Gemma3ImageProcessorPil
from transformers.models.gemma4.image_processing_pil_gemma4 import Gemma4ImageProcessorPil
from transformers.models.gemma4.video_processing_gemma4 import Gemma4VideoProcessor, get_aspect_ratio_preserving_size
from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil
from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil
from transformers.models.lfm2_vl import image_processing_lfm2_vl as lfm2
from transformers.models.internvl.video_processing_internvl import InternVLVideoProcessor
from transformers.models.llava.image_processing_pil_llava import LlavaImageProcessorPil
from transformers.models.llava_next.image_processing_pil_llava_next import LlavaNextImageProcessorPil
from transformers.models.llava_next.processing_llava_next import LlavaNextProcessor
from transformers.models.llava_onevision.image_processing_pil_llava_onevision import LlavaOnevisionImageProcessorPil
from transformers.models.llava_onevision.video_processing_llava_onevision import LlavaOnevisionVideoProcessor
from transformers.models.minicpmv4_6.image_processing_pil_minicpmv4_6 import MiniCPMV4_6ImageProcessorPil
from transformers.models.pixtral.image_processing_pil_pixtral import PixtralImageProcessorPil, get_resize_output_image_size
from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil
from transformers.models.smolvlm.video_processing_smolvlm import SmolVLMVideoProcessor

TILES = {
    "Gemma3ImageProcessor": Gemma3ImageProcessorPil,
    "Idefics3ImageProcessor": Idefics3ImageProcessorPil,
    "SmolVLMImageProcessor": SmolVLMImageProcessorPil,
    "LlavaNextImageProcessor": LlavaNextImageProcessorPil,
    "LlavaOnevisionImageProcessor": LlavaOnevisionImageProcessorPil,
    "GotOcr2ImageProcessor": GotOcr2ImageProcessorPil,
}
WHOLES = {"LlavaImageProcessor": LlavaImageProcessorPil, "PixtralImageProcessor": PixtralImageProcessorPil}
SIZES = [(41, 67), (203, 61), (40, 171), (24, 24)]
SCAN = {"do_pan_and_scan": True, "pan_and_scan_min_crop_size": 16, "pan_and_scan_max_num_crops": 4, "pan_and_scan_min_ratio_to_activate": 1.2}
EDGES = {"size": {"longest_edge": 130}, "max_image_size": {"longest_edge": 40}}
PINS = {"size": {"shortest_edge": 24}, "crop_size": {"height": 24, "width": 24}, "image_grid_pinpoints": [[24, 48], [48, 24], [48, 48], [72, 24], [24, 72]]}
SQUARES = {"size": {"height": 24, "width": 24}, "image_grid_pinpoints": [[a, b] for a in (24, 48, 72) for b in (24, 48, 72)]}
TILED = [
    ("Gemma3ImageProcessor", {"size": {"height": 28, "width": 28}}, SIZES[:2]),
    ("Gemma3ImageProcessor", {"size": {"height": 28, "width": 20}, "resample": 3} | SCAN, SIZES + [(40, 110)]),
    ("Idefics3ImageProcessor", EDGES, SIZES),
    ("Idefics3ImageProcessor", EDGES | {"do_image_splitting": False}, SIZES[:2]),
    ("Idefics3ImageProcessor", EDGES | {"do_resize": False}, SIZES),
    ("SmolVLMImageProcessor", {"size": {"longest_edge": 4097}, "max_image_size": {"longest_edge": 512}, "resample": 3}, [(9, 201)]),
    ("SmolVLMImageProcessor", {"size": {"height": 50, "width": 90}, "max_image_size": {"longest_edge": 30}}, SIZES[:2]),
    ("LlavaNextImageProcessor", PINS, SIZES + [(5, 150)]),
    ("LlavaOnevisionImageProcessor", SQUARES, SIZES + [(150, 5)]),
    ("GotOcr2ImageProcessor", {"size": {"height": 20, "width": 20}}, SIZES[:2]),
    ("GotOcr2ImageProcessor", {"size": {"height": 20, "width": 20}, "crop_to_patches": True}, SIZES + [(40, 50), (30, 29)]),
    ("GotOcr2ImageProcessor", {"size": {"height": 20, "width": 24}, "crop_to_patches": True, "min_patches": 2, "max_patches": 5, "resample": 2}, SIZES),
]
TOKENS = {"tile_size": 64, "encoder_patch_size": 8, "min_image_tokens": 4, "max_image_tokens": 16}
LFM2 = [
    (TOKENS, SIZES + [(300, 500), (150, 150), (3, 700)]),
    (TOKENS | {"resample": 3, "use_thumbnail": False, "max_tiles": 4, "max_pixels_tolerance": 1.0}, SIZES),
    (TOKENS | {"do_image_splitting": False, "downsample_factor": 1}, SIZES),
    (TOKENS | {"min_tiles": 1, "max_tiles": 3, "max_pixels_tolerance": 0.5}, SIZES),
]
CPM = {"scale_resolution": 56, "patch_size": 4}
SLICED = [
    (CPM, SIZES + [(300, 500), (150, 150), (75, 75)]),
    (CPM | {"downsample_mode": "4x", "max_slice_nums": 4, "resample": 2}, SIZES),
    (CPM | {"slice_mode": False}, SIZES[:2]),
]
WHOLE = [
    ("LlavaImageProcessor", {"size": {"shortest_edge": 20}, "crop_size": {"height": 20, "width": 20}, "do_pad": True}),
    ("LlavaImageProcessor", {"size": {"shortest_edge": 20}, "crop_size": {"height": 20, "width": 20}}),
    ("PixtralImageProcessor", {"size": {"longest_edge": 100}, "patch_size": {"height": 8, "width": 8}}),
    ("PixtralImageProcessor", {"size": {"height": 50, "width": 90}, "patch_size": {"height": 4, "width": 12}, "resample": 2}),
]
# The fewest tokens that the models take are many, so patches are small.
SOFT = {"patch_size": 2, "pooling_kernel_size": 3}


def named(name, config):
    return {"image_processor_type": name} | config


def tiled(name, config, size):
    output = TILES[name](**config)(images=[Image.fromarray(picture(*size))], return_tensors=None)
    values = np.stack(output["pixel_values"][0] if output["pixel_values"][0].ndim == 4 else output["pixel_values"])
    values = channels_last(values)
    case = {"config": named(name, config), "size": size, "tiles": len(values), "tile": values.shape[1:3]}
    return case | digest(values)


def several(config, size):
    """What LLaVA-OneVision sees of an image that is one of several."""
    images = [Image.fromarray(picture(*size)), Image.fromarray(picture(*size, 1))]
    output = LlavaOnevisionImageProcessorPil(**config)(images=[images], return_tensors=None)
    case = {"config": named("LlavaOnevisionImageProcessor", config), "cuts": False, "size": size}
    values = channels_last(output["pixel_values"][0])
    return case | {"tiles": 1, "tile": values.shape[1:3]} | digest(values)


def resized(images, size, resample, **others):
    """Images in another size by Pillow, which models were trained behind; torchvision rounds otherwise."""
    pictures = [Image.fromarray(image.permute(1, 2, 0).numpy()) for image in images]
    pictures = [image.resize((size.width, size.height), resample) for image in pictures]
    return torch.tensor(np.stack([np.array(image) for image in pictures])).permute(0, 3, 1, 2)


FRAMES = [
    (SmolVLMVideoProcessor, {"size": {"longest_edge": 90}, "max_image_size": {"longest_edge": 30}}),
    (LlavaOnevisionVideoProcessor, {"size": {"height": 24, "width": 24}}),
    (InternVLVideoProcessor, {"size": {"height": 20, "width": 24}}),
]


def shown(kind, config, size):
    """What is seen of a frame of a video."""
    base = lfm2.TorchvisionBackend
    original = base.resize
    base.resize = lambda self, videos, size, resample, **others: resized(videos.flatten(0, -4), size, resample)[None]
    raw = torch.tensor(picture(*size)).permute(2, 0, 1)[None]
    output = kind(**config)([raw], do_sample_frames=False, return_tensors="pt")
    base.resize = original
    values = output.get("pixel_values_videos", output.get("pixel_values"))
    values = channels_last(values.reshape(-1, *values.shape[-3:]).numpy())
    case = {"config": {"video_processor_type": kind.__name__} | config, "size": size}
    return case | {"tiles": 1, "tile": values.shape[1:3]} | digest(values)


def patched(config, size):
    """What LFM2-VL sees, each tile as so many patches, without those that fill up."""
    base = lfm2.TorchvisionBackend
    original, base.resize = base.resize, lambda self, images, size, resample, **others: resized(images, size, resample)
    processor = lfm2.Lfm2VlImageProcessor(**config, return_row_col_info=True)
    output = processor(images=[Image.fromarray(picture(*size))], return_tensors="pt")
    base.resize = original
    shapes = output["spatial_shapes"].tolist()
    values = [tile[: height * width].numpy() for tile, (height, width) in zip(output["pixel_values"], shapes)]
    rows, columns = int(output["image_rows"][0]), int(output["image_cols"][0])
    case = {"config": named("Lfm2VlImageProcessor", config), "size": size, "patches": shapes, "grid": [rows, columns]}
    return case | digest(np.concatenate([value.ravel() for value in values]))


def sliced(config, size):
    """What MiniCPM-V sees, each slice as patches."""
    processor = MiniCPMV4_6ImageProcessorPil(**config)
    output = processor(images=[Image.fromarray(picture(*size))], return_tensors="np")
    patch, shapes = processor.patch_size, output["target_sizes"].tolist()
    strips = np.split(output["pixel_values"][0], np.cumsum([patch * h * w for h, w in shapes])[:-1], axis=-1)
    # A strip is of patches next to each other, `[channels, rows, patches x columns]`.
    patches = [strip.reshape(3, patch, -1, patch).transpose(2, 1, 3, 0) for strip in strips]
    case = {"config": named("MiniCPMV4_6ImageProcessor", config), "size": size, "patches": shapes}
    values = np.concatenate([patch.ravel() for patch in patches])
    return case | {"grid": [int(count) for count in output["grids"][0]]} | digest(values)


def defined(config, size):
    """What Phi-3-V sees: tiles, and the whole, of which some numbers are kept as all are different."""
    values = high_definition.numbers(high_definition.padded(Image.fromarray(picture(*size)), config["num_crops"]))
    tensor = torch.tensor(values).permute(2, 0, 1)[None]
    all_ = torch.nn.functional.interpolate(tensor, size=(high_definition.EDGE,) * 2, mode="bicubic")[0].permute(1, 2, 0)
    np.testing.assert_allclose(high_definition.whole(values), all_, rtol=0, atol=2e-6)
    flat = all_.numpy().ravel()
    grid = [edge // high_definition.EDGE for edge in values.shape[:2]]
    case = {"config": named("Phi3VImageProcessor", config), "size": size, "squares": grid, "step": 3547}
    return case | {"seen": [float(value) for value in flat[:: case["step"]]]} | digest(high_definition.tiles(values))


def whole(name, config, size):
    output = WHOLES[name](**config)(images=[Image.fromarray(picture(*size))], return_tensors=None)
    values = channels_last(output["pixel_values"][0])
    return {"config": named(name, config), "size": size, "whole": values.shape[:2]} | digest(values)


def soft(config, size, frame=None):
    """Patches of Gemma 4, of an image or of a frame."""
    if frame is None:
        output = Gemma4ImageProcessorPil(**config)(images=[Image.fromarray(picture(*size))], return_tensors="np")
        count, values = output["num_soft_tokens_per_image"][0], output["pixel_values"][0]
        case = {"config": named("Gemma4ImageProcessor", config), "size": size}
    else:
        processor = Gemma4VideoProcessor(**config)
        patch, pool, most = processor.patch_size, processor.pooling_kernel_size, processor.max_soft_tokens
        edges = get_aspect_ratio_preserving_size(*size, patch, most * pool * pool, pool)
        image = np.array(Image.fromarray(picture(*size)).resize(edges[::-1], Image.BICUBIC))
        output = processor([torch.tensor(image).permute(2, 0, 1)[None]], do_sample_frames=False, do_resize=False, return_tensors="pt")
        count, values = output["num_soft_tokens_per_video"][0], output["pixel_values_videos"][0].numpy()
        case = {"config": {"video_processor_type": "Gemma4VideoProcessor"} | config, "size": size}
    pool = config["pooling_kernel_size"] ** 2
    return case | {"tokens": int(count)} | digest(values[: count * pool])


def plans():
    """The sizes of many images."""
    gemma = {"patch_size": 4, "pooling_kernel_size": 3, "max_soft_tokens": 140}
    rule = lambda height, width: get_aspect_ratio_preserving_size(height, width, 4, 140 * 9, 3)
    yield named("Gemma4ImageProcessor", gemma), planned(rule, 60)
    pixtral = {"size": {"longest_edge": 300}, "patch_size": {"height": 14, "width": 14}}
    rule = lambda height, width: get_resize_output_image_size(np.empty((3, height, width)), 300, 14, "channels_first")
    refused = lambda height, width: rule(height, width) if 0 not in rule(height, width) else ()
    yield named("PixtralImageProcessor", pixtral), planned(refused, 60, 1)
    idefics = Idefics3ImageProcessorPil(size={"longest_edge": 1456}, max_image_size={"longest_edge": 364})
    counted = lambda height, width: idefics.get_number_of_image_patches(height, width)[1:]
    yield named("Idefics3ImageProcessor", {}), planned(counted, 60, 2)
    got = GotOcr2ImageProcessorPil(crop_to_patches=True)
    yield named("GotOcr2ImageProcessor", {"crop_to_patches": True}), planned(lambda *size: got_grid(*size), 60, 3)
    cpm = MiniCPMV4_6ImageProcessorPil()
    rule = lambda *size: cpm.get_sliced_grid(size, 9, 448) or (0, 0)
    yield named("MiniCPMV4_6ImageProcessor", {}), planned(rule, 60, 5)
    rule = lambda *size: high_definition.fitted(*size, 16)[1]
    refused = lambda *size: rule(*size) if 0 not in rule(*size) else ()
    yield named("Phi3VImageProcessor", {"num_crops": 16}), planned(refused, 60, 1)
    next_ = LlavaNextImageProcessorPil()
    yield named("LlavaNextImageProcessor", {"size": 336, "crop_size": 336}), planned(lambda *size: next_grid(next_, *size), 60, 4)


def unpadded():
    """How many features of LLaVA-NeXT show images, of tiles of 24 x 24."""
    processor = LlavaNextProcessor.__new__(LlavaNextProcessor)
    grids = LlavaNextImageProcessorPil()

    def features(height, width):
        count, rows = processor._get_unpadded_features(height, width, 24, 24, *next_grid(grids, height, width))
        return rows, count // rows if rows else 0

    config = named("LlavaNextImageProcessor", {"size": 336, "crop_size": 336})
    return {"config": config, "unpadded": 24, "plans": planned(features, 80, 6)}


def got_grid(height, width):
    from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import get_optimal_tiled_canvas

    return get_optimal_tiled_canvas((height, width), (384, 384), 1, 12)[::-1]


def next_grid(processor, height, width):
    from transformers.image_processing_utils import select_best_resolution

    best = select_best_resolution((height, width), processor.image_grid_pinpoints)
    return best[0] // 336, best[1] // 336


def main():
    cases = [tiled(name, config, size) for name, config, sizes in TILED for size in sizes]
    cases += [several(SQUARES, size) for size in SIZES]
    cases += [shown(kind, config, size) for kind, config in FRAMES for size in SIZES[:2]]
    cases += [patched(config, size) for config, sizes in LFM2 for size in sizes]
    cases += [sliced(config, size) for config, sizes in SLICED for size in sizes]
    cases += [defined({"num_crops": crops}, size) for crops in (1, 4) for size in SIZES]
    cases += [defined({"num_crops": 16}, SIZES[2])]
    cases += [whole(name, config, size) for name, config in WHOLE for size in SIZES + [(5, 150)]]
    cases += [soft(SOFT, size) for size in SIZES + [(3, 300)]]
    cases += [soft({"patch_size": 3, "pooling_kernel_size": 2, "max_soft_tokens": 70}, size) for size in SIZES[:2]]
    cases += [soft(SOFT, size, 0) for size in SIZES]
    cases += [{"config": config, "plans": sizes} for config, sizes in plans()]
    write("tiles.json", [*cases, unpadded()])


main()
