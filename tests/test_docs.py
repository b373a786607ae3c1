"""The documentation holds what the code says, and its examples work; CONTRIBUTING.md has rules."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
import typer
from pydantic import BaseModel
from ruamel.yaml import YAML

import prober
from prober import conventions, discovery
from prober.agent.strain import Reading
from prober.cli import app, gate
from prober.cli.repeats import Repeats
from prober.cli.run import EXIT
from prober.config import Region, load_region
from prober.conventions import prometheus_name
from prober.errors import InputError
from prober.evaluator.alerts import channels
from prober.evaluator.alerts.channels import ChannelsKeys
from prober.evaluator.alerts.message import Message
from prober.evaluator.alerts.rehearsal import rehearsal
from prober.evaluator.alerts.webhook import KEY, SIGNATURE
from prober.journey import PARAMETERS, journey
from prober.model import (
    TARGET_CAUSES,
    Cause,
    Gap,
    Outcome,
    Phase,
    Run,
    RunId,
    Schedule,
    SlotReason,
    SlotState,
    Step,
)
from prober.slo import format as contract_format
from prober.slo import policy_format
from prober.slo.budget import Doubt
from prober.slo.exclusion import Category
from prober.slo.format import ContractKeys
from prober.slo.state import State
from prober.telemetry.resource import resource_of
from prober.units import format_ms
from tests.conftest import BACKENDS, ROOT, Shop, require_backends, unused_port, wait_until

DOCS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
SITE = "https://shop.example"
#: Region keys that only hold others.
PARTS = {"viewport", "control", "artefacts"}
#: Region keys whose default is worked out where it runs.
WORKED_OUT = {"concurrency", "data", "fleet", "user_agent_suffix"}


@dataclass(frozen=True)
class Block:
    """A fenced block of code on a page."""

    page: Path
    line: int
    #: The words after the fence: a language, then what CONTRIBUTING.md says.
    words: tuple[str, ...]
    text: str

    @property
    def id(self) -> str:
        return f"{self.page.name}:{self.line} {' '.join(self.words)}"


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


@cache
def blocks(path: Path) -> tuple[Block, ...]:
    found = []
    lines = iter(enumerate(path.read_text().splitlines(), 1))
    for number, line in lines:
        if line.startswith("```"):
            inside = []
            for _, content in lines:
                if content == "```":
                    break
                inside.append(content)
            words = tuple(line[3:].split())
            found.append(Block(path, number, words, "\n".join(inside) + "\n"))
    return tuple(found)


def where(accepts: Callable[[Block], object]) -> list[Any]:
    found = [block for path in DOCS for block in blocks(path) if accepts(block)]
    return [pytest.param(block, id=block.id) for block in found]


def is_file(block: Block) -> bool:
    return len(block.words) == 2 and "/" in block.words[1]


def prose(text: str) -> str:
    """A page without its blocks."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def section(text: str, heading: str) -> str:
    """From a heading to the next one of its level or above."""
    start = text.index(f"\n{heading}\n") + 1
    level = heading.split(" ")[0]
    following = re.search(rf"^#{{1,{len(level)}}} ", text[start + len(heading) :], re.MULTILINE)
    return text[start : start + len(heading) + following.start()] if following else text[start:]


def rows(text: str) -> list[list[str]]:
    """The cells of every table row, headers and rulers left out."""
    lines = prose(text).splitlines()
    found = []
    for line, after in zip(lines, [*lines[1:], ""], strict=True):
        if line.startswith("|") and not line.startswith("|---") and not after.startswith("|---"):
            found.append([cell.strip() for cell in line.split("|")[1:-1]])
    return found


def code(text: str) -> list[str]:
    """What stands in backticks."""
    return re.findall(r"`([^`\n]+)`", text)


def named(text: str) -> list[str]:
    """The names in the first cells of a text's tables."""
    return [name for row in rows(text) for name in code(row[0])]


# Commands


def commands() -> dict[str, Any]:
    """Every command by its words: those of a group, such as `slo explain`, each on their own."""
    group: Any = typer.main.get_command(app)
    found = {}
    for verb, command in group.commands.items():
        inner = getattr(command, "commands", None)
        found |= {verb: command} if inner is None else {f"{verb} {k}": v for k, v in inner.items()}
    return found


def options(words: str) -> dict[str, Any]:
    """The options of a command, each with its default."""
    if words == "gate":  # reads them without typer, to be quick
        actions = gate.parser()._actions
        return {name: a.default for a in actions for name in a.option_strings if a.dest != "help"}
    params = commands()[words].params
    return {name: p.default for p in params for name in p.opts if name.startswith("-")}


