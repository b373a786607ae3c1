"""Two regions and one crash: no login is shared, and nothing is left behind after the next run."""

from __future__ import annotations

import json
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from prober import conventions as names
from prober.journal.view import View
from prober.model import Cause, EffectState, Run
from tests.agent.test_accounts import lease, pools
from tests.agent.whole import CONTRACT
from tests.books import rows
from tests.e2e.conftest import Place, Process

REGIONS = ("eu-west-1", "us-east-1")
JOURNEY = """
    import httpx

    from prober import account, cleanup, journey, run_name, step


    def sign_in(http: httpx.Client) -> None:
        shopper = account("shopper")
        login = {"user": shopper.user, "password": shopper.password}
        reply = http.post("/login", json=login)
        assert reply.status_code == 200
        http.headers["Authorization"] = reply.json()["token"]


    def cancel(http: httpx.Client, reference: str) -> None:
        sign_in(http)
        http.delete(f"/orders/{reference}")


    @journey(every="2s", timeout="1900ms", accounts=["shopper"])
    def order(http: httpx.Client) -> None:
        with step("sign in"):
            sign_in(http)
        number = run_name()
        cleanup(cancel, number)
        with step("order"):
            reply = http.post("/orders", json={"number": number})
            assert reply.status_code == 201
"""


#: Two of these would meet: each takes almost half of its period.
LOOK = """
    import time

    import httpx

    from prober import account, cleanup, journey, step


    @journey(every="2s", timeout="1900ms", accounts=["shopper"])
    def NAME(http: httpx.Client) -> None:
        shopper = account("shopper")
        with step("sign in"):
            login = {"user": shopper.user, "password": shopper.password}
            http.headers["Authorization"] = http.post("/login", json=login).json()["token"]
        cleanup(lambda: http.post("/logout", json={}))
        with step("look"):
            time.sleep(0.9)
            assert shopper.user
"""


