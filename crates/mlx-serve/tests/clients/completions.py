"""Texts that follow texts."""

import openai

from checks import CHAT, check, near, refused

PROMPT = "The capital of France is"


def complete(house, prompt=PROMPT, **more):
    fields = {"model": CHAT, "temperature": 0, "max_tokens": 8, **more}
    return house.openai.completions.create(prompt=prompt, **fields)


def texts(answer):
    return [choice.text for choice in answer.choices]


@check
def a_text_is_continued(house):
    answer = complete(house)
    assert answer.object == "text_completion" and answer.id.startswith("cmpl-")
    assert "Paris" in answer.choices[0].text and answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens == 8 and answer.usage.prompt_tokens == len(house.tokens(PROMPT))


@check
def tokens_are_continued_as_their_text(house):
    assert texts(complete(house, house.tokens(PROMPT))) == texts(complete(house))


@check
def several_prompts_keep_their_order(house):
    prompts = [PROMPT, "One, two, three,", "The opposite of hot is", "Roses are red, violets"]
    answer = complete(house, prompts)
    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]
    alone = [complete(house, prompt) for prompt in prompts]
    assert texts(answer) == [text for one in alone for text in texts(one)]
    assert answer.usage.prompt_tokens == sum(one.usage.prompt_tokens for one in alone)
    assert texts(complete(house, [house.tokens(prompt) for prompt in prompts])) == texts(answer)


@check
def several_answers_to_several_prompts_stand_in_order(house):
    fields = {"n": 2, "temperature": 1, "seed": 3}
    answer = complete(house, [PROMPT, "One, two, three,"], **fields)
    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]
    assert texts(answer)[:2] == texts(complete(house, **fields))


@check
def an_echo_begins_with_the_prompt(house):
    assert texts(complete(house, echo=True)) == [PROMPT + texts(complete(house))[0]]


@check
def scores_come_as_lists(house):
    choice = complete(house, logprobs=3).choices[0]
    scores = choice.logprobs
    assert "".join(scores.tokens) == choice.text
    assert len(scores.tokens) == len(scores.token_logprobs) == len(scores.top_logprobs) == len(scores.text_offset) == 8
    for token, logprob, top, offset in zip(scores.tokens, scores.token_logprobs, scores.top_logprobs, scores.text_offset):
        assert len(top) == 3 and max(top.values()) == top[token] == logprob
        assert choice.text[offset:].startswith(token)


@check
def a_completion_streams_as_it_is_answered_at_once(house):
    chunks = list(complete(house, stream=True, stream_options={"include_usage": True}, logprobs=1))
    assert "".join(text for chunk in chunks for text in texts(chunk)) == texts(complete(house))[0]
    whole = complete(house, logprobs=1).choices[0].logprobs
    pieces = [choice.logprobs for chunk in chunks for choice in chunk.choices if choice.logprobs]
    assert near([number for piece in pieces for number in piece.token_logprobs], whole.token_logprobs, 1e-3)
    assert [offset for piece in pieces for offset in piece.text_offset] == whole.text_offset
    assert chunks[-1].usage.completion_tokens == 8 and not chunks[-1].choices


@check
def sixteen_tokens_are_written_where_nothing_is_said(house):
    assert complete(house, "One, two, three, four,", max_tokens=None).usage.completion_tokens == 16


@check
def a_completion_ends_at_its_stop(house):
    answer = complete(house, "One, two, three,", stop=[" six"], max_tokens=16)
    assert answer.choices[0].text == " four, five," and answer.choices[0].finish_reason == "stop"


@check
def what_is_not_done_for_completions_is_refused(house):
    for fields in ({"suffix": "."}, {"best_of": 3}, {"prompt": ""}, {"prompt": []}, {"logprobs": 99}, {"prompt": [[]]}):
        error = refused(openai.BadRequestError, lambda: complete(house, **fields))
        assert error.message, fields
    error = refused(openai.BadRequestError, lambda: complete(house, [10**9]))
    assert "1000000000" in error.message
