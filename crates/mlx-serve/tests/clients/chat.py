"""Chats with OpenAI's client."""

from checks import CHAT, check


def said(role, content):
    return {"role": role, "content": content}


@check
def an_answer_has_all_its_parts(house):
    answer = house.chat()
    assert answer.id.startswith("chatcmpl-") and answer.object == "chat.completion" and answer.model == CHAT
    assert len(answer.choices) == 1 and answer.choices[0].index == 0
    message = answer.choices[0].message
    assert message.role == "assistant" and "Paris" in message.content and not message.tool_calls
    usage = answer.usage
    assert usage.prompt_tokens > 10 and usage.total_tokens == usage.prompt_tokens + usage.completion_tokens


@check
def a_system_message_is_read(house):
    question = said("user", "Who are you?")
    plain = house.chat([question])
    told = house.chat([said("system", "You are a pirate captain called Redbeard."), question])
    assert plain.choices[0].message.content != told.choices[0].message.content
    assert "Redbeard" in told.choices[0].message.content or "pirate" in told.choices[0].message.content


@check
def a_developer_is_read_as_a_system_message(house):
    one, two = (
        house.chat([said(role, "You are a pirate captain called Redbeard."), said("user", "Who are you?")])
        for role in ("system", "developer")
    )
    assert one.choices[0].message.content == two.choices[0].message.content
    assert one.usage.prompt_tokens == two.usage.prompt_tokens


@check
def earlier_turns_are_read(house):
    turns = [said("user", "Say the word giraffe."), said("assistant", "Giraffe."), said("user", "Say it again.")]
    assert "giraffe" in house.text(turns).lower() and "giraffe" not in house.text(turns[2:]).lower()


@check
def parts_of_text_are_read_as_one_text(house):
    parts = [{"type": "text", "text": "What is the capital"}, {"type": "text", "text": "of France?"}]
    joined = house.chat([said("user", "What is the capital\nof France?")])
    apart = house.chat([said("user", parts)])
    assert apart.choices[0].message.content == joined.choices[0].message.content


@check
def temperature_zero_is_the_same_every_time(house):
    assert len({house.text("Tell me a story.", max_tokens=24) for _ in range(3)}) == 1


@check
def the_narrowest_choice_is_the_greedy_one(house):
    greedy = house.text("Tell me a story.")
    for narrow in ({"top_p": 1e-6}, {"extra_body": {"top_k": 1}}, {"extra_body": {"min_p": 1.0}}):
        assert house.text("Tell me a story.", temperature=1, **narrow) == greedy, narrow


@check
def answers_end_at_max_tokens_and_say_so(house):
    for field in ("max_tokens", "max_completion_tokens"):
        fields = {"max_tokens": None, field: 5}
        answer = house.chat("Count from one to a hundred.", **fields)
        assert answer.choices[0].finish_reason == "length" and answer.usage.completion_tokens == 5, field


@check
def an_answer_that_ends_by_itself_says_stop(house):
    answer = house.chat("What is the capital of France?", max_tokens=100)
    assert answer.choices[0].finish_reason == "stop" and answer.usage.completion_tokens < 100


@check
def a_second_request_finds_its_prompt_remembered(house):
    question = "Which of the rivers of Bohemia flows through the middle of Prague, and where does it end?"
    first, second = house.chat(question), house.chat(question)
    assert second.usage.prompt_tokens_details.cached_tokens >= second.usage.prompt_tokens - 2, second.usage
    assert first.usage.prompt_tokens_details.cached_tokens < first.usage.prompt_tokens - 10, first.usage
    assert first.usage.prompt_tokens == second.usage.prompt_tokens
    assert first.choices[0].message.content == second.choices[0].message.content


@check
def the_next_turn_finds_the_earlier_ones_remembered(house):
    turns = [said("user", "Name three rivers of Germany that are longer than the Neckar.")]
    first = house.chat(turns)
    turns += [said("assistant", first.choices[0].message.content), said("user", "And which is the longest?")]
    second = house.chat(turns)
    assert second.usage.prompt_tokens_details.cached_tokens >= first.usage.prompt_tokens - 1, second.usage


@check
def a_bias_forbids_and_forces_tokens(house):
    first = house.tokens(house.text(max_tokens=1))
    assert len(first) == 1
    forbidden = house.text(max_tokens=1, logit_bias={str(first[0]): -100})
    assert house.tokens(forbidden) != first
    [forced] = house.tokens(" cat")
    assert house.text(max_tokens=4, logit_bias={str(forced): 100}) == " cat" * 4


@check
def penalties_make_repetition_rarer(house):
    def repeats(**more):
        text = house.text("Say ha as often as you can: ha ha ha ha ha ha ha ha ha", max_tokens=40, **more)
        words = text.lower().split()
        return len(words) - len(set(words))

    plain = repeats()
    for penalty in ({"frequency_penalty": 2.0}, {"presence_penalty": 2.0}, {"extra_body": {"repetition_penalty": 1.5}}):
        assert repeats(**penalty) < plain, (penalty, plain)


@check
def an_answer_that_is_begun_goes_on(house):
    turns = [said("user", "What is the capital of France?"), said("assistant", "The name of the city is")]
    text = house.text(turns, max_tokens=6, extra_body={"continue_final_message": True})
    assert "Paris" in text and not text.startswith("The name"), text


@check
def fields_that_change_nothing_here_are_taken(house):
    plain = house.text()
    more = {"user": "me", "metadata": {"a": "b"}, "store": False, "service_tier": "auto", "parallel_tool_calls": None}
    assert house.text(**more) == plain


@check
def without_a_model_the_first_that_writes_answers(house):
    status, _, body = house.ask("POST", "/v1/chat/completions", {"messages": [said("user", "Hi")], "max_tokens": 2})
    assert status == 200 and f'"model":"{CHAT}"'.encode() in body, body