def documented(words: str) -> dict[str, str]:
    """The options that a command's section has, on whichever page, each with its default."""
    heading = f"### `prober {words}`"
    (found,) = [path for path in DOCS if f"\n{heading}\n" in path.read_text()]
    table = rows(section(prose(found.read_text()), heading))
    return {name: row[1] for row in table for name in code(row[0]) if name.startswith("-")}


def test_the_readme_lists_the_commands_there_are() -> None:
    listed = named(section((ROOT / "README.md").read_text(), "## Commands"))
    assert sorted(name.split()[1] for name in listed if name.startswith("prober ")) == sorted(
        {words.split()[0] for words in commands()}
    )


@pytest.mark.parametrize("words", sorted(commands()))
def test_a_command_has_help_and_its_options_are_documented(words: str) -> None:
    assert commands()[words].help
    assert sorted(documented(words)) == sorted(options(words))


@pytest.mark.parametrize("words", sorted(commands()))
def test_a_documented_default_is_the_default(words: str) -> None:
    written = documented(words)
    for name, default in options(words).items():
        if default not in (None, False):
            assert code(written[name]) == [str(default)]


# Names


def test_every_metric_is_documented_as_it_is() -> None:
    found = [row for row in rows(page("metrics.md")) if len(row) == 5]
    written = {code(row[0])[0]: (row[1], tuple(code(row[2])), code(row[3])) for row in found}
    expected = {
        metric.name: (f"{metric.kind}, {metric.unit}", metric.attributes, [prometheus_name(metric)])
        for metric in conventions.METRICS
    }
    assert written == expected


def attributes() -> set[str]:
    names = {value for value in vars(conventions).values() if isinstance(value, str)}
    return names.union(*(metric.attributes for metric in conventions.METRICS))


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_a_page_names_no_metric_or_attribute_that_does_not_exist(path: Path) -> None:
    dotted = {
        name for name in code(prose(path.read_text())) if re.fullmatch(r"prober\.[a-z_.]+", name)
    }
    metrics = {metric.name for metric in conventions.METRICS}
    assert dotted - metrics - attributes() == set()


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_a_page_names_no_prometheus_name_that_does_not_exist(path: Path) -> None:
    series = {prometheus_name(metric) for metric in conventions.METRICS}
    labels = {name.replace(".", "_") for name in attributes()}
    text = re.sub(r"(_bucket|_sum|_count)\b", "", path.read_text())
    others = {str(category) for category in Category} | {"prober_journeys"}  # one of pytest's own
    assert set(re.findall(r"(?<![\w/@-])prober_\w+", text)) - series - labels - others == set()


@pytest.mark.parametrize(
    ("event", "record"),
    [
        pytest.param(conventions.EVENT_GAP, Gap, id="a gap"),
        pytest.param(conventions.EVENT_SCHEDULE, Schedule, id="a schedule"),
    ],
)
def test_the_body_of_an_event_is_documented(event: str, record: Any) -> None:
    text = section(page("metrics.md"), "## Log events")
    sentence = re.sub(r"\s+", " ", text).split(f"`{event}` has ")[1]
    assert {field.name for field in fields(record)} <= set(code(sentence))


def test_every_event_is_documented() -> None:
    events = {conventions.EVENT_RUN, conventions.EVENT_GAP, conventions.EVENT_SCHEDULE}
    assert set(named(section(page("metrics.md"), "## Log events"))) == events


def test_every_outcome_and_cause_is_explained_and_belongs_together() -> None:
    table = rows(section(page("authors.md"), "## What a verdict means"))
    expected = {("passed", "")} | {
        ("failed" if cause in TARGET_CAUSES else "inconclusive", str(cause)) for cause in Cause
    }
    written = {tuple(cell.strip("`") for cell in row[:2]) for row in table}
    assert written == expected
    assert all(row[2] for row in table)
    assert {outcome for outcome, _ in written} == set(map(str, Outcome))


def test_every_slot_state_and_reason_is_explained() -> None:
    table = rows(section(page("operations.md"), "## Slots"))
    assert {row[0].strip("`") for row in table} == set(map(str, SlotState))
    assert {row[1].strip("`") for row in table} - {""} == set(map(str, SlotReason))


def test_every_phase_and_every_state_of_a_budget_is_explained() -> None:
    phases = next(row for row in rows(page("authors.md")) if row[0] == "`phases`")
    assert code(phases[1]) == list(map(str, Phase))
    assert set(map(str, State)) <= {
        row[0].strip("`") for row in rows(section(page("slo.md"), "## States"))
    }