class Shop:
    """A real shop: it remembers who signed in from which region, and what is ordered."""

    def __init__(self) -> None:
        #: Orders that nobody has cancelled: who made each.
        self.open: dict[str, str] = {}
        self.made = 0
        #: By login, the regions that it was seen from.
        self.seen: defaultdict[str, set[str]] = defaultdict(set)
        #: By login, how often it is signed in now, and the most that any ever was.
        self.signed_in: Counter[str] = Counter()
        self.most = 0
        #: A region whose next order is taken, and not answered until `answer` is set.
        self.hold: str | None = None
        self.held: str | None = None
        self.answer = threading.Event()
        shop = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                given = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                region = self.headers["User-Agent"]
                if self.path == "/login":
                    good = given["password"] == f"password of {given['user']}"
                    shop.seen[given["user"]].add(region)
                    shop.signed_in[given["user"]] += 1
                    shop.most = max(shop.most, *shop.signed_in.values())
                    self.reply(200 if good else 401, {"token": given["user"]})
                elif self.path == "/logout":
                    shop.signed_in[self.headers["Authorization"]] -= 1
                    self.reply(200, {})
                else:
                    shop.order(given["number"], self.headers["Authorization"], region)
                    self.reply(201, {})

            def do_DELETE(self) -> None:
                number = self.path.rpartition("/")[2]
                if shop.open.get(number, "") not in ("", self.headers["Authorization"]):
                    self.reply(403, {})  # an order is its customer's alone
                else:
                    self.reply(204 if shop.open.pop(number, None) else 404, {})

            def reply(self, status: int, said: dict[str, str]) -> None:
                body = b"" if status == 204 else json.dumps(said).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except ConnectionError:  # who asked was killed
                    self.close_connection = True

            def log_message(self, *_: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def order(self, number: str, customer: str, region: str) -> None:
        self.open[number] = customer
        self.made += 1
        if self.hold == region:
            self.hold, self.held = None, number
            self.answer.wait(60)

    def close(self) -> None:
        self.answer.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def shop() -> Iterator[Shop]:
    found = Shop()
    yield found
    found.close()


@pytest.fixture
def agents(place: Place, shop: Shop, tmp_path: Path) -> dict[str, Process]:
    """One a region, each with a pool of two accounts of its own; none is started."""
    journeys = tmp_path / "journeys"
    journeys.mkdir()
    (journeys / "order.py").write_text(dedent(JOURNEY))
    (journeys / "order.slo.yaml").write_text(dedent(CONTRACT).replace("ping", "order"))
    return {region: place.agent(region, text_of(shop, region), journeys) for region in REGIONS}


def text_of(shop: Shop, region: str) -> str:
    listed = [f"{{user: {user}, password: password of {user}}}" for user in users_of(region)]
    return f"""
        base_url: {shop.url}
        accounts: {{shopper: [{", ".join(listed)}]}}
        user_agent_suffix: {region}
        """


def users_of(region: str) -> list[str]:
    return [f"shopper-{number}-{region}" for number in (1, 2)]


def runs(agent: Process) -> list[Run]:
    view = View.open(agent.data / "journal.db")
    found = [run for each in view.series() for run in view.runs(each.id, 0, 2**60, -1)]
    view.close()
    return found[::-1]


def counted(agent: Process) -> dict[str, int]:
    query = f"SELECT attributes, value FROM counter WHERE metric = '{names.EFFECTS.name}'"
    return {json.loads(text)[names.EFFECT_STATE]: n for text, n in rows(agent.data, query)}


@pytest.mark.timeout(240)
def test_no_login_is_shared_and_no_order_left_after_a_crash_and_the_next_run(
    agents: dict[str, Process], shop: Shop, until: Callable[..., Any]
) -> None:
    europe, america = (agents[region] for region in REGIONS)
    for agent in agents.values():
        agent.start()
    until(lambda: shop.made >= 4, 60)
    shop.hold = "eu-west-1"
    number = until(lambda: shop.held, 60)
    europe.kill()  # the order is made, and nobody heard so
    shop.answer.set()
    assert number in shop.open

    europe.start()
    until(lambda: number not in shop.open, 60)
    until(lambda: len([run for run in runs(europe) if run.id.slot_ms > slot_of(number)]) > 1, 60)
    for agent in agents.values():
        assert agent.stop() == 0

    assert shop.open == {}, "an order was left behind"
    assert set(shop.seen) <= {*users_of("eu-west-1"), *users_of("us-east-1")}
    assert {user: len(regions) for user, regions in shop.seen.items() if len(regions) > 1} == {}
    [lost] = [run for run in runs(europe) if run.id.name == number]
    assert (lost.cause, lost.message) == (Cause.WORKER, "the agent ended during this run")
    for agent in (europe, america):
        assert rows(agent.data, "SELECT * FROM effect") == []
        states = counted(agent)
        assert states[EffectState.NOTED] == states[EffectState.UNDONE] > 0
        assert states[EffectState.ORPHANED] == 0


def slot_of(number: str) -> int:
    """The slot in a run's name."""
    return int(number.split("-")[-2])


@pytest.mark.timeout(120)
def test_two_journeys_never_have_one_account_at_once_and_a_slot_without_it_is_skipped(
    place: Place, shop: Shop, tmp_path: Path, until: Callable[..., Any]
) -> None:
    journeys = tmp_path / "journeys"
    journeys.mkdir()
    for name in ("look", "gaze"):
        (journeys / f"{name}.py").write_text(dedent(LOOK).replace("NAME", name))
        contract = dedent(CONTRACT).replace("ping", name)
        (journeys / f"{name}.slo.yaml").write_text(contract)
    pool = "accounts: {shopper: [{user: ada-one, password: password of ada-one}]}\n"
    text = f"base_url: {shop.url}\nconcurrency: 2\n{pool}"
    agent = place.agent("eu-west-1", text, journeys)
    held = lease(pools(None, "ada-one", target=shop.url))  # as `prober run` beside it would
    agent.start()
    skipped = "SELECT count(*) FROM gap WHERE state = 'skipped' AND reason = 'capacity'"
    until(lambda: rows(agent.data, skipped) > [(1,)], 60)
    assert runs(agent) == []
    held.release()
    until(lambda: Counter(run.id.journey for run in runs(agent)) > Counter(["look", "gaze"]), 60)
    assert agent.stop() == 0

    assert shop.most == 1
    assert {run.cause for run in runs(agent)} == {None}
    assert b"skipped: capacity: no account of shopper came free in time" in agent.log.read_bytes()


@pytest.mark.timeout(120)
def test_what_cannot_be_taken_back_is_kept_and_counted_and_changes_no_outcome(
    agents: dict[str, Process], shop: Shop, until: Callable[..., Any]
) -> None:
    agent = agents["eu-west-1"]
    shop.open = Stubborn()
    agent.start()
    until(lambda: len(runs(agent)) >= 2, 60)
    assert agent.stop() == 0
    first, *_ = runs(agent)
    assert first.cause is None, first.message
    kept = rows(agent.data, "SELECT slot_ms, action, tries, error FROM effect ORDER BY id")
    assert kept[0][:3] == (first.id.slot_ms, "cancel", 1)
    assert "answered 403" in kept[0][3]
    assert len(kept) == counted(agent)[EffectState.NOTED]
    assert b"cleanup failed: cancel('prober-order-eu-west-1-" in agent.log.read_bytes()


class Stubborn(dict[str, str]):
    """Orders that are always somebody else's."""

    def get(self, number: str, default: Any = None) -> Any:
        return "somebody else"
