"""Journeys: the decorator, and the words an author uses inside.

A journey is a plain Playwright function. Nothing here imports Playwright, and outside a
run of Prober (under pytest, say) `step`, `assertion` and `cleanup` are harmless.
"""

from __future__ import annotations

import hashlib
import inspect
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from prober.emulation import PLAIN, Emulation
from prober.errors import SecretMissing, SecretUnreadable
from prober.units import duration_ms, format_ms

Body = TypeVar("Body", bound=Callable[..., object])
#: HTTP statuses a step accepts on purpose: one, several, or every one (`"any"`).
Statuses = int | Iterable[int] | str | None

#: What a journey function can ask for by parameter name.
PARAMETERS = frozenset({"page", "context", "http", "base_url"})
BROWSERS = ("headless-shell", "chromium")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
"""Journey names become file names, labels and URLs."""
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
"""As the names in contracts, which speak of assertions."""
#: What a function that is a journey has as an attribute: its definition.
MARK = "prober_journey"
#: Fields of a definition that JSON makes lists of.
_LISTS = ("secrets", "accounts", "mask", "parameters")


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """A journey's definition: all that can be known without running it."""

    name: str
    #: Absolute path and line of the function.
    file: str
    line: int
    every_ms: int
    timeout_ms: int
    #: Over this, a run that worked is `failed(too_slow)`.
    max_duration_ms: int | None
    secrets: tuple[str, ...]
    #: Pools of accounts, of each of which a run holds one to itself.
    accounts: tuple[str, ...] = ()
    #: Selectors of what no picture may show.
    mask: tuple[str, ...] = ()
    browser: str
    parameters: tuple[str, ...]
    summary: str
    #: Of the file's bytes: marks a change of what is measured.
    hash: str
    emulation: Emulation = PLAIN
    #: Whether an objective may judge the time of a second attempt: a trace would make it longer.
    timed_again: bool = False
    #: The one step that its whole body is.
    step: str | None = None

    @property
    def allowed_s(self) -> float:
        """How long its code may take: less than it has, so that a hang still gets a verdict."""
        return (self.timeout_ms - min(2000, self.timeout_ms // 4)) / 1000

    @property
    def needs_browser(self) -> bool:
        """Whether a run starts a browser at all."""
        return bool({"page", "context"} & set(self.parameters))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for a pipe."""
        return asdict(self)

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> Journey:
        """Inverse of `to_dict`, also after JSON made lists of tuples."""
        lists = {key: tuple(raw[key]) for key in _LISTS}
        return cls(**raw | lists | {"emulation": Emulation.from_dict(raw["emulation"])})


class Stage(Protocol):
    """What a run gives to the words below; the worker has the only one."""

    def step(self, name: str, status: Statuses) -> AbstractContextManager[None]:
        """Time what happens inside, and fail it on a reply that is not accepted."""

    def assertion(self, name: str) -> AbstractContextManager[None]:
        """Note whether what happens inside raises."""

    def secret(self, name: str) -> str:
        """The value, or SecretMissing."""

    def account(self, name: str) -> Mapping[str, str]:
        """What the run signs in with, or SecretMissing."""

    def cleanup(self, action: Callable[..., object], reference: str | None) -> None:
        """Keep an action for after the verdict; with a reference, for later runs too."""

    @property
    def run_name(self) -> str:
        """What the run may call what it creates."""

    def asserted(self) -> None:
        """Count a plain `assert` statement that is about to be executed."""


_stage: Stage | None = None
#: What files that are being loaded have declared; discovery empties it.
declared: list[tuple[Journey, Callable[..., object]]] = []


@contextmanager
def on_stage(stage: Stage) -> Iterator[None]:
    """Give the words a run to act on, for the length of it."""
    global _stage
    _stage = stage
    try:
        yield
    finally:
        _stage = None


def acting() -> Stage | None:
    """The run that goes on, None outside of one."""
    return _stage


def step(name: str, *, status: Statuses = None) -> AbstractContextManager[None]:
    """Name and time a part of the journey.

    A name or status that is none raises ValueError, outside of a run too.

    Args:
        name: what the user does, in a few words; a metric attribute.
        status: replies of 400 and more that are meant: `404`, `{401, 403}` or `"any"`.
    """
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"{name!r} is not a step's name, write what the user does in a few words")
    accepted = status if status in (None, "any") else _several(status)
    return _stage.step(name, accepted) if _stage else nullcontext()


def _several(status: Any) -> tuple[int, ...]:
    """The statuses that a step was given, one by one; ValueError where one is none."""
    given = tuple(status) if isinstance(status, Iterable) else (status,)
    if isinstance(status, str) or not all(isinstance(s, int) and 100 <= s <= 599 for s in given):
        raise ValueError(f"status {status!r} is none, write 404, {{401, 403}} or 'any'")
    return given


def assertion(name: str) -> AbstractContextManager[None]:
    """Name what must be true: the run keeps whether it held, for an objective of a contract.

    It did not hold when the block raises, and what was raised goes on. Of a name that is used
    more than once it must hold each time.

    Args:
        name: up to 63 of a-z, 0-9 and -, such as `order-total`.

    Raises:
        ValueError: the name is not one.
    """
    if not isinstance(name, str) or not _LABEL.fullmatch(name):
        raise ValueError(f"{name!r} is not an assertion's name, use a-z, 0-9 and -")
    return _stage.assertion(name) if _stage else nullcontext()


def secret(name: str) -> str:
    """The value of a secret that the journey named in `@journey(secrets=[…])`.

    Outside a run it comes from the environment variable `PROBER_SECRET_<NAME>`.

    Raises:
        SecretMissing: the journey did not name it, or the region does not have it.
    """
    if _stage:
        return _stage.secret(name)
    variable = f"PROBER_SECRET_{name.upper()}"
    if variable not in os.environ:
        raise SecretMissing(f"secret {name!r} is not there, set {variable} to run outside Prober")
    return os.environ[variable]


def totp(name: str) -> str:
    """The current one-time code of a TOTP secret (RFC 6238, base32).

    Raises:
        SecretMissing: as `secret` does.
        SecretUnreadable: it is no such secret.
    """
    from prober.onetime import code_at  # only journeys with a second factor pay for it

    seed = secret(name)
    try:
        return code_at(seed, int(time.time())).digits
    except SecretUnreadable as error:
        raise SecretUnreadable(f"secret {name!r} {error.what}", error.mend) from None


def cleanup(action: Callable[..., object], reference: str | None = None) -> None:
    """Do something after the verdict, in its own time; its failure changes no outcome.

    Args:
        action: with a reference it is a function of the journey's file, and called with that and
            with what else its parameters are named for: of `page`, `context`, `http`, `base_url`.
        reference: of what is about to be made at the target. It is noted before this returns, so
            that a later run takes it back when this one does not come to it.

    Raises:
        ValueError: a later run could not call the action so.
        EffectUnnoted: the agent did not note it in time.
    """
    if _stage:
        _stage.cleanup(action, reference)


def asserted() -> None:
    """Called before every plain `assert` in journey files, see `discovery`."""
    if _stage:
        _stage.asserted()


def journey(
    *,
    every: str = "5m",
    timeout: str = "60s",
    max_duration: str | None = None,
    secrets: Iterable[str] = (),
    accounts: Iterable[str] = (),
    mask: Iterable[str] = (),
    browser: str = "headless-shell",
    device: str | None = None,
    viewport: str | None = None,
    locale: str | None = None,
    timezone: str | None = None,
    network: str | Mapping[str, str] | None = None,
    name: str | None = None,
    step: str | None = None,
) -> Callable[[Body], Body]:
    """Make a journey of a function, which stays the function it was.

    A value that is wrong raises ValueError; discovery turns it into a Problem with its place.

    Args:
        every: the period of its schedule in each region.
        timeout: how long a run may take; must be below `every`.
        max_duration: a run that worked but took longer is `failed(too_slow)`.
        secrets: the only secrets it may read.
        accounts: pools of accounts, of each of which a run holds one to itself.
        mask: selectors of what no screenshot may show, besides password fields.
        browser: `headless-shell` (as Playwright's own default) or `chromium`, the full one.
        device: what the browser passes itself off as, a name of Playwright's list.
        viewport: width and height in CSS pixels, such as `390x844`.
        locale: of the browser, such as `de-DE`.
        timezone: of the browser, such as `Europe/Berlin`.
        network: a slower one: `3g`, `slow-4g`, `fast-4g`, or its latency, down and up.
        name: default is the function's name without `test_`.
        step: makes one step of the whole, for a test that has none.
    """
    more = _lists(secrets=secrets, accounts=accounts, mask=mask) | {"step": step}
    more["emulation"] = Emulation.read(device, viewport, locale, timezone, network)
    return lambda body: _declare(body, more, every, timeout, max_duration, browser, name)


def _declare(body: Body, more: dict[str, Any], *options: Any) -> Body:
    # The function may come from another file, such as a test's; who decorates it declares it.
    file = sys._getframe(2).f_code.co_filename
    definition = replace(_define(body, *options), file=file, **more)
    nouns = {"a secret's name": definition.secrets, "a name of accounts": definition.accounts}
    for noun, names in nouns.items():
        if wrong := [each for each in names if not _NAME.fullmatch(each)]:
            raise ValueError(f"{wrong[0]!r} is not {noun}, use a-z, 0-9 and _")
    if definition.step is not None:
        step(definition.step)
    if definition.emulation != PLAIN and not definition.needs_browser:
        raise ValueError("only a page has a device or network, ask for page")
    declared.append((definition, body))
    setattr(getattr(body, "__func__", body), MARK, definition)
    return body


def perform(
    definition: Journey, body: Callable[..., object], resources: Mapping[str, object]
) -> None:
    """Have a journey's function do what it does, with what its parameters are named for."""
    with step(definition.step) if definition.step else nullcontext():
        body(**{name: resources[name] for name in definition.parameters})


def _define(
    body: Callable[..., object],
    every: str,
    timeout: str,
    max_duration: str | None,
    browser: str,
    name: str | None,
) -> Journey:
    label = name or body.__name__.removeprefix("test_")
    every_ms, timeout_ms = _span_ms("every", every), _span_ms("timeout", timeout)
    if not isinstance(label, str) or not _NAME.fullmatch(label):
        raise ValueError(f"{label!r} is not a journey name, use a-z, 0-9 and _")
    if timeout_ms >= every_ms:
        raise ValueError(
            f"timeout {timeout} is not below every {every}: a run could still be going "
            f"when the next is due, write timeout={format_ms(max(1, every_ms // 2))!r} or less"
        )
    if browser not in BROWSERS:
        raise ValueError(f"browser {browser!r} is not known, write one of {', '.join(BROWSERS)}")
    return Journey(
        name=label,
        file=body.__code__.co_filename,
        line=body.__code__.co_firstlineno,
        every_ms=every_ms,
        timeout_ms=timeout_ms,
        max_duration_ms=None if max_duration is None else _span_ms("max_duration", max_duration),
        secrets=(),
        browser=browser,
        parameters=_parameters(body),
        summary=_summary(body),
        hash=hashlib.sha256(Path(body.__code__.co_filename).read_bytes()).hexdigest()[:16],
    )


def _parameters(body: Callable[..., object]) -> tuple[str, ...]:
    wanted = inspect.signature(body).parameters.values()
    parameters = tuple(each.name for each in wanted if each.default is each.empty)
    if unknown := sorted(set(parameters) - PARAMETERS):
        raise ValueError(
            f"parameter {', '.join(unknown)} cannot be given, ask for "
            f"{', '.join(sorted(PARAMETERS))}, or {_call_of(body, f'{unknown[0]}=…')}"
        )
    if reliances := sorted(set(_reliances(body))):
        raise ValueError(
            f"it relies on {', '.join(reliances)} of pytest, which a run has not, "
            f"write what that does into it, or {_call_of(body, '…')}"
        )
    if inspect.iscoroutinefunction(body):
        raise ValueError("it is async, write it with playwright.sync_api")
    return parameters


def _lists(**options: Iterable[str]) -> dict[str, Any]:
    return {option: _listed(option, given) for option, given in options.items()}


def _listed(option: str, given: Iterable[str]) -> tuple[str, ...]:
    if isinstance(given, str):
        raise ValueError(f"{option} is one text, write a list: {option}=[{given!r}]")
    found = tuple(given)
    if any(not isinstance(each, str) or not each.strip() for each in found):
        raise ValueError(f"{option} holds something that is no text, write texts")
    return found


def _call_of(body: Callable[..., object], argument: str) -> str:
    """How a function that cannot be a journey can be called by one."""
    name = body.__name__
    label = name.removeprefix("test_")
    label = f"run_{name}" if label == name else label
    return f"make a journey that calls it: def {label}(page): {name}({argument})"


def _reliances(body: Callable[..., object]) -> Iterator[str]:
    """What pytest does for a test that its parameters do not say.

    Without it a run would blame the target for what the author's own suite takes care of.
    """
    of_file = body.__globals__.get("pytestmark", ())
    listed = of_file if isinstance(of_file, list | tuple) else [of_file]
    for decorator in [*getattr(body, "pytestmark", ()), *listed]:
        mark = getattr(decorator, "mark", decorator)
        if mark.name in ("usefixtures", "browser_context_args"):
            yield " ".join([f"mark {mark.name}", *map(str, mark.args)])
    for name, value in body.__globals__.items():
        if type(value).__name__ == "FixtureFunctionDefinition":
            marker = getattr(value, "_fixture_function_marker", None)
            if getattr(marker, "autouse", False):
                yield f"fixture {name}"


def _span_ms(argument: str, text: str) -> int:
    try:
        return duration_ms(text)
    except ValueError as error:
        raise ValueError(f"{argument} {error}") from None


def _summary(body: Callable[..., object]) -> str:
    """The first line of the function's docstring, or of its file's."""
    return inspect.cleandoc(body.__doc__ or body.__globals__.get("__doc__") or "").split("\n")[0]
