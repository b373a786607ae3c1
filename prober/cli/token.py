"""`prober token`: who may do what at the evaluator, one token for each who asks."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prober.cli.where import AsJson
from prober.errors import ProberError
from prober.slo.moment import iso
from prober.units import duration_ms

if TYPE_CHECKING:
    from prober.evaluator.door.tokens import Token

app = typer.Typer(
    help="Tokens with a name and scopes: create, list, revoke.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
DATA = Path(".prober/evaluator")
Data = Annotated[Path, typer.Option(help="Directory of the evaluator's journal.")]


@app.command()
def create(
    name: Annotated[str, typer.Option(help="Whose it is; the audit log has it.")],
    scope: Annotated[
        list[str],
        typer.Option(
            help="What it is good for, several between commas: ingest, gate, mark, exclude, "
            "override, reserve, silence, review, reload, read."
        ),
    ],
    expires: Annotated[str | None, typer.Option(help="For how long it is good, as 90d.")] = None,
    data: Data = DATA,
    as_json: AsJson = False,
) -> None:
    """Make a token and print it, this once: only its hash is kept."""
    from prober.evaluator.audit import AUDIT, AuditLog
    from prober.evaluator.door.tokens import TOKENS, TokenFile, scoped

    scopes, now_ms = scoped(scope), time.time_ns() // 1_000_000
    expires_ms = None if expires is None else now_ms + _lasts_ms(expires)
    AuditLog.open(data / AUDIT)  # beside a broken one no token is made: it could not be noted
    file = TokenFile(data / TOKENS)
    shown = file.create(name, scopes, now_ms, expires_ms)
    (token,) = (each for each in file.tokens() if each.name == name)
    try:
        _note(data, "created", token, now_ms)
    except BaseException:
        file.revoke(name)  # nobody ever sees it, so nobody is to go in by it
        raise
    if as_json:
        print(json.dumps({"token": shown, **_told(token)}, indent=2))
    else:
        print(shown)
        print("it is kept as a hash only: nothing shows it again", file=sys.stderr)


@app.command("list")
def list_all(data: Data = DATA, as_json: AsJson = False) -> None:
    """Show which tokens there are, and what each is good for."""
    from prober.evaluator.door.tokens import TOKENS, TokenFile

    tokens = TokenFile(data / TOKENS).tokens()
    if as_json:
        print(json.dumps({"tokens": [_told(token) for token in tokens]}, indent=2))
    else:
        for line in _lines(tokens):
            print(line)


@app.command()
def revoke(
    name: Annotated[str, typer.Argument(help="Its name, as `prober token list` shows it.")],
    data: Data = DATA,
    as_json: AsJson = False,
) -> None:
    """Let a token be good for nothing from now on."""
    from prober.evaluator.door.tokens import TOKENS, TokenFile

    token = TokenFile(data / TOKENS).revoke(name)
    _note(data, "revoked", token, time.time_ns() // 1_000_000)
    print(json.dumps({"revoked": _told(token)}, indent=2) if as_json else f"{name} is revoked")


def _note(data: Path, change: str, token: Token, now_ms: int) -> None:
    """In the audit log, after it was done: a log that cannot be written keeps no token alive."""
    from prober.evaluator.audit import AUDIT, AuditLog, Kind

    AuditLog(data / AUDIT).append(Kind.TOKEN, {"change": change, **_told(token)}, now_ms)


def _told(token: Token) -> dict[str, Any]:
    """All but the hash."""
    return {key: value for key, value in token.to_dict().items() if key != "hash"}


def _lines(tokens: Iterable[Token]) -> Iterable[str]:
    from prober.evaluator.door.tokens import in_order

    now_ms, found = time.time_ns() // 1_000_000, list(tokens)
    if not found:
        yield "there is no token"
    for token in found:
        until = "for ever" if token.expires_ms is None else f"until {iso(token.expires_ms)}"
        over = ", which is over" if token.expired(now_ms) else ""
        scopes = ", ".join(in_order(token.scopes))
        yield f"{token.name}: {scopes}; since {iso(token.created_ms)}, {until}{over}"


def _lasts_ms(text: str) -> int:
    try:
        return duration_ms(text)
    except ValueError as error:
        raise ProberError(f"--expires: {error}") from error
