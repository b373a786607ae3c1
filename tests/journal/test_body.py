"""A record's body: the same bytes for the same record, whatever text a page put in it."""

from __future__ import annotations

from collections.abc import Callable

from prober.journal.body import holds, pack, unpack, unpack_run
from prober.model import Gap, Outcome, Run, Schedule


def test_a_body_gives_its_record_back(
    run: Callable[..., Run], gap: Callable[..., Gap], schedule: Callable[..., Schedule]
) -> None:
    assert unpack("run", pack(run())) == unpack_run(pack(run())) == run()
    assert unpack("gap", pack(gap())) == gap()
    assert unpack("schedule", pack(schedule())) == schedule()


def test_a_body_holds_its_own_record_and_no_other(run: Callable[..., Run]) -> None:
    assert holds(pack(run(1)), run(1))
    assert not holds(pack(run(1)), run(2))
    assert not holds(pack(run(1)), run(1, Outcome.FAILED))


def test_half_of_a_surrogate_pair_becomes_a_question_mark(run: Callable[..., Run]) -> None:
    odd = run(0, message="\ud83d!")
    assert unpack_run(pack(odd)).message == "?!"
    assert holds(pack(odd), odd)
