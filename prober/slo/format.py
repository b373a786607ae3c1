"""The contract file format: one YAML file a contract, read strictly.

`<name>.slo.yaml` stands beside its journey; docs/slo.md explains every key. A share is a string
(`"99.5%"`), so that no number is rounded on the way.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from prober import document
from prober.document import Document, did_you_mean
from prober.errors import InputError, Problem
from prober.journey import Journey
from prober.schema import published
from prober.slo import policy_format
from prober.slo.alert import length_ms
from prober.slo.contract import Alerts, Budgeting, Contract, Owners
from prober.slo.keys import AlertsKeys, BudgetingKeys, ContractKeys
from prober.slo.policy import POLICIES, Policy
from prober.slo.window import Window
from prober.variables import Place

#: Of a contract that names none: it has the usual states, and nothing follows from them.
NO_POLICY: Final = Policy(name="none", actions={})
_POLICY: Final[Place] = ("spec", "policy")


def load(path: Path) -> Contract:
    """The contract in a file, with the policy it names.

    Raises:
        InputError: with every problem found.
    """
    return _contract(document.read(path))


def load_contracts(directory: Path) -> tuple[Contract, ...]:
    """Every contract of a directory, by name; none is no mistake.

    Raises:
        InputError: with every problem of every file.
    """
    contracts: dict[str, Contract] = {}
    problems: list[Problem] = []
    for path in sorted(directory.glob("*.slo.yaml")):
        try:
            contract = load(path)
        except InputError as error:
            problems += error.problems
            continue
        if (first := contracts.setdefault(contract.name, contract)) is not contract:
            problems.append(_taken(contract, first))
    if problems:
        raise InputError(set(problems))  # several may name the same wrong policy file
    return tuple(contracts.values())


def parse(text: str, file: str) -> Contract:
    """The contract in a text, which messages call `file`; a policy file is looked for beside it.

    Raises:
        InputError: with every problem found.
    """
    return _contract(document.parse(text, file))


def schema() -> dict[str, Any]:
    """The published JSON Schema of contract files."""
    return published(ContractKeys, "Prober SLO contract")


def check(contract: Contract, journeys: Iterable[Journey]) -> list[Problem]:
    """What a contract and the journeys do not agree on."""
    known = [journey.name for journey in journeys]
    if contract.journey in known:
        return []
    what = f"there is no journey {contract.journey}"
    mend = did_you_mean(contract.journey, known)
    return [contract.source.problem(("spec", "journey"), what, mend)]


def _contract(source: Document) -> Contract:
    problems: list[Problem] = []
    try:
        policy, policy_source = _policy(source)
    except InputError as error:  # told together with the contract's own
        problems += error.problems
    try:
        keys = source.validate(ContractKeys)
    except InputError as error:
        problems += error.problems
    if problems:
        raise InputError(problems)
    return _build(source, keys, policy, policy_source)


def _build(
    source: Document, keys: ContractKeys, policy: Policy, policy_source: Document | None
) -> Contract:
    metadata, spec = keys.metadata, keys.spec
    windows = tuple(window.build() for window in spec.windows)
    budgeting, impact = spec.budgeting, spec.business_impact
    return Contract(
        name=metadata.name,
        display_name=metadata.display_name or metadata.name,
        labels=metadata.labels,
        description=spec.description or "",
        journey=spec.journey,
        owners=Owners(spec.owners.product, spec.owners.sre),
        rationale=spec.rationale,
        effective_from=spec.effective_from,
        objectives=tuple(objective.build() for objective in spec.objectives),
        windows=windows,
        data=spec.data.build(),
        policy=policy,
        policy_source=policy_source,
        budgeting=budgeting.build() if isinstance(budgeting, BudgetingKeys) else Budgeting(),
        alerts=_alerts(spec.alerts, windows),
        sla=spec.sla.build() if spec.sla else None,
        impact=impact.build() if impact else None,
        depends_on=tuple(dependency.build() for dependency in spec.depends_on),
        server_view=spec.server_view.build() if spec.server_view else None,
        dependents=spec.dependents,
        signoffs=tuple(signoff.build() for signoff in spec.signoffs),
        paths=spec.paths,
        required_roles=spec.required_roles,
        source=source,
    )


def _policy(source: Document) -> tuple[Policy, Document | None]:
    """The policy that a contract names, and the file it stands in unless it is built in."""
    spec = source.data.get("spec")
    name = spec.get("policy") if isinstance(spec, dict) else None
    if not isinstance(name, str) or not name.strip():  # if it is there at all, the keys will tell
        return NO_POLICY, None
    if name in POLICIES:
        return POLICIES[name], None
    path = Path(source.file).parent / name
    if path.suffix != ".yaml":
        mend = f"write {' or '.join(POLICIES)}, or the path of a .yaml file from this one"
        raise InputError([source.problem(_POLICY, f"there is no policy {name}", mend)])
    if not os.path.isfile(path):  # the method raises where nobody may look
        what, mend = f"there is no file {path}", "name one by its path from this file"
        raise InputError([source.problem(_POLICY, what, mend)])
    return policy_format.load(path), document.read(path)


def _alerts(keys: AlertsKeys, windows: Iterable[Window]) -> Alerts:
    """Alerts; a share is one of the budget of the first window that gates, or else of the first."""
    window_ms = length_ms(min(windows, key=lambda window: not window.gate))
    rules = tuple(rule.build(keys, window_ms) for rule in keys.rules or ())
    return Alerts(
        rules=rules or None,
        min_failures=keys.min_failures,
        min_regions=keys.min_regions,
        routes={str(severity): told for severity, told in keys.routes.items()},
    )


def _taken(contract: Contract, other: Contract) -> Problem:
    what = f"the name {contract.name} is taken by {other.source.file}"
    return contract.source.problem(("metadata", "name"), what, "rename one")
