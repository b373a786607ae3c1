"""The peer that judges in Python, slo-generator: only where PyPI is in reach.

It is handed the counts and has no runs to look through: what is timed is the judging alone.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

#: A newer setuptools lacks the module that it asks for its own version.
PACKAGES = ("slo-generator==2.6.0", "setuptools<81")
_ENVIRONMENT = Path(__file__).parent.parent / ".cache" / "slo-generator"
_REACH_S = 120
_STEPS = (3600, 21_600, 259_200, 2_592_000)
_CONFIG = """\
backends: {{counts.Counts: {{}}}}
error_budget_policies:
  default:
    steps: [{steps}]
"""
_STEP = (
    "{{name: {s} s, window: {s}, burn_rate_threshold: 1, alert: true, "
    "message_alert: spent, message_ok: kept}}"
)
_SLO = """\
apiVersion: sre.google.com/v2
kind: ServiceLevelObjective
metadata: {name: availability, labels: {service_name: shop, feature_name: checkout}}
spec:
  description: customers get their order
  backend: counts.Counts
  method: counts
  service_level_indicator: {}
  goal: 0.995
"""
_BACKEND = """\
class Counts:
    def __init__(self, client=None):
        pass

    def counts(self, timestamp, window, config):
        return {good}, {bad}
"""


def missing() -> str | None:
    """Why it cannot take part; None when it can."""
    if (_ENVIRONMENT / "bin" / "slo-generator").exists():
        return None
    try:
        _do(sys.executable, "-m", "venv", str(_ENVIRONMENT))
        _do(str(_ENVIRONMENT / "bin" / "pip"), "install", "--quiet", *PACKAGES)
    except subprocess.SubprocessError:
        return f"skipped: pip does not reach {PACKAGES[0]} from here"
    return None


def judge(directory: Path, good: int, bad: int) -> float:
    """Judge one SLO over its windows, from process start to exit; how long it took, in ms."""
    steps = ", ".join(_STEP.format(s=seconds) for seconds in _STEPS)
    (directory / "config.yaml").write_text(_CONFIG.format(steps=steps))
    (directory / "slo.yaml").write_text(_SLO)
    (directory / "counts.py").write_text(_BACKEND.format(good=good, bad=bad))
    command = [str(_ENVIRONMENT / "bin" / "slo-generator"), "compute", "-f", "slo.yaml"]
    start = time.perf_counter()
    said = subprocess.run(
        [*command, "-c", "config.yaml"],
        cwd=directory,
        env={"PYTHONPATH": str(directory)},
        capture_output=True,
        text=True,
        check=True,
    )
    took_ms = 1000 * (time.perf_counter() - start)
    if said.stdout.count("SLI:") != len(_STEPS):
        raise RuntimeError(f"slo-generator did not judge: {said.stdout}{said.stderr}")
    return took_ms


def _do(*command: str) -> None:
    subprocess.run(command, capture_output=True, check=True, timeout=_REACH_S)
