"""What mlx-lm makes of tool calls, of whole answers, and of templates and vocabularies."""

import importlib
import json
from types import SimpleNamespace

from fixture import golden, write_json
from mlx_lm.generate import TextStateMachine, make_text_state_machine
from mlx_lm.tokenizer_utils import _infer_structural_markers, _infer_thinking, _infer_tool_parser


def function(name, properties):
    return {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": properties}}}


TOOLS = [
    function(
        "weather",
        {
            "city": {"type": "string"},
            "days": {"type": "integer"},
            "limit": {"type": "number"},
            "metric": {"type": "boolean"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "filter": {"type": "object"},
            "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "level": {"type": ["integer", "string"]},
            "mode": {"enum": [1, 2.5, "auto"]},
            "free": {"description": "anything"},
            "none": {},
        },
    ),
    function("now", {}),
    {"type": "function", "function": {"name": "bare", "parameters": {}}},
]

VALUES = [
    ("city", "Paris"),
    ("city", "42"),
    ("city", "Zürich 東京 🙂"),
    ("city", 'a "quoted" <b> & \\n \\ end'),
    ("city", "null"),
    ("city", ""),
    ("days", "3"),
    ("days", "-7"),
    ("limit", "2.5"),
    ("limit", "4.0"),
    ("limit", "1e3"),
    ("metric", "true"),
    ("metric", "False"),
    ("tags", '["a", "b"]'),
    ("tags", "['a', 'b', None, True]"),
    ("tags", "not a list"),
    ("filter", '{"deep": {"list": [1, 2.5, null, {"x": "ü"}]}}'),
    ("filter", "{'deep': (1, -2, +3), 'y': 0x1F, 1: 'a' 'b'}"),
    ("note", "none"),
    ("note", "a note"),
    ("level", "5"),
    ("level", "high"),
    ("mode", "2"),
    ("mode", "auto"),
    ("free", "[1, 2]"),
    ("free", "7"),
    ("none", "7"),
    ("unknown", "12"),
    ("unknown", "007"),
    ("unknown", "1_000"),
    ("unknown", "1, 2"),
    ("unknown", "'it\\'s \\x41\\u00e9'"),
    ("unknown", "{'a': }"),
    ("unknown", "None"),
    ("unknown", "tr\nue\n lines"),
]


def untyped(template, join="\n"):
    """One call with each value, one with several, one with none."""
    several = [("city", "Paris"), ("days", "2"), ("tags", '["x"]')]
    bodies = [template([value]) for value in VALUES]
    return [*bodies, template(several), template([]), template(VALUES[:3], "now"), template([("x", "1")], "missing")]


def qwen(arguments, name="weather"):
    lines = "".join(f"<parameter={key}>\n{value}\n</parameter>\n" for key, value in arguments)
    return f"\n<function={name}>\n{lines}</function>\n"


def glm(arguments, name="weather", tag="arg"):
    pairs = "".join(f"<{tag}_key>{k}</{tag}_key>\n<{tag}_value>{v}</{tag}_value>\n" for k, v in arguments)
    return f"{name}\n{pairs}"


def longcat(arguments, name="weather"):
    return glm(arguments, name, "longcat_arg")


def minimax(arguments, name="weather"):
    lines = "".join(f'<parameter name="{key}">{value}</parameter>\n' for key, value in arguments)
    return f'\n<invoke name="{name}">\n{lines}</invoke>\n'


def minicpm(arguments, name="weather"):
    def value(text):
        return f"<![CDATA[{text}]]>" if any(c in text for c in "<&\n") else text

    return f'"{name}">' + "".join(f'<param name="{key}">{value(text)}</param>' for key, text in arguments)


def atem(arguments, name="weather"):
    lines = "".join(f'<atem:parameter name="{key}">{value}</atem:parameter>\n' for key, value in arguments)
    return f'\n<atem:invoke name="{name}">\n{lines}</atem:invoke>\n'


def xtml(arguments, name="weather"):
    lines = "".join(
        f'<|open|>argument key="{key}" type="{kind}"<|sep|>{value}<|close|>argument<|sep|>'
        for key, value, kind in arguments
    )
    return f'<|open|>call tool="{name}" index="1"<|sep|>{lines}<|close|>call<|sep|>'


ARGUMENTS = {"city": "Zürich 🙂 \"q\" \\ \n", "days": 3, "limit": -2.5e-3, "metric": True, "filter": {"a": [1, None, {}]}}
JSON = json.dumps(ARGUMENTS, ensure_ascii=False)
CALL = json.dumps({"name": "weather", "arguments": ARGUMENTS})

BODIES = {
    "json_tools": [
        f"\n{CALL}\n",
        '{"name": "now", "arguments": {}}',
        f"[{CALL}, {CALL}]",
        '{"name": "now", "arguments": {',
        "not json",
        "",
    ],
    "qwen3_coder": [
        *untyped(qwen),
        "<function=weather><parameter=city>Paris</parameter></function>",
        "<function=weather>\n<parameter=city>\ncode </function> here\n</parameter>\n</function>",
        "<function=weather>\n<parameter=days>\n2.5\n</parameter>\n</function>",
        "<function=weather>\n<parameter=days>\nmany\n</parameter>\n</function>",
        "<function=weather>\n<parameter=limit>\nmany\n</parameter>\n</function>",
        "<function=weather>\n<parameter=city>\nParis\n</parameter>",
        "<function=>\n</function>",
        "weather",
    ],
    "glm47": [
        *untyped(glm),
        "weather<arg_key>city</arg_key>\\n<arg_value>Paris</arg_value>",
        '{"name": "weather", "arguments": {"city": 3, "days": "3"}}',
        '[{"name": "weather", "arguments": {"city": {"a": [1, "b"]}}}]',
        '{"function": "weather", "arguments": "{\\"days\\": 2}"}',
        '{"tool": {"name": "now", "arguments": {}}}',
        'weather city=Paris days=3 free="two words" metric=\'True\'',
        'weather {"city": "Paris"}',
        'weather\n{"days": "2"}',
        "now",
        "weather in Paris please",
        'weather city="Paris',
    ],
    "laguna": [glm(VALUES[:1]), glm(VALUES[6:7])],
    "longcat": [*[body for body in untyped(longcat) if "<longcat_arg_key>" in body], '{"name": "now", "arguments": {}}', '{"name": "now", ', "no call"],
    "mistral": [
        f"[{CALL}]",
        f"[{CALL}, {CALL}]",
        f"weather[ARGS]{JSON}",
        f" weather [ARGS] {JSON}",
        f"weather[ARGS]{JSON}now[ARGS]{{}}",
        f"weather[ARGS]{JSON}\n[TOOL_CALLS]now[ARGS]{{}}",
        '[{"name": "now", "arguments": "{}", "id": "abc123def"}]',
        '[{"name": "now"}]',
        '[{"arguments": {}}]',
        '[{"name": "now", "arguments": 3}]',
        'weather[ARGS]{"city": "Par',
        "weather",
        "",
    ],
    "kimi_k2": [
        f"<|tool_call_begin|>functions.weather:0<|tool_call_argument_begin|>{JSON}<|tool_call_end|>",
        f"<|tool_call_begin|> functions.weather:0 <|tool_call_argument_begin|> {JSON} <|tool_call_end|>\n"
        "<|tool_call_begin|>functions.a.b:12<|tool_call_argument_begin|>{}<|tool_call_end|>",
        "weather:3<|tool_call_argument_begin|>{'city': 'Paris'}",
        "functions.weather<|tool_call_argument_begin|>{}",
        "functions.weather:1",
        "",
    ],
    "kimi_k3": [
        xtml([("city", 'Zürich "q" <b>', "string"), ("days", "3", "number"), ("metric", "true", "boolean")]),
        xtml([("filter", '{"a": [1, null]}', "object"), ("free", "no json", "number"), ("city", "7", "string")]),
        xtml([("a &quot;b&quot; &amp; c", "1", "number")], "we&amp;ather"),
        xtml([]) + "\n" + xtml([("city", "x", "string")], "now"),
        f'<|open|>call tool="weather"<|sep|><|open|>json type="object"<|sep|>{JSON}<|close|>json<|sep|><|close|>call<|sep|>',
        '<|open|>call tool="weather"<|sep|><|open|>json type="object"<|sep|>[1]<|close|>json<|sep|><|close|>call<|sep|>',
        '<|open|>call index="1"<|sep|><|close|>call<|sep|>',
        '<|open|>call tool="weather"<|sep|>',
        "",
    ],
    "minimax_m2": [
        *untyped(minimax),
        minimax([("city", "Paris")]) + minimax([("zone", "UTC")], "now"),
        "<invoke name='weather'><parameter name=city>\nParis\n</parameter></invoke>",
        '<invoke name="weather"><parameter name="city">Paris</parameter>',
        "",
    ],
    "minicpm5": [
        *untyped(minicpm),
        f"<function name={minicpm([('city', 'Paris')])}</function><function name={minicpm([], 'now')}</function>",
        "'weather'><param name='city'>Paris</param>",
        "",
    ],
    "pythonic": [
        '[weather(city="Zürich 🙂", days=3, limit=-2.5, metric=True, note=None)]',
        "[weather(city='it\\'s', tags=['a', \"b\"], filter={'a': {'b': [1, 2]}})]",
        "[weather(metric=true, note=null, filter={\"x\": false})]",
        "[weather(days=1), now(), a.b.c(x=(1, 2))]",
        "[weather(city=Paris, days=3)]",
        "[weather(city=New York, note=\"a, b\")]",
        "text before [now()] and after",
        "[weather(3)]",
        "[]",
        "weather(city='x')",
        "[weather(city=",
        "",
    ],
    "function_gemma": [
        "call:weather{city:<escape>Zürich: a, b<escape>,days:3,metric:true,limit:2.5}",
        "call:weather{city:Paris,note:null}",
        "call:now{}",
        "call:weather{city:<escape>a<escape>}",
        "no call",
        "",
    ],
    "gemma4": [
        'call:weather{city:<|"|>Zürich "q" {b}, c: \\ \n<|"|>,days:3,limit:-2.5,metric:true,note:null}',
        'call:weather{filter:{a:[1,{b:<|"|>x<|"|>}],c:{}},tags:[<|"|>a<|"|>,<|"|>b<|"|>]}',
        'call:now{}call:get-it{a:1}',
        "call:weather{city:Paris}",
        "call:weather{city:",
        "",
    ],
    "muse_spark": [
        atem([("city", "Paris"), ("days", "3"), ("filter", '{"a": [1, "ü"]}'), ("free", " two words ")]),
        atem([("city", "code </atem:invoke> in it")]) + atem([], "now"),
        '<atem:invoke id="1" name="weather"><atem:parameter name="city" type="x">Paris</atem:parameter>',
        "<atem:invoke></atem:invoke>",
        "",
    ],
}

THINK = ["<think>", "</think>"]
XTML = ["<|open|>", "<|close|>", "<|sep|>", "<|end_of_msg|>"]
TOOL = f"<tool_call>\n{CALL}\n</tool_call>"

# Parser, vocabulary, what the state is at first, the answer.
ANSWERS = [
    ("json_tools", THINK, "normal", f"<think>\nHm <b>.\n</think>\n\nLet me see.\n{TOOL}\n{TOOL}Done < it."),
    ("json_tools", THINK, "reasoning", f"Hm.</think>{TOOL}"),
    ("json_tools", THINK, "reasoning", f"I call{TOOL}and go on"),
    ("json_tools", [], "normal", f"no <think> here {TOOL}"),
    ("json_tools", THINK, "normal", "<tool_call>" + CALL),
    ("qwen3_coder", THINK, "normal", f"<tool_call>{qwen([('city', 'a<b')])}</tool_call>"),
    ("longcat", ["<longcat_think>", "</longcat_think>"], "normal",
     f"<longcat_think>x</longcat_think>y<longcat_tool_call>{longcat([('days', '2')])}</longcat_tool_call>"),
    ("glm47", ["<|think:start|>", "<|think:end|>"], "normal", "<|think:start|>x<|think:end|>y<tool_call>now</tool_call>"),
    ("gemma4", ["<|channel>", "<channel|>"], "normal",
     "<|channel>thought\nhm<channel|>See:<|tool_call>call:now{}<tool_call|>."),
    ("mistral", [], "normal", f"Wait. [TOOL_CALLS]weather[ARGS]{JSON}[TOOL_CALLS]now[ARGS]{{}}"),
    ("kimi_k3", XTML, "reasoning",
     "hm<|close|>think<|sep|><|open|>response<|sep|>Hello<|close|>response<|sep|>"
     f"<|open|>tools<|sep|>{xtml([('city', 'x', 'string')])}<|close|>tools<|sep|><|close|>message<|sep|>"),
    ("kimi_k2", THINK, "normal",
     f"x<|tool_calls_section_begin|>{BODIES['kimi_k2'][1]}<|tool_calls_section_end|>"),
    ("minicpm5", THINK, "normal", f"x <function name={minicpm([('city', '<a>')])}</function>\ny"),
    ("muse_spark", [], "header",
     f"to=self<|message|>hm<|eom|>to=user<|message|>Hello.<|eom|><atem:function_calls>{atem([], 'now')}"
     "</atem:function_calls>"),
    ("muse_spark", [], "header", "to=commentary<|message|>I look.<|eom|>to=user<|message|>Bye<|eot|>"),
]

TEMPLATES = [
    "<minimax:tool_call>", "<|tool_call> <tool_call|>", "<|tool_call>", "<start_function_call>", "<longcat_tool_call>",
    "<tool_call> <arg_key>", "<|tool_list_start|>", "<|tool_call_start|>", "<tool_call>\\n<function=",
    "<tool_call>\n<function= tool_call.name", "<|tool_calls_section_begin|>", '<function name="', '<param name="',
    '<function name="x"><param name="y">', "[TOOL_CALLS]", "<atem:function_calls>", "<tool_call> tool_call.name",
    "<tool_call>", "plain", "<arg_key> <minimax:tool_call>", "[TOOL_CALLS] <|tool_call_start|>",
]
VOCABULARIES = [
    [], THINK, ["<think>"], XTML, XTML[:3], ["<|channel>", "<channel|>"], [*THINK, "<|channel>", "<channel|>"],
    ["<longcat_think>", "</longcat_think>"], ["<|think:start|>", "<|think:end|>"],
    ["<|tool_call_start|>", "<|tool_call_end|>"], ["<|tool_call_start|>"],
]


def tokenizer(vocabulary, template=None):
    return SimpleNamespace(
        get_vocab=lambda: {token: index for index, token in enumerate(vocabulary)},
        encode=lambda text, **_: [text],
        chat_template=template,
    )


def parsed(name, body):
    """The calls of a body, or None where the parser fails."""
    module = importlib.import_module(f"mlx_lm.tool_parsers.{name}")
    try:
        calls = module.parse_tool_call(body, TOOLS)
        calls = json.loads(json.dumps(calls if isinstance(calls, list) else [calls]))
    except Exception:
        return None
    return calls if all(isinstance(call["arguments"], dict) for call in calls) else None


def answer(name, vocabulary, initial, text):
    module = importlib.import_module(f"mlx_lm.tool_parsers.{name}")
    plain = tokenizer(vocabulary)
    start, end, *_ = _infer_thinking(plain)
    format = {}
    if name == "muse_spark":
        format = importlib.import_module("mlx_lm.chat_templates.muse_spark").RESPONSE_FORMAT
    wrapper = SimpleNamespace(
        has_thinking=start is not None,
        think_start=start,
        think_end=end,
        has_tool_calling=True,
        tool_call_start=module.tool_call_start,
        tool_call_end=module.tool_call_end,
        structural_markers=_infer_structural_markers(plain),
        response_transitions=format.get("transitions", {}),
    )
    machine = make_text_state_machine(wrapper)
    state, segments = TextStateMachine.split(machine.make_state(initial), text)
    _, rest, last = TextStateMachine.flush(state)
    segments.append((last, rest))
    out = {"normal": "", "reasoning": ""}
    bodies, tool, before = [], "", None
    for kind, part in segments:
        if before == "tool" and kind != "tool":
            bodies.append(tool)
            tool = ""
        if kind == "tool":
            tool += part
        elif kind in out:
            out[kind] += part
        before = kind
    bodies += [tool] if before == "tool" and tool else []
    calls = [call for body in bodies for call in parsed(name, body) or []]
    return {
        "parser": name,
        "vocabulary": vocabulary,
        "initial": initial,
        "text": text,
        "content": out["normal"],
        "reasoning": out["reasoning"],
        "calls": calls,
    }


write_json(
    golden("mlx-text") / "tools.json",
    {
        "tools": TOOLS,
        "bodies": [
            {"parser": name, "text": body, "calls": parsed(name, body)}
            for name, bodies in BODIES.items()
            for body in bodies
        ],
        "answers": [answer(*case) for case in ANSWERS],
        "templates": [{"source": t, "parser": _infer_tool_parser(tokenizer([], t))} for t in TEMPLATES],
        "vocabularies": [
            {
                "tokens": v,
                "parser": _infer_tool_parser(tokenizer(v)),
                "reasoning": _infer_thinking(tokenizer(v))[:2],
            }
            for v in VOCABULARIES
        ],
    },
)
