"""A backend that answers, answers wrongly, or does not answer."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from prober.errors import InputError, SourceUnavailable
from prober.evaluator.sources.backend import Backend, Point, connect

VECTOR = {"resultType": "vector", "result": [{"metric": {"a": "b"}, "value": [1.5, "7"]}]}
MATRIX = {"resultType": "matrix", "result": [{"metric": {}, "values": [[60, "7"], [61, "8"]]}]}


def success(data: Any, **more: Any) -> str:
    return json.dumps({"status": "success", "data": data} | more)


@dataclass
class Speaker:
    """A web server that says the same to everybody."""

    status: int = 200
    body: str = success(VECTOR)
    hangs: bool = False
    asked: list[tuple[str, dict[str, str], dict[str, list[str]]]] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        speaker = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = self.rfile.read(int(self.headers["Content-Length"])).decode()
                headers = {name.lower(): value for name, value in self.headers.items()}
                speaker.asked.append((self.path, headers, parse_qs(form)))
                if speaker.hangs:
                    speaker.closing.wait(30)
                self.send_response(speaker.status)
                self.send_header("Location", "/login")
                self.end_headers()
                self.wfile.write(speaker.body.encode())

            def log_message(self, *_: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def close(self) -> None:
        self.closing.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def speaker() -> Iterator[Speaker]:
    server = Speaker()
    yield server
    server.close()


@pytest.fixture
def backend(speaker: Speaker) -> Iterator[Backend]:
    found = connect(speaker.url, {})
    yield found
    found.close()


def test_values_are_read_with_their_times(speaker: Speaker, backend: Backend) -> None:
    assert backend.instant("x", 1500) == [({"a": "b"}, Point(1500, "7"))]
    speaker.body = success(MATRIX)
    assert backend.grid("x", 60_000, 61_000, 1000) == [
        ({}, [Point(60_000, "7"), Point(61_000, "8")])
    ]
    speaker.body = success([{"a": "b"}])
    assert backend.series("{}", 0, 1) == [{"a": "b"}]


def test_times_are_exact_and_no_cache_or_part_may_answer(
    speaker: Speaker, backend: Backend
) -> None:
    backend.instant("x", 1_772_395_200_001)
    path, headers, form = speaker.asked[0]
    assert path == "/api/v1/query"
    assert form["time"] == ["1772395200.001"]
    assert (form["nocache"], form["partial_response"]) == (["1"], ["false"])
    assert headers["user-agent"].startswith("prober/")
    assert headers["cache-control"] == "no-store"
    speaker.body = success(MATRIX)
    backend.grid("x", 0, 90_500, 500)
    form = speaker.asked[1][2]
    assert (form["start"], form["end"], form["step"]) == (["0.000"], ["90.500"], ["0.500"])


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        pytest.param(503, "upstream is gone", "answers 503: no JSON", id="a proxy without backend"),
        pytest.param(302, "", "answers 302: no JSON", id="a redirect to a login"),
        pytest.param(200, "<html>log in</html>", "answers 200: no JSON", id="a login page"),
        pytest.param(401, '{"error": "who\\nare you"}', "answers 401: who are you", id="no token"),
        pytest.param(
            422,
            '{"status": "error", "error": "query timed out"}',
            "answers 422: query timed out",
            id="a query that took too long",
        ),
        pytest.param(
            200, '{"status": "error", "error": "no"}', "answers 200: no", id="an error with 200"
        ),
        pytest.param(200, "[1]", "answers 200: no result", id="JSON of something else"),
        pytest.param(
            200,
            success(VECTOR, warnings=["store-3 is down"]),
            "warns: store-3 is down",
            id="a warning",
        ),
        pytest.param(
            200, success(VECTOR, isPartial=True), "answers in part", id="a part of the stores"
        ),
        pytest.param(200, success(MATRIX), "something else than numbers", id="a matrix"),
        pytest.param(200, success(None), "something else than numbers", id="nothing"),
        pytest.param(
            200,
            success({"resultType": "vector", "result": [{"metric": {}, "histogram": [1, {}]}]}),
            "something else than numbers",
            id="a native histogram",
        ),
    ],
)
def test_what_is_no_whole_answer_is_refused_with_its_reason(
    status: int, body: str, reason: str, speaker: Speaker, backend: Backend
) -> None:
    speaker.status, speaker.body = status, body
    with pytest.raises(SourceUnavailable) as caught:
        backend.instant("x", 0)
    assert reason in str(caught.value)
    assert speaker.url in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda backend: backend.grid("x", 0, 1, 1), id="of a grid"),
        pytest.param(lambda backend: backend.series("{}", 0, 1), id="of series"),
    ],
)
def test_every_kind_of_answer_is_checked(ask: Callable[[Backend], Any], backend: Backend) -> None:
    with pytest.raises(SourceUnavailable, match="something else than numbers"):
        ask(backend)


def test_notes_about_a_query_are_no_warnings(speaker: Speaker, backend: Backend) -> None:
    speaker.body = success(VECTOR, infos=["PromQL info: metric might not be a counter"])
    assert backend.instant("x", 0)


def test_a_backend_that_is_down_is_named(backend: Backend, speaker: Speaker) -> None:
    speaker.close()
    with pytest.raises(SourceUnavailable, match=f"{speaker.url} does not answer"):
        backend.instant("x", 0)


def test_a_backend_that_is_slow_is_not_waited_for(speaker: Speaker, backend: Backend) -> None:
    speaker.hangs = True
    backend.http.timeout = httpx.Timeout(0.1)
    with pytest.raises(SourceUnavailable, match="no answer in"):
        backend.instant("x", 0)


def test_paths_parameters_and_credentials_go_with_every_request(speaker: Speaker) -> None:
    environ = {
        "PASS": "s3cret%2F%3F",
        "PROBER_SOURCE_HEADERS": "X-Scope-OrgID=team%20a, X-Other=1",
        "PROBER_SOURCE_MATCH": ' cluster="eu" ',
    }
    host = speaker.url.removeprefix("http://")
    found = connect(f"http://ada:${{PASS}}@{host}/prom/?extra_label=a%3Db", environ)
    found.instant("x", 0)
    found.close()
    path, headers, form = speaker.asked[0]
    assert path == "/prom/api/v1/query"
    assert headers["authorization"] == httpx.BasicAuth("ada", "s3cret/?")._auth_header
    assert (headers["x-scope-orgid"], headers["x-other"]) == ("team a", "1")
    assert form["extra_label"] == ["a=b"]
    assert found.match == 'cluster="eu"'
    assert found.where == f"{speaker.url}/prom"


def test_a_token_is_a_bearer_token_and_may_come_from_a_file(
    speaker: Speaker, tmp_path: Any
) -> None:
    (tmp_path / "token").write_text("correct-horse\n")
    found = connect(speaker.url, {"PROBER_SOURCE_TOKEN_FILE": str(tmp_path / "token")})
    found.instant("x", 0)
    found.close()
    assert speaker.asked[0][1]["authorization"] == "Bearer correct-horse"


def test_no_secret_is_in_what_people_read(speaker: Speaker) -> None:
    speaker.status = 500
    host = speaker.url.removeprefix("http://")
    found = connect(f"http://ada:lovelace@{host}", {"PROBER_SOURCE_TOKEN": "correct-horse"})
    with pytest.raises(SourceUnavailable) as caught:
        found.instant("x", 0)
    found.close()
    assert not {"lovelace", "ada", "correct-horse"} & set(str(caught.value).split())
    assert "lovelace" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "what"),
    [
        pytest.param("prometheus:9090", "is not a web address", id="without a scheme"),
        pytest.param("ftp://prometheus", "is not a web address", id="of another scheme"),
        pytest.param("http://prometheus:port", "is not a web address", id="with a wrong port"),
        pytest.param("http://:9090", "is not a web address", id="without a host"),
        pytest.param("http://${NOWHERE}", "NOWHERE is not set", id="with an unset variable"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused(source: str, what: str) -> None:
    with pytest.raises(InputError) as caught:
        connect(source, {})
    assert str(caught.value).startswith("--source: ")
    assert what in str(caught.value)
