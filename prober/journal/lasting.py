"""Answers that last: remembered until the state of what they are about is another."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


@dataclass(slots=True)
class Lasting(Generic[Answer]):
    """Remembers answers, each with a state; when they weigh too much all are forgotten."""

    most: int
    _weight: int = 0
    _answers: dict[Hashable, tuple[Hashable, Answer, int]] = field(default_factory=dict)

    def get(
        self,
        question: Hashable,
        state: Hashable,
        ask: Callable[[], Answer],
        weigh: Callable[[Answer], int] = lambda _: 1,
    ) -> Answer:
        """The answer to a question, from before if the state is the same."""
        held = self._answers.get(question)
        if held and held[0] == state:
            return held[1]
        answer = ask()
        weight = weigh(answer)
        self._weight += weight - (held[2] if held else 0)
        if self._weight > self.most:
            self._answers.clear()
            self._weight = weight
        if weight <= self.most:
            self._answers[question] = state, answer, weight
        return answer

    def __len__(self) -> int:
        return len(self._answers)
