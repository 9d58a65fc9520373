"""`/v1/responses` with OpenAI's client."""

import json

import jsonschema
import openai
from pydantic import BaseModel

from checks import CHAT, check, refused

PLACE = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 20}, "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]}},
    "required": ["city", "unit"],
    "additionalProperties": False,
}
TOOL = {"type": "function", "name": "get_weather", "description": "The weather of a city", "parameters": PLACE, "strict": True}
QUESTION = "What is the weather in Paris?"


def respond(house, given="What is the capital of France?", **more):
    fields = {"model": CHAT, "temperature": 0, "max_output_tokens": 16, **more}
    return house.openai.responses.create(input=given, **fields)


@check
def a_response_has_all_its_parts(house):
    answer = respond(house, max_output_tokens=60)
    assert answer.id.startswith("resp_") and answer.object == "response" and answer.model == CHAT
    assert answer.status == "completed" and "Paris" in answer.output_text
    [item] = answer.output
    assert item.type == "message" and item.role == "assistant" and item.content[0].type == "output_text"
    usage = answer.usage
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens and usage.input_tokens > 10


@check
def a_response_says_what_a_chat_says(house):
    assert respond(house).output_text == house.text()
    turns = [{"role": "system", "content": "You are a pirate."}, {"role": "user", "content": "Who are you?"}]
    told = respond(house, turns[1:], instructions="You are a pirate.")
    assert told.output_text == house.text(turns)
    parts = [{"role": "user", "content": [{"type": "input_text", "text": "Who are you?"}]}]
    assert respond(house, parts, instructions="You are a pirate.").output_text == told.output_text


@check
def a_response_that_is_cut_is_incomplete(house):
    answer = respond(house, "Count from one to a thousand.")
    assert answer.status == "incomplete" and answer.incomplete_details.reason == "max_output_tokens"


@check
def events_of_a_response_come_in_their_order(house):
    events = list(respond(house, stream=True))
    kinds = [event.type for event in events]
    assert kinds[0] == "response.created" and kinds[-1] in ("response.completed", "response.incomplete"), kinds
    for kind in ("response.output_item.added", "response.content_part.added", "response.output_text.done"):
        assert kinds.count(kind) == 1, (kind, kinds)
    deltas = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert deltas == events[-1].response.output_text == respond(house).output_text
    numbers = [event.sequence_number for event in events]
    assert numbers == sorted(set(numbers)), numbers


@check
def the_clients_own_collector_puts_a_response_together(house):
    with house.openai.responses.stream(model=CHAT, input="What is the capital of France?", temperature=0, max_output_tokens=60) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_response()
    assert final.output_text == respond(house, max_output_tokens=60).output_text and "response.completed" in kinds


@check
def a_function_is_called_when_it_has_to_be(house):
    for choice in ("required", {"type": "function", "name": "get_weather"}):
        answer = respond(house, QUESTION, tools=[TOOL], tool_choice=choice, max_output_tokens=120)
        [call] = [item for item in answer.output if item.type == "function_call"]
        jsonschema.validate(json.loads(call.arguments), PLACE)
        assert call.name == "get_weather" and call.call_id


@check
def a_function_call_streams(house):
    fields = {"tools": [TOOL], "tool_choice": "required", "max_output_tokens": 120}
    [whole] = respond(house, QUESTION, **fields).output
    events = list(respond(house, QUESTION, stream=True, **fields))
    pieces = "".join(event.delta for event in events if event.type == "response.function_call_arguments.delta")
    assert pieces == whole.arguments


@check
def the_output_of_a_function_is_read(house):
    turns = [
        {"role": "user", "content": QUESTION},
        {"type": "function_call", "call_id": "call_1", "name": "get_weather", "arguments": '{"city": "Paris"}'},
        {"type": "function_call_output", "call_id": "call_1", "output": "It is 21 degrees and sunny in Paris."},
    ]
    answer = respond(house, turns, tools=[TOOL], max_output_tokens=40)
    assert answer.output and answer.usage.input_tokens > respond(house, QUESTION, tools=[TOOL]).usage.input_tokens


@check
def a_response_keeps_its_schema(house):
    class Car(BaseModel):
        doors: int
        electric: bool

    fields = {"model": CHAT, "temperature": 0, "max_output_tokens": 80}
    answer = house.openai.responses.parse(input="Describe a car.", text_format=Car, **fields)
    assert isinstance(answer.output_parsed, Car), answer
    plain = respond(house, 'Answer with the JSON {"city": "Paris"} and nothing else.', text={"format": {"type": "json_object"}}, max_output_tokens=200)
    assert isinstance(json.loads(plain.output_text), dict)


@check
def responses_that_cannot_be_are_refused(house):
    refused(openai.NotFoundError, lambda: respond(house, model="gpt-5"))
    for more in ({"given": []}, {"temperature": "hot"}, {"truncation": "auto"}, {"tools": [TOOL], "tool_choice": {"type": "function", "name": "no"}}):
        error = refused(openai.BadRequestError, lambda: respond(house, **more))
        assert error.type == "invalid_request_error" and error.message, more
