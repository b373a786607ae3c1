"""A journal of a time that is long past, for reports as of a moment in it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from prober.evaluator.audit import AuditLog, Kind
from prober.journal.journal import Journal
from prober.journal.tally import rules_of
from prober.slo.format import load_contracts
from prober.slo.moment import moment_ms
from tests.cli.test_owners_docs import DAY_MS, records, slots_of
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "reports.md").read_text()
CONTRACT = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[0]
#: Two regions ran the journey for 70 days before it.
END = "2025-07-01T14:00:00Z"
#: A Monday morning, after a Sunday with a bad deploy.
MONDAY = "2025-06-23T09:00:00Z"


def shop(directory: Path) -> Path:
    """The directory, with the page's contract and a journal of those days in it."""
    (directory / "journeys").mkdir()
    (directory / "journeys" / "checkout.slo.yaml").write_text(CONTRACT)
    end_ms = moment_ms(END)
    rules = rules_of(load_contracts(directory / "journeys"))
    journal = Journal.open(directory / "journal.db", rules, now_ms=end_ms - 70 * DAY_MS)
    journal.write(records(end_ms), now_ms=end_ms)
    journal.close()
    at_ms = slots_of(end_ms)[-906]
    audit = AuditLog.open(directory / "audit.jsonl")
    body = {"name": "v2.31.0", "at_ms": at_ms, "journeys": None, "note": None}
    audit.append(Kind.DEPLOY, body, at_ms)
    state = {"slo": "checkout", "objective": "availability", "window": "month", "from": "CRITICAL"}
    spent = {**state, "to": "EXHAUSTED", "consumed": "101/100", "reason": None}
    audit.append(Kind.STATE, spent, moment_ms("2025-05-28T09:15:00Z"))
    return directory


def prober(directory: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """The real command's end, among those files."""
    return subprocess.run(
        [sys.executable, "-m", "prober", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=directory,
        env=os.environ | {"NO_COLOR": "1"} | environ,
    )
