"""`prober slo …`: what a contract's numbers mean, and contracts in other tools' formats."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from prober.cli import interchange
from prober.cli.ask import CONTRACTS, DEFAULT_URL, ask, show
from prober.cli.sheet import Sheet, duration, number, results, share
from prober.cli.where import AsJson, Contracts, Journal, Url
from prober.errors import ProberError

app = typer.Typer(
    help="What a contract's numbers mean: explain, suggest, whatif, export, import.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

app.command("export")(interchange.export_command)
app.command("import")(interchange.import_command)

Plain = dict[str, Any]
Slo = Annotated[str | None, typer.Argument(help="Only this SLO.", show_default="all of them")]
Objective = Annotated[str | None, typer.Option(help="Only this objective.")]
Window = Annotated[str | None, typer.Option(help="Only this window.")]


@app.command()
def explain(
    slo: Slo = None,
    objective: Objective = None,
    window: Window = None,
    url: Url = DEFAULT_URL,
    journal: Journal = None,
    contracts: Contracts = CONTRACTS,
    as_json: AsJson = False,
) -> None:
    """Say what the schedule of a journey can see of its objectives, and what it cannot."""
    request = {"slo": slo, "objective": objective, "window": window}
    answer = ask("slo-explain", request, url=url, journal=journal, contracts=contracts)
    if as_json:
        show(answer, (), as_json)
        return
    for sheet, about, result in results(answer):
        sheet.line(f"{about}: {share(result['target'])}", "bold")
        _explained(sheet, result)


@app.command()
def suggest(
    slo: Slo = None,
    objective: Objective = None,
    window: Window = None,
    cost: Annotated[
        list[str] | None,
        typer.Option(help="What a target would cost, as 99.9%='a second region'; repeat for more."),
    ] = None,
    url: Url = DEFAULT_URL,
    journal: Journal = None,
    contracts: Contracts = CONTRACTS,
    as_json: AsJson = False,
) -> None:
    """Suggest a target from what the journey has kept, and say whether today's suits it."""
    costs = dict(_cost(each) for each in cost or ())
    request = {"slo": slo, "objective": objective, "window": window, "cost": costs}
    answer = ask("slo-suggest", request, url=url, journal=journal, contracts=contracts)
    if as_json:
        show(answer, (), as_json)
        return
    for sheet, about, result in results(answer):
        found = share(result["suggested"]) if result["suggested"] else "no target"
        sheet.line(f"{about}: suggested is {found}", "bold")
        _suggested(sheet, result)


@app.command()
def whatif(
    target: Annotated[str, typer.Option(help="The other target, as 99.95%.")],
    slo: Slo = None,
    objective: Objective = None,
    window: Window = None,
    url: Url = DEFAULT_URL,
    journal: Journal = None,
    contracts: Contracts = CONTRACTS,
    as_json: AsJson = False,
) -> None:
    """Say what another target would mean, and what it would have meant so far."""
    request = {"target": target, "slo": slo, "objective": objective, "window": window}
    answer = ask("slo-whatif", request, url=url, journal=journal, contracts=contracts)
    if as_json:
        show(answer, (), as_json)
        return
    for sheet, about, result in results(answer):
        then, now = (share(result[when]["target"]) for when in ("then", "now"))
        sheet.line(f"{about}: {then} instead of {now}", "bold")
        _compared(sheet, result)


def _cost(text: str) -> tuple[str, str]:
    target, equals, words = text.partition("=")
    if not (equals and words.strip()):
        raise ProberError(f"--cost {text!r} is not a target and words, write 99.9%='two people'")
    return target.strip(), words.strip()


def _explained(sheet: Sheet, result: Plain) -> None:
    if not result["runs"]:
        sheet.line("  nothing can be told: no region runs the journey")
        return
    unit, proof = result["unit"], result["proof"]
    judged = "" if unit == "runs" else f", judged in {result['judged']} slices"
    for line in (
        f"{result['runs']} runs{judged}: {number(result['budget'])} {unit} may be bad, "
        f"or {duration(result['budget_ms'])}; each costs {share(result['one_failure'], 2)}",
        *(f"cannot be measured: {doubt}" for doubt in result["doubts"]),
        f"an outage of {duration(result['outage_seen_ms'])} is surely met by a run; of "
        f"{duration(result['outage_seen_in_step_ms'])}, if all regions started together",
        f"{proof['runs']} runs without failure prove the target: {duration(proof['ms'])}",
        *(
            f"{trial['runs']} runs tell it from {share(trial['from'])}: {duration(trial['ms'])}"
            for trial in [result["tell_apart"]]
            if trial
        ),
    ):
        sheet.line(f"  {line}")
    if result["alerts"]:
        _alerts(sheet, result)


def _alerts(sheet: Sheet, result: Plain) -> None:
    first = result["detects"]
    for line in (
        f"a total outage is told after {duration(first['outage_ms'])}, one region down after "
        f"{duration(first['one_region_ms'])}, 10% errors after {duration(first['some_errors_ms'])}",
        f"by chance somebody is woken {result['false_pages']:g} times in a window if the target is "
        f"just kept, {result['false_pages_better']:g} times if half as many runs fail",
    ):
        sheet.line(f"  {line}")
    sheet.table(
        ("alert", "severity", "burn", "over", "failures", "budget", "outage", "one region",
         "10% errors", "by chance"),
        (_alert(row) for row in result["alerts"]),
    )  # fmt: skip
    for row in result["alerts"]:
        if row["unreachable"]:
            sheet.line(f"  {row['name']} can never fire: {row['unreachable']}")


