"""A PromQL backend over HTTP: what it answers, or why that is no answer.

Prometheus, VictoriaMetrics, Mimir and Thanos speak the same dialect here. An answer counts when
it is whole: a warning, a partial result or a page that is no JSON are refused.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from prober.errors import InputError, Problem, SourceUnavailable
from prober.variables import Variables

if TYPE_CHECKING:
    import httpx

TIMEOUT_S: Final = 30.0
#: Prometheus gives at most 11,000 points of a series.
POINTS: Final = 10_000
#: Of a refusal's text, as much as a line wants.
_EXCERPT: Final = 200
#: What a backend must not do: answer from a cache, or with what some of its parts know. Each
#: knows some of these and ignores the rest.
_WHOLE: Final = {"nocache": "1", "partial_response": "false", "deny_partial_response": "1"}

Labels = Mapping[str, str]


class Point(NamedTuple):
    """One value of a series, as the backend wrote it."""

    time_ms: int
    text: str


@dataclass(frozen=True, slots=True)
class Backend:
    """Answers queries; safe to use from several threads."""

    #: For people, without secrets.
    where: str
    http: httpx.Client
    #: Sent with every request.
    parameters: Mapping[str, str]
    #: Label matchers that every selector gets, such as `cluster="eu"`; empty: none.
    match: str = ""

    def instant(self, query: str, time_ms: int) -> list[tuple[Labels, Point]]:
        """The value of every series of an expression at a moment.

        Raises:
            SourceUnavailable: there is no whole answer; with the reason.
        """
        reply = self._ask("query", {"query": query, "time": seconds(time_ms)})
        try:
            series = _series(reply, "vector")
            return [(each["metric"], _point(each["value"])) for each in series]
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise self._strange("query") from error

    def grid(
        self, query: str, start_ms: int, end_ms: int, step_ms: int
    ) -> list[tuple[Labels, list[Point]]]:
        """The values of every series of an expression at start, start + step and so on to end.

        Raises:
            SourceUnavailable: there is no whole answer; with the reason.
        """
        span = {"start": seconds(start_ms), "end": seconds(end_ms), "step": seconds(step_ms)}
        reply = self._ask("query_range", {"query": query, **span})
        try:
            series = _series(reply, "matrix")
            return [
                (each["metric"], [_point(value) for value in each["values"]]) for each in series
            ]
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise self._strange("query_range") from error

    def series(self, selector: str, start_ms: int, end_ms: int) -> list[Labels]:
        """The labels of every series that has a sample in a span.

        Raises:
            SourceUnavailable: there is no whole answer; with the reason.
        """
        span = {"start": seconds(start_ms), "end": seconds(end_ms)}
        reply = self._ask("series", {"match[]": selector, **span})
        if not isinstance(reply, list) or not all(isinstance(each, dict) for each in reply):
            raise self._strange("series")
        return reply

    def close(self) -> None:
        """Close the connections."""
        self.http.close()

    def _ask(self, path: str, form: Mapping[str, str]) -> Any:
        import httpx

        limit = {"timeout": f"{TIMEOUT_S:g}s"}
        try:
            reply = self.http.post(f"api/v1/{path}", data={**self.parameters, **form, **limit})
        except httpx.TimeoutException as error:
            raise SourceUnavailable(f"{self.where} gives no answer in {TIMEOUT_S:g} s") from error
        except httpx.HTTPError as error:
            raise SourceUnavailable(f"{self.where} does not answer: {_line(error)}") from error
        return self._data(reply)

    def _data(self, reply: httpx.Response) -> Any:
        """The data of a reply that is whole."""
        try:
            body = reply.json()
        except ValueError:
            body = None
        said = body if isinstance(body, dict) else {}
        if reply.status_code != 200 or said.get("status") != "success":
            complaint = said.get("error") or ("no JSON" if body is None else "no result")
            raise SourceUnavailable(f"{self.where} answers {reply.status_code}: {_line(complaint)}")
        if said.get("warnings"):
            raise SourceUnavailable(f"{self.where} warns: {_line(said['warnings'][0])}")
        if said.get("isPartial"):
            raise SourceUnavailable(f"{self.where} answers in part: some of its stores are down")
        return said.get("data")

    def _strange(self, path: str) -> SourceUnavailable:
        return SourceUnavailable(f"{self.where} answers {path} with something else than numbers")


def connect(
    source: str,
    environ: Mapping[str, str] = os.environ,
    *,
    named: str = "--source",
    settings: str = "PROBER_SOURCE",
) -> Backend:
    """The backend at an address; nothing is sent yet.

    The address, which messages call `named`, may hold a path, parameters that every request gets,
    a user and password, and `${VAR}`. `PROBER_SOURCE_TOKEN` is a bearer token,
    `PROBER_SOURCE_HEADERS` more headers as `name=value,…`, `PROBER_SOURCE_MATCH` label matchers;
    `settings` is what their names begin with.

    Raises:
        InputError: the address cannot be used.
    """
    import httpx

    variables = Variables(environ)
    text = variables.expand(source)
    token = variables.expand(f"${{{settings}_TOKEN:-}}")
    if variables.mistakes:
        raise InputError(_problem(named, what, mend) for _, what, mend in variables.mistakes)
    try:
        url = urlsplit(text)
        port = f":{url.port}" if url.port else ""
    except ValueError as error:  # the port is no number, or brackets do not match
        raise InputError([_not_an_address(named, source)]) from error
    if url.scheme not in ("http", "https") or not url.hostname:
        raise InputError([_not_an_address(named, source)])
    host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    where = f"{url.scheme}://{host}{port}{url.path.rstrip('/')}"
    headers = _headers(token, environ.get(f"{settings}_HEADERS", ""))
    auth = (unquote(url.username), unquote(url.password or "")) if url.username else None
    http = httpx.Client(base_url=where, headers=headers, auth=auth, timeout=TIMEOUT_S)
    parameters = _WHOLE | dict(parse_qsl(url.query))
    return Backend(where, http, parameters, environ.get(f"{settings}_MATCH", "").strip())


def seconds(time_ms: int) -> str:
    """Milliseconds as PromQL writes a time: exact; there is nothing before 1970.

    >>> seconds(1_500)
    '1.500'
    """
    whole, rest = divmod(max(0, time_ms), 1000)
    return f"{whole}.{rest:03d}"


def _series(data: Any, kind: str) -> Iterable[Any]:
    if data["resultType"] != kind:
        raise ValueError(f"a {data['resultType']}")
    found: Iterable[Any] = data["result"]
    return found


def _point(value: Any) -> Point:
    time_s, text = value
    return Point(round(time_s * 1000), str(text))


def _line(said: object) -> str:
    """The beginning of what somebody else said, on one line."""
    text = str(said)[:_EXCERPT] or type(said).__name__
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _pairs(text: str) -> dict[str, str]:
    """`name=value` pairs with commas between, percent-encoded; what is no pair is left out."""
    pairs = (pair.partition("=") for pair in text.split(","))
    return {name.strip(): unquote(value.strip()) for name, equals, value in pairs if equals}


def _headers(token: str, more: str) -> dict[str, str]:
    """What every request carries."""
    headers = {"User-Agent": f"prober/{version('prober')}", "Cache-Control": "no-store"}
    headers |= {"Authorization": f"Bearer {token}"} if token else {}
    return headers | _pairs(more)


def _not_an_address(named: str, source: str) -> Problem:
    what = f"{source!r} is not a web address"
    return _problem(named, what, "write such as http://prometheus:9090")


def _problem(named: str, what: str, mend: str) -> Problem:
    return Problem(named, 0, "", what, mend)
