"""An attempt to read files again: one at a time, and whatever comes of it, the next one can."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest

from prober.errors import InputError, ProberError, Problem
from prober.reload import Reload

WRONG = Problem("a.py", 1, "", "is wrong", "mend it")


@pytest.mark.parametrize(
    ("raised", "status", "problems"),
    [
        (InputError([WRONG]), 422, ("a.py:1: is wrong, mend it",)),
        (ProberError("not now"), 409, ("not now",)),
        (KeyError("x"), 409, ("KeyError within Prober, the log has more",)),
    ],
    ids=["wrong files", "not now", "a fault of ours"],
)
def test_a_refusal_is_kept_until_files_are_taken_up(
    raised: Exception, status: int, problems: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    errors: list[Exception] = [raised]

    async def renew() -> Iterable[str]:
        if errors:
            raise errors.pop()
        return ["journey a: added"]

    async def story() -> None:
        reload = Reload(renew, in_force_ms=7)
        assert (reload.problems, reload.last) == ((), None)
        refused = await reload.attempt()
        assert (refused.status, refused.problems, refused.taken) == (status, problems, False)
        assert (reload.problems, reload.in_force_ms) == (problems, 7)
        taken = await reload.attempt()
        assert (taken.status, taken.changed) == (200, ("journey a: added",))
        assert reload.problems == ()
        assert reload.in_force_ms == taken.at_ms

    asyncio.run(story())
    text = caplog.text
    assert all(f"not taken up, the old go on: {problem}" in text for problem in problems)
    assert "files read again: journey a: added" in text


def test_attempts_follow_each_other_and_many_signals_are_one() -> None:
    async def story() -> None:
        going: list[int] = []
        begun = 0

        async def renew() -> Iterable[str]:
            nonlocal begun
            begun += 1
            going.append(begun)
            assert len(going) == 1, "one at a time"
            await asyncio.sleep(0.01)
            going.remove(begun)
            return []

        reload = Reload(renew)
        serving = asyncio.create_task(reload.serve())
        for _ in range(5):
            reload.asked.set()
        answers = await asyncio.gather(reload.attempt(), reload.attempt())
        async with asyncio.timeout(30):
            while begun < 3:
                await asyncio.sleep(0.01)
        await reload.attempt()
        assert begun == 4, "one for five signals"
        assert [answer.status for answer in answers] == [200, 200]
        serving.cancel()

    asyncio.run(story())


def test_the_end_gives_up_what_is_tried_and_refuses_what_follows() -> None:
    async def story() -> None:
        async def renew() -> Iterable[str]:
            await asyncio.Event().wait()
            return []

        reload = Reload(renew)
        attempt = asyncio.create_task(reload.attempt())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await reload.stop()
        for answer in (await attempt, await reload.attempt()):
            assert answer.status == 409
            assert answer.problems == ("this process is ending",)

    asyncio.run(story())
