"""`/v1/messages` with Anthropic's client."""

import base64
import json

import anthropic
import jsonschema

from checks import CHAT, SEE, check, refused
from vision import png

PLACE = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 20}, "unit": {"enum": ["celsius", "fahrenheit"]}},
    "required": ["city", "unit"],
}
TOOL = {"name": "get_weather", "description": "The weather of a city", "input_schema": PLACE}
QUESTION = "What is the weather in Paris?"


def fields_of(content, more):
    if isinstance(content, str):
        content = [{"role": "user", "content": content}]
    return {"model": CHAT, "max_tokens": 16, "extra_body": {"temperature": 0}, "messages": content, **more}


def message(house, content="What is the capital of France?", **more):
    return house.anthropic.messages.create(**fields_of(content, more))


def text(answer):
    return "".join(block.text for block in answer.content if block.type == "text")


@check
def a_message_has_all_its_parts(house):
    answer = message(house)
    assert answer.id.startswith("msg_") and answer.type == "message" and answer.role == "assistant"
    assert answer.model == CHAT and [block.type for block in answer.content] == ["text"]
    assert "Paris" in text(answer) and answer.stop_reason in ("end_turn", "max_tokens")
    read = answer.usage.input_tokens + (answer.usage.cache_read_input_tokens or 0)
    assert read > 10 and 0 < answer.usage.output_tokens <= 16


@check
def both_interfaces_write_the_same(house):
    assert text(message(house)) == house.text()
    turns = [{"role": "system", "content": "You are a pirate."}, {"role": "user", "content": "Who are you?"}]
    assert text(message(house, turns[1:], system=turns[0]["content"])) == house.text(turns)


@check
def a_system_text_may_come_in_blocks(house):
    blocks = [{"type": "text", "text": "You are a pirate."}]
    asked = [{"role": "user", "content": [{"type": "text", "text": "Who are you?"}]}]
    assert text(message(house, asked, system=blocks)) == text(message(house, "Who are you?", system="You are a pirate."))


@check
def reasons_of_the_end_are_told(house):
    assert message(house, max_tokens=3).stop_reason == "max_tokens"
    assert message(house, max_tokens=100).stop_reason == "end_turn"
    whole = text(message(house))
    stopped = message(house, stop_sequences=["xyzzy", whole[8:12]])
    assert stopped.stop_reason == "stop_sequence" and stopped.stop_sequence == whole[8:12], stopped
    assert text(stopped) == whole[: whole.index(whole[8:12])]


@check
def events_of_a_stream_come_in_their_order(house):
    events = list(message(house, stream=True))
    kinds = [event.type for event in events]
    assert kinds[:2] == ["message_start", "content_block_start"], kinds
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"], kinds
    deltas = [event.delta.text for event in events if event.type == "content_block_delta"]
    assert "".join(deltas) == text(message(house)) and len(deltas) > 3
    assert events[0].message.usage.input_tokens > 0 and events[-2].usage.output_tokens > 0
    assert events[-2].delta.stop_reason in ("end_turn", "max_tokens")


@check
def the_clients_own_collector_puts_a_message_together(house):
    with house.anthropic.messages.stream(**fields_of("What is the capital of France?", {})) as stream:
        pieces = "".join(stream.text_stream)
        final = stream.get_final_message()
    whole = message(house)
    assert pieces == text(final) == text(whole) and final.stop_reason == whole.stop_reason
    assert final.usage.output_tokens == whole.usage.output_tokens


@check
def a_tool_is_used_when_it_has_to_be(house):
    for choice in ({"type": "any"}, {"type": "tool", "name": "get_weather"}):
        answer = message(house, QUESTION, tools=[TOOL], tool_choice=choice, max_tokens=120)
        assert answer.stop_reason == "tool_use", answer
        [block] = [block for block in answer.content if block.type == "tool_use"]
        jsonschema.validate(block.input, PLACE)
        assert block.name == "get_weather" and block.id


