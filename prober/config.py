"""Region files: where journeys run, how often, with which secrets, and who is told.

One YAML file a region, named after it; docs/regions.md explains every key. Keys left out
have defaults. Without `otlp`, the destination is what the `OTEL_*` variables say.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import Field as DataclassField
from dataclasses import replace
from fractions import Fraction
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Protocol, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PositiveInt,
    PrivateAttr,
    SecretStr,
    model_validator,
)
from pydantic.json_schema import WithJsonSchema

from prober import address, document, logins, otel, source
from prober.destination import SIGNALS, Destination, Distinct
from prober.document import matching
from prober.errors import InputError, Problem, SecretUnreadable
from prober.keeping import Artefacts
from prober.origin import AccountPools, SecretName, SecretOrigin, SecretSource, in_pools, place_of
from prober.schema import open_to_variables, published
from prober.units import format_ms
from prober.variables import Place

#: Control checks are small, and still are requests.
_OFTEN_MS = 1000
#: As the schema shows it; what a region is called is not known before it is read.
_DATA = ".prober/<region>"


class Address(NamedTuple):
    """Where a server listens."""

    host: str
    port: int


def _address(text: object) -> Address:
    match = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[\w.-]+):(\d{1,5})", str(text), re.ASCII)
    if not match or int(match[2]) > 65535:
        raise ValueError(f"{text!r} is not host:port, write one such as 127.0.0.1:9000")
    return Address(match[1].strip("[]"), int(match[2]))


def _suffix() -> str:
    try:
        return f"Prober/{version('prober')} (synthetic)"
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "Prober (synthetic)"


_SUCH = "write a-z, 0-9 and - such as eu-west-1"
RegionName = Annotated[str, matching("[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", "a region name", _SUCH)]
Locale = Annotated[
    str, matching("[a-z]{2,3}(-[A-Za-z0-9]{2,8})*", "a locale", "write one such as en-US")
]
Reference = Annotated[str, AfterValidator(address.reference)]
Host = Annotated[str, AfterValidator(address.host)]
Listen = Annotated[
    Address,
    BeforeValidator(_address),
    WithJsonSchema({"type": "string", "pattern": ":[0-9]{1,5}$", "examples": ["127.0.0.1:9000"]}),
]


def _apart(destinations: tuple[Destination, ...]) -> tuple[Destination, ...]:
    """Name and signal are a place in the journal: no two destinations may share it."""
    for signal in SIGNALS:
        document.distinct(tuple(each for each in destinations if signal in each.signals))
    return destinations


class Override(document.Strict):
    """What one region does differently with a journey."""

    every_ms: document.Duration | None = Field(None, alias="every")
    timeout_ms: document.Duration | None = Field(None, alias="timeout")
    #: Its slots are due and `skipped(paused)`.
    paused: bool = False


class Control(document.Strict):
    """What is asked whether a failure may be this region's own network."""

    references: Annotated[tuple[Reference, ...], Distinct] = Field((), min_length=1)
    every_ms: document.Duration = Field(30_000, alias="every")
    timeout_ms: document.Duration = Field(3_000, alias="timeout")

    @model_validator(mode="after")
    def _apart(self) -> Control:
        if self.every_ms < max(_OFTEN_MS, self.timeout_ms):
            raise ValueError("every is below a second or below timeout, write every: 30s")
        return self


class Viewport(document.Strict):
    """The size of the page, in CSS pixels."""

    width: PositiveInt = Field(1280, examples=[1280])
    height: PositiveInt = Field(720, examples=[720])


