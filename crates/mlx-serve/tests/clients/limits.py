"""Bounds: of requests, of answers, of the queue."""

import json
import threading

import openai

from checks import CHAT, check, refused, together

# Forbids the token that ends an answer.
ENDLESS = {"2": -100}


@check
def a_body_of_forty_megabytes_is_too_large(house):
    body = b'{"messages": [{"role": "user", "content": "' + b"a" * 40_000_000 + b'"}]}'
    error = None
    try:
        status, _, answer = house.ask("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
        error = json.loads(answer)["error"]
        assert status == 413 and error["type"] == "request_too_large", (status, error)
    except (BrokenPipeError, ConnectionResetError):
        # The server need not read what it refuses.
        pass
    assert "Paris" in house.text()


@check
def a_body_beyond_the_bound_is_too_large(house):
    fields = {"messages": [{"role": "user", "content": "a" * 1_100_000}]}
    key = {"x-api-key": house.second.openai.api_key}
    status, _, answer = house.second.ask("POST", "/v1/chat/completions", fields, key)
    assert status == 413 and json.loads(answer)["error"]["type"] == "request_too_large"


@check
def a_prompt_longer_than_the_model_reads_is_refused(house):
    error = refused(openai.BadRequestError, lambda: house.chat("one two three " * 4000))
    assert error.code == "context_length_exceeded" and "8192" in error.message, error.message
    prompt = [1] * 9000
    error = refused(openai.BadRequestError, lambda: house.openai.completions.create(model=CHAT, prompt=prompt))
    assert error.code == "context_length_exceeded"


@check
def answers_are_as_long_as_the_server_says_where_requests_do_not(house):
    answer = house.second.chat("Count from one to a thousand.", max_tokens=None, logit_bias=ENDLESS)
    assert answer.usage.completion_tokens == 5 and answer.choices[0].finish_reason == "length"


@check
def no_answer_is_longer_than_the_server_allows(house):
    answer = house.second.chat("Count from one to a thousand.", max_tokens=500, logit_bias=ENDLESS)
    assert answer.usage.completion_tokens == 40 and answer.choices[0].finish_reason == "length"


@check
def beyond_the_queue_requests_are_told_to_come_again(house):
    narrow, outcomes = house.second, []

    def ask():
        try:
            outcomes.append(bool(narrow.text("Count from one to a thousand.", max_tokens=40, logit_bias=ENDLESS)))
        except openai.RateLimitError as error:
            assert error.code == "rate_limit_exceeded" and int(error.response.headers["retry-after"]) >= 1
            outcomes.append(None)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(outcomes) == 8 and None in outcomes and True in outcomes, outcomes
    assert narrow.text("Hi", max_tokens=2)


@check
def the_client_comes_again_by_itself(house):
    patient = house.second.openai.with_options(max_retries=8)
    ask = lambda: patient.completions.create(model=CHAT, prompt="One, two,", max_tokens=4, temperature=0).choices[0].text
    assert len(set(together(*[ask] * 4))) == 1


@check
def many_requests_at_once_are_all_answered(house):
    texts = together(*(lambda at=at: house.text(f"Say {at}.", max_tokens=4) for at in range(24)))
    assert len(texts) == 24 and all(texts)
    assert house.server.health()["status"] == "ok"
