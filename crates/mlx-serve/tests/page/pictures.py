"""A picture to show to a model: hills below a sun."""

import struct
import zlib


def scene(width, height):
    """The bytes of a PNG."""
    rows = b"".join(b"\0" + bytes(value for x in range(width) for value in colour(x / width, y / height)) for y in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def colour(x, y):
    if y > 0.72 + 0.12 * (2 * x - 1) ** 2:
        return 47, 93, 80
    if y > 0.62 - 0.2 * x * (1 - x) * 2:
        return 103, 150, 122
    if (x - 0.7) ** 2 * 2.25 + (y - 0.3) ** 2 < 0.02:
        return 247, 201, 111
    return int(250 - 40 * (1 - y)), int(226 - 30 * (1 - y)), int(205 + 20 * (1 - y))


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
