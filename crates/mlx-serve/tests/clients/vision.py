"""Pictures, shown to a tiny model of random weights whose scores transformers has written down."""

import base64
import json
import math
import struct
import zlib

import openai

from checks import CHAT, SEE, check, near, refused

HEIGHT, WIDTH = 37, 51


def png(seed=0, height=HEIGHT, width=WIDTH):
    """The picture of `xtask/golden/pictures.py`, as a PNG file."""
    def wave(y, x, c):
        return (7 * y * y + 3 * x * x + 5 * x * y + 31 * x + 17 * y + 40 * seed) // 4 + 85 * c & 255

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes(wave(y, x, c) for x in range(width) for c in range(3)) for y in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def part(data=None, url=None):
    url = url or "data:image/png;base64," + base64.b64encode(data or png()).decode()
    return {"type": "image_url", "image_url": {"url": url}}


def see(house, *parts, text="What is it?", **more):
    content = [*parts, {"type": "text", "text": text}]
    return house.chat([{"role": "user", "content": content}], **{"model": SEE, "max_tokens": 8, **more})


def expected(house, name):
    """The logits after a prompt of `cases.json`."""
    case = next(case for case in json.loads((house.golden / "qwen2-vl/cases.json").read_text()) if case["name"] == name)
    file = (house.golden / "qwen2-vl/logits.safetensors").read_bytes()
    length = struct.unpack("<Q", file[:8])[0]
    entry = json.loads(file[8 : 8 + length])[name]
    start, width = 8 + length + entry["data_offsets"][0], entry["shape"][1]
    row = struct.unpack_from(f"<{width}f", file, start + 4 * width * (case["last"] - 1))
    return case["tokens"], row


@check
def scores_after_a_picture_are_those_of_the_reference(house):
    tokens, logits = expected(house, "image")
    answer = see(house, part(), max_tokens=1, logprobs=True, top_logprobs=20)
    assert answer.usage.prompt_tokens == len(tokens)
    total = math.log(sum(math.exp(logit) for logit in logits))
    best = sorted((logit - total for logit in logits), reverse=True)[:20]
    told = [one.logprob for one in answer.choices[0].logprobs.content[0].top_logprobs]
    # The server computes in the float16 of the checkpoint, the reference did not.
    assert near(told, best, 2e-2), (told, best)


@check
def another_picture_has_another_answer(house):
    def first(seed):
        score = see(house, part(png(seed)), logprobs=True, max_tokens=1).choices[0].logprobs.content[0]
        return score.token, score.logprob

    assert first(0) == first(0) != first(3)


@check
def two_pictures_are_seen(house):
    one, two = see(house, part()), see(house, part(), part(png(1, 30, 61)))
    assert two.usage.prompt_tokens > one.usage.prompt_tokens + 10


@check
def an_answer_to_a_picture_streams(house):
    whole = see(house, part()).choices[0].message.content
    chunks = see(house, part(), stream=True)
    assert "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices) == whole


@check
def a_model_that_sees_answers_without_pictures_too(house):
    assert see(house).usage.completion_tokens > 0
    assert see(house, n=2, temperature=1).choices[1].index == 1


@check
def pictures_that_cannot_be_read_are_refused(house):
    for shown in (
        part(b"no picture"),
        part(png()[:60]),
        part(url="data:image/png;base64,@@@"),
        part(url="data:image/png,abc"),
        part(url="http://127.0.0.1:1/secret.png"),
        part(url="file:///etc/hostname"),
        {"type": "image_url"},
        {"type": "hologram"},
    ):
        error = refused(openai.BadRequestError, lambda: see(house, shown))
        assert error.param == "messages", (shown, error.message)


@check
def a_model_that_does_not_see_refuses_pictures(house):
    error = refused(openai.BadRequestError, lambda: see(house, part(), model=CHAT))
    assert error.param == "messages" and "sees no images" in error.message


@check
def a_picture_that_was_seen_is_remembered(house):
    first = see(house, part(png(seed=77)), text="What was it?")
    again = see(house, part(png(seed=77)), text="What was it?")
    assert again.usage.prompt_tokens_details.cached_tokens == first.usage.prompt_tokens - 1
    assert again.choices[0].message.content == first.choices[0].message.content
    other = see(house, part(png(seed=78)), text="What was it?")
    assert other.usage.prompt_tokens_details.cached_tokens < first.usage.prompt_tokens // 2
