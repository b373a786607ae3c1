"""`prober gate` and the verbs beside it, as a pipeline runs them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from prober.cli.gate import _compared
from tests.cli.judge import COMMIT, STATES, TOKEN, Judge
from tests.conftest import unused_port, wait_until


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judge]:
    running = Judge(tmp_path_factory.mktemp("judge"))
    yield running
    running.close()


@pytest.mark.parametrize(
    ("slo", "verdict", "code"),
    [
        ("search", "allow: budget available: ship", 0),
        ("browse", "allow: budget available: ship", 0),
        ("login", "approval:sre: it takes approval by sre", 10),
        ("account", "block: feature changes are frozen", 20),
        ("checkout", "block: feature changes are frozen", 20),
        ("signup", "inconclusive: too little is known to let anything ship", 30),
        ("sign-up", "inconclusive: too little is known to let anything ship", 30),
    ],
)
def test_the_first_line_is_the_verdict_and_the_exit_code_says_the_same(
    judge: Judge, slo: str, verdict: str, code: int
) -> None:
    said = judge.gate("--slo", slo)
    assert said.stdout.splitlines()[0] == verdict, said.stderr
    assert (said.returncode, said.stderr) == (code, "")


@pytest.mark.parametrize(("slo", "state"), STATES.items())
def test_every_state_is_named(judge: Judge, slo: str, state: str) -> None:
    assert f"  {slo} is {state}" in judge.gate("--slo", slo).stdout.splitlines()


def test_a_change_is_described_by_options(judge: Judge) -> None:
    def verdict(*options: str) -> str:
        return judge.gate(*options).stdout.partition(": ")[0]

    assert verdict("--journey", "browse", "--critical-path") == "approval:sre"
    assert verdict("--slo", "account", "--change", "config") == "approval:sre+product"
    assert verdict("--slo", "checkout", "--change", "security") == "approval:vp_engineering"
    assert verdict("--slo", "search", "--estimate", "30%") == "approval:sre"
    assert verdict("--slo", "search", "--estimate", "20%") == "allow"
    assert verdict("--slo", "search", "--journey", "checkout") == "block"


def test_what_stops_a_change_says_who_can_let_it_pass_and_how(judge: Judge) -> None:
    said = judge.gate("--slo", "checkout", "--commit", COMMIT).stdout
    assert "    availability over 100m is EXHAUSTED, 500% of its budget is consumed\n" in said
    assert (
        f"    vp_engineering can let it pass: prober override grant --slo checkout --commit "
        f"{COMMIT} --role vp_engineering --by … --reason …\n"
    ) in said


def test_what_the_policy_has_people_do_is_told(judge: Judge) -> None:
    told = "Alert engineering leadership; Require additional approval; Freeze non-essential changes"
    assert f"    policy seed-5: {told}; " in judge.gate("--slo", "login").stdout
    assert f"login, by its policy: {told}; " in judge.prober("status").stdout
    (ruling,) = json.loads(judge.gate("--slo", "login", "--json").stdout)["rulings"]
    assert "; ".join(ruling["actions"]).startswith(told)


def test_an_advisory_gate_says_the_truth_and_exits_0(judge: Judge) -> None:
    said = judge.gate("--slo", "checkout", "--advisory")
    assert said.returncode == 0
    assert said.stdout.splitlines()[:2] == [
        "block: feature changes are frozen",
        "  advisory: nothing is stopped",
    ]


def test_json_is_the_whole_decision(judge: Judge) -> None:
    said = judge.gate("--slo", "checkout", "--json")
    answer = json.loads(said.stdout)
    assert said.returncode == answer["exit"] == 20
    assert answer["verdict"] == "block"
    (result,) = answer["slos"][0]["results"]
    assert result["consumed"] == "5"


def test_a_decision_made_again_is_the_same(judge: Judge) -> None:
    decision = json.loads(judge.gate("--slo", "login", "--json").stdout)["decision"]
    again = judge.prober("gate", "--replay", decision)
    assert again.returncode == 10, again.stderr
    assert again.stdout.startswith(f"same\n  decision {decision} of ")
    missing = judge.prober("gate", "--replay", "0123456789ab")
    assert missing.returncode == 2
    assert "there is no decision '0123456789ab' in the audit log" in missing.stderr


def test_a_decision_that_is_not_the_same_is_inconclusive(judge: Judge, tmp_path: Path) -> None:
    decision = json.loads(judge.gate("--slo", "login", "--json").stdout)["decision"]
    text = (judge.contracts / "login.slo.yaml").read_text()
    (tmp_path / "login.slo.yaml").write_text(text.replace("90%", "50%"))
    where = ("--journal", str(judge.data), "--contracts", str(tmp_path))
    again = judge.prober("gate", "--replay", decision, *where)
    assert again.returncode == 30, again.stderr
    first, *rest = again.stdout.splitlines()
    assert first == "not the same: made again it is allow, and neither is relied on"
    assert "  verdict was approval:sre, now allow" in rest


def test_a_decision_whose_runs_are_gone_is_not_called_another() -> None:
    gone = "single runs are kept from 2026-07-03T14:00:00Z on"
    again = {
        "decision": "0123456789ab",
        "same": False,
        "gone": gone,
        "differences": [f"it cannot be made again: {gone}"],
        "then": {"as_of_ms": 0, "verdict": "allow"},
        "now": {"verdict": "inconclusive"},
    }
    assert list(_compared(again)) == [
        "it cannot be made again, and neither is relied on",
        "  decision 0123456789ab of 1970-01-01T00:00:00Z: allow",
        f"  it cannot be made again: {gone}",
    ]


@pytest.mark.parametrize(
    "options", [("--slo", "login"), ("--journey", "login"), ("--change", "feature")]
)
def test_what_is_made_again_is_not_asked_otherwise(judge: Judge, options: tuple[str, ...]) -> None:
    said = judge.prober("gate", "--replay", "0123456789ab", *options)
    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr == (
        "prober gate: --replay knows what was asked, leave out --slo, --journey and --change\n"
    )


def test_an_estimate_that_is_none_is_told_though_nobody_answers(judge: Judge) -> None:
    nobody = f"http://127.0.0.1:{unused_port()}"
    said = judge.gate("--slo", "search", "--estimate", "much", "--url", nobody)
    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr.startswith("prober gate: argument --estimate: 'much' is not a share, write")
    assert said.stderr.count("\n") == 1


def test_budget_is_reserved_listed_and_released(judge: Judge) -> None:
    made = judge.prober("budget", "reserve", "search", "20%", "--reason", "a move")
    assert made.returncode == 0, made.stderr
    name = made.stdout.split()[0]
    line = f"{name} 20% of search until it is released: a move"
    assert made.stdout == f"{line}\n"
    assert "20% reserved, 80% available" in judge.prober("budget", "explain", "search").stdout
    asked = judge.gate("--slo", "search", "--estimate", "10%")
    assert "with 10% more and 20% reserved it would be CAUTION" in asked.stdout
    released = judge.prober("budget", "release", name)
    assert released.stdout == f"{name} is released\n", released.stderr
    assert judge.prober("budget", "reservations", "search").stdout == f"{line}; over\n"
    assert judge.gate("--slo", "search", "--estimate", "10%").returncode == 0


def test_an_override_is_granted_used_and_listed(judge: Judge) -> None:
    options = ("--slo", "checkout", "--commit", COMMIT)
    granted = judge.prober(
        "override", "grant", *options, "--role", "vp_engineering", "--by", "ada",
        "--reason", "legal deadline", "--expires", "1h",
    )  # fmt: skip
    assert granted.returncode == 0, granted.stderr
    assert f"checkout in state EXHAUSTED, commit {COMMIT}, by ada" in granted.stdout
    passed = judge.gate(*options)
    assert passed.returncode == 0
    assert passed.stdout.startswith("allow_overridden: overridden by ada (vp_engineering) until ")
    other = judge.gate("--slo", "checkout", "--commit", "90d3f2c1ab")
    assert other.returncode == 20
    assert f"is ignored: it is for commit {COMMIT}" in other.stdout
    listed = judge.prober("override", "list")
    assert "legal deadline; decisions passed: 1" in listed.stdout


def test_an_exclusion_is_added_listed_and_revoked(judge: Judge) -> None:
    now = datetime.now(UTC)
    added = judge.prober(
        "exclude", "add", "--start", (now - timedelta(hours=3)).isoformat(timespec="seconds"),
        "--end", (now + timedelta(hours=1)).isoformat(timespec="seconds"),
        "--category", "scheduled_maintenance", "--reason", "database move",
        "--requested-by", "bob", "--approved-by", "mallory", "--journey", "account",
    )  # fmt: skip
    assert added.returncode == 0, added.stderr
    assert "account in all regions, scheduled_maintenance: database move" in added.stdout
    assert "account is UNKNOWN" in judge.gate("--slo", "account").stdout  # all of it is excluded
    name = added.stdout.split()[0]
    revoked = judge.prober("exclude", "revoke", name, "--by", "mia", "--reason", "a mistake")
    assert revoked.stdout == f"{name} is revoked\n", revoked.stderr
    assert "account is CRITICAL" in judge.gate("--slo", "account").stdout
    assert "revoked by mia: a mistake" in judge.prober("exclude", "list").stdout


def test_a_deploy_is_noted_and_listed(judge: Judge) -> None:
    noted = judge.prober("mark", "deploy", "v1.2.3", "--journey", "login", "--note", "new form")
    assert noted.returncode == 0, noted.stderr
    assert "v1.2.3, login: new form" in judge.prober("mark", "list").stdout


def test_the_same_is_answered_from_the_journal_without_an_evaluator(judge: Judge) -> None:
    where = ("--journal", str(judge.data), "--contracts", str(judge.contracts))

    def both() -> list[subprocess.CompletedProcess[str]]:
        """Their answers, unless a slot began meanwhile: every minute has one."""
        minute = time.time() // 60
        said = judge.gate("--slo", "checkout", *where, PROBER_URL="http://127.0.0.1:1")
        answers = [said, judge.gate("--slo", "checkout")]
        return answers if time.time() // 60 == minute else []

    said, asked = wait_until(both, 60)
    assert said.returncode == 20, said.stderr
    assert said.stdout.splitlines()[:-1] == asked.stdout.splitlines()[:-1]
    decision = said.stdout.split()[-1]  # both wrote into the same log
    assert judge.prober("gate", "--replay", decision).stdout.startswith("same\n")


@pytest.mark.parametrize(("option", "code"), [((), 30), (("--advisory",), 0)])
def test_an_evaluator_that_does_not_answer_is_inconclusive(
    judge: Judge, option: tuple[str, ...], code: int
) -> None:
    nobody = f"http://127.0.0.1:{unused_port()}"
    said = judge.gate("--slo", "search", "--url", nobody, *option)
    assert said.returncode == code
    assert said.stdout.startswith("inconclusive: too little is known")
    assert f"no evaluator answers at {nobody}" in said.stdout


def test_what_is_no_evaluator_is_inconclusive(judge: Judge) -> None:
    said = judge.gate("--slo", "search", "--url", f"{judge.url}/elsewhere")
    assert said.returncode == 30
    assert "answers 404, and not as an evaluator does" in said.stdout


@pytest.mark.parametrize(
    ("arguments", "environ", "message"),
    [
        pytest.param((), {"PROBER_TOKEN": "wrong"}, "a token is needed", id="a wrong token"),
        pytest.param(
            ("--change", "whim"),
            {},
            "invalid choice: 'whim'",
            id="a class that is not known",
        ),
        pytest.param(
            ("--estimate", "much"),
            {},
            "--estimate: 'much' is not a share",
            id="an estimate that is no share",
        ),
        pytest.param(("--url", "ftp://x"), {}, "'ftp://x' is not an address", id="no HTTP"),
        pytest.param(("--url", "http://[::1"), {}, "is not an address", id="half an address"),
        pytest.param(("--url", "http://"), {}, "is not an address", id="an address without host"),
        pytest.param(("--url", "http://x:p"), {}, "is not an address", id="a port that is none"),
        pytest.param(("--journal", "x"), {}, "no *.slo.yaml in it", id="no contracts"),
    ],
)
def test_bad_input_is_one_clear_line_and_exit_code_2(
    judge: Judge,
    arguments: tuple[str, ...],
    environ: dict[str, str],
    message: str,
    tmp_path: Path,
) -> None:
    where = ("--contracts", str(tmp_path)) if "--journal" in arguments else ()
    said = judge.gate("--slo", "search", *arguments, *where, **environ)
    assert (said.returncode, said.stdout) == (2, "")
    (line,) = said.stderr.splitlines()
    assert message in line


def test_the_change_and_what_it_touches_must_be_given(judge: Judge) -> None:
    unclassed, unnamed = judge.prober("gate", "--slo", "search"), judge.gate()
    assert unclassed.returncode == unnamed.returncode == 2
    assert "--change is missing" in unclassed.stderr
    assert "--slo and --journey are missing" in unnamed.stderr


def test_who_may_not_write_changes_nothing(judge: Judge) -> None:
    grant = ("override", "grant", "--slo", "checkout", "--commit", COMMIT, "--role", "sre")
    who = ("--by", "mallory", "--reason", "please")
    for arguments in ((*grant, *who), ("mark", "deploy", "v9")):
        said = judge.prober(*arguments, PROBER_TOKEN="wrong")
        assert said.returncode == 2
        assert said.stderr.startswith("prober: a token is needed")
    assert "v9" not in judge.prober("mark", "list", PROBER_TOKEN="").stdout
    assert "mallory" not in judge.prober("override", "list", PROBER_TOKEN="").stdout


def test_the_log_knows_every_decision_and_no_token(judge: Judge) -> None:
    judge.gate("--slo", "search")
    lines = (judge.data / "audit.jsonl").read_text().splitlines()
    assert any('"kind":"decision"' in line for line in lines)
    assert not any(TOKEN in line for line in lines)


def test_a_gate_has_no_time_for_what_is_heavy() -> None:
    script = "import sys; from prober.cli import gate; print(*sys.modules)"
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    loaded = {name.partition(".")[0] for name in said.stdout.split()}
    heavy = {"typer", "pydantic", "httpx", "rich", "ruamel", "starlette", "sqlite3", "asyncio"}
    assert loaded & heavy == set()
