"""Which contracts a change touches: changed paths in, contracts and what of them was hit out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import PurePosixPath
from typing import NamedTuple

from prober.slo.contract import Contract


class Touched(NamedTuple):
    """A contract, and the changed paths that touch its journey."""

    contract: Contract
    paths: tuple[str, ...]


def touched(contracts: Iterable[Contract], changed: Iterable[str]) -> tuple[Touched, ...]:
    """The contracts that a change touches.

    A path touches a contract if one of the contract's `paths` fits it, if it is the contract's
    own file, or the file of its journey, which is called as the journey or as the contract's
    file is.

    Args:
        contracts: all there are.
        changed: paths from the top of the repository, with `/`.
    """
    paths = sorted(set(changed))
    found = (Touched(each, tuple(p for p in paths if _touches(each, p))) for each in contracts)
    return tuple(each for each in found if each.paths)


def fits(pattern: str, path: str) -> bool:
    """Whether a path is one of those that a pattern means.

    `*` and `?` stand for anything but a `/`, `**` for any folders, and a pattern that ends in `/`
    for everything below it.

    >>> fits("services/**/api/*.go", "services/pay/v2/api/charge.go"), fits("web/", "web/a/b.ts")
    (True, True)
    """
    return bool(_expression(pattern).fullmatch(path))


def _touches(contract: Contract, path: str) -> bool:
    name = PurePosixPath(path).name
    own = PurePosixPath(contract.source.file).name
    script = {f"{contract.journey}.py", f"{own.removesuffix('.slo.yaml')}.py"}
    return name == own or name in script or any(fits(each, path) for each in contract.paths)


@cache
def _expression(pattern: str) -> re.Pattern[str]:
    whole = f"{pattern}**" if pattern.endswith("/") else pattern
    meanings = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    pieces = re.split(r"(\*\*/|\*\*|\*|\?)", whole.removeprefix("./"))
    return re.compile("".join(meanings.get(piece) or re.escape(piece) for piece in pieces))
