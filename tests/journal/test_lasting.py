"""What is remembered, and for how long."""

from __future__ import annotations

from prober.journal.lasting import Lasting


def test_an_answer_lasts_until_the_state_changes() -> None:
    lasting: Lasting[int] = Lasting(9)
    answers = iter(range(9))
    found = [lasting.get("who", state, lambda: next(answers)) for state in (1, 1, 2, 2, 1)]
    assert found == [0, 0, 1, 1, 2]


def test_when_answers_weigh_too_much_those_asked_for_longest_ago_are_forgotten() -> None:
    lasting: Lasting[str] = Lasting(10)
    asked: list[str] = []

    def answer(question: str, weight: int) -> None:
        lasting.get(question, 0, lambda: asked.append(question) or "x" * weight, len)

    for question, weight in [("one", 4), ("two", 4), ("one", 4), ("more", 3)]:
        answer(question, weight)
    assert len(lasting) == 2
    answer("one", 4)
    assert asked == ["one", "two", "more"], "one was asked for later than two"
    answer("too much", 11)
    answer("one", 4)
    assert asked == ["one", "two", "more", "too much"]


def test_a_renewed_answer_weighs_once() -> None:
    lasting: Lasting[str] = Lasting(10)
    for state in range(20):
        assert lasting.get("same", state, lambda: "abcdef", len) == "abcdef"
    assert lasting.get("another", 0, lambda: "abc", len) == "abc"
    assert len(lasting) == 2
