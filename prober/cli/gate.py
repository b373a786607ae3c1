"""`prober gate`: whether a change may ship.

It reads its options with argparse: typer alone would take longer than the whole decision may.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from prober.cli.ask import CONTRACTS, DEFAULT_URL, Unreachable, ask, paint, show
from prober.slo.moment import iso
from prober.units import share

#: Exit code when nobody answers; those of verdicts come with the answer.
INCONCLUSIVE = 30
_COLOURS = {
    "allow": "green",
    "allow_overridden": "green",
    "approval": "yellow",
    "inconclusive": "magenta",
    "block": "red",
}
_HELP = "Say whether a change may ship: exit 0 allow, 10 approval, 20 block, 30 inconclusive."


class _Parser(argparse.ArgumentParser):
    """Its complaints are one line each."""

    def error(self, message: str) -> NoReturn:
        """End with a complaint."""
        self.exit(2, f"{self.prog}: {message}\n")


def parser() -> argparse.ArgumentParser:
    """Its options."""
    options = _Parser(prog="prober gate", description=_HELP, allow_abbrev=False)
    add = options.add_argument
    add("--slo", action="append", help="an SLO that the change touches; repeat for more")
    add("--journey", action="append", help="a journey that it touches: all SLOs of it")
    add(
        "--change",
        choices=("feature", "config", "reliability", "security"),
        help="what the change is for",
    )
    add("--critical-path", action="store_true", help="it touches what users cannot do without")
    add("--risk", choices=("normal", "high"), default="normal", help="how much may go wrong")
    estimated = "of the error budget it is expected to burn, as 10%%"
    add("--estimate", metavar="SHARE", type=_share, help=estimated)
    add("--commit", metavar="SHA", help="its commit, which an override must be for")
    add("--advisory", action="store_true", help="say and log the same, but always exit 0")
    add("--replay", metavar="ID", help="make this past decision again, and say if it is the same")
    url = os.environ.get("PROBER_URL") or DEFAULT_URL
    add("--url", default=url, help="where the evaluator is (default: %(default)s)")
    add(
        "--journal",
        type=Path,
        metavar="PATH",
        help="answer from this journal, or its directory, without an evaluator",
    )
    add(
        "--contracts",
        type=Path,
        default=CONTRACTS,
        metavar="DIR",
        help="directory of *.slo.yaml files, with --journal (default: %(default)s)",
    )
    add("--json", action="store_true", help="everything, exact, as JSON")
    return options


def main(arguments: Sequence[str]) -> int:
    """Ask, print the answer, and give the exit code."""
    options = parser()
    given = options.parse_args(arguments)
    where = (given.url, given.journal, given.contracts)
    if given.replay is not None:
        if given.slo or given.journey or given.change:
            options.error("--replay knows what was asked, leave out --slo, --journey and --change")
        again = ask("gate-replay", {"decision": given.replay}, *where)
        show(again, _compared(again), given.json)
        return int(again["then"]["exit"]) if again["same"] else INCONCLUSIVE
    if not given.change:
        options.error("--change is missing, say feature, config, reliability or security")
    if not (given.slo or given.journey):
        options.error("--slo and --journey are missing, name what the change touches")
    request = {
        "slo": given.slo,
        "journey": given.journey,
        "change": given.change,
        "critical_path": given.critical_path,
        "risk": given.risk,
        "estimate": given.estimate,
        "commit": given.commit,
        "advisory": given.advisory,
    }
    try:
        answer = ask("gate", request, *where)
    except Unreachable as error:
        answer = _unreachable(error, given.advisory)
    show(answer, _said(answer, given.commit), given.json)
    return int(answer["exit"])


def _share(text: str) -> str:
    """A share as it was written; what is none is told also when nobody answers."""
    try:
        share(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def _unreachable(error: Unreachable, advisory: bool) -> dict[str, Any]:
    """What nobody could decide, and nobody wrote down."""
    return {
        "verdict": "inconclusive",
        "exit": 0 if advisory else INCONCLUSIVE,
        "text": "too little is known to let anything ship",
        "advisory": advisory,
        "missing": [str(error)],
    }


def _said(answer: Mapping[str, Any], commit: str | None) -> Iterator[str]:
    """The verdict first, then why, then what to do."""
    verdict = answer["verdict"]
    colour = _COLOURS[verdict.partition(":")[0]]
    yield f"{paint(verdict, colour)}: {answer['text']}"
    if answer["advisory"]:
        yield "  advisory: nothing is stopped"
    for missing in answer["missing"]:
        yield f"  {missing}"
    for ruling in answer.get("rulings", ()):
        yield from _ruled(ruling, commit)
    for slo in answer.get("slos", ()):
        yield from _beside(slo)
    if answer.get("earliest_ms") is not None:
        whole_ms = -(-answer["earliest_ms"] // 1000) * 1000
        yield f"  earliest without approval: {iso(whole_ms)}, if nothing else fails"
    for condition in answer.get("conditions", ()):
        yield f"  condition: {condition}"
    if "decision" in answer:
        yield f"  decision {answer['decision']}"


def _ruled(ruling: Mapping[str, Any], commit: str | None) -> Iterator[str]:
    draft = ", a draft, which stops nothing" if ruling["draft"] else ""
    yield f"  {ruling['slo']} is {ruling['state']}{draft}"
    for line in (*ruling["reasons"], *ruling["ignored"]):
        yield f"    {line}"
    if ruling["actions"]:
        yield f"    policy {ruling['policy']}: {'; '.join(ruling['actions'])}"
    if ruling["roles"] and not (ruling["overrides"] or ruling["draft"]):
        for role in ruling["roles"]:
            yield (
                f"    {role} can let it pass: prober override grant --slo {ruling['slo']} "
                f"--commit {commit or '…'} --role {role} --by … --reason …"
            )


def _beside(slo: Mapping[str, Any]) -> Iterator[str]:
    """Windows that do not gate."""
    if any(result["gate"] for result in slo["results"]):
        for result in slo["results"]:
            if not result["gate"]:
                named = f"{slo['slo']} {result['objective']} over {result['window']}"
                yield f"  not asked: {named} is {result['state']}"


def _compared(again: Mapping[str, Any]) -> Iterator[str]:
    then = again["then"]
    made = f"decision {again['decision']} of {iso(then['as_of_ms'])}: {then['verdict']}"
    yield _same(again)
    yield f"  {made}"
    for difference in again["differences"]:
        yield f"  {difference}"


def _same(again: Mapping[str, Any]) -> str:
    if again["same"]:
        return paint("same", "green")
    if again.get("gone"):  # an older evaluator does not say
        return paint("it cannot be made again, and neither is relied on", "magenta")
    now = again["now"]["verdict"]
    return paint(f"not the same: made again it is {now}, and neither is relied on", "red")
