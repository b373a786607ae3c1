"""How users and servers agree, as lines for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from prober.cli.sheet import printable, share
from prober.units import format_ms, span

#: Of the times they differed the newest are shown; `--json` has more.
_SHOWN = 5
_ROWS = (("failed", "users failed"), ("passed", "users passed"), ("no_verdict", "no verdict"))
_COLUMNS = (("bad", "servers bad"), ("fine", "fine"), ("unknown", "unknown"))
_WHO = {"only_users": "only users", "only_server": "only servers"}


def lines(slo: str, found: dict[str, Any]) -> Iterator[str]:
    """The table, when they differed, and how much of what failed was silent.

    Args:
        slo: the contract's name.
        found: `agreement` in `prober status --json`.
    """
    about = f"{slo} {found['objective']} beside its servers over {found['window']['label']}"
    yield f"{about}, in steps of {format_ms(found['step_ms'])}, {_asked(found['age_ms'])}"
    if found["note"]:
        yield f"  not all is known: {printable(found['note'])}"
    yield " " * 14 + "".join(f"{name:>13}" for _, name in _COLUMNS)
    for users, name in _ROWS:
        row = found["steps"][users]
        yield f"  {name:12}" + "".join(f"{row[said]:>13}" for said, _ in _COLUMNS)
    for each in found["differed"][:_SHOWN]:
        yield f"  {_difference(each)}"
    more = len(found["differed"]) - _SHOWN + found["differed_more"]
    if more > 0:
        yield f"  and {more} more times"
    if found["silent_share"]:
        of = f"{found['silent']} of {found['failed']} failures"
        yield f"  silent, while no server said 5xx: {of}, {share(found['silent_share'], 1)}"


def _asked(age_ms: int | None) -> str:
    return "never answered" if age_ms is None else f"asked {span(age_ms)} ago"


def _difference(each: dict[str, Any]) -> str:
    who = f"{each['start']} to {each['end']} {_WHO[each['who']]}"
    highest = f"servers said {share(each['highest'], 2)} at most"
    if not each["failed"]:
        return f"{who}: {highest}"
    where = ", ".join(sorted(each["failed"]))
    return f"{who}: {sum(each['failed'].values())} failed in {where}; {highest}"
