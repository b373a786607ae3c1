"""The door of a running evaluator: who may write, who may read, how often, and what is noted."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect, sync_playwright

from prober.errors import AuditBroken
from prober.evaluator.audit import AUDIT, AuditLog, Kind, by_token
from prober.evaluator.door import headers
from prober.evaluator.door.tokens import TOKENS, Scope, TokenFile
from prober.evaluator.verbs import VERBS
from tests.evaluator.conftest import Evaluator, launch
from tests.evaluator.test_evaluator import refused

MASTER = "correct-horse"
JSON = {"Content-Type": "application/json"}
PROTOBUF = {"Content-Type": "application/x-protobuf"}
GATE = {"slo": ["checkout"], "change": "feature"}
#: One way to use each scope that something takes today.
USES = {
    Scope.INGEST: ("/v1/logs", PROTOBUF),
    Scope.GATE: ("/api/v1/gate", JSON),
    Scope.MARK: ("/api/v1/mark-deploy", JSON),
    Scope.EXCLUDE: ("/api/v1/exclude-add", JSON),
    Scope.OVERRIDE: ("/api/v1/override-grant", JSON),
    Scope.RESERVE: ("/api/v1/budget-reserve", JSON),
    Scope.SILENCE: ("/api/v1/silence-add", JSON),
    Scope.REVIEW: ("/api/v1/review-record", JSON),
    Scope.RELOAD: ("/-/reload", {}),
}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def basic(token: str, name: str = "anybody") -> dict[str, str]:
    return {"Authorization": f"Basic {b64encode(f'{name}:{token}'.encode()).decode()}"}


def tokens(judge: Evaluator) -> TokenFile:
    return TokenFile(judge.data / TOKENS)


def make(judge: Evaluator, name: str, *scopes: Scope, expires_ms: int | None = None) -> str:
    return tokens(judge).create(name, frozenset(scopes), 1, expires_ms)


def ask(judge: Evaluator, verb: str, body: Any, **said: str) -> httpx.Response:
    return judge.http.post(f"/api/v1/{verb}", json=body, headers=said)


def count(judge: Evaluator, reason: str) -> int:
    """How many requests were refused for this, by the metric."""
    text = judge.http.get("/metrics").raise_for_status().text
    pattern = rf'^prober_access_refused_total\{{prober_reason="{reason}"\}} (\d+)$'
    found = re.search(pattern, text, re.MULTILINE)
    assert found, text
    return int(found[1])


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evaluator]:
    """With PROBER_TOKEN, and a token for each scope."""
    judge = launch(tmp_path_factory.mktemp("guarded"), MASTER)
    yield judge
    judge.close()


@pytest.fixture(scope="module")
def scoped(guarded: Evaluator) -> dict[Scope, str]:
    return {scope: make(guarded, f"for-{scope}", scope) for scope in Scope}


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evaluator]:
    """Of which reading takes a token, too."""
    judge = launch(tmp_path_factory.mktemp("closed"), MASTER, ("--protect-reads",))
    yield judge
    judge.close()


# Scopes


@pytest.mark.parametrize("needed", USES)
def test_a_token_is_good_for_its_scope_and_no_other(
    needed: Scope, guarded: Evaluator, scoped: dict[Scope, str]
) -> None:
    path, kind = USES[needed]
    for scope, token in scoped.items():
        reply = guarded.http.post(path, content=b"", headers=kind | bearer(token))
        assert (reply.status_code == 403) == (scope is not needed), (scope, reply.text)
        assert reply.status_code != 401
        if scope is not needed:
            assert f"the token for-{scope} is for {scope}, and this takes one for {needed}" in (
                reply.text
            )
    assert guarded.http.post(path, content=b"", headers=kind | bearer(MASTER)).status_code < 403


def test_every_scope_of_a_verb_is_tried_here() -> None:
    assert {verb.scope for verb in VERBS.values()} <= {None, *USES}


def test_a_token_with_several_scopes_is_good_for_each(guarded: Evaluator) -> None:
    both = bearer(make(guarded, "pipeline", Scope.GATE, Scope.MARK))
    assert ask(guarded, "gate", GATE, **both).status_code == 200
    assert ask(guarded, "mark-deploy", {"name": "v1"}, **both).status_code == 200
    refusal = ask(guarded, "budget-release", {"id": "x"}, **both)
    assert refusal.status_code == 403
    assert "is for gate, mark, and this takes one for reserve" in refusal.json()["error"]


def test_a_token_is_taken_as_soon_as_it_is_made_and_refused_as_soon_as_it_is_revoked(
    guarded: Evaluator,
) -> None:
    mine = bearer(make(guarded, "passing", Scope.MARK))
    assert ask(guarded, "mark-deploy", {"name": "v1"}, **mine).status_code == 200
    tokens(guarded).revoke("passing")
    assert ask(guarded, "mark-deploy", {"name": "v2"}, **mine).status_code == 401


def test_a_token_whose_time_is_over_is_told_so(guarded: Evaluator) -> None:
    before = count(guarded, "expired")
    old = bearer(make(guarded, "old", Scope.MARK, expires_ms=1000))
    young_ms = time.time_ns() // 1_000_000 + 60_000
    young = bearer(make(guarded, "young", Scope.MARK, expires_ms=young_ms))
    reply = ask(guarded, "mark-deploy", {"name": "v1"}, **old)
    assert reply.status_code == 401
    assert reply.headers["WWW-Authenticate"] == "Bearer"
    assert "the token old has expired at 1970-01-01T00:00:01Z" in reply.json()["error"]
    assert count(guarded, "expired") == before + 1
    assert ask(guarded, "mark-deploy", {"name": "v1"}, **young).status_code == 200


def test_the_first_token_closes_a_door_that_was_open_for_good(
    evaluator: Callable[..., Evaluator],
) -> None:
    judge = evaluator()
    assert ask(judge, "mark-deploy", {"name": "v1"}).status_code == 200
    mine = bearer(make(judge, "ci", Scope.MARK))
    assert ask(judge, "mark-deploy", {"name": "v2"}).status_code == 401
    assert ask(judge, "mark-deploy", {"name": "v3"}, **mine).status_code == 200
    tokens(judge).revoke("ci")
    assert ask(judge, "mark-deploy", {"name": "v4"}).status_code == 401


def test_a_file_of_tokens_that_cannot_be_read_lets_nobody_in(
    evaluator: Callable[..., Evaluator],
) -> None:
    judge = evaluator(MASTER)
    mine = bearer(make(judge, "ci", Scope.MARK))
    tokens(judge).path.write_text("nonsense")
    for _ in range(2):
        assert ask(judge, "mark-deploy", {"name": "v1"}, **mine).status_code == 401
    assert ask(judge, "mark-deploy", {"name": "v1"}, **bearer(MASTER)).status_code == 200
    judge.close()
    said = refused("--contracts", str(judge.contracts), "--data", str(judge.data))
    assert "is not a file of tokens: restore it from a copy" in said


def test_with_tokens_in_its_file_any_address_may_be_listened_to(
    tmp_path: Path, contract_text: Callable[..., str]
) -> None:
    """It comes past the door, and to what is wrong after it."""
    (tmp_path / "checkout.slo.yaml").write_text(contract_text())
    TokenFile(tmp_path / TOKENS).create("ci", frozenset(Scope), 1)
    where = ("--contracts", str(tmp_path), "--data", str(tmp_path))
    assert "give another --listen" in refused(*where, "--listen", "192.0.2.1:0")


# What is noted


def test_the_log_has_the_name_of_the_token_and_never_the_token(
    guarded: Evaluator, scoped: dict[Scope, str]
) -> None:
    ask(guarded, "mark-deploy", {"name": "by-name"}, **bearer(scoped[Scope.MARK]))
    ask(guarded, "mark-deploy", {"name": "by-all"}, **bearer(MASTER))
    decision = ask(guarded, "gate", GATE, **bearer(scoped[Scope.GATE])).json()["decision"]
    log = AuditLog.open(guarded.data / AUDIT)
    named = {entry.body["name"]: entry.token for entry in log.entries(Kind.DEPLOY)}
    assert (named["by-name"], named["by-all"]) == ("for-mark", "PROBER_TOKEN")
    entry = log.find(decision)
    assert entry is not None
    assert entry.token == "for-gate"
    guarded.http.post("/-/reload", headers=bearer(scoped[Scope.RELOAD]))
    assert log.entries(Kind.RELOAD)[-1].token == "for-reload"
    replayed = ask(guarded, "gate-replay", {"decision": decision}).json()
    assert replayed["same"] is True
    text = log.path.read_text()
    assert not any(token in text for token in (MASTER, *scoped.values()))


def test_a_log_from_before_tokens_goes_on_with_them(tmp_path: Path) -> None:
    log = AuditLog.open(tmp_path / AUDIT)
    log.append(Kind.DEPLOY, {"n": 1}, 1)
    before = log.path.read_bytes()
    assert list(json.loads(before)) == ["at_ms", "body", "kind", "number", "previous", "hash"]
    with by_token("ci"):
        log.append(Kind.DEPLOY, {"n": 2}, 2)
    log.append(Kind.DEPLOY, {"n": 3}, 3)
    assert log.path.read_bytes().startswith(before)
    again = AuditLog.open(log.path)
    assert again.verify() == 3
    assert [entry.token for entry in again.entries()] == [None, "ci", None]
    log.path.write_bytes(log.path.read_bytes().replace(b'"token":"ci"', b'"token":"me"'))
    with pytest.raises(AuditBroken, match="line 2 was changed"):
        AuditLog.open(log.path)


# Limits


def test_who_guesses_is_held_back_and_who_was_let_in_is_not(
    evaluator: Callable[..., Evaluator],
) -> None:
    judge = evaluator(MASTER)
    assert ask(judge, "mark-deploy", {"name": "v1"}, **bearer(MASTER)).status_code == 200
    wrong = [ask(judge, "mark-deploy", {}, **bearer(f"guess {n}")) for n in range(25)]
    assert [reply.status_code for reply in wrong] == [401] * 20 + [429] * 5
    assert 1 <= int(wrong[-1].headers["Retry-After"]) <= 6
    assert (count(judge, "wrong_token"), count(judge, "limit")) == (20, 5)
    late = bearer(make(judge, "late", Scope.MARK))
    for right in (late, bearer(MASTER)):
        assert ask(judge, "mark-deploy", {"name": "v2"}, **right).status_code == 200
    assert judge.http.get("/").status_code == 200
    elsewhere = httpx.HTTPTransport(local_address="127.0.0.2")
    with httpx.Client(base_url=judge.url, transport=elsewhere) as stranger:
        right = {"json": {"name": "v3"}, "headers": bearer(MASTER)}
        guesses = [
            stranger.post("/api/v1/mark-deploy", headers=bearer(f"guess {n}")) for n in range(21)
        ]
        assert {reply.status_code for reply in guesses[:20]} == {401}
        assert guesses[20].status_code == 429
        told = stranger.post("/api/v1/mark-deploy", **right)
        assert told.status_code == 429, "a good guess is not told from others"


def test_one_scope_is_held_back_and_others_are_not(evaluator: Callable[..., Evaluator]) -> None:
    judge = evaluator()
    sent = [judge.http.post("/v1/logs", headers=PROTOBUF) for _ in range(300)]
    assert {reply.status_code for reply in sent} == {200}, "a fleet may sit behind one address"
    asked = [ask(judge, "mark-list", {}) for _ in range(200)]
    codes = {reply.status_code for reply in asked}
    assert codes == {200, 429}
    refusal = next(reply for reply in asked if reply.status_code == 429)
    assert refusal.headers["Retry-After"] == "1"
    assert "too many requests from this address" in refusal.json()["error"]
    assert ask(judge, "mark-deploy", {"name": "v1"}).status_code == 200
    assert judge.http.post("/v1/logs", headers=PROTOBUF).status_code == 200


@pytest.mark.long
def test_limits_can_be_off(evaluator: Callable[..., Evaluator]) -> None:
    judge = evaluator(options=("--limits", "0"))
    replies = [ask(judge, "mark-list", {}) for _ in range(200)]
    assert {reply.status_code for reply in replies} == {200}


# Pages of other sites


@pytest.mark.parametrize("path", ["/v1/logs", "/api/v1/mark-deploy", "/-/reload"])
@pytest.mark.parametrize(
    "said",
    [
        pytest.param({"Origin": "https://elsewhere.example"}, id="another site"),
        pytest.param({"Origin": "null"}, id="a page without a site"),
        pytest.param({"Host": "rebound.example"}, id="a name that was made to lead here"),
        pytest.param({"Host": "rebound.example:8750"}, id="the same with a port"),
        pytest.param({"Host": "192.0.2.1"}, id="another address"),
        pytest.param({"Host": "[::1"}, id="no host"),
    ],
)
def test_what_takes_no_token_is_not_for_pages_of_other_sites(
    path: str, said: dict[str, str], shared_evaluator: Evaluator
) -> None:
    kind = PROTOBUF if path == "/v1/logs" else JSON
    reply = shared_evaluator.http.post(path, content=b"{}", headers=kind | said)
    assert (reply.status_code, "pages may not ask for this" in reply.text) == (403, True)


@pytest.mark.parametrize("host", ["localhost", "localhost:1", "[::1]:8750", "127.0.0.1"])
def test_whatever_this_machine_is_called_it_may_write(
    host: str, shared_evaluator: Evaluator
) -> None:
    reply = shared_evaluator.http.post("/v1/logs", headers=PROTOBUF | {"Host": host})
    assert reply.status_code == 200


def test_behind_a_proxy_a_token_is_enough(guarded: Evaluator) -> None:
    there = {"Host": "prober.example", "Origin": "https://prober.example"}
    assert ask(guarded, "mark-deploy", {"name": "v1"}, **there, **bearer(MASTER)).is_success


@pytest.mark.parametrize("path", ["/api/v1/mark-deploy", "/api/v1/status", "/", "/v1/logs"])
def test_no_other_site_is_told_that_it_may_ask(path: str, shared_evaluator: Evaluator) -> None:
    there = {"Origin": "https://elsewhere.example"}
    asking = there | {"Access-Control-Request-Method": "POST"}
    for reply in (
        shared_evaluator.http.options(path, headers=asking),
        shared_evaluator.http.get(path, headers=there),
        shared_evaluator.http.post(path, headers=there),
    ):
        assert not [name for name in reply.headers if name.startswith("access-control-")]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"), ("GET", "/nowhere"), ("GET", "/api/v1/status"), ("GET", "/v1/logs"),
        ("GET", "/api/v1/openapi.json"), ("GET", "/healthz"), ("POST", "/api/v1/gate"),
        ("POST", "/api/v1/nothing"), ("POST", "/v1/logs"), ("POST", "/-/reload"), ("PUT", "/"),
        ("OPTIONS", "/"),
    ],
)  # fmt: skip
def test_no_answer_is_taken_for_something_else(
    method: str, path: str, shared_evaluator: Evaluator, closed: Evaluator
) -> None:
    for judge in (shared_evaluator, closed):
        reply = judge.http.request(method, path)
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        if reply.headers.get("Content-Type", "").startswith("text/html"):
            assert "frame-ancestors 'none'" in reply.headers["Content-Security-Policy"]


def test_what_is_made_for_other_pages_may_be_shown_in_them() -> None:
    policies = [each["Content-Security-Policy"] for each in (headers.PAGE, headers.EMBEDDED)]
    assert policies[0].replace("frame-ancestors 'none'", "frame-ancestors *") == policies[1]


# Reading


READ = ("/", "/site.css", "/api/v1/status", "/api/v1/openapi.json", "/badge/checkout.svg",
        "/metrics", "/nowhere")  # fmt: skip


@pytest.mark.parametrize("path", READ)
def test_reading_takes_a_token_where_it_is_protected(path: str, closed: Evaluator) -> None:
    for wrong in ({}, bearer("wrong"), basic(""), {"Authorization": "Basic !"}):
        reply = closed.http.get(path, headers=wrong)
        assert reply.status_code == 401
        assert reply.headers["WWW-Authenticate"] == 'Basic realm="Prober", charset="UTF-8"'
        assert "checkout" not in reply.text
    mine = make(closed, f"reader-{READ.index(path)}", Scope.READ)
    expected = 404 if path == "/nowhere" else 200
    for right in (bearer(mine), basic(mine), basic(mine, ""), bearer(MASTER), basic(MASTER)):
        assert closed.http.get(path, headers=right).status_code == expected


def test_a_token_for_something_else_reads_nothing(closed: Evaluator) -> None:
    other = make(closed, "marker", Scope.MARK)
    reply = closed.http.get("/api/v1/status", headers=bearer(other))
    assert reply.status_code == 403
    assert reply.json()["error"] == "the token marker is for mark, and this takes one for read"
    assert ask(closed, "mark-list", {}, **bearer(other)).status_code == 403
    assert ask(closed, "mark-deploy", {"name": "v1"}, **bearer(other)).status_code == 200
    tokens(closed).revoke("marker")


def test_verbs_that_only_read_are_protected_with_the_pages(closed: Evaluator) -> None:
    assert ask(closed, "mark-list", {}).status_code == 401
    assert ask(closed, "mark-list", {}, **bearer(MASTER)).status_code == 200


def test_what_a_browser_sends_by_itself_writes_nothing(closed: Evaluator) -> None:
    for path, kind in USES.values():
        reply = closed.http.post(path, headers=kind | basic(MASTER))
        assert (reply.status_code, reply.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_who_watches_the_process_needs_no_token_and_learns_nothing(closed: Evaluator) -> None:
    assert closed.http.get("/healthz").status_code == 200
    assert closed.http.get("/readyz").json() == {"ready": True}
    assert closed.http.get("/readyz", headers=bearer("wrong")).json() == {"ready": True}
    assert closed.http.get("/readyz", headers=bearer(MASTER)).json()["slos"] == 1


def test_the_command_shows_its_token_to_read(closed: Evaluator) -> None:
    command = [sys.executable, "-m", "prober", "status", "--url", closed.url]
    without = subprocess.run(command, capture_output=True, text=True)
    assert (without.returncode, without.stdout) == (2, "")
    assert without.stderr.startswith(f"prober: {closed.url}: a token is needed")
    environ = os.environ | {"PROBER_TOKEN": MASTER}
    told = subprocess.run(command, capture_output=True, text=True, env=environ)
    assert "checkout" in told.stdout


def test_a_door_to_which_nobody_has_a_key_is_refused(
    tmp_path: Path, contract_text: Callable[..., str]
) -> None:
    (tmp_path / "checkout.slo.yaml").write_text(contract_text())
    where = ("--contracts", str(tmp_path), "--data", str(tmp_path / "data"))
    said = refused(*where, "--protect-reads", "--listen", "127.0.0.1:0")
    assert "--protect-reads takes a token to read with" in said


@pytest.mark.browser
def test_a_browser_asks_for_the_token_and_shows_the_page(
    browser_path: str, closed: Evaluator
) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=browser_path, args=["--no-sandbox"], chromium_sandbox=False
        )
        stranger = browser.new_page()
        assert (reply := stranger.goto(closed.url))
        assert reply.status == 401
        known = browser.new_context(http_credentials={"username": "me", "password": MASTER})
        page = known.new_page()
        page.goto(closed.url)
        expect(page.get_by_role("heading", level=1)).to_contain_text("UNKNOWN")
        with page.expect_response(lambda each: each.request.resource_type == "fetch") as renewed:
            pass
        assert renewed.value.status == 200
        browser.close()