@pytest.mark.parametrize(
    ("title", "names"),
    [
        pytest.param("field of a run", [field.name for field in fields(Run)], id="a run"),
        pytest.param("field of `summary`", [*Repeats([], 1).to_dict()], id="several"),
        pytest.param("field of `id`", RunId._fields, id="its identity"),
        pytest.param("field of `steps[]`", [field.name for field in fields(Step)], id="a step"),
    ],
)
def test_every_field_of_the_json_is_documented(title: str, names: list[str]) -> None:
    table = page("authors.md").split(f"| {title} |")[1].split("\n\n")[0]
    assert sorted(named(table.replace("\n|---|---|", ""))) == sorted(names)


def test_every_figure_of_the_machine_around_a_run_is_documented() -> None:
    pid = os.getpid()
    told = Reading.take(pid).since(Reading.take(pid)).keys() | {"loop_lag", "launch", "reference"}
    table = page("authors.md").split("| field of `host` |")[1].split("\n\n")[0]
    assert told <= set(named(table.replace("\n|---|---|", "")))


def test_the_exit_codes_of_a_run_are_documented() -> None:
    table = rows(section(page("authors.md"), "## `prober run`"))
    written = {code(row[1])[0]: int(row[0]) for row in table if row[0].isdigit() and code(row[1])}
    assert written == {str(outcome): number for outcome, number in EXIT.items()}


def test_every_reason_for_unknown_is_explained() -> None:
    assert set(named(section(page("slo.md"), "### UNKNOWN"))) == set(map(str, Doubt))


# Keys


def test_every_option_of_a_journey_is_documented_with_its_default() -> None:
    table = rows(section(page("authors.md"), "### Options of `@journey`"))
    written = {code(row[0])[0]: code(row[1])[0] for row in table}
    options = inspect.signature(journey).parameters.values()
    assert written == {option.name: repr(option.default).replace("'", '"') for option in options}


