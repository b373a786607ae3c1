"""What can be asked over HTTP, as an OpenAPI 3.1 description.

Verbs are described by what they are declared with: the model that reads their requests, their
scope, their docstring. Pages for people are not in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any, Final

from prober.evaluator.desk.desk import Verb
from prober.evaluator.door.tokens import Scope
from prober.telemetry import answer
from prober.telemetry.exposition import CONTENT_TYPE
from prober.units import format_ms

Schema = dict[str, Any]

_JSON: Final = "application/json"
_TEXT: Final = "text/plain"
_REFUSALS: Final = {
    400: "The request is wrong; `error` has every mistake.",
    401: "A token is needed, or this one is not known or has expired.",
    403: "The token is for something else; `error` names what it would have to be for.",
    408: "The body did not arrive in time.",
    409: "It cannot be done, as things are.",
    413: "The body is too large, as sent or unpacked.",
    415: "The body is of another kind, or packed in another way.",
    429: "Too much from this address; `Retry-After` says when to come again.",
    503: "Not now; `Retry-After` says when to send it again.",
}
_OF_VERBS: Final = (400, 401, 403, 408, 409, 413, 415, 429, 503)
_OF_INGEST: Final = (400, 401, 403, 408, 413, 415, 429, 503)
_OF_READING: Final = (401, 403, 429, 503)
_STATUS: Final = {
    "headline": "string",
    "summary": "string",
    "note": "string",
    "as_of": "string",
    "as_of_ms": "integer",
    "alerts": "array",
    "slos": "array",
    "journeys": "object",
}
_SIGNALS: Final = {
    "logs": "Take run records in, each once; the reply says how many were not taken.",
    "metrics": "Hear how many runs each region has counted.",
    "traces": "Take no span, and say so.",
}


def describe(verbs: Mapping[str, Verb]) -> Schema:
    """The description of everything that programs ask for, by these verbs."""
    schemas: dict[str, Schema] = {"Error": fields({"error": "string"})}
    paths = {f"/api/v1/{name}": {"post": _verb(name, verbs[name], schemas)} for name in verbs}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Prober's evaluator",
            "version": version("prober"),
            "description": "Where an evaluator listens on a loopback address and no token was "
            "ever made, writing takes none. Reading takes one only with `--protect-reads`.",
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "paths": {**_reads(), **paths, **_ingest(), "/-/reload": {"post": _reload()}},
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "password": {
                    "type": "http",
                    "scheme": "basic",
                    "description": "For browsers: any name, and the token as password.",
                },
            },
        },
    }


def fields(says: Mapping[str, str]) -> Schema:
    """An object that has at least these keys, each with its JSON types."""
    return {
        "type": "object",
        "required": list(says),
        "properties": {
            key: {"type": types.split() if " " in types else types} for key, types in says.items()
        },
    }


def _verb(name: str, verb: Verb, schemas: dict[str, Schema]) -> Schema:
    asked = verb.request.__name__
    schemas |= _model(verb)
    return {
        "operationId": name,
        "summary": verb.summary,
        "tags": ["writing" if verb.scope else "asking"],
        "security": _takes(verb.scope or Scope.READ),
        "requestBody": {
            "required": True,
            "content": {_JSON: {"schema": {"$ref": f"#/components/schemas/{asked}"}}},
        },
        "responses": {"200": _reply("The answer.", _JSON, fields(verb.says)), **_errors(_OF_VERBS)},
    }


def _model(verb: Verb) -> dict[str, Schema]:
    """The schema of a request, and of what it is made of, by name."""
    schema = verb.request.model_json_schema(ref_template="#/components/schemas/{model}")
    inner: dict[str, Schema] = schema.pop("$defs", {})
    found = {**inner, verb.request.__name__: schema}
    for each in found.values():
        for field in each.get("properties", {}).values():
            if field.get("type") == "string" and isinstance(span_ms := field.get("default"), int):
                field["default"] = format_ms(span_ms)
    return found


def _reads() -> Schema:
    """What is asked for by GET."""
    status = _reply("How every contract stands.", _JSON, fields(_STATUS))
    own = _reply("This description.", _JSON, fields({"openapi": "string", "paths": "object"}))
    metrics = _reply("Judgements and the evaluator itself.", CONTENT_TYPE, {"type": "string"})
    badge = _reply("A picture of a contract's state.", "image/svg+xml", {"type": "string"})
    nothing = _reply("There is no such SLO.", _TEXT, {"type": "string"})
    return {
        "/api/v1/status": _get("status", "How every contract stands.", {"200": status}),
        "/api/v1/openapi.json": _get("openapi", "This description.", {"200": own}),
        "/metrics": _get("metrics", "Metrics in Prometheus' format.", {"200": metrics}, _TEXT),
        "/badge/{slo}.svg": {
            **_get("badge", "A contract's state.", {"200": badge, "404": nothing}, _TEXT),
            "parameters": [
                {"name": "slo", "in": "path", "required": True, "schema": {"type": "string"}}
            ],
        },
        "/healthz": _probe(
            "healthz", "Whether its loops go round.", {"loop_age_s": "number", "loops_s": "object"}
        ),
        "/readyz": _probe("readyz", "Whether it takes in and judges.", {"ready": "boolean"}),
    }


def _get(name: str, summary: str, replies: Schema, kind: str = _JSON) -> Schema:
    """Something that may take a token to read."""
    operation = {
        "operationId": name,
        "summary": summary,
        "tags": ["reading"],
        "security": _takes(Scope.READ),
        "responses": {**replies, **_errors(_OF_READING, kind)},
    }
    return {"get": operation}


def _probe(name: str, summary: str, says: Mapping[str, str]) -> Schema:
    """Something that takes no token, and says the same when it is well and when it is not."""
    return {
        "get": {
            "operationId": name,
            "summary": summary,
            "tags": ["reading"],
            "security": [],
            "responses": {
                "200": _reply("It is.", _JSON, fields(says)),
                "503": _reply("It is not.", _JSON, fields(says)),
            },
        }
    }


def _ingest() -> Schema:
    packing = {
        "name": "Content-Encoding",
        "in": "header",
        "schema": {"type": "string", "enum": ["identity", "gzip"]},
    }
    body = {"schema": {"type": "string", "format": "binary"}}
    taken = _reply("Taken, and committed.", answer.CONTENT_TYPE, body["schema"])
    return {
        f"/v1/{signal}": {
            "post": {
                "operationId": f"otlp-{signal}",
                "summary": summary,
                "tags": ["telemetry"],
                "security": _takes(Scope.INGEST),
                "parameters": [packing],
                "requestBody": {"required": True, "content": {answer.CONTENT_TYPE: body}},
                "responses": {"200": taken, **_errors(_OF_INGEST, answer.CONTENT_TYPE)},
            }
        }
        for signal, summary in _SIGNALS.items()
    }


def _reload() -> Schema:
    said = {"reloaded": "boolean", "at_ms": "integer"}
    refused = fields({**said, "problems": "array"})
    return {
        "operationId": "reload",
        "summary": "Read the contracts again, all of them or none.",
        "tags": ["writing"],
        "security": _takes(Scope.RELOAD),
        "responses": {
            "200": _reply("They are in force.", _JSON, fields({**said, "changed": "array"})),
            "409": _reply("They cannot be taken up now.", _JSON, refused),
            "422": _reply("Something in them is wrong.", _JSON, refused),
            **_errors(_OF_READING),
        },
    }


def _takes(scope: Scope) -> list[Schema]:
    """Which token; a browser may show it as a password to read."""
    if scope is Scope.READ:
        return [{}, {"token": [str(scope)]}, {"password": [str(scope)]}]
    return [{"token": [str(scope)]}]


def _errors(statuses: Iterable[int], kind: str = _JSON) -> Schema:
    error = {"$ref": "#/components/schemas/Error"} if kind == _JSON else {"type": "string"}
    return {str(status): _refusal(status, kind, error) for status in statuses}


def _refusal(status: int, kind: str, error: Schema) -> Schema:
    """503 is also what is said when something of ours went wrong, as plain text."""
    found = _reply(_REFUSALS[status], kind, error)
    if status == 503:
        found["content"][_TEXT] = {"schema": {"type": "string"}}
    return found


def _reply(meaning: str, kind: str, schema: Schema) -> Schema:
    return {"description": meaning, "content": {kind: {"schema": schema}}}
