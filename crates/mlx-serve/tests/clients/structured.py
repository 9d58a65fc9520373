"""Answers of a form."""

import enum
import json
import re

import jsonschema
import openai
from pydantic import BaseModel

from checks import CHAT, check, refused, together

WORD = {"type": "string", "minLength": 1, "maxLength": 12}


def thing(**properties):
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


SCHEMAS = {
    "flat": thing(name=WORD, age={"type": "integer", "minimum": 0, "maximum": 120}, alive={"type": "boolean"}),
    "nested": thing(who=thing(name=WORD, home=thing(city=WORD, number={"type": "integer", "minimum": 1, "maximum": 99}))),
    "choices": thing(colour={"enum": ["red", "green", "blue"]}, size={"enum": [1, 2, 3, None]}),
    "lists": thing(words={"type": "array", "items": WORD, "minItems": 2, "maxItems": 3}),
    "either": {"anyOf": [thing(kind={"const": "cat"}, lives={"type": "integer", "maximum": 9, "minimum": 1}),
                         thing(kind={"const": "dog"}, name=WORD)]},
    "referred": {**thing(first={"$ref": "#/$defs/point"}, last={"$ref": "#/$defs/point"}),
                 "$defs": {"point": thing(x={"type": "integer", "minimum": 0, "maximum": 9}, y={"enum": [0, 1]})}},
    "pattern": thing(day={"type": "string", "pattern": "^20[0-9]{2}-[01][0-9]$"}),
}


def form(name):
    return {"type": "json_schema", "json_schema": {"name": name, "strict": True, "schema": SCHEMAS[name]}}


def formed(house, name, **more):
    """Answers of a schema, which must be valid; the texts that they were."""
    answer = house.chat("Describe a thing as JSON.", **{"max_tokens": 150, "response_format": form(name), **more})
    for choice in answer.choices:
        assert choice.finish_reason == "stop", (name, choice.message.content)
        jsonschema.validate(json.loads(choice.message.content), SCHEMAS[name])
    return [choice.message.content for choice in answer.choices]


@check
def an_object_of_json_is_written(house):
    fields = {"response_format": {"type": "json_object"}, "max_tokens": 200}
    choice = house.chat('Answer with the JSON {"city": "Paris"} and nothing else.', **fields).choices[0]
    assert choice.finish_reason == "stop" and isinstance(json.loads(choice.message.content), dict), choice


@check
def flat_schemas_are_kept(house):
    formed(house, "flat")


@check
def nested_schemas_are_kept(house):
    formed(house, "nested")


@check
def enumerations_are_kept(house):
    formed(house, "choices")


@check
def lists_are_kept(house):
    formed(house, "lists")


@check
def alternatives_references_and_patterns_are_kept(house):
    for name in ("either", "referred", "pattern"):
        formed(house, name)


@check
def schemas_are_kept_in_every_draw(house):
    assert len(set(formed(house, "flat", temperature=1, seed=1, n=4))) > 1


@check
def several_schemas_are_kept_in_one_batch(house):
    alone = [formed(house, name) for name in SCHEMAS]
    free = lambda: house.text("Describe a thing.", max_tokens=30)
    beside = together(*(lambda name=name: formed(house, name) for name in SCHEMAS), free)
    assert beside[:-1] == alone and beside[-1] == free()


@check
def a_schema_is_kept_in_a_stream(house):
    chunks = house.chat("Describe a thing as JSON.", max_tokens=150, response_format=form("nested"), stream=True)
    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    assert [text] == formed(house, "nested")


@check
def the_client_reads_an_answer_into_its_own_class(house):
    class Colour(enum.Enum):
        red = "red"
        blue = "blue"

    class Car(BaseModel):
        doors: int
        colour: Colour
        electric: bool

    messages = [{"role": "user", "content": "Describe a red car with four doors."}]
    answer = house.openai.chat.completions.parse(
        model=CHAT, messages=messages, response_format=Car, temperature=0, max_tokens=80
    )
    assert isinstance(answer.choices[0].message.parsed, Car), answer


@check
def scores_are_told_of_answers_of_a_form(house):
    answer = house.chat("Describe a thing as JSON.", max_tokens=150, response_format=form("choices"), logprobs=True)
    content = answer.choices[0].logprobs.content
    assert "".join(score.token for score in content) == answer.choices[0].message.content


@check
def plain_text_may_be_asked_for_by_name(house):
    assert house.text(response_format={"type": "text"}) == house.text()


@check
def expressions_and_choices_are_kept(house):
    assert re.fullmatch("[0-9]{3}-[a-f]{2}", house.text(extra_body={"guided_regex": "[0-9]{3}-[a-f]{2}"}))
    choices = ["certainly", "by no means"]
    assert house.text("Is Paris in France?", extra_body={"guided_choice": choices}) in choices


@check
def forms_that_cannot_be_are_refused(house):
    for broken in (
        {"type": "yaml"},
        {"type": "json_schema"},
        {"type": "json_schema", "json_schema": {"name": "a"}},
        {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "no such type"}}},
        {"type": "json_schema", "json_schema": {"name": "a", "schema": {"$ref": "#/$defs/none"}}},
    ):
        refused(openai.BadRequestError, lambda: house.chat(response_format=broken))
    both = {"response_format": form("flat"), "extra_body": {"guided_regex": "a"}}
    refused(openai.BadRequestError, lambda: house.chat(**both))
