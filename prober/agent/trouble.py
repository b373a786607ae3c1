"""What an exception of a journey's code means, by its type and by what was seen."""

from __future__ import annotations

import re
import sys
import traceback
from pathlib import Path

from playwright.sync_api import Error, TimeoutError

from prober.agent.recorder import KEPT_CHARACTERS, Recorder, TargetAnswered
from prober.agent.verdict import Trouble
from prober.errors import EffectUnnoted, InputError, SecretMissing, SecretUnreadable

#: What Playwright last saw stand in the way of a click, further down in its log.
_HINDRANCE = re.compile(r"- (element (is|was) |.* intercepts pointer events)")
#: So much of a line of code is told.
_LONGEST_CODE = 120


def trouble_of(error: BaseException, recorder: Recorder, *, met: bool) -> Trouble:
    """What was raised, where browser and driver are well; `met`: the journey's time was up."""
    if isinstance(error, SecretMissing | SecretUnreadable):
        return Trouble.SECRET
    if isinstance(error, EffectUnnoted):
        return Trouble.DRIVER_GONE  # the supervisor's fault, if not its worker's
    if recorder.refused:
        return recorder.refusal
    if isinstance(error, Error | AssertionError) and recorder.ours:
        return recorder.ours
    if isinstance(error, Error | AssertionError) and recorder.unreachable:
        return Trouble.NETWORK
    if isinstance(error, AssertionError):
        return Trouble.TIMEOUT if met else Trouble.ASSERTION
    if isinstance(error, TimeoutError):
        return Trouble.TIMEOUT
    return _http_trouble(error)


def _http_trouble(error: BaseException) -> Trouble:
    """What an exception of httpx means; anything else is the script's."""
    httpx = sys.modules.get("httpx")
    if httpx is None:
        return Trouble.SCRIPT
    if isinstance(error, httpx.TimeoutException):
        return Trouble.TIMEOUT
    if isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError):
        return Trouble.SCRIPT  # the author's address or header is none
    if isinstance(error, httpx.RequestError):
        return Trouble.NETWORK
    return Trouble.HTTP_STATUS if isinstance(error, httpx.HTTPStatusError) else Trouble.SCRIPT


def first_lines(error: BaseException) -> str:
    """What an exception says, for people, in one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told, rest = lines[:4], lines[4:]
    told += [line for line in rest if _HINDRANCE.match(line)][-1:]
    said = " · ".join(told)[:KEPT_CHARACTERS]
    if isinstance(error, Error | AssertionError | TargetAnswered | InputError):
        return said or type(error).__name__
    return f"{type(error).__name__}: {said}"


def explained(error: BaseException, home: Path) -> str:
    """What an exception says, and at which line of a journey's directory where that is not told.

    What Playwright raises names the locator it was about, and who gives an `assert` words says
    enough by them; one without says nothing.
    """
    said = first_lines(error)
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(home)]
    if not own or isinstance(error, Error | TargetAnswered | InputError):
        return said
    if isinstance(error, AssertionError) and (str(error) or own[-1] is not frames[-1]):
        return said
    place = own[-1]
    code = (place.line or "")[:_LONGEST_CODE]
    return f"{said} ({Path(place.filename).relative_to(home)}:{place.lineno}: {code})"
