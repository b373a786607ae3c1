"""OpenSLO v1 as contracts: those that Prober wrote come back as they were.

An SLO with annotations of ours is one of a contract, and must say what they say: what was changed
in one of the two places only is a mistake. Any other is a contract of its own, to be filled in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from prober import document
from prober.document import Document
from prober.errors import InputError, Problem
from prober.slo import format as contracts
from prober.slo.naming import resource_name
from prober.slo.openslo import API, METADATA, OBJECTIVE, PREFIX, WINDOW, decoded, slos
from prober.slo.openslo_keys import SloKeys, TargetKeys
from prober.slo.portable import File
from prober.variables import Place
from prober.writing import write

#: Kinds that say nothing a contract would hold: Prober derives alerts from its windows.
_PASSED_OVER: Final = ("Service", "AlertPolicy", "AlertCondition", "AlertNotificationTarget")
_HEAD: Final = {"apiVersion": "prober/v1", "kind": "SLO"}
_ANNOTATIONS: Final[Place] = ("metadata", "annotations")


@dataclass(frozen=True, slots=True)
class Imported:
    """A contract made of OpenSLO."""

    file: File
    #: What a person has to add or look at, one line each; none for a contract that came back.
    notes: tuple[str, ...] = ()


def imported(text: str, file: str) -> tuple[Imported, ...]:
    """The contracts in a file of OpenSLO, which messages call `file`.

    Raises:
        InputError: with every problem found.
    """
    found: list[Imported] = []
    problems: list[Problem] = []
    ours: dict[str, list[Document]] = {}
    for source in document.parse_all(text, file):
        try:
            if (keys := _slo(source)) is None:
                continue
            if name := _contract_name(source):
                ours.setdefault(name, []).append(source)
            else:
                found.append(_foreign(source, keys))
        except InputError as error:
            problems += error.problems
    for name, sources in ours.items():
        try:
            found.append(_restored(name, sources))
        except InputError as error:
            problems += error.problems
    if not (found or problems):
        what, mend = "holds no SLO", f"name a file with apiVersion: {API} and kind: SLO"
        problems.append(Problem(file, 0, "", what, mend))
    called = [each.file.name for each in found]
    if twice := {name for name in called if called.count(name) > 1}:
        what = f"two contracts would be called {min(twice)}"
        problems.append(Problem(file, 0, "", what, "rename one SLO"))
    if problems:
        raise InputError(problems)
    return tuple(found)


def _slo(source: Document) -> SloKeys | None:
    """An SLO; None when it is another resource, of which there is nothing to take."""
    kind = source.data.get("kind")
    if kind in _PASSED_OVER:
        return None
    if kind in ("SLI", "DataSource"):
        what = f"a resource of kind {kind} is nothing that Prober can take over"
        raise InputError([source.problem(("kind",), what, "write the indicator in its SLO")])
    return source.validate(SloKeys)


# Of Prober


def _ours(source: Document) -> dict[str, Any]:
    """Our annotations, by key."""
    annotations = source.data["metadata"].get("annotations", {})
    return {
        key.removeprefix(PREFIX): decoded(value)
        for key, value in annotations.items()
        if key.startswith(PREFIX)
    }


def _contract_name(source: Document) -> str | None:
    metadata = _ours(source).get(METADATA)
    return str(metadata.get("name")) if isinstance(metadata, dict) else None


def _restored(name: str, sources: list[Document]) -> Imported:
    """The contract that SLOs were written of."""
    objectives = _distinct(_ours(source).get(OBJECTIVE) for source in sources)
    windows = _distinct(_ours(source).get(WINDOW) for source in sources)
    shared = _ours(sources[0])
    metadata = shared.pop(METADATA)
    spec = {key: shared[key] for key in shared if key not in (OBJECTIVE, WINDOW)}
    raw = {
        **_HEAD,
        "metadata": metadata,
        "spec": {**spec, "objectives": objectives, "windows": windows},
    }
    file = File(f"{name}.slo.yaml", write(raw))
    try:
        contract = contracts.parse(file.text, sources[0].file)
    except InputError as error:
        raise InputError(_at(sources[0], error.problems)) from error
    problems = list(_disagreements(slos(contract), sources))
    if problems:
        raise InputError(problems)
    return Imported(file)


def _distinct(values: Iterable[Any]) -> list[Any]:
    """Without repetition, in the order of their first occurrence."""
    found: list[Any] = []
    for value in values:
        if value is not None and value not in found:
            found.append(value)
    return found


def _at(source: Document, problems: Iterable[Problem]) -> Iterator[Problem]:
    """Problems of a contract, where its SLO is written."""
    for each in problems:
        key = each.path.removeprefix("spec.").split(".")[0].split("[")[0]
        key = {"objectives": OBJECTIVE, "windows": WINDOW}.get(key, key)
        place = (*_ANNOTATIONS, PREFIX + key)
        yield source.problem(place, f"{each.path} {each.what}", each.mend)


def _disagreements(meant: list[dict[str, Any]], sources: list[Document]) -> Iterator[Problem]:
    """Where SLOs do not say what their annotations say."""
    named = {_pair(each): each for each in meant}
    for source in sources:
        wanted = named.pop(_pair(source.data), None)
        if wanted is None:
            what, mend = "the same objective and window are there twice", "remove one SLO"
            yield source.problem(_ANNOTATIONS, what, mend)
        elif place := _difference(wanted, source.data, ()):
            what = f"is not what the annotations {PREFIX}… say"
            mend = f"change both, or remove {PREFIX}{METADATA} to take over what OpenSLO says alone"
            yield source.problem(place, what, mend)
    for wanted in named.values():
        name = wanted["metadata"]["name"]
        what = f"there is no SLO {name}, of a contract with that objective and window"
        yield sources[0].problem(_ANNOTATIONS, what, "add it, or export the contract again")


def _pair(slo: Mapping[str, Any]) -> tuple[str | None, str | None]:
    annotations = slo["metadata"]["annotations"]
    return annotations.get(PREFIX + OBJECTIVE), annotations.get(PREFIX + WINDOW)


def _difference(ours: Any, theirs: Any, place: Place) -> Place | None:
    """The first place where two values differ; annotations of others are none of our business."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        foreign = {key for key in theirs if place == _ANNOTATIONS and not key.startswith(PREFIX)}
        for key in sorted((ours.keys() | theirs.keys()) - foreign):
            if found := _difference(ours.get(key), theirs.get(key), (*place, key)):
                return found
        return None
    if isinstance(ours, (list, tuple)) and isinstance(theirs, tuple) and len(ours) == len(theirs):
        places = (_difference(one, theirs[n], (*place, n)) for n, one in enumerate(ours))
        return next(filter(None, places), None)
    return None if ours == theirs else place


