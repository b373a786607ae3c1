"""Advice: whether to act now, to write a ticket, or to leave a budget alone, and why."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple

from prober.slo.alert import PAGE
from prober.slo.state import State
from prober.units import decimal, span


class Advice(StrEnum):
    """What to do."""

    ACT_NOW = "act_now"
    TICKET = "ticket"
    NO_ACTION = "no_action"


class Advised(NamedTuple):
    """What to do, and why."""

    advice: Advice
    reason: str


class Firing(NamedTuple):
    """A firing alert: its severity, and what it says."""

    severity: str
    text: str


def advise(
    firing: Collection[Firing], state: State, why: str, burn: Fraction | None, window_ms: int
) -> Advised:
    """What to do about an objective.

    Args:
        firing: its alerts that do.
        state: how its budget stands.
        why: in words, when the state is UNKNOWN.
        burn: the recent burn rate; None: nothing valid.
        window_ms: length of the window the budget is for.

    >>> advise([], State.FULL, "", Fraction(1, 2), 2_592_000_000).reason
    'burns at 0.5x: no faster than the budget allows'
    """
    pages = [each.text for each in firing if each.severity == PAGE]
    if pages:
        return Advised(Advice.ACT_NOW, pages[0])
    if firing:
        return Advised(Advice.TICKET, next(iter(firing)).text)
    if state is State.UNKNOWN:
        return Advised(Advice.TICKET, f"nobody knows how it stands: {why}")
    if state is State.EXHAUSTED:
        return Advised(Advice.TICKET, "the budget is spent: what the policy says for it holds")
    return Advised(Advice.NO_ACTION, urgency(burn, window_ms))


def urgency(burn: Fraction | None, window_ms: int) -> str:
    """What a burn rate means, in words: how long a full budget lasts at it.

    >>> urgency(Fraction(5), window_ms=30 * 86_400_000)
    'burns at 5x: a full budget would last 6d'
    >>> urgency(Fraction(0), 1), urgency(None, 1)
    ('is not burning', 'no verdict of late')
    """
    if burn is None:
        return "no verdict of late"
    if not burn:
        return "is not burning"
    if burn <= 1:
        return f"burns at {decimal(burn)}x: no faster than the budget allows"
    return f"burns at {decimal(burn)}x: a full budget would last {span(window_ms / burn)}"