@check
def the_use_of_a_tool_streams(house):
    choice = {"type": "tool", "name": "get_weather"}
    fields = fields_of(QUESTION, {"tools": [TOOL], "tool_choice": choice, "max_tokens": 120})
    whole = house.anthropic.messages.create(**fields)
    events = list(house.anthropic.messages.create(**fields, stream=True))
    pieces = [event.delta.partial_json for event in events if event.type == "content_block_delta"]
    assert json.loads("".join(pieces)) == whole.content[-1].input
    assert [event.delta.stop_reason for event in events if event.type == "message_delta"] == ["tool_use"]


@check
def no_tool_is_used_when_none_may_be(house):
    answer = message(house, QUESTION, tools=[TOOL], tool_choice={"type": "none"})
    assert all(block.type == "text" for block in answer.content) and text(answer) == text(message(house, QUESTION))


@check
def the_result_of_a_tool_is_read(house):
    turns = [
        {"role": "user", "content": QUESTION},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Paris"}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "21 degrees and sunny in Paris"}]},
    ]
    answer = message(house, turns, tools=[TOOL], max_tokens=40)
    assert answer.usage.input_tokens + (answer.usage.cache_read_input_tokens or 0) > 60 and answer.content


@check
def tokens_of_a_message_are_counted(house):
    asked = [{"role": "user", "content": "What is the capital of France?"}]
    counted = house.anthropic.messages.count_tokens(model=CHAT, messages=asked).input_tokens
    usage = message(house).usage
    assert counted == usage.input_tokens + (usage.cache_read_input_tokens or 0), (counted, usage)
    assert house.anthropic.messages.count_tokens(model=CHAT, messages=asked, tools=[TOOL]).input_tokens > counted


@check
def what_was_remembered_is_told(house):
    question = "Which mountains lie between Bavaria and Tyrol, and which of them is the highest of all?"
    first, second = message(house, question).usage, message(house, question).usage
    assert second.cache_read_input_tokens > 10, second
    total = lambda usage: usage.input_tokens + (usage.cache_read_input_tokens or 0)
    assert total(first) == total(second)


@check
def a_picture_is_seen_by_a_message(house):
    source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(png()).decode()}
    shown = [{"type": "image", "source": source}, {"type": "text", "text": "What is it?"}]
    answer = message(house, [{"role": "user", "content": shown}], model=SEE, max_tokens=4)
    # Another topic may have shown it before.
    assert answer.usage.input_tokens + answer.usage.cache_read_input_tokens == 62, answer.usage
    error = refused(anthropic.BadRequestError, lambda: message(house, [{"role": "user", "content": shown}]))
    assert "images" in str(error)


@check
def a_begun_message_goes_on(house):
    turns = [{"role": "user", "content": "What is the capital of France?"}, {"role": "assistant", "content": "The name of the city is"}]
    assert "Paris" in text(message(house, turns))


@check
def errors_have_the_form_of_anthropic(house):
    error = refused(anthropic.NotFoundError, lambda: message(house, model="claude"))
    assert error.body["type"] == "error" and error.body["error"]["type"] == "not_found_error", error.body
    for more in ({"messages": []}, {"extra_body": {"temperature": "hot"}}, {"messages": [{"role": "wizard", "content": "a"}]}):
        error = refused(anthropic.BadRequestError, lambda: message(house, **more))
        assert error.body["error"]["type"] == "invalid_request_error" and error.body["error"]["message"], error.body
    status, _, body = house.ask("POST", "/v1/messages", b"{", {"content-type": "application/json"})
    assert status == 400 and json.loads(body)["type"] == "error", body


@check
def a_key_is_needed_by_messages_too(house):
    assert text(message(house.second, max_tokens=4))
    other = house.second.anthropic.with_options(api_key="wrong")
    error = refused(anthropic.AuthenticationError, lambda: other.messages.create(**fields_of("Hi", {})))
    assert error.body["error"]["type"] == "authentication_error", error.body
