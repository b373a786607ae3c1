"""The peer in JavaScript, `npx playwright test`: only where node and its registry are in reach."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from benchmarks.shop import PASSWORD, USER

#: The same minor version as ours: patches of the two differ.
PACKAGE = f"@playwright/test@~{version('playwright').rpartition('.')[0]}.0"
_SPEC = Path(__file__).with_name("checkout.spec.js")
_CONFIG = """\
module.exports = {
  workers: 1,
  reporter: 'line',
  use: {
    baseURL: process.env.SHOP_URL,
    launchOptions: { executablePath: process.env.SHOP_BROWSER },
  },
};
"""
_REACH_S = 5


def missing() -> str | None:
    """Why it cannot take part; None when it can."""
    if not (shutil.which("npm") and shutil.which("npx")):
        return "skipped: there is no npx here"
    command = ["npm", "view", PACKAGE, "version"]
    try:
        subprocess.run(command, capture_output=True, check=True, timeout=_REACH_S)
    except subprocess.SubprocessError:
        return f"skipped: npm does not reach {PACKAGE} from here"
    return None


class Project:
    """A node project with nothing in it but the checkout."""

    def __init__(self, directory: Path, url: str, browser: str) -> None:
        self._directory = directory
        shop = {"SHOP_URL": url, "SHOP_USER": USER, "SHOP_PASSWORD": PASSWORD}
        self._environ: Mapping[str, str] = {**os.environ, **shop, "SHOP_BROWSER": browser}
        shutil.copy(_SPEC, directory)
        (directory / "playwright.config.js").write_text(_CONFIG)
        self._do("npm", "install", "--no-audit", "--no-fund", PACKAGE)

    def run(self) -> float:
        """Run the test; how long it took, in seconds."""
        start = time.perf_counter()
        self._do("npx", "playwright", "test")
        return time.perf_counter() - start

    def _do(self, *command: str) -> None:
        done = subprocess.run(
            command, cwd=self._directory, env=self._environ, capture_output=True, text=True
        )
        if done.returncode:
            raise RuntimeError(f"{command}: {done.stdout}{done.stderr}")
