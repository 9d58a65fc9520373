"""Files of images and animations as Pillow reads them, images that it resizes, and the frames that transformers samples."""

import ast
import io
import json
import math
import pathlib
import struct
import types

import numpy as np
import torch
import transformers
from PIL import Image, ImageCms, ImageOps
from safetensors.numpy import save_file

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "crates" / "mlx-image" / "tests" / "golden"
FILTERS = [0, 1, 2, 3, 4, 5]
ORIENTATION = 0x0112


def mixed(count, seed):
    """Levels that look random, many of them black or white, by a formula that the tests know too."""
    with np.errstate(over="ignore"):
        x = (np.arange(count, dtype=np.uint64) + np.uint64(seed << 32)) * np.uint64(0x9E3779B97F4A7C15)
        x ^= x >> np.uint64(32)
        x *= np.uint64(0xD6E8FEB86659FD93)
        x ^= x >> np.uint64(32)
    return np.clip((x % np.uint64(416)).astype(np.int64) - 80, 0, 255).astype(np.uint8)


def noise(height, width, seed, channels=3):
    return mixed(height * width * channels, seed).reshape(height, width, channels)


def smooth(height, width, channels=3):
    """Pixels that differ little from their neighbours."""
    rows, columns = np.mgrid[0:height, 0:width]
    planes = [rows * 5 + 20, columns * 4 + 60, 220 - rows * 2 - columns * 3, 30 + rows + columns * 2]
    return np.stack(planes[:channels], -1).astype(np.uint8)


def rgb(image):
    return np.ascontiguousarray(np.array(ImageOps.exif_transpose(image).convert("RGB")))


def oriented(orientation):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return exif


def tiffs(folder):
    color, gray = Image.fromarray(noise(7, 9, 1)), Image.fromarray(noise(7, 9, 2, 1)[..., 0])
    alpha = Image.fromarray(noise(7, 9, 3, 4))
    palette = color.quantize(16)
    for name, compression in {"plain": None, "lzw": "tiff_lzw", "deflate": "tiff_adobe_deflate", "packed": "packbits"}.items():
        color.save(folder / f"{name}.tiff", compression=compression)
    alpha.save(folder / "rgba.tiff")
    gray.save(folder / "gray.tiff")
    alpha.convert("LA").save(folder / "gray-alpha.tiff")
    gray.convert("1").save(folder / "bits.tiff")
    gray.convert("1").save(folder / "fax.tiff", compression="group4")
    palette.save(folder / "palette.tiff")
    Image.fromarray(noise(7, 9, 4, 4), "CMYK").save(folder / "ink.tiff")
    inverted = gray.copy()
    inverted.save(folder / "inverted.tiff", tiffinfo={262: 0})
    (folder / "deep.tiff").write_bytes(deep_tiff(np.frombuffer(mixed(5 * 6 * 6, 5), "<u2").reshape(5, 6, 3)))
    (folder / "planes.tiff").write_bytes(plane_tiff(noise(5, 6, 6)))
    for orientation in range(1, 9):
        color.save(folder / f"turned-{orientation}.tiff", tiffinfo={274: orientation})


def directory(entries, height, width, order, data):
    """A TIFF of one strip of data, or of several."""
    strips = data if isinstance(data, list) else [data]
    body, offsets = b"", []
    for strip in strips:
        offsets.append(8 + len(body))
        body += strip
    entries = entries | {
        256: (3, [width]),
        257: (3, [height]),
        259: (3, [1]),
        273: (4, offsets),
        278: (3, [height]),
        279: (4, [len(strip) for strip in strips]),
    }
    start = 8 + len(body)
    later, table = b"", b""
    for tag in sorted(entries):
        kind, values = entries[tag]
        packed = struct.pack(f"{order}{len(values)}{'H' if kind == 3 else 'I'}", *values)
        if len(packed) > 4:
            place = start + 2 + 12 * len(entries) + 4 + len(later)
            later += packed
            packed = struct.pack(f"{order}I", place)
        table += struct.pack(f"{order}HHI", tag, kind, len(values)) + packed.ljust(4, b"\0")
    magic = b"II\x2a\0" if order == "<" else b"MM\0\x2a"
    return magic + struct.pack(f"{order}I", start) + body + struct.pack(f"{order}H", len(entries)) + table + bytes(4) + later


def deep_tiff(pixels):
    """Colours of 16 bits, the high byte first."""
    height, width, _ = pixels.shape
    return directory({258: (3, [16] * 3), 262: (3, [2]), 277: (3, [3])}, height, width, ">", pixels.astype(">u2").tobytes())