def test_every_parameter_and_word_of_a_journey_is_documented() -> None:
    assert set(named(section(page("authors.md"), "### Parameters"))) == PARAMETERS
    words = {name.split("(")[0] for name in named(section(page("authors.md"), "### Words"))}
    assert words == set(prober.__all__) - {"journey"}


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every key of a document as (dotted path, field), those within it too."""
    for name, field in model.model_fields.items():
        key = f"{prefix}{field.alias or name}"
        yield key, field
        for inner, mark in inner_models(field.annotation):
            yield from keys(inner, f"{key}{mark}.")


def inner_models(annotation: Any, mark: str = "") -> Iterator[tuple[type[BaseModel], str]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, mark
    here = {tuple: "[]", Mapping: ".<name>"}.get(get_origin(annotation) or str, mark)
    for inner in get_args(annotation):
        yield from inner_models(inner, here)


def region_keys() -> dict[str, Any]:
    found = dict(keys(Region))
    found["otlp[].endpoints.<signal>"] = found.pop("otlp[].endpoints")
    return {
        re.sub(r"^accounts\[\]", "accounts.<name>[]", key): field
        for key, field in found.items()
        # What an account has is written as secrets are.
        if key not in PARTS and not re.match(r"accounts\[\]\.\w+\.", key)
    }


def test_every_key_of_a_region_file_is_documented_and_no_other() -> None:
    assert sorted(named(section(page("regions.md"), "## Keys"))) == sorted(region_keys())


def test_a_documented_default_of_a_region_is_the_default() -> None:
    written = {code(row[0])[0]: row[1] for row in rows(section(page("regions.md"), "## Keys"))}
    for key, field in region_keys().items():
        if field.is_required():
            assert written[key] == "required", key
        elif key not in WORKED_OUT and isinstance(field.default, bool | int | str):
            is_span = isinstance(field.default, int) and field.alias
            default = format_ms(int(field.default)) if is_span else str(field.default)
            shown = str((field.json_schema_extra or {}).get("default", default))
            assert code(written[key].lower()) == [shown.lower()], key


def test_every_key_of_a_contract_is_documented() -> None:
    text = section(page("slo.md"), "## Fields")
    written = {word for name in code(text) for word in re.findall(r"\w+", name)}
    needed = {key.rpartition(".")[2] for key, _ in keys(ContractKeys)}
    assert needed - written == set()


def test_every_key_of_the_channels_is_documented_and_no_other() -> None:
    found = {key.replace("channels[].", "channels.<name>[].") for key, _ in keys(ChannelsKeys)}
    assert sorted(named(section(page("alerts.md"), "## Channels"))) == sorted(found)


def test_every_field_of_a_message_is_documented() -> None:
    text = section(page("alerts.md"), "### Webhooks")
    (of_headers, of_fields) = text.split("| field of a message |")
    assert {KEY, SIGNATURE} == set(named(of_headers))
    told = Message.of([rehearsal("oncall", 0)], "http://prober.example").to_dict()
    assert set(named(of_fields)) == set(told)
    assert set(told["alerts"][0]) <= set(code(of_fields))


def otel_rows() -> list[Any]:
    found = rows(section(page("regions.md"), "## Destinations"))
    return [pytest.param(*map(str.strip, code(row[0]) + code(row[1])), id=row[0]) for row in found]


@pytest.mark.parametrize(("variable", "example"), otel_rows())
def test_a_documented_variable_of_opentelemetry_is_heeded(
    tmp_path: Path, variable: str, example: str
) -> None:
    (tmp_path / "here.yaml").write_text(f"region: here\nbase_url: {SITE}\n")

    def heeded(environ: Mapping[str, str]) -> str:
        try:
            region = load_region(tmp_path / "here.yaml", environ)
        except InputError as error:  # a file that is not here, or a value that is refused
            return str(error)
        headers = [dict(each.headers) for each in region.otlp]
        return f"{region.model_dump()} {headers} {resource_of('here', '0', '1', environ)}"

    base = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}
    assert heeded(base | {variable: example}) != heeded(base)


# Examples


def filled(block: Block) -> dict[str, str]:
    """A value for each variable that a block asks for."""
    return dict.fromkeys(re.findall(r"\$\{(\w+)\}", block.text), "correct-horse-battery")


def is_ours(block: Block) -> bool:
    return block.words[:1] == ("yaml",) and "prometheus" not in block.words


@pytest.mark.parametrize("block", where(is_ours))
def test_a_yaml_example_loads(
    block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys_of = YAML(typ="safe").load(block.text)
    if keys_of.get("kind") == "SLO":
        assert contract_format.parse(block.text, block.id).objectives
        return
    if keys_of.get("kind") == "Policy":
        (tmp_path / "policy.yaml").write_text(block.text)
        assert policy_format.load(tmp_path / "policy.yaml").name
        return
    if "channels" in keys_of:
        (tmp_path / "channels.yaml").write_text(block.text)
        address = {"PAYMENTS_CHAT": "json://chat.example/token"}
        assert channels.load(tmp_path / "channels.yaml", filled(block) | address).ways
        return
    file = tmp_path / f"{keys_of['region']}.yaml"
    file.write_text(block.text)
    monkeypatch.chdir(tmp_path)
    for secret in map(Path, re.findall(r"\{file: ([^/}][^}]*)\}", block.text)):
        secret.parent.mkdir(exist_ok=True)
        secret.write_text("correct-horse-battery")
    assert load_region(file, filled(block)).name == keys_of["region"]


def write_files(page_of_docs: Path, directory: Path, shop: Shop) -> None:
    """Every file that a page shows, the site's address replaced by the shop's."""
    for block in blocks(page_of_docs):
        if is_file(block):
            file = directory / block.words[1]
            text = block.text.replace(SITE, shop.url)
            if file.parent.name == "regions":
                write_region(file, text)
            else:
                file.parent.mkdir(exist_ok=True)
                file.write_text(text)


def write_region(file: Path, text: str) -> None:
    """A region file for a machine on which other tests run meanwhile."""
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"{text}saturation: off\n")


PAGES_WITH_JOURNEYS = [
    pytest.param(path, id=path.name)
    for path in DOCS
    if any(is_file(block) and block.words[0] == "python" for block in blocks(path))
]


@pytest.mark.parametrize("block", where(lambda block: block.words[:1] == ("python",)))
def test_a_python_example_is_a_file(block: Block) -> None:
    compile(block.text, block.id, "exec")
    assert is_file(block)


@pytest.mark.parametrize("path", PAGES_WITH_JOURNEYS)
def test_the_journeys_of_a_page_load(path: Path, shop: Shop, tmp_path: Path) -> None:
    write_files(path, tmp_path, shop)
    shown = [
        block
        for block in blocks(path)
        if "@journey(" in block.text or "journey(every" in block.text
    ]
    found = discovery.describe(tmp_path / "journeys")
    assert len(found) == len([block for block in shown if block.words[0] == "python"])


@pytest.fixture
def environ(shop: Shop, browser_path: str) -> dict[str, str]:
    """A terminal in which `prober` is a command, and the shop is the site."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    found = {"PATH": path, "SHOP_URL": shop.url, "PROBER_BROWSER": browser_path, "NO_COLOR": "1"}
    return os.environ | found | {"PROBER_SANDBOX": "off"}  # a shop of our own, on loopback


