"""The fleet of regions/compose.yaml: who may see what of whom, and that its files load."""

from __future__ import annotations

import subprocess
from typing import Any

from ruamel.yaml import YAML

from prober.evaluator.alerts.channels import load
from tests.conftest import ROOT
from tests.fleet.fleet import composer

HOME = ROOT / "regions"
REGIONS = sorted(path.stem for path in (HOME / "compose").glob("*.yaml"))


def service(name: str) -> dict[str, Any]:
    """A service, with what it has in common with others."""
    found: dict[str, Any] = YAML(typ="safe").load(HOME / "compose.yaml")["services"][name]
    return found


def mounts(name: str) -> dict[str, tuple[str, bool]]:
    """By where it is mounted: what, and whether it can be written."""
    found = {}
    for text in service(name)["volumes"]:
        source, _, target = text.removesuffix(":ro").rpartition(":")
        found[target] = (source, not text.endswith(":ro"))
    return found


def test_the_evaluator_sees_the_evidence_of_every_agent_and_changes_none() -> None:
    words, sight = service("evaluator")["command"].split(), mounts("evaluator")
    shown = {words[at + 1] for at, word in enumerate(words) if word == "--evidence"}
    assert shown == {f"/agents/{region}/evidence" for region in REGIONS}
    for region in REGIONS:
        assert mounts(region)["/data"] == (region, True)
        assert sight[f"/agents/{region}"] == (region, False)
        others = {source for source, _ in mounts(region).values()} & {*REGIONS, "evaluator"}
        assert others == {region}, "agents see nothing of each other"


def test_the_evaluator_reads_channels_that_load_and_of_which_nobody_is_told_yet() -> None:
    assert "--channels channels.yaml" in service("evaluator")["command"]
    source, writes = mounts("evaluator")["/prober/channels.yaml"]
    assert source == "${PROBER_CHANNELS:-./alerts/channels.yaml}"
    assert not writes
    assert load(HOME / "alerts" / "channels.yaml", {}).ways == {}


def test_compose_reads_the_file() -> None:
    done = subprocess.run([*composer(), "config"], cwd=HOME, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = YAML(typ="safe").load(done.stdout)["services"]["evaluator"]["command"]
    words = told.split() if isinstance(told, str) else told
    assert words.count("--evidence") == len(REGIONS)