def plane_tiff(pixels):
    """Colours one after another."""
    height, width, _ = pixels.shape
    entries = {258: (3, [8] * 3), 262: (3, [2]), 277: (3, [3]), 284: (3, [2])}
    return directory(entries, height, width, "<", [pixels[..., at].tobytes() for at in range(3)])


def pngs(folder):
    color, alpha = Image.fromarray(noise(7, 9, 10)), Image.fromarray(noise(7, 9, 11, 4))
    for bits in [1, 2, 4, 8]:
        few = color.quantize(1 << bits)
        few.save(folder / f"palette-{bits}.png", bits=bits)
        few.save(folder / f"clear-{bits}.png", bits=bits, transparency=bytes(range(0, 256, 16))[: 1 << bits])
    color.save(folder / "key.png", transparency=tuple(int(level) for level in np.array(color)[2, 3]))
    alpha.convert("LA").save(folder / "gray-alpha.png")
    # EXIF may also come behind the pixels.
    color.save(folder / "late.png", exif=oriented(6))
    data = (folder / "late.png").read_bytes()
    at, end = data.index(b"eXIf") - 4, data.index(b"IEND") - 4
    length = 12 + struct.unpack(">I", data[at : at + 4])[0]
    (folder / "late.png").write_bytes(data[:at] + data[at + length : end] + data[at : at + length] + data[end:])


def jpegs(folder):
    gentle = Image.fromarray(smooth(24, 33))
    ink = Image.fromarray(smooth(24, 33, 4), "CMYK")
    for orientation in range(1, 9):
        gentle.resize((10, 7)).save(folder / f"turned-{orientation}.jpg", quality=95, subsampling=0, exif=oriented(orientation))
    gentle.save(folder / "half-width.jpg", quality=92, subsampling=1)
    gentle.save(folder / "colors.jpg", quality=95, subsampling=0, keep_rgb=True)
    gentle.save(folder / "restart.jpg", quality=90, restart_marker_blocks=2)
    ink.save(folder / "ink.jpg", quality=95, subsampling=0)
    # The same numbers as luma and chroma of ink, which Pillow does not write.
    data = bytearray((folder / "ink.jpg").read_bytes())
    data[data.index(b"Adobe") + 11] = 2
    (folder / "luma-ink.jpg").write_bytes(data)


def webps(folder):
    color = Image.fromarray(noise(7, 9, 20))
    for orientation in range(1, 9):
        color.save(folder / f"turned-{orientation}.webp", lossless=True, exif=oriented(orientation))
    Image.fromarray(smooth(24, 33)).save(folder / "lossy.webp", quality=85)
    Image.fromarray(np.dstack([smooth(24, 33), noise(24, 33, 21, 1)])).save(folder / "lossy-alpha.webp", quality=85)


def bmps(folder):
    color = Image.fromarray(noise(7, 9, 30))
    color.quantize(16).save(folder / "palette.bmp")
    color.convert("1").save(folder / "bits.bmp")
    color.convert("L").save(folder / "gray.bmp")
    Image.fromarray(noise(7, 9, 31, 4)).save(folder / "rgba.bmp")


def gif(size, frames, colors=None):
    """A GIF of frames that may be anywhere, of any transparency and removal, which Pillow does not write."""
    header = b"GIF89a" + struct.pack("<HH", *size[::-1])
    data = header + (b"\xf3\x05\0" + colors.tobytes() if colors is not None else b"\0\0\0")
    for frame in frames:
        clear, delay = frame.get("clear"), frame.get("delay", 0)
        flags = frame.get("removal", 0) << 2 | (clear is not None)
        if flags or delay:
            data += b"!\xf9\x04" + struct.pack("<BHBB", flags, delay, clear or 0, 0)
        height, width = frame["places"].shape
        local = frame.get("colors")
        data += b"," + struct.pack("<HHHHB", frame.get("left", 0), frame.get("top", 0), width, height, 0x83 if local is not None else 0)
        data += local.tobytes() if local is not None else b""
        # Codes of 5 bits that never grow: every 8 places the list of codes begins anew.
        codes = []
        for at, place in enumerate(frame["places"].ravel()):
            codes += [16] if at % 8 == 0 else []
            codes.append(int(place))
        bits = "".join(f"{code:05b}"[::-1] for code in codes + [17])
        packed = bytes(int(bits[at : at + 8][::-1], 2) for at in range(0, len(bits), 8))
        data += b"\x04" + b"".join(bytes([len(packed[at : at + 255])]) + packed[at : at + 255] for at in range(0, len(packed), 255)) + b"\0"
    return data + b";"


