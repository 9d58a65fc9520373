"""Functions that models call."""

import json

import jsonschema
import openai
from pydantic import BaseModel

from checks import CHAT, check, refused

PLACE = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 20}, "unit": {"enum": ["celsius", "fahrenheit"]}},
    "required": ["city", "unit"],
}
ORDER = {
    "type": "object",
    "properties": {
        "items": {
            "type": "array",
            "minItems": 1,
            "maxItems": 2,
            "items": {
                "type": "object",
                "properties": {"name": {"enum": ["tea", "cake"]}, "count": {"type": "integer", "minimum": 1, "maximum": 9}},
                "required": ["name", "count"],
            },
        },
        "paid": {"type": "boolean"},
    },
    "required": ["items", "paid"],
}
SCHEMAS = {"get_weather": PLACE, "place_order": ORDER}


def tool(name):
    about = {"get_weather": "The weather of a city", "place_order": "Orders things"}[name]
    return {"type": "function", "function": {"name": name, "description": about, "parameters": SCHEMAS[name]}}


TOOLS = [tool("get_weather"), tool("place_order")]
QUESTION = "What is the weather in Paris?"


def named(name):
    return {"type": "function", "function": {"name": name}}


def asked(house, choice, tools=TOOLS, question=QUESTION, **more):
    return house.chat(question, **{"tools": tools, "tool_choice": choice, "max_tokens": 120, **more})


def called(call):
    """The name and the arguments of a call, which must be valid."""
    assert call.type == "function" and call.id, call
    arguments = json.loads(call.function.arguments)
    jsonschema.validate(arguments, SCHEMAS[call.function.name])
    return call.function.name, arguments


@check
def a_required_call_is_valid(house):
    choice = asked(house, "required", [tool("get_weather")]).choices[0]
    assert choice.finish_reason == "tool_calls" and choice.message.content is None
    [call] = choice.message.tool_calls
    name, arguments = called(call)
    assert name == "get_weather" and "Paris" in arguments["city"], arguments


@check
def one_of_several_functions_is_called(house):
    [call] = asked(house, "required").choices[0].message.tool_calls
    called(call)


@check
def the_named_function_is_called(house):
    for name in SCHEMAS:
        [call] = asked(house, named(name)).choices[0].message.tool_calls
        assert called(call)[0] == name


@check
def nested_arguments_are_valid_in_every_draw(house):
    for choice in asked(house, named("place_order"), temperature=1, seed=1, n=4).choices:
        [call] = choice.message.tool_calls
        called(call)


@check
def calls_have_names_of_their_own(house):
    choices = asked(house, "required", n=3, temperature=1, seed=2).choices
    assert len({choice.message.tool_calls[0].id for choice in choices}) == 3


@check
def a_function_that_is_not_allowed_is_not_called(house):
    for name in SCHEMAS:
        allowed = {"mode": "required", "tools": [named(name)]}
        answer = asked(house, {"type": "allowed_tools", "allowed_tools": allowed})
        assert called(answer.choices[0].message.tool_calls[0])[0] == name
        assert answer.usage.prompt_tokens < asked(house, "required").usage.prompt_tokens


@check
def a_model_that_may_call_once_calls_once(house):
    call = r'\{"name": "get_weather", "parameters": \{"city": "Paris", "unit": "celsius"\}\}'
    for parallel, count in ((True, 2), (False, 1)):
        body = {"guided_regex": f"{call}; {call}"}
        answer = asked(house, "auto", parallel_tool_calls=parallel, extra_body=body)
        assert answer.choices[0].finish_reason == "tool_calls"
        assert len([called(call) for call in answer.choices[0].message.tool_calls]) == count


@check
def none_calls_nothing_and_tells_the_model_of_nothing(house):
    answer, plain = asked(house, "none", max_tokens=16), house.chat(QUESTION)
    assert not answer.choices[0].message.tool_calls
    assert answer.usage.prompt_tokens == plain.usage.prompt_tokens
    assert answer.choices[0].message.content == plain.choices[0].message.content


@check
def auto_tells_the_model_of_its_functions(house):
    answer = asked(house, "auto", max_tokens=60)
    assert answer.usage.prompt_tokens > house.chat(QUESTION).usage.prompt_tokens + 50
    message = answer.choices[0].message
    for call in message.tool_calls or []:
        assert json.loads(call.function.arguments) is not None
    assert message.tool_calls or message.content
    assert asked(house, openai.omit, max_tokens=60).choices[0].message.content == message.content


@check
def a_call_and_its_result_are_read(house):
    call = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'}}
    def read(result):
        turns = [
            {"role": "user", "content": QUESTION},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": result},
        ]
        answer = house.chat(turns, tools=TOOLS)
        assert answer.choices[0].message.content or answer.choices[0].message.tool_calls
        return answer.usage.prompt_tokens

    short, long = "It is sunny.", "It is sunny, and a light wind blows from the west."
    assert read(long) - read(short) == len(house.tokens(long)) - len(house.tokens(short))
    assert read(short) > house.chat(QUESTION, tools=TOOLS).usage.prompt_tokens + 10


@check
def a_call_streams_as_it_is_answered_at_once(house):
    whole = asked(house, named("get_weather")).choices[0].message.tool_calls[0].function
    chunks = list(asked(house, named("get_weather"), stream=True))
    deltas = [call for chunk in chunks for choice in chunk.choices for call in choice.delta.tool_calls or []]
    assert deltas[0].index == 0 and deltas[0].id and deltas[0].type == "function"
    assert "".join(delta.function.name or "" for delta in deltas) == whole.name
    assert "".join(delta.function.arguments or "" for delta in deltas) == whole.arguments
    assert chunks[-1].choices[0].finish_reason == "tool_calls"
    assert not "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)


@check
def the_client_reads_a_call_into_its_own_class(house):
    class Forecast(BaseModel):
        city: str
        days: int

    tools = [openai.pydantic_function_tool(Forecast)]
    messages = [{"role": "user", "content": "What will the weather be in Rome in the next 3 days?"}]
    answer = house.openai.chat.completions.parse(
        model=CHAT, messages=messages, tools=tools, tool_choice="required", temperature=0, max_tokens=80
    )
    [call] = answer.choices[0].message.tool_calls
    assert isinstance(call.function.parsed_arguments, Forecast), call


@check
def choices_that_cannot_be_are_refused(house):
    for choice, tools, param in [
        (named("no_such"), TOOLS, "tool_choice"),
        ("required", [], "tool_choice"),
        ("sometimes", TOOLS, "tool_choice"),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [named("no_such")]}}, TOOLS, "tool_choice"),
        ("auto", [{"type": "function"}], "tools"),
    ]:
        error = refused(openai.BadRequestError, lambda: asked(house, choice, tools))
        assert error.param == param, (choice, error.message)