def _alert(row: Plain) -> list[str]:
    where = " in one region" if row["each_region"] else ""
    return [
        row["name"],
        row["severity"],
        f"{number(row['burn'])}×",
        f"{duration(row['long_ms'])}, {duration(row['short_ms'])}",
        f"{row['failures']}{where}",
        share(row["consumes"], 1),
        *(duration(row[key]) for key in ("outage_ms", "one_region_ms", "some_errors_ms")),
        f"{row['false_alarms']:g}",
    ]


_FITS = {
    "tight": "too tight: at least half of the windows overspent it",
    "loose": "too loose: no window spent a quarter of its budget",
    "ok": "right for the journey",
    "undetermined": "not to be judged yet: that takes two whole windows",
}
_VERDICTS = {
    "met": "the runs prove that it is met",
    "missed": "the runs prove that it is missed",
    "undetermined": "the runs do not prove whether it is met",
}


def _suggested(sheet: Sheet, result: Plain) -> None:
    interval = result["interval"]
    sheet.line(f"  because {result['why']}")
    sheet.line(f"  today's {share(result['target'])} is {_FITS[result['fit']]}")
    if result["structural"]:
        missed = result["missed_in_a_row"]
        sheet.line(f"  it was missed {missed} windows in a row: it is out of reach as things are")
    if result["valid"] != "0":
        low, high = (f"{100 * interval[edge]:.4g}%" for edge in ("low", "high"))
        independent = number(interval["independent"], 0)
        counted = f" and count as {independent}" if independent != result["valid"] else ""
        sheet.line(
            f"  {result['bad']} of {result['valid']} {result['unit']} were bad{counted}: "
            f"{low} to {high} are good; {_VERDICTS[result['verdict']]}"
        )
    sheet.table(
        ("target", result["unit"], "time", "one failure", "missed", "told apart after", "cost", ""),
        (_rung(row, result) for row in result["ladder"]),
    )
    if result["windows"]:
        columns = ("from", "to", "compliance", "consumed", "bad", "of", "")
        sheet.table(columns, (_window(row) for row in result["windows"]))


def _rung(row: Plain, result: Plain) -> list[str]:
    marks = [
        mark
        for mark, there in (
            ("suggested", row["target"] == result["suggested"]),
            ("today", row["target"] == result["target"]),
            ("cannot be measured", not row["measurable"]),
        )
        if there
    ]
    return [
        share(row["target"]),
        number(row["budget"]),
        duration(row["budget_ms"]),
        share(row["one_failure"], 2),
        f"{row['missed']} of {sum(window['known'] for window in result['windows'])}",
        f"{row['tell_from_below']} runs" if row["tell_from_below"] else "",
        row["cost"],
        ", ".join(marks),
    ]


def _window(row: Plain) -> list[str]:
    met = {True: "met", False: "missed", None: ""}[row["met"]]
    return [
        row["start"],
        row["end"],
        share(row["compliance"]),
        share(row["consumed"], 1),
        row["bad"],
        row["valid"],
        met if row["known"] else f"not counted: {row['reason']}",
    ]


def _compared(sheet: Sheet, result: Plain) -> None:
    now, then = result["now"], result["then"]
    figures = [
        ("state", *(each["state"] for each in (now, then))),
        ("consumed", *(share(each["consumed"], 1) for each in (now, then))),
        (f"{now['unit']} that may be bad", *(number(each["budget"]) for each in (now, then))),
        ("the same as time", *(duration(each["budget_ms"]) for each in (now, then))),
        ("one failure costs", *(share(each["one_failure"], 2) for each in (now, then))),
        ("windows missed", str(result["missed_now"]), str(result["missed_then"])),
        ("proven by", *(f"{each['proof']['runs']} runs" for each in (now, then))),
        ("woken by chance", *(f"{each['false_pages']:g}" for each in (now, then))),
    ]
    sheet.table(("", share(now["target"]), share(then["target"])), figures)
    for doubt in then["doubts"]:
        sheet.line(f"  cannot be measured: {doubt}")
    for alert in result["unreachable"]:
        sheet.line(f"  {alert['name']} could never fire: {alert['why']}")
    for finding in result["findings"]:
        sheet.line(f"  {finding['severity']}: {finding['what']} [{finding['code']}]")
    if result["windows"]:
        columns = ("from", "to", "compliance", share(now["target"]), share(then["target"]))
        sheet.table(columns, (_before_and_after(row) for row in result["windows"]))


def _before_and_after(row: Plain) -> list[str]:
    words = {True: "met", False: "missed", None: "–"}
    verdicts = [words[row["met"]], words[row["would_meet"]]] if row["known"] else ["–", "–"]
    return [row["start"], row["end"], share(row["compliance"]), *verdicts]