# Of others


def _foreign(source: Document, keys: SloKeys) -> Imported:
    """A contract of what an SLO says; what it does not say is left out and told."""
    file = File(f"{keys.metadata.name}.slo.yaml", write(_raw(keys)))
    notes = [f"spec.journey: {_journey(keys)} is the service, name the journey that measures it"]
    try:
        contracts.parse(file.text, source.file)
    except InputError as error:
        wrong = [each for each in error.problems if each.what != "is missing"]
        if wrong:
            raise InputError(
                source.problem(("spec",), f"{p.path} {p.what}", p.mend) for p in wrong
            ) from error
        notes += [f"{each.path}: {each.what}, {each.mend}" for each in error.problems]
    if keys.spec.alerts:
        notes.append("spec.alerts: OpenSLO's are left out, Prober derives alerts from the window")
    head = "".join(f"# {note}\n" for note in ("Made of OpenSLO. Look at:", *notes))
    return Imported(File(file.name, head + file.text), tuple(notes))


def _raw(keys: SloKeys) -> dict[str, Any]:
    spec, metadata = keys.spec, keys.metadata
    labels = {key: _text(value) for key, value in metadata.labels.items()}
    owners = {key: labels[key] for key in ("product", "sre") if key in labels}
    found: dict[str, Any] = {"description": spec.description, "journey": _journey(keys)}
    if len(owners) == 2:
        found["owners"] = owners
    found["objectives"] = [_objective(keys, number) for number in range(len(spec.objectives))]
    found["windows"] = [window.build() for window in spec.windows]
    if slices := _slices(keys):
        found["budgeting"] = {"timeslices": slices}
    named = {"name": metadata.name, "displayName": metadata.display_name, "labels": labels}
    return {**_HEAD, "metadata": _filled(named), "spec": _filled(found)}


def _objective(keys: SloKeys, number: int) -> dict[str, Any]:
    target = keys.spec.objectives[number]
    name = resource_name(target.display_name or "") or f"objective-{number + 1}"
    share = {"name": name, "sli": keys.spec.indicator.spec.ratio.sli, "target": _percent(target)}
    return _filled(share)


def _slices(keys: SloKeys) -> dict[str, Any]:
    """What a contract says of slices of time: those of `Timeslices` are good in every region."""
    if keys.spec.method == "Occurrences":
        return {}
    rule = "all" if keys.spec.method == "Timeslices" else "pooled"
    return _filled({"slice": keys.spec.objectives[0].slice_window, "rule": rule})


def _percent(target: TargetKeys) -> str:
    percent: Fraction = target.target * 100
    return f"{Decimal(percent.numerator) / percent.denominator:f}%"


def _journey(keys: SloKeys) -> str:
    return keys.spec.service.replace("-", "_")


def _text(value: str | tuple[str, ...]) -> str:
    return value if isinstance(value, str) else ", ".join(value)


def _filled(mapping: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in mapping.items() if value}