class Region(document.Strict):
    """One region file, defaults filled in. Shows no secret in its repr."""

    name: RegionName = Field(alias="region", examples=["eu-west-1"])
    #: All regions there are, this one included.
    fleet: Annotated[tuple[RegionName, ...], Distinct] = ()
    #: Scheme and host, without a slash at the end.
    base_url: Annotated[str, AfterValidator(address.origin)] = Field(
        examples=["https://shop.example"]
    )
    #: Hosts besides that of `base_url` whose replies count as the target's own.
    first_party: tuple[Host, ...] = ()
    #: Origins that `http` tells which run a request is of.
    traceparent_to: tuple[Annotated[str, AfterValidator(address.site)], ...] = ()
    #: Loopback or link-local hosts that pages may reach.
    allow_hosts: tuple[Host, ...] = ()
    journeys: Mapping[str, Override] = {}
    #: The journeys that run here; empty means all.
    only: Annotated[tuple[str, ...], Distinct] = Field((), min_length=1)
    secrets: Mapping[SecretName, SecretOrigin] = {}
    #: What runs sign in with: each account is one run's at a time.
    accounts: AccountPools = Field(default_factory=dict)
    otlp: Annotated[tuple[Destination, ...], AfterValidator(_apart)] = ()
    metrics_interval_ms: document.Duration = Field(15_000, alias="metrics_interval")
    isolation: Literal["browser", "context", "process"] = "browser"
    #: Browser runs side by side.
    concurrency: PositiveInt = Field(default_factory=lambda: max(1, (os.cpu_count() or 1) // 2))
    sandbox: Literal["on", "off"] = "on"
    #: Whether runs that a busy machine falsified are set aside.
    saturation: Literal["on", "off"] = "on"
    #: Of the journal and evidence, relative to the current directory.
    data: Annotated[Path, Field(strict=False, json_schema_extra={"default": _DATA})] = Path()
    #: Where the agent's own page is served; None: nowhere.
    listen: Listen | None = None
    locale: Locale = "en-US"
    timezone: document.TimeZone = "UTC"
    viewport: Viewport = Viewport()
    control: Control = Control()
    artefacts: Artefacts = Artefacts()
    user_agent_suffix: document.Text = Field(default_factory=_suffix)
    _document: document.Document = PrivateAttr(default=document.Document("", {}))

    @property
    def evidence(self) -> Path:
        """The directory of screenshots and traces."""
        return self.data / "evidence"

    @property
    def position(self) -> Fraction:
        """Where in a journey's period this region starts, from 0 to below 1."""
        return Fraction(sorted(self.fleet).index(self.name), len(self.fleet))

    @property
    def origins(self) -> dict[str, str | SecretSource]:
        """Its secrets and what its accounts have: as written, or where to read them."""
        return {
            name: each if isinstance(each, SecretSource) else each.get_secret_value()
            for name, each in self.written.items()
        }

    @property
    def written(self) -> dict[str, SecretStr | SecretSource]:
        """The same as the file has it."""
        return {**self.secrets, **dict(in_pools(self.accounts))}

    @property
    def exposed(self) -> list[Problem]:
        """Files of secrets that every user of this machine may read."""
        what = "every user of this machine may read the secret's file"
        return [
            self.problem(place_of(name), what, f"chmod o-r {each.file}")
            for name, each in self.written.items()
            if isinstance(each, SecretSource) and each.file and source.open_to_others(each.file)
        ]

    def paused(self, journey: str) -> bool:
        """Whether a journey's slots are skipped here."""
        return journey in self.journeys and self.journeys[journey].paused

    def problem(self, place: Place, what: str, mend: str) -> Problem:
        """A mistake at a place of the file this region was read from."""
        return self._document.problem(place, what, mend)


def load_region(path: Path, environ: Mapping[str, str] = os.environ) -> Region:
    """The region that a file describes.

    Args:
        path: `<region>.yaml`.
        environ: for `${VAR}` in the file, and for the `OTEL_*` variables.

    Raises:
        InputError: with every problem found.
    """
    written = document.read(path)
    fleet = tuple(file.stem for file in region_files(path.parent))
    defaults = {"fleet": fleet, "data": f".prober/{path.stem}", **otel.keys(environ, SIGNALS)}
    region = replace(written, data=defaults | written.data).validate(Region, environ)
    region._document = written
    if problems := [*_misfits(region, path, environ), *logins.shared([region])]:
        raise InputError(problems)
    return region


def schema() -> dict[str, Any]:
    """The published JSON Schema of region files."""
    found: dict[str, Any] = open_to_variables(published(Region, "Prober region"))
    return found


def load_regions(directory: Path, environ: Mapping[str, str] = os.environ) -> dict[str, Region]:
    """Every region of a directory, by name.

    Raises:
        InputError: with every problem of every file, or there is no region.
    """
    files = region_files(directory)
    regions = {}
    problems = [
        Problem(str(path), 0, "", "is not read", f"rename it to {path.stem}.yaml")
        for path in sorted(directory.glob("*.yml"))
    ]
    if not files:
        mend = "write one region to a file, such as eu-west-1.yaml"
        problems.append(Problem(str(directory), 0, "", "there is no region here", mend))
    for path in files:
        try:
            regions[path.stem] = load_region(path, environ)
        except InputError as error:
            problems += error.problems
    problems += _disagreements(regions.values())
    problems += logins.shared(regions.values())
    if problems:
        raise InputError(problems)
    return regions


def check_region(region: Region, journeys: Iterable[_Journey]) -> list[Problem]:
    """What a region file and the journeys do not agree on."""
    by_name = {journey.name: journey for journey in journeys}
    named: dict[Place, str] = {("journeys", name): name for name in region.journeys}
    named |= {("only", index): name for index, name in enumerate(region.only)}
    problems = [
        region.problem(at, f"there is no journey {name}", document.did_you_mean(name, by_name))
        for at, name in named.items()
        if name not in by_name
    ]
    for journey in resolve(region, by_name.values()):
        problems += clashes(region, journey)
    return problems


def resolve(region: Region, journeys: Iterable[AnyJourney]) -> list[AnyJourney]:
    """The journeys that run in a region, paused ones too, with its overrides applied."""
    return [
        _overridden(journey, region.journeys.get(journey.name, Override()))
        for journey in journeys
        if not region.only or journey.name in region.only
    ]


class _Journey(Protocol):
    """What a region needs to know of a journey; `prober.journey.Journey` is one."""

    __dataclass_fields__: ClassVar[dict[str, DataclassField[Any]]]

    @property
    def name(self) -> str: ...
    @property
    def every_ms(self) -> int: ...
    @property
    def timeout_ms(self) -> int: ...
    @property
    def secrets(self) -> tuple[str, ...]: ...
    @property
    def accounts(self) -> tuple[str, ...]: ...


AnyJourney = TypeVar("AnyJourney", bound=_Journey)


def _overridden(journey: AnyJourney, override: Override) -> AnyJourney:
    return replace(
        journey,
        every_ms=override.every_ms or journey.every_ms,
        timeout_ms=override.timeout_ms or journey.timeout_ms,
    )


def clashes(region: Region, journey: _Journey) -> Iterator[Problem]:
    """What a journey needs and its region does not give, overrides applied."""
    for name in journey.secrets:
        if name not in region.secrets:
            what = f"journey {journey.name} asks for it and it is not given"
            yield region.problem(("secrets", name), what, f"write {name}: ${{{name.upper()}}}")
    for name in journey.accounts:
        if name not in region.accounts:
            what = f"journey {journey.name} asks for an account of it and there is none"
            mend = f"write {name}: [{{user: …, password: …}}]"
            yield region.problem(("accounts", name), what, mend)
    if journey.timeout_ms >= journey.every_ms:
        every, timeout = format_ms(journey.every_ms), format_ms(journey.timeout_ms)
        yield region.problem(
            ("journeys", journey.name),
            f"timeout {timeout} is not below every {every}: a run could still be going when "
            "the next is due",
            f"write timeout: {format_ms(max(1, journey.every_ms // 2))} or less",
        )


def region_files(directory: Path) -> list[Path]:
    """The YAML files there, but for that of Docker Compose."""
    return sorted({*directory.glob("*.yaml")} - {directory / "compose.yaml"})


def _misfits(region: Region, path: Path, environ: Mapping[str, str]) -> Iterator[Problem]:
    """What is right by itself and wrong where it stands."""
    if region.name != path.stem:
        what = f"differs from the file's name, {path.name}"
        yield region.problem(("region",), what, f"write {path.stem} or rename the file")
    elif region.name not in region.fleet:
        what = f"{path.stem} is not in it"
        yield region.problem(("fleet",), what, "list every region there is, this one too")
    for index, reference in enumerate(region.control.references):
        server = address.server(reference)
        if server == address.server(region.base_url) or server[0] in region.first_party:
            what = "is the target itself, whose outage would pass for one of this region"
            yield region.problem(("control", "references", index), what, "name another host")
    for name, origin in region.written.items():
        if isinstance(origin, SecretSource) and origin.file:
            try:
                source.of_file(origin.file)
            except SecretUnreadable as error:
                yield region.problem(place_of(name), error.what, error.mend)
    if environ.get(otel.TEMPORALITY, "cumulative").lower() != "cumulative":
        what = f"{otel.TEMPORALITY} asks for other than cumulative, which a restart would falsify"
        yield region.problem((), what, "unset it")


def _disagreements(regions: Iterable[Region]) -> Iterator[Problem]:
    """Regions that know of different fleets would start at the same moments."""
    for first, other in pairwise(regions):
        if set(other.fleet) != set(first.fleet):
            what = f"differs from that of region {first.name}"
            yield other.problem(("fleet",), what, "list the same regions in every file")