def animations(folder):
    """Animations, each with what Pillow shows of every frame, and when."""
    places = lambda height, width, seed: noise(height, width, seed, 1)[..., 0] % 16
    colors = [noise(16, 1, seed)[:, 0] for seed in (40, 41)]
    part = lambda seed, **fields: {"places": places(4, 5, seed), "delay": seed % 7 + 1} | fields
    removed = lambda removal, clear: [
        {"places": places(7, 9, 50), "delay": 5, "removal": removal} | ({"clear": clear} if clear is not None else {}),
        part(51, left=2, top=1, removal=removal, clear=clear),
        part(52, left=4, top=3, removal=removal, clear=3),
        part(53, left=0, top=2, clear=4),
        part(54, left=3, top=0, removal=1, colors=colors[1]),
        part(55, left=1, top=1),
    ]
    # Pillow draws what has no clear colour over what was there.
    files = {f"removal-{removal}{'' if clear is None else '-clear'}.gif": gif((7, 9), removed(removal, clear), colors[0]) for removal in range(4) for clear in (None, 2)}
    files["around.gif"] = gif((7, 9), [part(60, left=2, top=1)], colors[0])
    files["around-clear.gif"] = gif((7, 9), [part(61, left=2, top=1, clear=7), part(62, left=1, top=2, clear=7)], colors[0])
    files["beyond.gif"] = gif((4, 5), [part(63), part(64, left=2, top=3), part(65, left=3, top=4, clear=1)], colors[0])
    files["local.gif"] = gif((4, 5), [part(66, colors=colors[1]), part(67, colors=colors[0], clear=5)])
    files["timeless.gif"] = gif((4, 5), [part(at) | {"delay": 0} for at in (68, 69, 70)], colors[0])
    for name, data in files.items():
        (folder / name).write_bytes(data)
    pictures = [Image.fromarray(noise(8, 10, 70 + at, 4)) for at in range(4)]
    opaque = [Image.fromarray(smooth(8, 10) + np.uint8(9 * at)) for at in range(4)]
    few = dict(save_all=True, duration=[40, 70, 110, 20])
    pictures[0].save(folder / "mixed.webp", lossless=True, append_images=pictures[1:], exif=oriented(6), **few)
    opaque[0].save(folder / "opaque.webp", quality=80, append_images=opaque[1:], **few)
    webp_parts(folder / "parts.webp", pictures)
    webp_parts(folder / "lossy-parts.webp", [picture.convert("RGB") for picture in pictures])
    tensors, times = {}, {}
    for path in sorted([*folder.glob("*.gif"), *folder.glob("*.webp")]):
        image = Image.open(path)
        times[path.name] = []
        for at in range(getattr(image, "n_frames", 1)):
            image.seek(at)
            image.load()
            tensors[f"{path.name}.{at}"] = rgb(image)
            times[path.name].append(image.info.get("duration", 0))
    save_file(tensors, folder / "expected.safetensors")
    (folder / "durations.json").write_text(json.dumps(times, indent=1) + "\n")


def webp_parts(path, pictures):
    """Frames anywhere, mixed or not, removed or not."""
    chunk = lambda name, data: name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
    three = lambda number: struct.pack("<I", number)[:3]
    body = chunk(b"VP8X", struct.pack("<I", 0x12) + three(15) + three(13))
    # The flags: 1 removes a frame, 2 does not mix it.
    places = [(0, 0, 2), (4, 2, 0), (2, 4, 1), (4, 4, 0), (0, 0, 3), (6, 6, 0), (2, 2, 2), (4, 4, 1), (0, 2, 1), (6, 0, 0)]
    for at, (left, top, flags) in enumerate(places):
        data = io.BytesIO()
        picture = pictures[at % len(pictures)]
        lossless = picture.mode == "RGBA" and at % 3 != 2
        picture.save(data, "WEBP", lossless=lossless, quality=80, exact=True)
        inner = data.getvalue()[12:]
        if inner.startswith(b"VP8X"):
            inner = inner[18:]
        width, height = picture.size
        frame = three(left // 2) + three(top // 2) + three(width - 1) + three(height - 1) + three(30 + at) + bytes([flags])
        body += chunk(b"ANMF", frame + inner)
        if at == 0:
            body = body[:-len(chunk(b"ANMF", frame + inner))] + chunk(b"ANIM", b"\x10\x20\x30\x40\0\0") + chunk(b"ANMF", frame + inner)
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body)


