"""Web vitals: how the pages of a run came up, asked for between its steps and never waited for.

A question goes out when a step has ended, and the journey goes on at once: waiting would give the
page time that no user gives it. What was not answered when the run is over stays unknown.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import Coroutine, Mapping
from math import isfinite
from typing import Any, Final

from playwright.sync_api import Error, Page

from prober.agent.deadline import Deadline
from prober.agent.recorder import Recorder

#: For the answers that are still on their way when a run is over.
_PATIENCE_S: Final = 0.25
#: What a step waits for may be there before it is painted: so long a page may take for that.
_PAINTED_MS: Final = 200
#: Nobody waits for longer; a page may answer anything.
_LONGEST_MS: Final = 3_600_000
_MOST_SHIFT: Final = 1_000
#: When the document began, and the vitals of it: see https://web.dev/articles/vitals.
_ASK: Final = """async (patience_ms) => {
  const painted = () => performance.getEntriesByName('first-contentful-paint')[0];
  if (patience_ms && !painted()) {
    await new Promise(resolve => {
      new PerformanceObserver(resolve).observe({type: 'paint', buffered: true});
      setTimeout(resolve, patience_ms);
    });
  }
  const entries = type => {
    const observer = new PerformanceObserver(() => {});
    observer.observe({type, buffered: true});
    const found = observer.takeRecords();
    observer.disconnect();
    return found;
  };
  let cls = 0, sum = 0, first = 0, last = 0;
  for (const shift of entries('layout-shift')) {
    if (shift.hadRecentInput) continue;
    const goesOn = shift.startTime - last < 1000 && shift.startTime - first < 5000;
    sum = sum && goesOn ? sum + shift.value : shift.value;
    first = sum === shift.value ? shift.startTime : first;
    last = shift.startTime;
    cls = Math.max(cls, sum);
  }
  return {
    began: performance.timeOrigin,
    ttfb: performance.getEntriesByType('navigation')[0]?.responseStart,
    fcp: painted()?.startTime,
    lcp: entries('largest-contentful-paint').at(-1)?.startTime,
    cls,
  };
}"""


class Paint:
    """Asks the page of a run for its vitals whenever a step has ended on a new document."""

    def __init__(self, page: Page, recorder: Recorder, deadline: Deadline) -> None:
        self._page: Any = page
        self._recorder = recorder
        self._deadline = deadline
        self._documents = 0
        #: By the number of the step after which they went out: at once, and when it is painted.
        self._asked: dict[int, tuple[asyncio.Task[Any], ...]] = {}
        self._stack = inspect.stack(0)[:1]  # Playwright would look for it at each question
        recorder.after_step = self._after_step

    def _after_step(self, _name: str) -> None:
        if self._recorder.documents != self._documents:
            self._documents = self._recorder.documents
            number = len(self._recorder.steps) - 1
            self._asked[number] = self._ask(0), self._ask(_PAINTED_MS)

    def _ask(self, patience_ms: int) -> asyncio.Task[Any]:
        impl = self._page._impl_obj
        question: Coroutine[Any, Any, Any] = impl.evaluate(_ASK, patience_ms)
        with self._deadline.aside() as context:
            task: Any = impl._loop.create_task(question, context=context)
        task.__pw_stack__ = self._stack
        task.add_done_callback(_heard)
        return task  # type: ignore[no-any-return]

    def vitals(self) -> dict[int, dict[str, int]]:
        """By number of a step, of the document that it ended on; call it when the run is over."""
        if not self._asked:
            return {}
        every = [task for pair in self._asked.values() for task in pair]
        with contextlib.suppress(Error):
            self._page._sync(asyncio.wait(every, timeout=_PATIENCE_S))
        for task in every:
            task.cancel()  # says nothing to one that is done
        found: dict[int, dict[str, int]] = {}
        before: object = None
        for number, pair in self._asked.items():
            for answer in map(_answer, pair):
                if answer and answer.get("began") != before and (vitals := read(answer)):
                    found[number] = vitals
            before = next((a["began"] for a in map(_answer, pair) if a and "began" in a), before)
        return found


def _answer(task: asyncio.Task[Any]) -> Mapping[str, Any] | None:
    if not task.done() or task.cancelled() or task.exception():
        return None
    answer = task.result()
    return answer if isinstance(answer, Mapping) else None


def read(answer: object) -> dict[str, int]:
    """Times in µs, and the shift in millionths, of what a page answered.

    It is the page's own word: what cannot be is left out.
    """
    if not isinstance(answer, Mapping):
        return {}
    limits = {"ttfb": _LONGEST_MS, "fcp": _LONGEST_MS, "lcp": _LONGEST_MS, "cls": _MOST_SHIFT}
    found = {}
    for name, most in limits.items():
        value = answer.get(name)
        if isinstance(value, int | float) and isfinite(value) and 0 <= value <= most:
            found[name] = round(value * (1e6 if name == "cls" else 1e3))
    return found


def _heard(task: asyncio.Task[Any]) -> None:
    """A page that is gone has no vitals; nobody has to be told."""
    if not task.cancelled():
        task.exception()
