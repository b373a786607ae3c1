"""Answers that last: remembered until the state of what they are about is another."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


@dataclass(slots=True)
class Lasting(Generic[Answer]):
    """Remembers answers, each with a state; those asked for longest ago make room for others."""

    most: int
    _weight: int = 0
    #: The one that was asked for last is the last.
    _answers: OrderedDict[Hashable, tuple[Hashable, Answer, int]] = field(
        default_factory=OrderedDict
    )

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
            self._answers.move_to_end(question)
            return held[1]
        answer = ask()
        weight = weigh(answer)
        self._forget(question)
        if weight <= self.most:
            self._answers[question] = state, answer, weight
            self._weight += weight
        while self._weight > self.most:
            self._forget(next(iter(self._answers)))
        return answer

    def _forget(self, question: Hashable) -> None:
        if held := self._answers.pop(question, None):
            self._weight -= held[2]

    def __len__(self) -> int:
        return len(self._answers)