def formats():
    folder = GOLDEN / "files"
    folder.mkdir(parents=True, exist_ok=True)
    for write in [tiffs, pngs, jpegs, webps, bmps]:
        write(folder)
    paths = sorted(path for path in folder.iterdir() if path.suffix != ".safetensors")
    tensors = {path.name: rgb(Image.open(path)) for path in paths}
    # On white, as Pillow pastes.
    for name in ["rgba.tiff", "gray-alpha.png", "clear-4.png", "lossy-alpha.webp"]:
        image = Image.open(folder / name).convert("RGBA")
        white = Image.new("RGB", image.size, (255, 255, 255))
        white.paste(image, mask=image.getchannel("A"))
        tensors[f"white/{name}"] = np.array(white)
    save_file(tensors, folder / "expected.safetensors")


def icc(space, tags):
    """A profile of version 2."""
    place, table, body = 128 + 4 + 12 * len(tags), b"", b""
    for name, data in tags.items():
        data += b"\0" * (-len(data) % 4)
        table += name + struct.pack(">II", place + len(body), len(data))
        body += data
    connection = b"Lab " if b"A2B0" in tags else b"XYZ "
    kind = b"prtr" if space == b"CMYK" else b"mntr"
    header = struct.pack(">II", place + len(body), 0) + struct.pack(">I", 0x02400000) + kind + space + connection
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + struct.pack(">3I", 0xF6D6, 0x10000, 0xD32D)
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def profiles():
    """Colour profiles, which littleCMS converts to sRGB."""
    folder = GOLDEN / "profiles"
    folder.mkdir(parents=True, exist_ok=True)
    xyz = lambda *values: b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))
    gamma = lambda value: b"curv\0\0\0\0" + struct.pack(">IH", 1, round(value * 256))
    text = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(78)
    curve = np.round(65535 * np.linspace(0, 1, 64) ** 1.9).astype(">u2")
    table = b"curv\0\0\0\0" + struct.pack(">I", len(curve)) + curve.tobytes()
    parametric = lambda kind, *values: b"para\0\0\0\0" + struct.pack(f">HH{len(values)}i", kind, 0, *(round(value * 65536) for value in values))
    curves = [
        parametric(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045),
        parametric(1, 2.1, 1.05, -0.05),
        parametric(4, 2.2, 0.9, 0.1, 0.2, 0.05, 0.0, 0.0),
    ]
    common = {b"desc": text, b"cprt": b"text\0\0\0\0none\0", b"wtpt": xyz(0.9642, 1, 0.8249)}
    wide = {b"rXYZ": xyz(0.51512, 0.2412, -0.00105), b"gXYZ": xyz(0.29198, 0.69225, 0.04189), b"bXYZ": xyz(0.1571, 0.06657, 0.78407)}
    ramp = lambda size: np.repeat(np.linspace(0, 255, 256).astype(np.uint8)[None], size, 0).tobytes()
    steps = np.linspace(0, 1, 9)
    corners = np.array([[c, m, y, k] for c in steps for m in steps for y in steps for k in steps], np.float64)
    light = (1 - corners[:, 3:] * 0.95) * (1 - 0.8 * corners[:, :3])
    lab = np.stack([light @ [0.3, 0.5, 0.2] * 255, 128 + 60 * (light[:, 0] - light[:, 1]), 128 + 60 * (light[:, 1] - light[:, 2])], -1)
    inks = b"mft1\0\0\0\0" + bytes([4, 3, 9, 0]) + struct.pack(">9i", *[65536, 0, 0, 0, 65536, 0, 0, 0, 65536])
    inks += ramp(4) + np.round(lab).astype(np.uint8).tobytes() + ramp(3)
    known = {
        "wide": icc(b"RGB ", common | wide | {b"rTRC": gamma(2.2), b"gTRC": gamma(2.2), b"bTRC": gamma(2.2)}),
        "table": icc(b"RGB ", common | wide | {b"rTRC": table, b"gTRC": table, b"bTRC": gamma(1.8)}),
        "parametric": icc(b"RGB ", common | wide | dict(zip([b"rTRC", b"gTRC", b"bTRC"], curves))),
        "gray": icc(b"GRAY", common | {b"kTRC": gamma(1.7)}),
        "inks": icc(b"CMYK", common | {b"A2B0": inks}),
        "srgb": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    }
    color, alpha = Image.fromarray(noise(7, 9, 80)), Image.fromarray(noise(7, 9, 81, 4))
    color.save(folder / "wide.png", icc_profile=known["wide"])
    color.save(folder / "table.tiff", icc_profile=known["table"])
    color.save(folder / "parametric.png", icc_profile=known["parametric"])
    color.save(folder / "srgb.png", icc_profile=known["srgb"])
    alpha.save(folder / "wide-alpha.webp", lossless=True, exact=True, icc_profile=known["wide"])
    color.convert("L").save(folder / "gray.png", icc_profile=known["gray"])
    Image.fromarray(smooth(24, 33)).save(folder / "wide.jpg", quality=97, subsampling=0, icc_profile=known["wide"])
    Image.fromarray(smooth(24, 33, 4), "CMYK").save(folder / "inks.jpg", quality=97, subsampling=0, icc_profile=known["inks"])
    Image.fromarray(noise(7, 9, 82, 4), "CMYK").save(folder / "inks.tiff", icc_profile=known["inks"])
    color.quantize(16).save(folder / "palette.png", icc_profile=known["wide"])
    tensors = {}
    for path in sorted(path for path in folder.iterdir() if path.suffix != ".safetensors"):
        image = Image.open(path)
        profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
        image = image.convert("RGB") if image.mode in ("P", "RGBA") else image
        target = ImageCms.createProfile("sRGB")
        # Without a stretch of the darkest colour to black, which other intents do.
        intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
        tensors[path.name] = np.array(ImageCms.profileToProfile(image, profile, target, intent, outputMode="RGB"))
    save_file(tensors, folder / "expected.safetensors")


