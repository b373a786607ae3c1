"""Who is who among the processes that measure: below an agent, below a worker, or below a peer."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import psutil

#: From what all of them came from to those of one sort; none that has ended.
Find = Callable[[psutil.Process], list[psutil.Process]]


def worker(root: psutil.Process) -> list[psutil.Process]:
    """The process that runs the journey's code; where there is no other, the root."""
    found = [each for each in below(root) if "prober.agent.worker" in line(each)]
    return found or [root]


def driver(root: psutil.Process) -> list[psutil.Process]:
    """Playwright's own."""
    return [each for each in below(root) if "node" in _name(each)]


def browser(root: psutil.Process) -> list[psutil.Process]:
    """The browser's first process; some systems have a shell script around it."""
    return [each for each in _of_browser(root, "") if below(each)][-1:]


def of_type(kind: str) -> Find:
    """The browser's processes of one type, the first ones first."""
    return lambda root: _of_browser(root, f"--type={kind}")


def everybody(root: psutil.Process) -> list[psutil.Process]:
    """All of them, as when a virtual machine is paused."""
    return [root, *below(root)]


def below(root: psutil.Process) -> list[psutil.Process]:
    """Whatever came from a process."""
    with suppress(psutil.NoSuchProcess):
        return root.children(recursive=True)
    return []


def line(process: psutil.Process) -> list[str]:
    """The words that it was started with."""
    with suppress(psutil.NoSuchProcess):  # a zombie is one too
        return process.cmdline()
    return ["--type=gone"]


def _of_browser(root: psutil.Process, switch: str) -> list[psutil.Process]:
    family = [child for node in driver(root) for child in below(node)]
    return [child for child in family if _type(child) == switch]


def _type(process: psutil.Process) -> str:
    return next((word for word in line(process) if word.startswith("--type=")), "")


def _name(process: psutil.Process) -> str:
    with suppress(psutil.NoSuchProcess):
        return process.name()
    return ""
