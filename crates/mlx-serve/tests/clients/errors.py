"""Requests that cannot be answered, and what is said of them."""

import json

import openai

from checks import CHAT, EMBED, check, refused, together

MESSAGES = [{"role": "user", "content": "Hi"}]


def post(house, body, path="/v1/chat/completions"):
    """The status and the error of a body, which must be one that OpenAI's clients read."""
    status, headers, answer = house.ask("POST", path, body, {"content-type": "application/json"})
    assert headers["content-type"] == "application/json", headers
    error = json.loads(answer)["error"]
    assert error["message"] and error["type"] and "param" in error and "code" in error, error
    return status, error


@check
def a_model_that_is_not_served_is_named(house):
    error = refused(openai.NotFoundError, lambda: house.chat(model="gpt-5"))
    assert error.code == "model_not_found" and error.param == "model" and "gpt-5" in error.message
    for name in ("../../etc/passwd", "/etc/passwd", "HuggingFaceTB/SmolLM2-135M-Instruct"):
        refused(openai.NotFoundError, lambda: house.chat(model=name))


@check
def a_model_of_another_kind_is_refused(house):
    error = refused(openai.BadRequestError, lambda: house.chat(model=EMBED))
    assert error.param == "model" and error.type == "invalid_request_error"


@check
def fields_of_the_wrong_type_are_named(house):
    for field, value in [
        ("temperature", "hot"), ("max_tokens", "many"), ("max_tokens", -1), ("n", 1.5), ("stop", 7), ("seed", "x"),
        ("logit_bias", {"a": 1}), ("messages", "Hi"), ("model", 7), ("stream", "yes"), ("logprobs", 3), ("top_p", []),
    ]:
        status, error = post(house, {"messages": MESSAGES, field: value})
        assert status == 400 and (error["param"] or "").startswith(field), (field, value, error)


@check
def fields_out_of_range_are_named(house):
    for field, value in [
        ("temperature", -1), ("top_p", 1.5), ("top_p", -0.1), ("n", 0), ("n", 1000),
        ("frequency_penalty", 1e400), ("min_p", 2),
    ]:
        body = json.dumps({"messages": MESSAGES, "max_tokens": 2, field: value}).encode()
        status, error = post(house, body)
        assert status == 400 and error["message"], (field, value, error)


@check
def fields_that_are_missing_are_named(house):
    for path, body, missing in [
        ("/v1/chat/completions", {}, "messages"),
        ("/v1/chat/completions", {"messages": []}, "messages"),
        ("/v1/chat/completions", {"messages": [{"content": "Hi"}]}, "role"),
        ("/v1/completions", {}, "prompt"),
        ("/v1/embeddings", {}, "input"),
        ("/v1/audio/speech", {"voice": "jf_alpha"}, "input"),
        ("/v1/audio/speech", {"input": "Hi"}, "voice"),
        ("/v1/rerank", {"query": "a"}, "documents"),
    ]:
        status, error = post(house, body, path)
        assert status == 400 and missing in error["message"], (path, body, error)


@check
def what_is_not_json_is_refused(house):
    for body in (b"", b"{", b"{\"messages\": [}", b"\xff\xfe", b"[]", b"7", b"null", b'{"messages": "\xc3\x28"}', b"[" * 5000):
        status, error = post(house, body)
        assert status == 400, (body[:20], status, error)


@check
def invalid_utf8_in_a_message_is_refused_and_nothing_breaks(house):
    status, _ = post(house, b'{"messages": [{"role": "user", "content": "\xff\xfe\xfd"}]}')
    assert status == 400 and "Paris" in house.text()


@check
def strange_text_is_read(house):
    for text in ("\0", "\ud83e\udd80" * 8, "<|im_end|><|im_start|>system", "\u202e\u0301", "{{ 7 * 7 }}{% endfor %}"):
        assert house.chat(text.encode("utf-16", "surrogatepass").decode("utf-16"), max_tokens=2).choices


@check
def unknown_paths_and_methods_are_refused(house):
    for method, path, wanted in [
        ("GET", "/v1/nothing", 404), ("POST", "/v2/chat/completions", 404), ("GET", "/v1/chat/completions", 405),
        ("DELETE", "/v1/models", 405), ("PUT", "/health", 405), ("GET", "/..%2f..%2fetc/passwd", 404),
    ]:
        status, _, body = house.ask(method, path)
        assert status == wanted and json.loads(body)["error"]["message"], (method, path, status, body)


@check
def roles_that_are_not_known_do_not_break_anything(house):
    for message in ({"role": "wizard", "content": "Hi"}, {"role": "user"}, {"role": "user", "content": 7}):
        status, _, body = house.ask("POST", "/v1/chat/completions", {"messages": [message], "max_tokens": 2})
        assert status in (200, 400), (message, status, body)


@check
def what_openai_has_and_is_not_done_here_is_refused(house):
    for field, value in [("functions", []), ("audio", {"voice": "a"}), ("prediction", {}), ("web_search_options", {})]:
        status, error = post(house, {"messages": MESSAGES, field: value})
        assert status == 400 and error["param"] == field, error


@check
def a_key_is_needed_where_there_is_one(house):
    locked = house.second
    assert locked.text("Hi", max_tokens=2)
    for key in ("wrong", "a key", "a key that nobody guesses!"):
        other = locked.openai.with_options(api_key=key)
        error = refused(openai.AuthenticationError, lambda: other.models.list())
        assert error.code == "invalid_api_key" and error.type == "authentication_error"
    status, _, body = locked.ask("GET", "/v1/models")
    assert status == 401 and json.loads(body)["error"]["code"] == "missing_api_key"
    for header in ({"authorization": "Basic abc"}, {"x-api-key": ""}, {"authorization": "Bearer "}):
        assert locked.ask("GET", "/v1/models", None, header)[0] == 401, header


@check
def health_needs_no_key_and_everything_else_does(house):
    locked = house.second
    assert locked.ask("GET", "/health")[0] == 200
    for method, path in [("GET", "/metrics"), ("POST", "/v1/chat/completions"), ("POST", "/tokenize"), ("GET", "/nothing")]:
        assert locked.ask(method, path)[0] == 401, path


@check
def strange_pages_may_not_ask(house):
    status, _, body = house.ask("GET", "/v1/models", None, {"origin": "http://evil.example"})
    assert status == 403 and json.loads(body)["error"]["type"] == "permission_error"
    own = {"origin": f"http://127.0.0.1:{house.server.port}"}
    assert house.ask("GET", "/v1/models", None, own)[0] == 200
    friend = {"origin": "http://page.example", "x-api-key": house.second.openai.api_key}
    status, headers, _ = house.second.ask("GET", "/v1/models", None, friend)
    assert status == 200 and headers["access-control-allow-origin"] == "http://page.example", headers


@check
def one_bad_request_does_not_harm_the_others(house):
    def bad():
        refused(openai.BadRequestError, lambda: house.chat(extra_body={"guided_regex": "("}))

    texts = together(house.text, bad, house.text, bad, house.text)
    assert texts[0] == texts[2] == texts[4] and "Paris" in texts[0]
    assert all(model["restarts"] == 0 for model in house.server.health()["models"].values())
