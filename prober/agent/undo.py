"""Undo: a function of the journey's file that takes back what a run made, by its reference."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from prober.journey import PARAMETERS

#: What such a function is called with, besides what a journey may ask for.
REFERENCE = "reference"
LONGEST_REFERENCE = 500


@dataclass(frozen=True, slots=True)
class Undo:
    """One effect that is to be taken back."""

    #: The function's name.
    action: str
    reference: str
    #: The effect's number in the journal; None where it stands nowhere.
    effect: int | None
    #: The function; None of one that an earlier run noted.
    body: Callable[..., object] | None = None


def _unknown(name: str) -> Callable[..., object]:
    raise LookupError(name)


def _nowhere(action: str, reference: str) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Noting:
    """How a run has noted what it is about to make."""

    #: A function of the journey's file by its name; raises LookupError.
    function: Callable[[str], Callable[..., object]] = _unknown
    #: Notes the name of an action and a reference; the number of the effect.
    note: Callable[[str, str], int | None] = _nowhere

    def undo(self, action: Callable[..., object], reference: str) -> Undo:
        """Note an effect.

        Raises:
            ValueError: another run, of another process, could not take it back so.
        """
        name = getattr(action, "__name__", type(action).__name__)
        if not self._finds(name, action):
            raise ValueError(
                f"{name} is no function of the journey's file, so that no later run could call it, "
                "define or import it there"
            )
        parameters(action)
        if not isinstance(reference, str) or not 0 < len(reference) <= LONGEST_REFERENCE:
            raise ValueError(f"a reference is a text of 1 to {LONGEST_REFERENCE} characters")
        return Undo(name, reference, self.note(name, reference), action)

    def _finds(self, name: str, action: Callable[..., object]) -> bool:
        with suppress(LookupError):
            return self.function(name) is action
        return False


def parameters(body: Callable[..., object]) -> tuple[str, ...]:
    """What a function has to be given that takes something back.

    Raises:
        ValueError: it asks for something else, or for no reference.
    """
    wanted = inspect.signature(body).parameters.values()
    found = tuple(each.name for each in wanted if each.default is each.empty)
    name = getattr(body, "__name__", "the action")
    if unknown := sorted({*found} - PARAMETERS - {REFERENCE}):
        raise ValueError(
            f"{name} asks for {', '.join(unknown)}, which nobody gives it, "
            f"ask for {', '.join(sorted(PARAMETERS))} and {REFERENCE}"
        )
    if REFERENCE not in found:
        raise ValueError(f"{name} has no parameter {REFERENCE}, write def {name}({REFERENCE}): …")
    return found
