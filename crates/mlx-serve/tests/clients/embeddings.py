"""Vectors of texts."""

import base64
import json
import math
import struct

import openai

from checks import CHAT, EMBED, check, near, refused, together

TEXTS = ["A cat sleeps on the sofa.", "The kitten naps on the couch.", "Interest rates rose by a quarter point."]


def embed(house, texts=TEXTS, **more):
    return house.openai.embeddings.create(model=EMBED, input=texts, **more)


def vectors(house, texts=TEXTS, **more):
    return [one.embedding for one in embed(house, texts, **more).data]


def cosine(left, right):
    return sum(a * b for a, b in zip(left, right)) / math.sqrt(sum(a * a for a in left) * sum(b * b for b in right))


@check
def a_vector_has_all_its_parts(house):
    answer = embed(house, TEXTS[0])
    assert answer.object == "list" and answer.model == EMBED and len(answer.data) == 1
    assert answer.data[0].object == "embedding" and answer.data[0].index == 0
    vector = answer.data[0].embedding
    assert len(vector) == 384 and abs(sum(number * number for number in vector) - 1) < 1e-4
    assert 5 < answer.usage.prompt_tokens == answer.usage.total_tokens < 15


@check
def both_encodings_are_the_same_numbers(house):
    fields = {"model": EMBED, "input": TEXTS}
    _, _, body = house.ask("POST", "/v1/embeddings", {**fields, "encoding_format": "base64"})
    packed = [base64.b64decode(one["embedding"]) for one in json.loads(body)["data"]]
    unpacked = [list(struct.unpack(f"<{len(one) // 4}f", one)) for one in packed]
    floats = vectors(house, encoding_format="float")
    by_default = vectors(house)
    for one, two, three in zip(unpacked, floats, by_default, strict=True):
        assert near(one, two, 1e-7) and near(one, list(three), 1e-7)


@check
def texts_that_mean_alike_are_near(house):
    cat, kitten, bank = vectors(house)
    assert cosine(cat, kitten) > 0.5 > 0.3 > cosine(cat, bank), (cosine(cat, kitten), cosine(cat, bank))


@check
def the_order_of_texts_is_kept(house):
    forwards, backwards = embed(house).data, embed(house, TEXTS[::-1]).data
    assert [one.index for one in forwards] == [0, 1, 2]
    for one, two in zip(forwards, backwards[::-1]):
        assert near(one.embedding, two.embedding, 1e-5)


@check
def a_text_has_the_same_vector_beside_others(house):
    many = [f"{'A long sentence that goes on and on. ' * (at % 5)}Number {at}." for at in range(24)]
    beside = vectors(house, many)
    for at in (0, 4, 23):
        assert near(vectors(house, many[at])[0], beside[at], 1e-5), at
    for one in together(*[lambda: vectors(house, many[7])] * 4):
        assert near(one[0], beside[7], 1e-5)


@check
def fewer_dimensions_are_the_first_ones_made_a_unit_again(house):
    whole, short = vectors(house)[0], vectors(house, dimensions=64)[0]
    length = math.sqrt(sum(number * number for number in whole[:64]))
    assert near(short, [number / length for number in whole[:64]], 1e-5)


@check
def a_text_longer_than_the_model_reads_is_cut(house):
    long = "word " * 2000
    answer = embed(house, long)
    assert len(answer.data[0].embedding) == 384 and answer.usage.prompt_tokens <= 512


@check
def what_has_no_vector_is_refused(house):
    for texts in ("", [], ["a", ""], 7, [["a"]]):
        error = refused(openai.BadRequestError, lambda: embed(house, texts))
        assert error.param and error.param.startswith("input"), (texts, error.message)
    for dimensions in (0, 385):
        assert refused(openai.BadRequestError, lambda: embed(house, dimensions=dimensions)).param == "dimensions"
    refused(openai.BadRequestError, lambda: embed(house, encoding_format="hex"))
    error = refused(openai.BadRequestError, lambda: house.openai.embeddings.create(model=CHAT, input="a"))
    assert error.param == "model" and CHAT in error.message
