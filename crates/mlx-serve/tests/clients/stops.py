"""Texts at which answers end."""

from checks import check

PROMPT = "Count from one to ten in words, one after the other."


def pieces(house):
    """The tokens of a greedy answer, as texts."""
    answer = house.chat(PROMPT, max_tokens=24, logprobs=True)
    return [score.token for score in answer.choices[0].logprobs.content]


def stopped(house, stop):
    choice = house.chat(PROMPT, max_tokens=24, stop=stop).choices[0]
    return choice.message.content, choice.finish_reason


@check
def one_stop_ends_an_answer_before_it(house):
    tokens = pieces(house)
    text, stop = "".join(tokens), tokens[6]
    before = text[: text.index(stop)]
    assert stopped(house, stop) == (before, "stop"), (text, stop, stopped(house, stop))


@check
def the_first_of_several_stops_ends_an_answer(house):
    tokens = pieces(house)
    text = "".join(tokens)
    stops = ["never in it", tokens[9], tokens[5], "nor this"]
    before = text[: min(text.index(stop) for stop in stops if stop in text)]
    assert stopped(house, stops) == (before, "stop")


@check
def a_stop_may_lie_across_tokens(house):
    tokens = pieces(house)
    text = "".join(tokens)
    for at in (4, 7, 10):
        stop = tokens[at][-2:] + tokens[at + 1] + tokens[at + 2][:1]
        assert stopped(house, stop) == (text[: text.index(stop)], "stop"), (stop, text)


@check
def a_stop_that_does_not_come_changes_nothing(house):
    assert stopped(house, ["xyzzy", "plugh"]) == ("".join(pieces(house)), "length")


@check
def a_stop_at_the_very_beginning_leaves_no_text(house):
    assert stopped(house, pieces(house)[0]) == ("", "stop")
