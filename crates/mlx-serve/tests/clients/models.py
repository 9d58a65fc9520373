"""What is served, and how models read texts."""

import json

import openai

from checks import CHAT, EMBED, HEAR, SEE, SPEAK, check, refused


@check
def all_models_are_listed_with_what_they_are_for(house):
    models = house.openai.models.list().data
    assert [model.id for model in models] == [CHAT, EMBED, HEAR, SPEAK, SEE], models
    assert all(model.object == "model" and model.owned_by == "mlx" and model.created > 1.7e9 for model in models)
    assert [model.task for model in models] == ["write", "embed", "transcribe", "speak", "see"]


@check
def a_model_is_retrieved_though_its_name_has_a_slash(house):
    for name in (CHAT, EMBED):
        assert house.openai.models.retrieve(name).id == name


@check
def a_model_that_is_not_served_is_not_found(house):
    error = refused(openai.NotFoundError, lambda: house.openai.models.retrieve("nobody/none"))
    assert error.code == "model_not_found" and CHAT in error.message, error.message


@check
def text_becomes_tokens_and_text_again(house):
    text = "Grüße, 世界! 🦀 How are you?"
    tokens = house.tokens(text)
    assert len(tokens) > 5 and all(isinstance(token, int) for token in tokens)
    status, _, body = house.ask("POST", "/detokenize", {"model": CHAT, "tokens": tokens})
    assert status == 200 and json.loads(body)["prompt"] == text, body


@check
def a_conversation_has_as_many_tokens_as_its_usage_says(house):
    messages = [{"role": "user", "content": "Hello there."}]
    status, _, body = house.ask("POST", "/tokenize", {"model": CHAT, "messages": messages})
    counted = json.loads(body)
    assert status == 200 and counted["count"] == len(counted["tokens"])
    assert counted["max_model_len"] >= 2048
    assert house.chat(messages, max_tokens=1).usage.prompt_tokens == counted["count"]


@check
def tokenizing_nothing_or_unknown_tokens_is_refused(house):
    for path, body in [("/tokenize", {}), ("/detokenize", {"tokens": ["a"]}), ("/detokenize", {})]:
        status, _, answer = house.ask("POST", path, body)
        assert status == 400 and json.loads(answer)["error"]["message"], (path, body, status, answer)


@check
def health_tells_of_every_model(house):
    status, _, body = house.ask("GET", "/health")
    health = json.loads(body)
    assert status == 200 and health["status"] == "ok"
    assert sorted(health["models"]) == sorted([CHAT, EMBED, HEAR, SPEAK, SEE])
    assert all(one["state"] == "ready" and one["restarts"] == 0 for one in health["models"].values()), health


@check
def metrics_count_requests_and_tokens(house):
    def count(name, labels):
        _, headers, body = house.ask("GET", "/metrics")
        assert "openmetrics" in headers["content-type"] and body.endswith(b"# EOF\n")
        start = f"{name}{{{labels}}} "
        return sum(float(line[len(start):]) for line in body.decode().splitlines() if line.startswith(start))

    asked = 'route="/v1/chat/completions",status="200"'
    before = count("mlx_requests_total", asked), count("mlx_generated_tokens_total", f'model="{CHAT}"')
    usage = house.chat(max_tokens=7).usage
    after = count("mlx_requests_total", asked), count("mlx_generated_tokens_total", f'model="{CHAT}"')
    assert after == (before[0] + 1, before[1] + usage.completion_tokens), (before, after)


@check
def ranking_without_a_reranker_is_refused(house):
    fields = {"query": "what", "documents": ["one", "two"]}
    status, _, body = house.ask("POST", "/v1/rerank", fields)
    assert status == 400 and "no model" in json.loads(body)["error"]["message"], body
    status, _, body = house.ask("POST", "/v1/rerank", {"model": EMBED, **fields})
    assert status == 400 and json.loads(body)["error"]["param"] == "model", body
