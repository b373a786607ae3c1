"""A browser's run in which places are noted, or one thing goes wrong; see `mutation`."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from playwright._impl.locator import Locator
from playwright.sync_api import BrowserContext, Error, Request, Route

from prober.agent.calls import ACTS, READS, Calls, attached
from prober.agent.mutation import OF_REQUESTS, Kind, Place, masked
from prober.agent.recorder import Recorder

PLACES: Final = Path(__file__).with_name("places.js").read_text()
#: What is asserted of an element that is not to be seen.
_ABSENCES: Final = ("to.be.hidden", "to.be.detached")
#: What is asserted of an element for what it says; anything else, for its being there.
_SAYINGS: Final = ("to.be.visible", "to.have.text", "to.contain.text")
#: The strongest first.
_USES: Final = ("acted", "asserted", "read", "present", "")
_ASKED: Final = frozenset({"document", "xhr", "fetch"})
_SETTLE_MS: Final = 2000
_HTML: Final = "<!doctype html><title>Error</title><h1>Something went wrong</h1>"
_STRUCK: Final = "proberStruck"


class Surveyor:
    """Notes what a run asks for, uses, asserts, and is shown at the end of each step."""

    def __init__(self, context: BrowserContext, recorder: Recorder) -> None:
        self._context, self._recorder = context, recorder
        self._asked: Counter[tuple[str, ...]] = Counter()
        self._requests: dict[tuple[Any, ...], dict[str, Any]] = {}
        self._elements: dict[tuple[str, ...], dict[str, Any]] = {}
        self._calls = Calls(context, self._pass_on)
        context.on("request", self._note_request)
        recorder.after_step = self._look

    @property
    def places(self) -> list[dict[str, Any]]:
        """What was noted."""
        return [*self._requests.values(), *self._elements.values()]

    def stop(self) -> None:
        """Note no more."""
        self._calls.stop()
        self._context.remove_listener("request", self._note_request)
        self._recorder.after_step = lambda name: None

    def _note_request(self, request: Request) -> None:
        if request.resource_type not in _ASKED or request.redirected_from:
            return  # a redirect is a part of the request it answers
        if not self._recorder.is_first_party(request.url):
            return
        asked = _asked(request)
        self._asked[asked] += 1
        step = self._recorder.step_name
        host, method, path, kind = asked
        about = {"host": host, "method": method, "path": path, "type": kind}
        place = {"sort": "request", "step": step, "nth": self._asked[asked], **about}
        self._requests.setdefault((step, *asked), place)  # once a step, however often

    def _look(self, step: str) -> None:
        """Note what the newest page shows, after a step."""
        for page in self._context.pages[-1:]:
            with suppress(Error):  # a page that moves on is seen at the end of a later step
                page.wait_for_load_state("load", timeout=_SETTLE_MS)
                if not self._recorder.is_first_party(page.url):
                    return
                for found in page.evaluate(f"{PLACES}.look()"):
                    locator = page.locator(found["chain"])
                    self._note(found, step, "", str(locator.normalize()))

    def _pass_on(self, target: Any, method: str, params: Any, options: dict[str, Any]) -> Any:
        """Note the element of a call that uses one, before or after the call."""
        selector = params.get("selector") if isinstance(params, dict) else None
        if not selector or selector == ":root" or method not in ACTS | READS:
            return self._calls.send(target, method, params, options)
        if params.get("isNot") or params.get("expression") in _ABSENCES:
            return self._calls.send(target, method, params, options)
        noted = self._noted(target, method, params, options)
        return asyncio.get_running_loop().create_task(noted)

    async def _noted(self, target: Any, method: str, params: Any, options: dict[str, Any]) -> Any:
        if method in ACTS:
            await attached(target, params["selector"], options)
            await self._describe(target, params["selector"], "acted")
            return await self._calls.send(target, method, params, options)
        reply = await self._calls.send(target, method, params, options)
        said = method != "expect" or params["expression"].startswith(_SAYINGS)
        use = {"expect": "asserted"}.get(method, "read") if said else "present"
        await self._describe(target, params["selector"], use)
        return reply

    async def _describe(self, frame: Any, selector: str, use: str) -> None:
        step = self._recorder.step_name
        with suppress(Error):
            expression = f"element => {PLACES}.describe(element)"
            found = await frame.eval_on_selector(selector, expression, None, None)
            code = str(await Locator(frame, selector).normalize())
            self._note(found, step, use, code)

    def _note(self, found: Place, step: str | None, use: str, locator: str) -> None:
        key = tuple(found[name] for name in ("host", "path", "chain", "sign"))
        fresh = {"sort": "element", "use": "", "heading": False, "steps": []}
        known = self._elements.setdefault(key, fresh)
        uses = {known["use"], use}
        heading = known["heading"] or found.get("heading", False)
        known.update(found, step=step, heading=heading, locator=locator)
        known["use"] = next(each for each in _USES if each in uses)
        known["steps"].append(step)


class Mutant:
    """Has one thing go wrong in a run."""

    def __init__(
        self,
        kind: Kind,
        place: Place,
        context: BrowserContext,
        struck: Callable[[], None],
    ) -> None:
        self._kind, self._place = kind, place
        self._context, self._struck = context, struck
        self._met = 0
        if kind in OF_REQUESTS and place["sort"] == "request":
            context.route(_addresses(place), self._meet)
        else:
            context.expose_binding(_STRUCK, lambda source: struck())
            told = f"{json.dumps(str(kind))}, {json.dumps(dict(place))}"
            context.add_init_script(f"{PLACES}.strike({told})")

    def stop(self) -> None:
        """Hear what pages still have to tell."""
        for page in self._context.pages:
            with suppress(Error):
                page.evaluate("0")

    def _meet(self, route: Route) -> None:
        """Spoil the answer to the request that is meant, and to all like it that follow."""
        asked = tuple(self._place[name] for name in ("host", "method", "path", "type"))
        self._met += _asked(route.request) == asked
        if _asked(route.request) != asked or self._met < self._place["nth"]:
            route.fallback()
            return
        self._struck()
        page = self._place["type"] == "document"
        if self._kind is Kind.ABORT:
            route.abort("connectionreset")
        elif self._kind is Kind.ERROR:
            body = _HTML if page else '{"error": "something went wrong"}'
            route.fulfill(status=500, body=body, content_type=_media(page))
        elif self._kind is Kind.BLANK:
            route.fulfill(status=200, body="", content_type=_media(page))
        # A slow one is never answered: the journey's time is up before.


def _asked(request: Request) -> tuple[str, str, str, str]:
    parts = urlsplit(request.url)
    return parts.netloc, request.method, masked(parts.path), request.resource_type


def _addresses(place: Place) -> re.Pattern[str]:
    path = re.escape(place["path"]).replace(r"\#", "[0-9a-fA-F-]+")
    return re.compile(rf"^https?://{re.escape(place['host'])}{path}(\?.*)?$")


def _media(page: bool) -> str:
    return "text/html; charset=utf-8" if page else "application/json"
