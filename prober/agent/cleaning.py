"""Cleaning up after the verdict: what a run made, newest first, then what earlier ones left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from prober.agent.recorder import Recorder
from prober.agent.trouble import first_lines
from prober.agent.undo import REFERENCE, Undo, parameters


class Cleaning:
    """The end of one run. Tells `undone` and `remained` of each effect."""

    def __init__(
        self,
        recorder: Recorder,
        find: Callable[[str], Callable[..., object]],
        give: Callable[[str], object],
        tell: Callable[[dict[str, Any]], None] = lambda event: None,
    ) -> None:
        """Nothing is done yet.

        Args:
            recorder: has what the run left to clean up.
            find: a function of the journey's file by its name; raises LookupError.
            give: what a parameter is named for; raises LookupError.
            tell: hears what became of effects.
        """
        self._recorder = recorder
        self._find, self._give, self._tell = find, give, tell

    def run(self, left: Iterable[Undo], ends: float) -> list[str]:
        """Do all of it, and go on when some of it fails; what failed, a line each.

        Args:
            left: what earlier runs left.
            ends: on the monotonic clock; no effect is tried after that.
        """
        errors = []
        for task in [*reversed(self._recorder.cleanups), *left]:
            try:
                if not isinstance(task, Undo):
                    task()
                elif time.monotonic() < ends:
                    self._undo(task)
            except Exception as error:  # noqa: BLE001  # the author's code, after the verdict
                what = f"{task.action}({task.reference!r}): " if isinstance(task, Undo) else ""
                errors.append(what + first_lines(error))
        return errors

    def _undo(self, undo: Undo) -> None:
        try:
            with self._recorder.undoing():
                body = undo.body or self._find(undo.action)
                body(**{name: self._given(name, undo) for name in parameters(body)})
        except Exception as error:
            said = {"effect": undo.effect, "message": first_lines(error)}
            self._tell({"at": "remained", **said})
            raise
        self._tell({"at": "undone", "effect": undo.effect})

    def _given(self, name: str, undo: Undo) -> object:
        return undo.reference if name == REFERENCE else self._give(name)