def shell(command: list[str], directory: Path, environ: Mapping[str, str]) -> str:
    result = subprocess.run(
        command,
        cwd=directory,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=150,
    )
    assert result.returncode == 0, result.stdout
    return result.stdout


def settled(output: str) -> list[str]:
    """Output without what differs from run to run: numbers, bars, ids, places, white space."""
    text = re.sub(r"\S+/evidence/\S+/", "evidence/", output)
    text = re.sub("[▁-█]+", "█", text)
    return [" ".join(re.sub(r"\d+(\.\d+)?", "0", line).split()) for line in text.splitlines()]


@pytest.mark.browser
@pytest.mark.parametrize("block", where(lambda block: block.words[:2] == ("console", "run")))
def test_a_console_example_prints_what_it_shows(
    block: Block, shop: Shop, environ: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "journeys").symlink_to(ROOT / "journeys")
    for file in (ROOT / "regions").glob("*-*.yaml"):
        write_region(tmp_path / "regions" / file.name, file.read_text())
    script = tmp_path / "example.sh"
    shown = block.text.splitlines()
    script.write_text("".join(f"{line[2:]}\n" for line in shown if line.startswith("$ ")))
    for fault in block.words[2:]:
        shop.fault(fault)
    output = shell(["bash", "-v", str(script)], tmp_path, environ)  # -v shows each command
    assert settled(output) == settled(block.text.replace("$ ", ""))


def runnable(path: Path) -> str:
    return "".join(block.text for block in blocks(path) if block.words[:2] == ("sh", "run"))


@pytest.mark.browser
@pytest.mark.parametrize(
    "path", [pytest.param(path, id=path.name) for path in DOCS if runnable(path)]
)
def test_the_shell_examples_of_a_page_succeed_among_its_files(
    path: Path, shop: Shop, environ: dict[str, str], tmp_path: Path
) -> None:
    write_files(path, tmp_path, shop)
    output = shell(["bash", "-e", "-c", runnable(path)], tmp_path, environ)
    assert "all files load and fit together" in output
    assert "passed in" in output


@pytest.mark.browser
def test_the_readme_brings_a_site_up(shop: Shop, environ: dict[str, str], tmp_path: Path) -> None:
    write_files(ROOT / "README.md", tmp_path, shop)
    listen = f"127.0.0.1:{unused_port()}"
    log = (tmp_path / "up.log").open("wb")
    command = [sys.executable, "-m", "prober"]
    running = subprocess.Popen(
        [*command, "up", "--listen", listen], cwd=tmp_path, env=environ, stdout=log, stderr=log
    )

    def said(words: str) -> bool:
        assert running.poll() is None, (tmp_path / "up.log").read_text()
        return words in (tmp_path / "up.log").read_text()

    try:
        wait_until(lambda: said("evaluator is ready") and said("agent eu-west-1 is ready"), 90)
        status = [*command, "status", "--url", f"http://{listen}"]
        assert "browse" in shell(status, tmp_path, environ)
    finally:
        running.terminate()
        code_at_end = running.wait(90)
        log.close()
    assert code_at_end == 0, (tmp_path / "up.log").read_text()


def promtool(*arguments: str) -> None:
    result = subprocess.run(
        [BACKENDS / "bin" / "promtool", *arguments], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    "block", where(lambda block: block.words[:1] == ("promql",) or "prometheus" in block.words)
)
def test_promtool_accepts_a_query_or_rule(block: Block, tmp_path: Path) -> None:
    require_backends()
    rules = block.text
    if block.words == ("promql",):
        expression = "".join(f"          {line}\n" for line in rules.splitlines())
        rules = (
            f"groups:\n  - name: g\n    rules:\n      - record: r\n        expr: |\n{expression}"
        )
    (tmp_path / "rules.yml").write_text(rules)
    promtool("check", "rules", str(tmp_path / "rules.yml"))


# Links


def anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", prose(path.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links() -> list[Any]:
    return [
        pytest.param(path, target, id=f"{path.name} to {target}")
        for path in DOCS
        for target in re.findall(r"\]\(([^)\s]+)\)", prose(path.read_text()))
        if "://" not in target
    ]


@pytest.mark.parametrize(("path", "target"), links())
def test_a_link_leads_somewhere(path: Path, target: str) -> None:
    name, _, anchor = target.partition("#")
    file = (path.parent / name).resolve() if name else path
    assert file.exists()
    assert not anchor or anchor in anchors(file)


def test_every_page_can_be_reached_from_the_readme() -> None:
    linked = set(re.findall(r"\]\((docs/[^)#\s]+)", (ROOT / "README.md").read_text()))
    assert linked == {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")}
