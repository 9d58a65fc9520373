"""Makes the fixtures beside this file from the reference implementations.

    pip install tokenizers transformers jinja2 sentencepiece protobuf gguf
    python make_fixtures.py [FOLDER_WITH_GGUF_FILES]

Ids come from Hugging Face tokenizers and from SentencePiece, chat texts from transformers.
"""

import io
import json
import sys
from pathlib import Path

import sentencepiece
from sentencepiece import sentencepiece_model_pb2 as model_pb2
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers.utils.chat_template_utils import _compile_jinja_template

HERE = Path(__file__).parent

CORPUS = """The lighthouse keeper's daughter counted 12 ships, then 345 gulls; it wasn't enough, she'd say.
She'll write: "def add(a, b):\n    return a + b  # sum" and print(add(1, 23)) == 24!
Über den Dächern lag Schnee, größer als 1000 Äpfel. Le garçon a mangé où l'été s'achève.
Маяк стоял у моря, и дети считали корабли: один, два, три. Море шумело тихо.
灯台は海のそばに立っていた。子供たちは船を数えた。海很安静，孩子们数着船。
바다는 조용했고 아이들은 배를 세었다. كان البحر هادئا وكان الأطفال يعدون السفن
किनारे पर दीपक था और बच्चे नाव गिनते थे। ชายฝั่งเงียบสงบ
Emoji: 🙂 🙃 👩‍👩‍👧 🇫🇷 👍🏽 and symbols ≤ ≥ → € £ … ¿ ½ ² Ⅷ ٣٤
    indented\n\tTabs\tand   spaces   \n\n\nIT'S LOUD, I'M SURE. CamelCaseWords and snake_case_words, x=3.14159e-10
""".splitlines(keepends=True)

TEXTS = [
    "",
    " ",
    "The keeper's daughter counted 12345 ships.",
    "IT'S I'M she'll WE'VE don't 'twas rock'n'roll",
    "def add(a, b):\n    return a + b\n\n\nprint(add(12, 3456))",
    "  leading,   inner   and trailing   ",
    "tabs\t\tand\r\nwindows\r\n\r\nlines \n \n",
    "Größe naïve é e\u0301 ﬁ Ǆ ſ",
    "Море и корабли 2024 года",
    "海很安静，孩子们数着船。灯台は３つ。",
    "바다 배 كان البحر ٣٤٥ किनारे ชายฝั่ง",
    "🙂👩‍👩‍👧🇫🇷👍🏽 € ½²Ⅷ … --> <= https://a.b/c?d=e&f#g",
    "CamelCaseWords XMLHttpRequest snake_case x=3.14159e-10 $$$ ((()))",
    "\u0000\u0001 \u00a0\u2003\u3000wide\u200b",
    "a" * 40 + " " * 17 + "!" * 9 + "7" * 10,
]


def write(name, value):
    path = HERE / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


# Byte-level BPE. It is trained without any pre-tokenizer, so that every missing split changes the ids.

CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
SPACES = r"\s*[\r\n]+|\s+(?!\S)|\s+"
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
CASED = [rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+", rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*"]
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
CJK = "[一-龥\u0800-一가-\ud7ff]+"


