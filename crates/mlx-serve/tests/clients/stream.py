"""Answers in pieces."""

import asyncio
import json
import time

import openai

from checks import CHAT, check, refused

PROMPT = "Write a short poem about the sea."


def streamed(house, content=PROMPT, **more):
    return list(house.chat(content, stream=True, max_tokens=24, **more))


def joined(chunks, index=0):
    deltas = (choice.delta for chunk in chunks for choice in chunk.choices if choice.index == index)
    return "".join(delta.content or "" for delta in deltas)


@check
def a_stream_has_the_text_of_an_answer_at_once(house):
    whole = house.chat(PROMPT, max_tokens=24).choices[0]
    chunks = streamed(house)
    assert joined(chunks) == whole.message.content
    reasons = [choice.finish_reason for chunk in chunks for choice in chunk.choices if choice.finish_reason]
    assert reasons == [whole.finish_reason]


@check
def all_pieces_belong_to_one_answer(house):
    chunks = streamed(house)
    assert len({chunk.id for chunk in chunks}) == 1 and len(chunks) > 10
    assert all(chunk.object == "chat.completion.chunk" and chunk.model == CHAT for chunk in chunks)
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].choices[0].finish_reason and all(not chunk.usage for chunk in chunks)


@check
def the_first_token_comes_before_the_last(house):
    start, times = time.monotonic(), []
    for chunk in house.chat(PROMPT, stream=True, max_tokens=40):
        if chunk.choices[0].delta.content:
            times.append(time.monotonic() - start)
    assert times[0] < times[-1] / 2, times


@check
def usage_is_told_at_the_end_when_asked_for(house):
    whole = house.chat(PROMPT, max_tokens=24).usage
    chunks = streamed(house, stream_options={"include_usage": True})
    assert chunks[-1].choices == [] and all(chunk.usage is None for chunk in chunks[:-1])
    told = chunks[-1].usage
    assert (told.prompt_tokens, told.completion_tokens) == (whole.prompt_tokens, whole.completion_tokens)
    assert told.total_tokens == whole.total_tokens and told.prompt_tokens_details.cached_tokens > 0


@check
def several_answers_stream_side_by_side(house):
    fields = {"n": 3, "temperature": 1, "seed": 5}
    whole = house.chat(PROMPT, max_tokens=24, **fields)
    chunks = streamed(house, **fields)
    assert [joined(chunks, at) for at in range(3)] == [choice.message.content for choice in whole.choices]
    assert sum(bool(choice.finish_reason) for chunk in chunks for choice in chunk.choices) == 3


@check
def eight_streams_of_the_async_client_run_at_once(house):
    async def one(client, at):
        stream = await client.chat.completions.create(
            model=CHAT, messages=[{"role": "user", "content": f"Tell me of the number {at}."}],
            temperature=0, max_tokens=16, stream=True,
        )
        times, text = [], ""
        async for chunk in stream:
            times.append(time.monotonic())
            text += chunk.choices[0].delta.content or ""
        return times[0], times[-1], text

    async def all_of_them():
        async with house.hurried.with_options() as client:
            return await asyncio.gather(*(one(client, at) for at in range(8)))

    heard = asyncio.run(all_of_them())
    assert max(first for first, _, _ in heard) < min(last for _, last, _ in heard), "one waited for another's end"
    for at, (_, _, text) in enumerate(heard):
        assert text == house.text(f"Tell me of the number {at}."), at


@check
def no_piece_of_a_stop_is_sent(house):
    text = house.text(PROMPT, max_tokens=24)
    stop = text[20:26]
    assert joined(streamed(house, stop=stop)) == text[: text.index(stop)]


@check
def scores_in_pieces_are_those_at_once(house):
    whole = house.chat(PROMPT, max_tokens=24, logprobs=True, top_logprobs=2).choices[0].logprobs.content
    chunks = streamed(house, logprobs=True, top_logprobs=2)
    scores = [s for chunk in chunks for choice in chunk.choices if choice.logprobs for s in choice.logprobs.content]
    assert [score.token for score in scores] == [score.token for score in whole]
    assert all(abs(one.logprob - two.logprob) < 1e-3 for one, two in zip(scores, whole))


@check
def the_clients_own_collector_puts_a_stream_together(house):
    question = "What is the capital of France?"
    whole = house.text(question, max_tokens=60)
    messages = [{"role": "user", "content": question}]
    with house.openai.chat.completions.stream(model=CHAT, messages=messages, temperature=0, max_tokens=60) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()
    assert final.choices[0].message.content == whole and "content.done" in kinds, kinds


@check
def a_stream_is_events_that_end_with_a_mark(house):
    fields = {"model": CHAT, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 3, "stream": True}
    status, headers, body = house.ask("POST", "/v1/chat/completions", fields)
    assert status == 200 and headers["content-type"].startswith("text/event-stream")
    data = [line[6:] for line in body.decode().split("\n") if line.startswith("data: ")]
    assert data[-1] == "[DONE]" and all(json.loads(one)["choices"] for one in data[:-1]), data


@check
def an_error_before_the_first_piece_has_its_status(house):
    refused(openai.BadRequestError, lambda: streamed(house, n=0))


@check
def a_stream_that_is_left_is_not_written_on(house):
    stream = house.chat("Count from one to ten thousand.", stream=True, max_tokens=4000, logit_bias={"2": -100})
    next(iter(stream))
    stream.close()
    end = time.monotonic() + 10
    while (running := house.server.health()["models"][CHAT]["running"]) and time.monotonic() < end:
        time.sleep(0.05)
    assert running == 0
