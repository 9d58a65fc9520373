"""Draws: what depends on a seed, and what must not depend on who else is served."""

from checks import check, together

STORY = "Tell me a story about a dog."


def drawn(house, **more):
    return house.text(STORY, **{"temperature": 1, "seed": 7, "max_tokens": 24, **more})


@check
def the_same_seed_draws_the_same_text(house):
    assert drawn(house) == drawn(house)


@check
def another_seed_draws_another_text(house):
    assert len({drawn(house, seed=seed) for seed in (1, 2, 3)}) == 3


@check
def without_a_seed_texts_differ(house):
    assert len({drawn(house, seed=None) for _ in range(3)}) > 1


@check
def a_seed_draws_the_same_text_beside_others(house):
    alone = drawn(house)
    others = [lambda at=at: drawn(house, seed=100 + at, max_tokens=12 + 6 * at) for at in range(5)]
    texts = together(*others[:3], lambda: drawn(house), *others[3:], lambda: drawn(house))
    assert texts[3] == alone and texts[6] == alone, (alone, texts[3], texts[6])


@check
def a_greedy_text_is_the_same_beside_others(house):
    alone = drawn(house, temperature=0)
    others = [lambda at=at: drawn(house, seed=at, max_tokens=10 + 8 * at) for at in range(4)]
    texts = together(*others[:2], lambda: drawn(house, temperature=0), *others[2:])
    assert texts[2] == alone, (alone, texts[2])


@check
def all_options_go_together_in_one_batch(house):
    asks = [
        {"temperature": 0},
        {"seed": 3, "top_p": 0.8},
        {"temperature": 0, "stop": [" dog"]},
        {"seed": 4, "frequency_penalty": 1.0, "logprobs": True},
        {"temperature": 0, "logit_bias": {"28": -100}},
        {"temperature": 0, "response_format": {"type": "json_object"}},
    ]
    alone = [drawn(house, **ask) for ask in asks]
    beside = together(*(lambda ask=ask: drawn(house, **ask) for ask in asks))
    assert alone == beside, [pair for pair in zip(alone, beside) if pair[0] != pair[1]]


@check
def several_answers_are_numbered_and_differ(house):
    answer = house.chat(STORY, temperature=1, seed=11, n=3)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    texts = [choice.message.content for choice in answer.choices]
    assert len(set(texts)) == 3 and all(texts)
    assert answer.usage.completion_tokens == 3 * 16


@check
def the_first_of_several_answers_is_that_of_the_seed(house):
    several = house.chat(STORY, temperature=1, seed=11, n=2)
    again = house.chat(STORY, temperature=1, seed=11, n=2)
    assert [one.message.content for one in several.choices] == [one.message.content for one in again.choices]
    assert several.choices[0].message.content == house.text(STORY, temperature=1, seed=11)
