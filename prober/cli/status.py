"""`prober status`: how every contract stands."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prober.cli import agreement
from prober.cli.ask import bearer
from prober.cli.sheet import printable
from prober.cli.where import Url
from prober.errors import ProberError
from prober.units import decimal, percent, span

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

    from prober.evaluator.board import Board

_STYLES = {
    "FULL": "bold green",
    "CAUTION": "bold yellow",
    "WARNING": "bold dark_orange",
    "CRITICAL": "bold red",
    "EXHAUSTED": "bold white on red",
    "UNKNOWN": "bold bright_black",
}
_COLUMNS = (
    "State", "SLO", "Objective", "Window", "Compliance", "Target", "Budget left", "Burn 1h",
    "Coverage", "Runs", "Last verdict",
)  # fmt: skip
_MEND = (
    "/readyz of the region's agent names each and says why; mend what takes it back, or take it "
    "away by hand"
)
#: Below this a table would break its words; each line then gets a paragraph.
_WIDE = 120


def command(
    url: Url = "http://127.0.0.1:8750",
    journal: Annotated[
        Path | None, typer.Option(help="Judge from this journal instead, without an evaluator.")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(help="Judge from this PromQL backend instead, without an evaluator."),
    ] = None,
    contracts: Annotated[
        Path, typer.Option(help="Directory of *.slo.yaml files, with --journal or --source.")
    ] = Path("journeys"),
    as_json: Annotated[bool, typer.Option("--json", help="Everything, exact, as JSON.")] = False,
) -> None:
    """Show how every SLO stands: state, compliance, error budget, burn rate, coverage."""
    if journal and source:
        raise typer.BadParameter("it judges from --journal or from --source, give one of them")
    if journal:
        status = _judge(journal, contracts)
    else:
        status = _judge_afar(source, contracts) if source else _ask(url)
    if as_json:
        print(json.dumps(status, indent=2, ensure_ascii=False))
    else:
        _show(status)


def _ask(url: str) -> dict[str, Any]:
    import httpx

    try:
        reply = httpx.get(f"{url.rstrip('/')}/api/v1/status", timeout=10, headers=bearer())
        if reply.status_code in (401, 403, 429):
            raise ProberError(f"{url}: {reply.json()['error']}")
        reply.raise_for_status()
        status: dict[str, Any] = reply.json()
        status["headline"], status["slos"]
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
        raise ProberError(
            f"no evaluator answers at {url} ({error or type(error).__name__}): start one with "
            "`prober evaluator`, name it with --url, or read a journal with --journal"
        ) from error
    return status


def _judge(journal: Path, contracts: Path) -> dict[str, Any]:
    from prober.evaluator.audit import AUDIT, AuditLog, Kind
    from prober.evaluator.board import Board
    from prober.evaluator.given import JOURNAL, judged
    from prober.journal.view import View
    from prober.slo.exclusion import in_force, unread_exclusions

    loaded = judged(contracts)
    path = journal / JOURNAL if os.path.isdir(journal) else journal
    noted = AuditLog.open(path.with_name(AUDIT)).entries((Kind.EXCLUSION, Kind.REVOCATION))
    view = View.open(path)
    try:
        note = " ".join(each.sentence for each in unread_exclusions(noted))
        return _whole(Board(loaded, view, note=note, exclusions=lambda: in_force(noted)))
    finally:
        view.close()


def _judge_afar(source: str, contracts: Path) -> dict[str, Any]:
    from contextlib import closing

    from prober.evaluator.board import Board
    from prober.evaluator.given import judged
    from prober.evaluator.sources.promql import PromSource
    from prober.journal.tally import rules_of

    loaded = judged(contracts)
    with closing(PromSource.connect(source, rules_of(loaded))) as afar:
        return _whole(Board(loaded, None, source=afar), source)


def _whole(board: Board, source: str | None = None) -> dict[str, Any]:
    """What an evaluator would show, with what stands beside judgements."""
    from contextlib import closing

    from prober.evaluator.asides import Asides

    status = board.status()
    # A source that did not answer would be waited for again and again.
    told = [
        each.contract
        for each in status.evaluations
        if not all(result.note for result in each.results)
    ]
    with closing(Asides.connect(told, board.judges_from, source)) as asides:
        asides.look(status.as_of_ms)
        return replace(status, asides=asides.found).to_dict()


def _show(status: dict[str, Any]) -> None:
    console = _console()
    console.print(_plain(status["headline"], "bold"), soft_wrap=True)
    console.print(_plain(status["summary"]), soft_wrap=True)
    if status.get("note"):
        console.print(_plain(status["note"], "bold red"), soft_wrap=True)
    results = [(slo, result) for slo in status["slos"] for result in slo["results"]]
    console.print()
    wide = console.width >= _WIDE
    for part in [_table(results)] if wide else _paragraphs(results):
        console.print(part)
    for line in (*_remarks(results), *_actions(status["slos"])):
        console.print(_plain(line, "dim"), soft_wrap=True)
    for line in (*_beside(status["slos"]), *_orphans(status.get("orphans", ()))):
        console.print(_plain(line), soft_wrap=True)


def _console() -> Console:
    """As wide as the terminal; into a pipe or file, as wide as the table."""
    from rich.console import Console

    console = Console(highlight=False)
    if console.is_terminal or os.environ.get("COLUMNS"):
        return console
    return Console(highlight=False, width=200)


def _table(results: list[tuple[dict[str, Any], dict[str, Any]]]) -> RenderableType:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in _COLUMNS:
        table.add_column(name, no_wrap=True)
    for slo, result in results:
        table.add_row(*_cells(slo, result))
    return table


def _paragraphs(results: list[tuple[dict[str, Any], dict[str, Any]]]) -> Iterator[RenderableType]:
    from rich.text import Text

    for slo, result in results:
        state, *named, window, compliance, target, left, burn, coverage, runs, newest = _cells(
            slo, result
        )
        yield Text.assemble(state, " ", Text(" ").join(named), " over ", window)
        yield Text.assemble("  ", compliance, " of ", target, ", budget left ", left)
        yield Text.assemble("  burn 1h ", burn, ", coverage ", coverage)
        yield Text.assemble("  ", runs, " runs, last verdict ", newest)


def _cells(slo: dict[str, Any], result: dict[str, Any]) -> list[Text]:
    staleness_ms, counts = result["staleness_ms"], result["counts"]
    return [
        _plain(result["state"], _STYLES.get(result["state"], "")),
        _plain(slo["name"], "bold"),
        _plain(result["objective"]),
        _plain(result["window"]["label"]),
        _plain(_share(result["compliance"])),
        _plain(_share(result["target"])),
        _plain(_left(result)),
        _plain(_number(result["burn_rate"], 1, "×")),
        _plain(_share(result["coverage"], 1)),
        _plain(_few(counts["good"], counts["bad"])),
        _plain("never" if staleness_ms is None else f"{span(staleness_ms)} ago"),
    ]


def _remarks(results: list[tuple[dict[str, Any], dict[str, Any]]]) -> Iterator[str]:
    """What the table has no room for, line by line."""
    for slo, result in results:
        name = f"{slo['name']} {result['objective']} over {result['window']['label']}"
        if result["why"]:
            yield f"{name} is not judged: {result['why']}"
        elif result["consumed"] and _exact(result["consumed"]):
            yield f"{name}: the error budget {result['outlook']}"
        if result["excluded"]:
            raw = f"compliance {_share(result['raw']['compliance'])}"
            yield f"{name}: exclusions hold {result['excluded']} runs; with these {raw}"
        for alert in result["alerts"]:
            if alert["standing"] == "firing":
                regions = ", ".join(sorted(alert["failures"]))
                yield f"{name}: {alert['severity']} {alert['name']} fires, failures in {regions}"
        yield from (f"{name}: {flag}" for flag in result["flags"])


def _actions(slos: list[dict[str, Any]]) -> Iterator[str]:
    """What policies have people do where not all is well."""
    for slo in slos:
        if slo["actions"] and slo["state"] != "FULL":
            yield f"{slo['name']}, by its policy: {'; '.join(slo['actions'])}"


def _beside(slos: list[dict[str, Any]]) -> Iterator[str]:
    """What stands beside judgements and is no part of them."""
    for slo in slos:
        yield from (f"{slo['name']}: {printable(note)}" for note in slo.get("notes", ()))
    for slo in slos:
        if slo.get("agreement"):
            yield ""
            yield from agreement.lines(slo["name"], slo["agreement"])


def _orphans(places: Sequence[dict[str, Any]]) -> Iterator[str]:
    """What runs left at the target for good, and what to do about it."""
    from prober.evaluator.judging.wording import orphaned

    for each in places:
        yield printable(orphaned(each["journey"], each["region"], each["count"]))
    if places:
        yield f"  {_MEND}"


def _left(result: dict[str, Any]) -> str:
    if result["runs_left"] is None:
        return "–"
    return f"{_share(result['remaining'], 1)} ({_number(result['runs_left'], 1, '')} runs)"


def _share(value: dict[str, str] | None, places: int = 3) -> str:
    return "–" if value is None else percent(_exact(value), places)


def _number(value: dict[str, str] | None, places: int, unit: str) -> str:
    return "–" if value is None else decimal(_exact(value), places) + unit


def _few(*counts: int | str) -> str:
    from prober.evaluator.judging.wording import few

    return few(sum(map(Fraction, counts), Fraction(0)))


def _exact(value: dict[str, str]) -> Fraction:
    return Fraction(value["exact"])


def _plain(text: str, style: str = "") -> Text:
    """Text as it is: what looks like markup in it is none."""
    from rich.text import Text

    return Text(text, style)