def fnv(data):
    """The hash of Fowler, Noll and Vo, variant 1a of 64 bits."""
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def resizing():
    """200 random sizes with every filter, in colour and in gray, as hashes."""
    random = np.random.default_rng(90)
    cases = []
    for seed in range(200):
        # Edges from 1 pixel on, small ones more often.
        edges = [int(edge) for edge in np.exp(random.uniform(0, math.log(90), 4))]
        if seed % 25 == 0:
            edges[0], edges[1] = edges[0] + 300, seed % 3 + 1
        (height, width), target = edges[:2], edges[2:]
        color, gray = Image.fromarray(noise(height, width, seed)), Image.fromarray(noise(height, width, seed, 1)[..., 0])
        hashes = [fnv(image.resize(target[::-1], resample=number).tobytes()) for image in (color, gray) for number in FILTERS]
        cases.append({"from": [height, width], "to": target, "seed": seed, "hashes": hashes})
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    (GOLDEN / "sizes.json").write_text(f'{{"cases": [\n{lines}\n]}}\n')


def sampler(model):
    """`sample_frames` of a model's video processor, whose other parts need torchvision."""
    source = pathlib.Path(transformers.__file__).parent / "models" / model / f"video_processing_{model}.py"
    nodes = ast.walk(ast.parse(source.read_text()))
    function = next(node for node in nodes if isinstance(node, ast.FunctionDef) and node.name == "sample_frames")
    function.returns, function.decorator_list = None, []
    for argument in [*function.args.args, *function.args.kwonlyargs]:
        argument.annotation = None
    scope = {"np": np, "torch": torch, "math": math}
    exec(compile(ast.Module([function], []), str(source), "exec"), scope)
    return scope["sample_frames"]


def sampling():
    """Which frames transformers takes."""
    from transformers.video_utils import VideoMetadata, default_sample_indices_fn

    qwen2, qwen3 = sampler("qwen2_vl"), sampler("qwen3_vl")
    cases = []
    for total, rate in [(1, 24), (7, 10), (48, 24), (100, 29.97), (301, 30), (1000, 25), (5000, 60)]:
        metadata = VideoMetadata(total_num_frames=total, fps=rate)
        for fps in [0.5, 1, 2, 3.7]:
            limits = {"min_frames": 4, "max_frames": 96}
            owner = types.SimpleNamespace(num_frames=None, fps=fps, temporal_patch_size=2, **limits)
            found = {"qwen3": qwen3(owner, metadata), "default": default_sample_indices_fn(metadata, fps=fps)}
            if total > 1:
                found["qwen2"] = qwen2(owner, metadata)
            for kind, indices in found.items():
                cases.append({"kind": kind, "total": total, "rate": rate, "fps": fps, "indices": [int(at) for at in indices]})
        for count in [1, 5, 8]:
            if count <= total:
                indices = default_sample_indices_fn(metadata, num_frames=count)
                cases.append({"kind": "default", "total": total, "rate": rate, "count": count, "indices": [int(at) for at in indices]})
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    (GOLDEN / "sampling.json").write_text(f'{{"cases": [\n{lines}\n]}}\n')


def main():
    formats()
    folder = GOLDEN / "animations"
    folder.mkdir(parents=True, exist_ok=True)
    animations(folder)
    profiles()
    resizing()
    sampling()


main()