def split(*patterns, last=None):
    steps = [pre_tokenizers.Split(Regex(p), "isolated") for p in patterns]
    return pre_tokenizers.Sequence(steps + [last or pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def words(digits, letters=r"\p{L}", end=SPACES):
    other = letters.replace(r"[", "").replace("]", "")
    return split(
        rf"{CONTRACTIONS}|[^\r\n\p{{L}}\p{{N}}]?{letters}+|{digits}| ?[^\s{other}\p{{N}}]+[\r\n]*|{end}"
    )


BYTES = pre_tokenizers.ByteLevel(add_prefix_space=False)
PRE = {
    "gpt-2": BYTES,
    "smollm": pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), BYTES]),
    "qwen2": words(r"\p{N}"),
    "qwen35": words(r"\p{N}", r"[\p{L}\p{M}]"),
    "llama-bpe": words(r"\p{N}{1,3}"),
    "tekken": split("|".join(CASED) + r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|" + SPACES),
    "gpt-4o": split(
        "|".join(f"{c}{CONTRACTIONS}?" for c in CASED) + r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|" + SPACES
    ),
    "deepseek-v3": split(
        r"\p{N}{1,3}",
        "[一-龥\u3040-ゟ゠-ヿ]+",
        r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"""
        r"| ?[\p{P}\p{S}]+[\r\n]*|" + SPACES,
    ),
    "deepseek-coder": split("[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", CJK, last=pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )),
    "falcon": split(r"[\p{P}\$\+<=>\^~\|`]+", GPT2, "[0-9][0-9][0-9]"),
    "default": split(r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]"),
    "bailingmoe": split(
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"
    ),
    "seed-coder": split(
        rf"{CONTRACTIONS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{{1}}| ?[^\s\p{{L}}\p{{N}}\r\n]+|{SPACES}"
    ),
}

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def byte_level():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=760,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(["".join(CORPUS)] + CORPUS, trainer)
    tokenizer.add_tokens([AddedToken("<think>", normalized=False)])
    tokenizer.pre_tokenizer = BYTES

    folder = "byte_level"
    write(f"{folder}/tokenizer.json", json.loads(tokenizer.to_str()))
    write(f"{folder}/tokenizer_config.json", {
        "bos_token": None,
        "eos_token": {"content": "<|im_end|>", "lstrip": False, "special": True, "__type": "AddedToken"},
        "chat_template": [
            {"name": "default", "template": CHATML},
            {"name": "tool_use", "template": "{{ tools | tojson }}" + CHATML},
        ],
    })
    write(f"{folder}/special_tokens_map.json", {
        "eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>", "additional_special_tokens": ["<|im_start|>"],
    })

    cases = {}
    for name, pre in PRE.items():
        tokenizer.pre_tokenizer = pre
        tokenizer.model.ignore_merges = name in ("llama-bpe", "tekken")
        tokenizer.normalizer = normalizers.NFC() if name == "qwen2" else None
        cases[name] = [tokenizer.encode(text).ids for text in TEXTS]
    tokenizer.normalizer, tokenizer.pre_tokenizer, tokenizer.model.ignore_merges = None, BYTES, False
    special = "<|im_start|>user\nHi <think>hm</think><|im_end|>\n"
    ids = tokenizer.encode(special).ids
    broken = [[i] for i in range(3, 259)] + [[i, i + 1, 20 + i % 200, 7] for i in range(3, 258)]
    write("byte_level.json", {
        "texts": TEXTS,
        "pre": cases,
        "special": {"text": special, "ids": ids, "skipped": tokenizer.decode(ids, skip_special_tokens=True)},
        "decoded": [[b, tokenizer.decode(b, skip_special_tokens=False)] for b in broken],
    })


# SentencePiece BPE with byte fallback. Ids are SentencePiece's own, which puts the space before a text only;
# llama.cpp and Hugging Face put it after user-defined tokens too, so such texts are left out there.

USER_DEFINED = ["<tool>", "\n\n"]


def sentence_piece():
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(line.rstrip("\n") for line in CORPUS * 3),
        model_writer=model,
        model_type="bpe",
        vocab_size=620,
        byte_fallback=True,
        character_coverage=0.98,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        allow_whitespace_only_pieces=True,
        user_defined_symbols=USER_DEFINED,
        control_symbols=["<turn>"],
        max_sentencepiece_length=12,
        minloglevel=2,
    )
    proto = model_pb2.ModelProto()
    proto.ParseFromString(model.getvalue())
    texts = [t for t in TEXTS if "\0" not in t] + ["a<tool> b\n\nc", "<tool>", "\n\n\n x", "▁a ▁"]
    cases = {}
    for prefix in (True, False):
        proto.normalizer_spec.add_dummy_prefix = prefix
        reference = sentencepiece.SentencePieceProcessor(model_proto=proto.SerializeToString())
        chosen = [t for t in texts if not prefix or not any(token in t for token in USER_DEFINED)]
        ids = reference.encode(chosen)
        cases["prefix" if prefix else "plain"] = [list(case) for case in zip(chosen, ids, reference.decode(ids))]
    write("sentence_piece.json", {
        "tokens": [p.piece for p in proto.pieces],
        "scores": [p.score for p in proto.pieces],
        "types": [p.type for p in proto.pieces],
        "cases": cases,
    })


# WordPiece, with the padding and truncation that embedding models leave in their files.


def word_piece():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    tokenizer.train_from_iterator(CORPUS, trainers.WordPieceTrainer(vocab_size=400, special_tokens=specials, show_progress=False))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    cases = []
    for text in TEXTS:
        ids = tokenizer.encode(text).ids
        cases.append([text, ids, tokenizer.decode(ids)])
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=16)
    write("word_piece/tokenizer.json", json.loads(tokenizer.to_str()))
    write("word_piece.json", cases)


# Real vocabularies, from a folder of GGUF files: only ids are kept.


def real(folder):
    import gguf

    def fields(name):
        reader = gguf.GGUFReader(folder / name)
        return {key.split(".")[-1]: field.contents() for key, field in reader.fields.items() if "tokenizer" in key}

    smollm2 = fields("SmolLM2-135M-Instruct.Q4_1.gguf")
    merges = [tuple(merge.split(" ")) for merge in smollm2["merges"]]
    vocab = {token: id for id, token in enumerate(smollm2["tokens"])}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges))
    tokenizer.pre_tokenizer = PRE["smollm"]
    tokenizer.add_special_tokens([t for t, kind in zip(smollm2["tokens"], smollm2["token_type"]) if kind == 3])

    gemma3 = fields("gemma-3-270m-q4_k_m.gguf")
    proto = model_pb2.ModelProto()
    proto.trainer_spec.model_type = model_pb2.TrainerSpec.BPE
    proto.trainer_spec.byte_fallback = True
    proto.trainer_spec.unk_id = gemma3["unknown_token_id"]
    proto.normalizer_spec.name = "identity"
    proto.normalizer_spec.add_dummy_prefix = False
    proto.normalizer_spec.remove_extra_whitespaces = False
    for id, (token, score, kind) in enumerate(zip(gemma3["tokens"], gemma3["scores"], gemma3["token_type"])):
        kind = 2 if id == gemma3["unknown_token_id"] else kind
        proto.pieces.add(piece=token.replace(" ", "▁") if kind == 4 else token, score=score, type=kind)
    reference = sentencepiece.SentencePieceProcessor(model_proto=proto.SerializeToString())

    page = "".join(CORPUS)
    texts = [t for t in TEXTS if "\0" not in t] + [page]
    write("real.json", {
        "texts": texts,
        "SmolLM2-135M-Instruct.Q4_1.gguf": [tokenizer.encode(text).ids for text in texts],
        "gemma-3-270m-q4_k_m.gguf": [reference.encode(text) for text in texts],
    })


# Chat templates: each uses the constructs of one common family.

TOOLS = [{"type": "function", "function": {
    "name": "get_weather",
    "description": "Weather <now> & 'later' in a \"city\": für 東京",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 0.00001, "default": 1.0}}, "required": ["city"]},
}}]
TALK = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "  Hi there \n"},
    {"role": "assistant", "content": "<think>\nA greeting.\n</think>\n\nHello!"},
    {"role": "user", "content": "2 < 3 & \"so\"?"},
]
CALL = [
    {"role": "user", "content": "Weather in Köln?"},
    {"role": "assistant", "content": None, "tool_calls": [{"type": "function", "function": {"name": "get_weather", "arguments": {"city": "Köln", "days": 2, "exact": True, "note": None, "p": [0.5, 1e20]}}}]},
    {"role": "tool", "content": "{\"sky\": \"grey\"}", "name": "get_weather"},
    {"role": "tool", "content": "late", "name": "get_weather"},
]
PARTS = [{"role": "user", "content": [{"type": "text", "text": "Look:"}, {"type": "image"}, {"type": "text", "text": " what?"}]}]

TEMPLATES = {
    "chatml": CHATML,
    "blocks": """{% for message in messages %}
    {% if message['role'] == 'system' %}
        {{- bos_token }}[{{ message['content'] }}]
    {% elif loop.last %}
        ({{ message.content | trim }})
    {%- else %}
{{ message.content | upper }}
    {% endif %}
{% endfor %}
{% if add_generation_prompt %}
>>> {% endif %}
""",
    # One BOS a user turn, strict alternation, the system text inside the first turn.
    "alternating": """{% if messages[0]['role'] == 'system' %}{% set lead = '(' + messages[0]['content'] + ') ' %}{% set turns = messages[1:] %}{% else %}{% set lead = '' %}{% set turns = messages %}{% endif %}
{% for turn in turns %}
    {% if (turn['role'] == 'user') == (loop.index0 % 2 == 1) %}
        {{ raise_exception('turn ' ~ loop.index ~ ': user and assistant must take turns') }}
    {% endif %}
    {% if turn['role'] == 'user' %}
        {{- bos_token + 'Q: ' + (lead if loop.first else '') + turn['content'].strip() + ' A:' }}
    {% else %}
        {{- ' ' + turn['content'].strip() + ' ' + eos_token }}
    {% endif %}
{% endfor %}""",
    # Headers for each turn, tools as indented JSON, calls told by the key they carry.
    "headers": """{%- if not today is defined %}{%- set today = "1 Jan 1970" %}{%- endif %}
{%- if messages[0].role == 'system' %}
    {%- set rules = messages[0].content | trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set rules = 'none' %}
{%- endif %}
{{- bos_token ~ '## system\\n' ~ today ~ '\\n' ~ rules ~ '\\n' }}
{%- if tools is not none %}
    {%- for entry in tools %}
        {{- entry | tojson(indent=4) ~ '\\n' }}
    {%- endfor %}
{%- endif %}
{%- for turn in messages %}
    {%- if 'tool_calls' in turn %}
        {%- if turn.tool_calls | length != 1 %}
            {{- raise_exception('one call a turn') }}
        {%- endif %}
        {%- set call = turn.tool_calls[0].function %}
        {{- '## call\\n' ~ call.name ~ '(' ~ call.arguments | tojson ~ ')\\n' }}
    {%- elif turn.role in ['tool', 'function'] %}
        {{- '## result\\n' }}
        {%- if turn.content is mapping or turn.content is iterable and turn.content is not string %}
            {{- turn.content | tojson }}
        {%- else %}
            {{- turn.content }}
        {%- endif %}
    {%- else %}
        {{- '## ' + turn['role'] + '\\n' + turn['content'] | trim + '\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '## assistant\\n' }}
{%- endif %}
""",
    # Reasoning is dropped before the last question; results of calls are grouped.
    "reasoning": """{%- set seen = namespace(question=-1) %}
{%- for turn in messages[::-1] %}
    {%- if seen.question < 0 and turn.role == 'user' and not (turn.content.startswith('<r>') and turn.content.endswith('</r>')) %}
        {%- set seen.question = messages | length - loop.index %}
    {%- endif %}
{%- endfor %}
{%- if tools %}
    {{- 'functions:' }}
    {%- for tool in tools %}{{- '\\n' }}{{- tool | tojson }}{%- endfor %}
    {{- '\\n' }}
{%- endif %}
{%- for turn in messages %}
    {%- if turn.role == 'tool' %}
        {%- if loop.first or messages[loop.index0 - 1].role != 'tool' %}{{- '[results' }}{%- endif %}
        {{- ' <r>' + turn.content + '</r>' }}
        {%- if loop.last or messages[loop.index0 + 1].role != 'tool' %}{{- ']\\n' }}{%- endif %}
    {%- elif turn.role == 'assistant' %}
        {%- set answer = turn.content or '' %}
        {%- set thought = '' %}
        {%- if turn.thought is defined and turn.thought is not none %}
            {%- set thought = turn.thought %}
        {%- elif '</think>' in answer %}
            {%- set thought = answer.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
            {%- set answer = answer.split('</think>')[-1].lstrip('\\n') %}
        {%- endif %}
        {%- if thought and loop.index0 > seen.question %}{{- '{' + thought.strip() + '}' }}{%- endif %}
        {{- 'assistant: ' + answer }}
        {%- for call in turn.tool_calls %}
            {%- if call.function %}{%- set call = call.function %}{%- endif %}
            {{- ' @' ~ call.name ~ ' ' }}
            {%- if call.arguments is string %}{{- call.arguments }}{%- else %}{{- call.arguments | tojson }}{%- endif %}
        {%- endfor %}
        {{- '\\n' }}
    {%- else %}
        {{- turn.role + ': ' + turn.content + '\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- 'assistant: ' }}
    {%- if thinking is defined and thinking is false %}{{- '{}' }}{%- endif %}
{%- endif %}""",
    # Content as a string or as parts; roles renamed; `-` on both sides of each block.
    "parts": """{{ bos_token }}
{%- set names = {'assistant': 'model', 'user': 'human'} -%}
{%- for turn in messages -%}
    {%- if turn['role'] == 'tool' -%}{{ raise_exception("no tools here") }}{%- endif -%}
    {{ '<' + names.get(turn['role'], turn['role']) + '>' }}
    {%- if turn['content'] is string -%}
        {{ turn['content'] | trim }}
    {%- elif turn['content'] is iterable -%}
        {%- for part in turn['content'] -%}
            {%- if part['type'] == 'image' -%}{{ '<img>' }}{%- elif part['type'] == 'text' -%}{{ part['text'] | trim }}{%- endif -%}
        {%- endfor -%}
    {%- else -%}
        {{ raise_exception("content of turn " ~ loop.index ~ " is neither text nor parts") }}
    {%- endif -%}
    {{ '\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<model>' }}{%- endif -%}
""",
    # Filters over messages, dict items, comparison of messages, slices of strings.
    "brackets": """{%- set asked = messages | selectattr('role', 'equalto', 'user') | list %}
{{- bos_token }}
{%- for turn in messages | rejectattr('role', 'equalto', 'system') %}
    {%- if turn.role == 'user' %}
        {%- if tools is not none and turn == asked[-1] %}
            {{- '[CAN ' }}
            {%- for tool in tools %}
                {%- for key, value in tool.function.items() if key != 'description' %}
                    {{- key + '=' }}{%- if value is string %}{{- value }}{%- else %}{{- value | tojson }}{%- endif %}
                    {%- if not loop.last %}{{- '; ' }}{%- endif %}
                {%- endfor %}
            {%- endfor %}
            {{- ']' }}
        {%- endif %}
        {{- '[ASK] ' + turn.content + '[/ASK]' }}
    {%- elif turn.tool_calls is defined and turn.tool_calls is not none %}
        {%- for call in turn.tool_calls %}
            {%- set text = call.function | tojson %}
            {{- '[DO] ' + text[:-1] + ', "id": "' + 'abcdefghijkl'[:9] + '"}' }}
        {%- endfor %}
        {{- eos_token }}
    {%- elif turn.role == 'assistant' %}
        {{- ' ' + turn.content + eos_token }}
    {%- else %}
        {{- '[GOT] ' + turn.content | string + '[/GOT]' }}
    {%- endif %}
{%- endfor %}
""",
    "macros": """{%- macro render(message, tag='p') -%}<{{ tag }}>{{ caller() if caller else message.content }}</{{ tag }}>{%- endmacro -%}
{%- for message in messages -%}
    {%- if message.role == 'system' -%}{%- continue -%}{%- endif -%}
    {{- render(message, tag=message.role) -}}
    {%- if loop.previtem is defined and loop.previtem.role == 'system' -%}!{%- endif -%}
    {%- if loop.index > 2 -%}{%- break -%}{%- endif -%}
{%- endfor -%}
{%- generation -%} kept {% endgeneration %}
""",
    "python": """{{ messages }}|{{ true }}|{{ none }}|{{ 1.0 }}|{{ 7 // 2 }}|{{ missing }}|{{ [1, 'a', none, false] }}|{{ {'k': "it's"} | string }}|{{ "aBc".title() }}|{{ "x,y,z".split(",", 1) }}|{{ dict(a=1) | tojson }}|{{ messages[0].get('nope', 'fallback') }}|{{ messages[0].keys() | list }}|{{ 'text' is sequence }}|{{ tools | tojson(indent=2) }}|{{ tools | tojson(ensure_ascii=True) }}|{{ tools | tojson(separators=(',', ':'), sort_keys=true) }}|{{ documents is none }}""",
}


def chat():
    variables = {"bos_token": "<s>", "eos_token": "</s>"}
    cases = [
        ("chatml", TALK, {}),
        ("blocks", TALK, {}),
        ("alternating", TALK, {}),
        ("alternating", CALL[:1] * 2, {}),
        ("headers", TALK, {}),
        ("headers", CALL, {"tools": TOOLS, "today": "1 Jan 2030"}),
        ("reasoning", TALK, {}),
        ("reasoning", TALK[:3], {"tools": TOOLS, "thinking": False}),
        ("reasoning", CALL, {"tools": TOOLS}),
        ("reasoning", CALL, {"add_generation_prompt": False}),
        ("parts", TALK, {}),
        ("parts", PARTS, {}),
        ("parts", CALL[:2], {}),
        ("brackets", TALK, {}),
        ("brackets", CALL, {"tools": TOOLS}),
        ("macros", TALK, {}),
        ("python", TALK[:2], {"tools": TOOLS}),
    ]
    out = []
    for name, messages, options in cases:
        given = {"add_generation_prompt": True, "tools": None, **options}
        case = {"template": name, "messages": messages, "options": given}
        try:
            case["text"] = _compile_jinja_template(TEMPLATES[name]).render(messages=messages, documents=None, **variables, **given)
        except Exception as error:
            case["error"] = str(error)
        out.append(case)
    write("chat.json", {"templates": TEMPLATES, "cases": out})


byte_level()
sentence_piece()
word_piece()
chat()
if len(sys.argv) > 1:
    real(Path(sys.argv[1]))
