"""How likely tokens were."""

import math

import openai

from checks import check, near, refused, together

PROMPT = "Name a colour of the rainbow."


def scores(house, **more):
    choice = house.chat(PROMPT, **{"logprobs": True, **more}).choices[0]
    return choice.message.content, choice.logprobs.content


@check
def tokens_with_scores_are_the_text(house):
    text, content = scores(house)
    assert "".join(score.token for score in content) == text
    assert bytes(byte for score in content for byte in score.bytes).decode() == text
    assert all(score.logprob <= 0 and score.top_logprobs == [] for score in content)


@check
def without_being_asked_for_no_scores_are_told(house):
    assert house.chat(PROMPT).choices[0].logprobs is None
    assert house.chat(PROMPT, logprobs=False).choices[0].logprobs is None


@check
def other_tokens_are_sorted_and_no_more_likely_than_all(house):
    for count in (1, 5, 20):
        for score in scores(house, top_logprobs=count, max_tokens=6)[1]:
            top = [one.logprob for one in score.top_logprobs]
            assert len(top) == count and top == sorted(top, reverse=True)
            assert sum(map(math.exp, top)) <= 1 + 1e-3 and len({one.token for one in score.top_logprobs}) == count


@check
def a_greedy_token_is_the_most_likely_one(house):
    for score in scores(house, top_logprobs=3)[1]:
        assert score.token == score.top_logprobs[0].token and score.logprob == score.top_logprobs[0].logprob


@check
def a_drawn_token_has_the_score_of_the_list(house):
    _, content = scores(house, temperature=1, seed=4, top_logprobs=20)
    found = [one.logprob == score.logprob for score in content for one in score.top_logprobs if one.token == score.token]
    assert all(found) and len(found) > len(content) // 2


@check
def scores_are_the_same_beside_others(house):
    _, alone = scores(house, top_logprobs=3)
    others = [lambda at=at: house.text(f"Tell me of {at}.", temperature=1, max_tokens=20) for at in range(4)]
    _, beside = together(lambda: scores(house, top_logprobs=3), *others)[0]
    assert near([one.logprob for one in alone], [one.logprob for one in beside], 1e-3)


@check
def too_many_others_are_refused(house):
    error = refused(openai.BadRequestError, lambda: scores(house, top_logprobs=21))
    assert error.param == "top_logprobs" and "20" in error.message
    refused(openai.BadRequestError, lambda: house.chat(PROMPT, top_logprobs=2))
