"""What became of contracts, and of other things that have names, from one reading to the next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prober.slo.contract import Contract


def differences(before: Iterable[Contract], after: Iterable[Contract]) -> Iterator[str]:
    """What became of contracts, a line each."""
    old = {contract.name: contract for contract in before}
    new = {contract.name: contract for contract in after}
    yield from membership("contract", old, new)
    for name in sorted(old.keys() & new.keys()):
        if old[name] != new[name] or old[name].hash != new[name].hash:
            yield f"contract {name}: changed"


def membership(kind: str, before: Iterable[str], after: Iterable[str]) -> Iterator[str]:
    """Who left and who came, a line each."""
    yield from (f"{kind} {name}: removed" for name in sorted({*before} - {*after}))
    yield from (f"{kind} {name}: added" for name in sorted({*after} - {*before}))
