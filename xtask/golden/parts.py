"""Images as parts, by the processors of mlx-vlm for families that transformers has not, and as the authors of Moondream cut
them."""

import contextlib
import io

import numpy as np
from mlx_vlm.models.deepseekocr import processing_deepseekocr as deepseek
from mlx_vlm.models.fastvlm.processing import FastVLMImageProcessor
from moondream_parts import grid, numbers, parts
from pictures import digest, picture, planned, write
from PIL import Image

SIZES = [(41, 67), (203, 61), (40, 171), (24, 24)]
LARGE = [(700, 300), (300, 700), (650, 1280)]


def named(name, config):
    return {"image_processor_type": name} | config


def case(name, config, size, tiles, grid):
    values = np.stack(tiles)
    found = {"config": named(name, config), "size": size, "tiles": len(tiles), "tile": values.shape[1:3], "grid": grid}
    return found | digest(values)


def fastvlm(config, size):
    """What FastVLM sees of an image, which is made square."""
    output = FastVLMImageProcessor(**config)(images=[Image.fromarray(picture(*size))])
    values = np.asarray(output["pixel_values"])[0].transpose(1, 2, 0)
    return {"config": named("FastVLMImageProcessor", config), "size": size, "whole": values.shape[:2]} | digest(values)


def moondream(config, size):
    sizes = [config["crop_size"], config["max_crops"], config["overlap_margin"]]
    crops, layout = parts(Image.fromarray(picture(*size)), *sizes)
    # One part is the whole again.
    crops, layout = (crops[:1], (0, 0)) if layout == (1, 1) else (crops, layout)
    return case("MoondreamImageProcessor", config, size, [numbers(crop) for crop in crops], layout)


class Words:
    """As much of a tokenizer as is asked."""

    def encode(self, text, **others):
        return [0]


def deepseek_ocr(size, edge=None):
    processor = deepseek.DeepseekOCRProcessor.__new__(deepseek.DeepseekOCRProcessor)
    processor.tokenizer, processor.image_token, processor.image_token_id = Words(), "<image>", 1
    image = Image.fromarray(picture(*size))
    seen = []
    processor.image_transform = Kept(deepseek.ImageTransform(), seen)
    # A mode without tiles has an edge of its own.
    mode = {"base_size": edge, "image_size": edge, "cropping": False} if edge else {}
    with contextlib.redirect_stdout(io.StringIO()):
        _, _, _, crop, _ = processor.tokenize_with_images("<image>", [image], **mode)
    columns, rows = np.array(crop)[0].tolist()
    whole, *tiles = [values.transpose(1, 2, 0) for values in seen]
    grid = [rows, columns] if tiles else [0, 0]
    # The whole and the tiles are of two sizes.
    config = {"processor_class": "DeepseekVLV2Processor"} | ({"base_size": edge} if edge else {})
    found = {"config": config, "cuts": edge is None, "size": size, "grid": grid}
    every = [*tiles, whole]
    numbers = np.concatenate([values.ravel() for values in every])
    return found | {"sizes": [list(values.shape[:2]) for values in every]} | digest(numbers)


class Kept:
    """A transform that keeps what it made, which is more precise than what the model takes."""

    def __init__(self, transform, seen):
        self.transform, self.seen, self.mean = transform, seen, transform.mean

    def __call__(self, image):
        made = self.transform(image)
        self.seen.append(np.array(made))
        return made


def plans():
    """The grids of many images."""
    several = lambda found: found if found != (1, 1) else (0, 0)
    yield named("MoondreamImageProcessor", {}), planned(lambda *size: several(grid(*size, 378, 12, 56)), 60, 2)


def main():
    small = {"crop_size": 70, "max_crops": 12, "overlap_margin": 1}
    cases = [moondream(small, size) for size in SIZES + [(150, 333)]]
    cases += [moondream(small | {"max_crops": 1}, SIZES[0]), moondream(small | {"max_crops": 5}, (180, 90)), moondream(small, (54, 84))]
    cases += [deepseek_ocr(size) for size in SIZES[:2] + LARGE]
    square = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
    cases += [fastvlm(square, size) for size in SIZES]
    cases += [fastvlm({"size": {"shortest_edge": 32}, "crop_size": {"height": 27, "width": 20}}, SIZES[0])]
    cases += [deepseek_ocr(LARGE[0], edge) for edge in (512, 1024)]
    cases += [{"config": config, "plans": sizes} for config, sizes in plans()]
    write("parts.json", cases)


main()
