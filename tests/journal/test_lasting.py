"""What is remembered, and for how long."""

from __future__ import annotations

from prober.journal.lasting import Lasting


def test_an_answer_lasts_until_the_state_changes() -> None:
    lasting: Lasting[int] = Lasting(9)
    answers = iter(range(9))
    found = [lasting.get("who", state, lambda: next(answers)) for state in (1, 1, 2, 2, 1)]
    assert found == [0, 0, 1, 1, 2]


def test_when_answers_weigh_too_much_all_are_forgotten() -> None:
    lasting: Lasting[str] = Lasting(10)
    lasting.get("one", 0, lambda: "abcd", len)
    lasting.get("two", 0, lambda: "efgh", len)
    assert len(lasting) == 2
    lasting.get("more", 0, lambda: "ijk", len)
    assert len(lasting) == 1
    assert lasting.get("too much", 0, lambda: "x" * 11, len) == "x" * 11
    assert len(lasting) == 0


def test_a_renewed_answer_weighs_once() -> None:
    lasting: Lasting[str] = Lasting(10)
    for state in range(20):
        assert lasting.get("same", state, lambda: "abcdef", len) == "abcdef"
    assert lasting.get("another", 0, lambda: "abc", len) == "abc"
    assert len(lasting) == 2
