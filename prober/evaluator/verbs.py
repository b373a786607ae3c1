"""Every verb of the desk, by the name it has in `POST /api/v1/<verb>`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from prober.evaluator.desk import (
    decision,
    feedback,
    misses,
    notes,
    owners,
    reviews,
    silences,
    touching,
)
from prober.evaluator.desk.desk import Verb
from prober.evaluator.reports import report

VERBS: Final[Mapping[str, Verb]] = {
    **decision.VERBS,
    **notes.VERBS,
    **owners.VERBS,
    **silences.VERBS,
    **touching.VERBS,
    **feedback.VERBS,
    **misses.VERBS,
    **report.VERBS,
    **reviews.VERBS,
}
