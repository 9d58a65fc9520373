"""Videos as tubelets, which processors of images cut: those of videos by transformers resize with torchvision."""

import numpy as np
import torch
from PIL import Image


def frames(processor, all_frames, bounds=None):
    """The tubelets of a video, whose frames are resized and scaled one by one: the last is repeated for a whole one.
    `bounds` are a rule of sizes and what pixels of all frames it takes, if that is not as for images."""
    depth, patch, merge = processor.temporal_patch_size, processor.patch_size, processor.merge_size
    whole = list(all_frames) + [all_frames[-1]] * (-len(all_frames) % depth)
    options = {}
    if bounds:
        rule, size = bounds
        width, height = all_frames[0].size
        edges = {"min_pixels": size["shortest_edge"], "max_pixels": size["longest_edge"]}
        height, width = rule(len(all_frames), height, width, depth, patch * merge, **edges)
        whole = [frame.resize((width, height), Image.BICUBIC) for frame in whole]
        options = {"do_resize": False}
    # An image is taken as a tubelet of equal frames: its first frame is what is wanted.
    each = [processor(images=[frame], return_tensors="np", **options) for frame in whole]
    _, height, width = map(int, each[0]["image_grid_thw"][0])
    cut = [one["pixel_values"].reshape(height * width, 3, depth, patch, patch)[:, :, 0] for one in each]
    cut = np.stack(cut).reshape(len(whole) // depth, depth, height * width, 3, patch, patch)
    values = cut.transpose(0, 2, 3, 1, 4, 5).reshape(-1, 3 * depth * patch * patch)
    return torch.tensor(values), torch.tensor([[len(whole) // depth, height, width]])


def times(media, depth):
    """When the frames of each tubelet of a video are, in seconds; the last is repeated for a whole one."""
    count = media["frames"]
    moments = [min(at, count - 1) * media["interval"] for at in range(count + -count % depth)]
    return [moments[at : at + depth] for at in range(0, len(moments), depth)]
