"""The display: whether there is one, and that only a browser that is looked at knows of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from prober.agent.codegen import ELSEWHERE
from prober.agent.display import require_display, variables
from prober.agent.hand import Hand
from prober.agent.redact import Redactor
from prober.errors import ProberError


@pytest.mark.parametrize("variable", ["DISPLAY", "WAYLAND_DISPLAY"])
def test_a_display_is_enough(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    require_display(ELSEWHERE, {variable: ":0"})
    monkeypatch.setattr("sys.platform", "darwin")
    require_display(ELSEWHERE, {})


def test_without_a_display_the_mend_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    with pytest.raises(ProberError) as raised:
        require_display(ELSEWHERE, {"DISPLAY": ""})
    assert str(raised.value) == (
        "there is no display here to show a browser on, record on a machine with one, by "
        "`playwright codegen --target python -o FILE URL`, and bring the file here: "
        "prober record --from FILE"
    )


@pytest.mark.parametrize("headed", [True, False])
def test_only_a_worker_whose_browser_is_shown_knows_the_display(
    headed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPLAY", ":7")
    monkeypatch.delenv("XAUTHORITY", raising=False)
    monkeypatch.setenv("HOME", "/home/prober")

    async def environ() -> set[str]:
        hand = Hand(tmp_path, Redactor({}))
        await hand.start({"headed": headed})
        found = set(Path(f"/proc/{hand.pid}/environ").read_text().split("\0"))
        await hand.kill()
        return found

    shown = {"DISPLAY=:7", "XAUTHORITY=/home/prober/.Xauthority"}
    assert asyncio.run(environ()) & shown == (shown if headed else set())


def test_what_is_set_is_passed_on_as_it_is() -> None:
    given = {"WAYLAND_DISPLAY": "wayland-0", "XDG_RUNTIME_DIR": "/run/user/1", "XAUTHORITY": "/x"}
    assert variables(given | {"SHOP_PASSWORD": "x"}) == given
