"""Images and videos as tubelets, by the processors of transformers with Pillow."""

import sys

import numpy as np
import torch
from PIL import Image
from pictures import digest, picture, planned, write
from transformers.models.glm46v.image_processing_pil_glm46v import Glm46VImageProcessorPil
from transformers.models.glm46v.video_processing_glm46v import Glm46VVideoProcessor
from transformers.models.glm4v import video_processing_glm4v as glm4v
from transformers.models.glm4v.image_processing_pil_glm4v import Glm4vImageProcessorPil
from transformers.models.paddleocr_vl import image_processing_pil_paddleocr_vl as paddle
from transformers.models.qwen2_vl import video_processing_qwen2_vl as qwen2
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.models.qwen3_vl import video_processing_qwen3_vl as qwen3

IMAGES = {
    "Qwen2VLImageProcessor": Qwen2VLImageProcessorPil,
    "Glm4vImageProcessor": Glm4vImageProcessorPil,
    "Glm46VImageProcessor": Glm46VImageProcessorPil,
    "PaddleOCRVLImageProcessor": paddle.PaddleOCRVLImageProcessorPil,
}
VIDEOS = {
    "Qwen2VLVideoProcessor": qwen2.Qwen2VLVideoProcessor,
    "Qwen3VLVideoProcessor": qwen3.Qwen3VLVideoProcessor,
    "Glm4vVideoProcessor": glm4v.Glm4vVideoProcessor,
    "Glm46VVideoProcessor": Glm46VVideoProcessor,
    # What older checkpoints have of videos is what they have of images.
    "Qwen2VLImageProcessor": qwen2.Qwen2VLVideoProcessor,
    "Glm4vImageProcessor": glm4v.Glm4vVideoProcessor,
}
SMALL = {"size": {"shortest_edge": 784, "longest_edge": 14000}}
HALVES = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
STILLS = [
    ("Qwen2VLImageProcessor", {}, [(41, 67), (301, 203)]),
    ("Qwen2VLImageProcessor", SMALL, [(41, 67), (301, 203), (3, 9), (1, 150), (70, 98)]),
    ("Qwen2VLImageProcessor", {"min_pixels": 9000, "max_pixels": 20000, "patch_size": 16} | HALVES, [(41, 67), (301, 203)]),
    ("Qwen2VLImageProcessor", {"size": {"shortest_edge": 256, "longest_edge": 900}, "patch_size": 4, "merge_size": 3, "temporal_patch_size": 3, "resample": 2}, [(41, 67), (7, 130)]),
    ("Qwen2VLImageProcessor", {"do_resize": False, "patch_size": 5, "do_normalize": False}, [(20, 30)]),
    ("Glm4vImageProcessor", {}, [(41, 67), (9, 13)]),
    ("Glm4vImageProcessor", SMALL, [(41, 67), (301, 203), (3, 9), (27, 31), (49, 25)]),
    ("Glm46VImageProcessor", SMALL | {"patch_size": 7}, [(41, 67), (301, 203)]),
    ("PaddleOCRVLImageProcessor", {}, [(41, 67)]),
    ("PaddleOCRVLImageProcessor", {"min_pixels": 900, "max_pixels": 12000}, [(41, 67), (301, 203), (3, 9), (11, 25), (25, 11)]),
]
LOW = {"size": {"shortest_edge": 2048, "longest_edge": 40000}}
CLIPS = [
    ("Qwen2VLVideoProcessor", {"size": {"shortest_edge": 800, "longest_edge": 5000}}, [(4, 41, 67), (3, 50, 30), (1, 20, 30)]),
    ("Qwen2VLVideoProcessor", {"size": {"shortest_edge": 800, "longest_edge": 9000}, "cap_pixels_per_frame": True, "max_video_tokens": 12}, [(4, 71, 97), (9, 71, 97)]),
    ("Qwen2VLImageProcessor", {"min_pixels": 3136, "max_pixels": 6000}, [(2, 41, 67)]),
    ("Qwen3VLVideoProcessor", LOW, [(4, 41, 67), (3, 90, 50), (2, 20, 30), (5, 120, 90)]),
    ("Qwen3VLVideoProcessor", LOW | {"cap_pixels_per_frame": True, "max_video_tokens": 6}, [(4, 120, 90), (11, 120, 90)]),
    ("Qwen2VLVideoProcessor", {"size": {"shortest_edge": 2900, "longest_edge": 9000}, "cap_pixels_per_frame": True, "max_video_tokens": 1}, [(4, 71, 97)]),
    ("Qwen3VLVideoProcessor", LOW | {"cap_pixels_per_frame": True, "max_video_tokens": 1, "patch_size": 4}, [(4, 120, 90)]),
    ("Glm4vVideoProcessor", LOW, [(4, 41, 67), (3, 90, 50)]),
    ("Glm46VVideoProcessor", LOW | {"patch_size": 7, "merge_size": 4}, [(2, 41, 67), (5, 120, 90)]),
    ("Glm4vImageProcessor", LOW, [(6, 41, 67)]),
]


