"""docs/api.md says what the code says: scopes, reasons, limits."""

from __future__ import annotations

from prober.evaluator import ingest
from prober.evaluator.desk import api
from prober.evaluator.door import pace
from prober.evaluator.door.door import Reason
from prober.evaluator.door.tokens import PREFIX, Scope
from prober.evaluator.verbs import VERBS
from prober.telemetry.wire import FIELDS
from tests.test_docs import code, named, page, prose, rows, section

PAGE = page("api.md")
MIB = 1 << 20


def test_every_scope_is_documented_with_the_verbs_that_take_it() -> None:
    table = rows(section(PAGE, "## Tokens"))
    scopes = [row for row in table if len(row) == 2 and code(row[0])]
    written = {code(row[0])[0]: set(code(row[1])) for row in scopes}
    assert written.keys() == set(map(str, Scope))
    for name, verb in VERBS.items():
        if verb.scope:
            assert name in written[verb.scope]


def test_every_reason_is_documented() -> None:
    assert set(named(PAGE.split("| reason | is |")[1].split("\n\n")[0])) == set(map(str, Reason))


def test_every_limit_is_documented() -> None:
    table = {row[0]: row[1:3] for row in rows(section(PAGE, "## Limits")) if len(row) == 4}
    each = pace.FAILURES.per_s * 60
    assert table == {
        "pages, badges, metrics": [f"{pace.PAGES.burst}", f"{pace.PAGES.per_s} a second"],
        "verbs and `/-/reload`": [f"{pace.VERBS.burst}", f"{pace.VERBS.per_s} a second"],
        "telemetry": [f"{pace.BYTES.burst // MIB} MiB", f"{pace.BYTES.per_s // MIB} MiB a second"],
        "tokens that are not known": [f"{pace.FAILURES.burst}", f"{each:.0f} a minute"],
    }
    text = " ".join(prose(PAGE).split())
    room = pace.Room()
    assert f"Beyond {room.most_each} bodies of one client" in text
    assert f"and {room.most} of all" in text
    assert f"{pace.CLIENTS:,} clients are remembered" in text
    assert f"{FIELDS:,} parts are looked at" in text
    assert ingest.UNPACKED == 2
    assert "Two bodies at a time are unpacked" in text
    assert f"1 MiB and {api.VALUES:,} values" in text
    assert f"the first {api.TOLD} are told" in text
    assert f"`{PREFIX}` and 43 letters" in text
