"""The limit: the same checkout over the DevTools pipe, with no waiting machinery at all.

It finds elements by CSS, waits for nothing but a page's load, and checks only the end.
"""

from __future__ import annotations

import ast
import fcntl
import json
import os
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import playwright

from benchmarks.raw import ADDRESS, CUSTOMER, Stopwatch
from benchmarks.shop import PASSWORD, USER

_CENTRE = """(() => {
  const found = document.querySelector(%s);
  found.scrollIntoView({block: "nearest"});
  const box = found.getBoundingClientRect();
  return [box.x + box.width / 2, box.y + box.height / 2];
})()"""


class Pipe:
    """A browser at the other end of two pipes."""

    def __init__(self, executable: str, switches: Iterable[str]) -> None:
        reading, told = _high_pipe()
        heard, writing = _high_pipe()
        actions = [(os.POSIX_SPAWN_DUP2, reading, 3), (os.POSIX_SPAWN_DUP2, writing, 4)]
        command = [executable, *switches]
        self._pid = os.posix_spawn(executable, command, os.environ, file_actions=actions)
        os.close(reading)
        os.close(writing)
        self._out = os.fdopen(told, "wb", buffering=0)
        self._in = heard
        self._rest = b""
        self._number = 0
        self._events: deque[dict[str, Any]] = deque()

    def send(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """Call a method and wait for its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        self._out.write(json.dumps(message).encode() + b"\0")
        while (reply := self._next()).get("id") != self._number:
            self._events.append(reply)
        if "error" in reply:
            raise RuntimeError(f"{method}: {reply['error']}")
        return dict(reply["result"])

    def wait(self, event: str) -> None:
        """Wait for an event that has not been waited for."""
        while True:
            message = self._events.popleft() if self._events else self._next()
            if message.get("method") == event:
                return

    def forget(self) -> None:
        """Drop events that nobody waited for."""
        self._events.clear()

    def close(self) -> None:
        """End the browser and wait for its end."""
        self.send("Browser.close")
        os.waitpid(self._pid, 0)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            data = os.read(self._in, 1 << 20)
            if not data:
                raise RuntimeError("the browser has gone")
            self._rest += data
        message, _, self._rest = self._rest.partition(b"\0")
        return dict(json.loads(message))


class Tab:
    """A page in a context of its own."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._context = pipe.send("Target.createBrowserContext")["browserContextId"]
        target = pipe.send(
            "Target.createTarget",
            url="about:blank",
            browserContextId=self._context,
            width=1280,
            height=720,
        )
        attached = pipe.send("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        #: Given to every page once it has loaded, in a world of its own.
        self.script: str | None = None
        pipe.send("Page.enable", self._session)

    def watch(self) -> None:
        """Ask for the events that Playwright asks for."""
        for method in ("Log.enable", "Runtime.enable", "Network.enable"):
            self._pipe.send(method, self._session)
        self._pipe.send("Page.setLifecycleEventsEnabled", self._session, enabled=True)

    def load(self, action: Callable[..., object], *values: str) -> None:
        """Do something that loads another page, and wait until it has."""
        self._pipe.forget()
        action(*values)
        self._pipe.wait("Page.loadEventFired")
        if self.script:
            self._inject(self.script)

    def go(self, address: str) -> None:
        """Navigate."""
        self._pipe.send("Page.navigate", self._session, url=address)

    def click(self, selector: str) -> None:
        """Press and release the mouse in the middle of an element."""
        x, y = self.evaluate(_CENTRE % json.dumps(selector))
        for kind in ("mousePressed", "mouseReleased"):
            self._pipe.send(
                "Input.dispatchMouseEvent",
                self._session,
                type=kind,
                x=x,
                y=y,
                button="left",
                clickCount=1,
            )

    def fill(self, selector: str, text: str) -> None:
        """Put text into a field."""
        self.evaluate(f"document.querySelector({json.dumps(selector)}).focus()")
        self._pipe.send("Input.insertText", self._session, text=text)

    def evaluate(self, expression: str) -> Any:
        """The value of an expression in the page."""
        reply = self._pipe.send(
            "Runtime.evaluate", self._session, expression=expression, returnByValue=True
        )
        return reply["result"].get("value")

    def _inject(self, script: str) -> None:
        frame = self._pipe.send("Page.getFrameTree", self._session)["frameTree"]["frame"]["id"]
        world = self._pipe.send("Page.createIsolatedWorld", self._session, frameId=frame)
        self._pipe.send(
            "Runtime.evaluate",
            self._session,
            expression=f"(() => {{ const module = {{}}; {script}; return module; }})()",
            contextId=world["executionContextId"],
        )

    def close(self) -> None:
        """Close the page and its context."""
        self._pipe.send("Target.disposeBrowserContext", browserContextId=self._context)


@contextmanager
def open_tab(pipe: Pipe) -> Iterator[Tab]:
    """A tab, closed at the end."""
    tab = Tab(pipe)
    yield tab
    tab.close()


def checkout(tab: Tab, url: str) -> list[float]:
    """Buy one item; the time of each of the five steps."""
    watch = Stopwatch()
    with watch.step():
        tab.load(tab.go, url)
    with watch.step():
        tab.load(tab.click, "a[href='/login']")
        tab.fill("input[name=user]", USER)
        tab.fill("input[name=password]", PASSWORD)
        tab.load(tab.click, "main form button")
    with watch.step():
        tab.load(tab.click, "button[value=quiet-valley]")
    with watch.step():
        tab.load(tab.click, "a[href='/checkout']")
        tab.fill("input[name=name]", CUSTOMER)
        tab.fill("input[name=address]", ADDRESS)
        tab.load(tab.click, "main form button")
    with watch.step():
        text = tab.evaluate("document.body.innerText")
    assert "Thank you" in text, text
    return watch.steps_s


def injected_script() -> str:
    """The script that this version of Playwright puts into every page it acts on."""
    package = Path(playwright.__file__).parent / "driver" / "package" / "lib"
    source = (package / "coreBundle.js").read_text(errors="replace")
    found = re.search(
        r"generated/injectedScriptSource.*?= ('\\nvar __commonJS.*?');\n", source, re.S
    )
    assert found, "this version of Playwright keeps its script elsewhere"
    return str(ast.literal_eval(found[1]))


def _high_pipe() -> tuple[int, int]:
    """A pipe whose ends are clear of the descriptors 3 and 4."""
    ends = os.pipe()
    high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends]
    for end in ends:
        os.close(end)
    return high[0], high[1]