def flat(values, grid, patch):
    """Tubelets with channels last."""
    tubelets = np.asarray(values).reshape(int(np.prod(grid)), 3, -1, patch, patch)
    return tubelets.transpose(0, 2, 3, 4, 1)


def still(name, config, size):
    processor = IMAGES[name](**config)
    output = processor(images=[Image.fromarray(picture(*size))], return_tensors="np")
    grid = output["image_grid_thw"][0].tolist()
    assert not processor.do_resize or int(np.prod(grid)) == processor.get_number_of_image_patches(*size)
    values = flat(output["pixel_values"], grid, processor.patch_size)
    return {"config": {"image_processor_type": name} | config, "size": size, "grid": grid} | digest(values)


def resized(frames, size):
    """Frames in another size by Pillow, which models were trained behind; torchvision rounds otherwise."""
    pictures = [Image.fromarray(frame).resize((size[1], size[0]), Image.BICUBIC) for frame in frames]
    return torch.tensor(np.stack([np.array(frame) for frame in pictures])).permute(0, 3, 1, 2)


def clip(name, config, size):
    processor = VIDEOS[name](**config)
    count, *edges = size
    frames = [picture(*edges, seed) for seed in range(count)]
    found = {}

    def resize(image, size, resample):
        found["size"] = (size.height, size.width)
        return torch.stack([resized(frames, found["size"])])

    # The base's `resize` is the one thing that is replaced.
    base = type(processor).__mro__[1]
    original, base.resize = base.resize, lambda self, **args: resize(**args)
    raw = torch.tensor(np.stack(frames)).permute(0, 3, 1, 2)
    output = processor([raw], do_sample_frames=False, return_tensors="pt")
    base.resize = original
    grid = output["video_grid_thw"][0].tolist()
    values = flat(output["pixel_values_videos"].numpy(), grid, processor.patch_size)
    kind = "image_processor_type" if name.endswith("ImageProcessor") else "video_processor_type"
    return {"config": {kind: name} | config, "frames": count, "size": edges, "grid": grid} | digest(values)


def plans():
    """The sizes of many images and videos."""
    bounds = {"min_pixels": 784, "max_pixels": 140000}
    size = {"size": {"shortest_edge": 784, "longest_edge": 140000}}
    plain = lambda rule: lambda height, width: rule(height, width, 28, **bounds)
    deep = lambda rule, frames: lambda height, width: rule(frames, height, width, 2, 28, **bounds)
    yield {"image_processor_type": "Qwen2VLImageProcessor"} | size, 0, planned(plain(qwen2.smart_resize), 60)
    yield {"image_processor_type": "PaddleOCRVLImageProcessor"} | size, 0, planned(plain(paddle.smart_resize), 60)
    yield {"image_processor_type": "Glm4vImageProcessor"} | size, 0, planned(deep(glm4v.smart_resize, 2), 60)
    for frames in [2, 5, 7]:
        rule = planned(deep(qwen3.smart_resize, frames), 30, frames)
        yield {"video_processor_type": "Qwen3VLVideoProcessor", "patch_size": 14} | size, frames, rule


def main():
    assert "torchvision" in sys.modules
    cases = [still(name, config, size) for name, config, sizes in STILLS for size in sizes]
    cases += [clip(name, config, size) for name, config, sizes in CLIPS for size in sizes]
    cases += [{"config": config, "frames": frames, "plans": sizes} for config, frames, sizes in plans()]
    write("tubelets.json", cases)


main()
