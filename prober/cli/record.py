"""`prober record`: what a person does in a browser, as a journey."""

from __future__ import annotations

import re
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from prober.cli import scaffold
from prober.cli.where import JOURNEYS, REGIONS
from prober.errors import ProberError

if TYPE_CHECKING:
    from prober.config import Region
    from prober.emulation import Emulation
    from prober.recording.conversion import Recorded
    from prober.recording.script import Script

_STANDARD_INPUT = "-"
_UNNAMED = "recorded"
Url = Annotated[
    str | None, typer.Argument(help="Where to begin: the site's address, or a path of it.")
]
Name = Annotated[str | None, typer.Option(help="The journey's name; by default after URL or FILE.")]
From = Annotated[
    str | None, typer.Option("--from", help="A script of codegen's; - is standard input.")
]
Into = Annotated[Path, typer.Option(help="Directory of journeys and their contracts.")]
RegionFile = Annotated[
    Path | None, typer.Option(help="The region's file; by default the first of regions/.")
]
Device = Annotated[str | None, typer.Option(help="A name of Playwright's list.")]
Viewport = Annotated[str | None, typer.Option(help="Width and height, as 390x844.")]
Lang = Annotated[str | None, typer.Option(help="The browser's locale, as de-DE.")]
Zone = Annotated[str | None, typer.Option(help="The browser's time zone, as Europe/Berlin.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object, nothing else.")]


def command(
    url: Url = None,
    name: Name = None,
    script: From = None,
    into: Into = JOURNEYS,
    region: RegionFile = None,
    device: Device = None,
    viewport: Viewport = None,
    lang: Lang = None,
    timezone: Zone = None,
    json: AsJson = False,
) -> None:
    """Record a journey in a browser, or convert what was recorded. Overwrites nothing."""
    from json import dumps

    from prober.recording.tidy import tidy

    wanted = _emulation(device, viewport, lang, timezone)
    label = name or _label(url, script)
    _refuse(label, given=bool(name))
    code, contract = scaffold.files(into, label)
    scaffold.refuse_existing((code, contract))
    given = None if script is None else _read(script)
    site = _site(region, url, given)
    recording = given or _record(url, site, wanted)
    elsewhere = _elsewhere(recording, site, url)
    recorded = _convert(recording, label, site, url, wanted)
    files = {code: tidy(recorded.text, code), contract: scaffold.contract(label)} | site.first
    scaffold.write(files)
    found = _found(label, recorded, site, [str(path) for path in files], into)
    found["notes"] += elsewhere
    print(dumps(found, indent=2) if json else _text(found, site))


@dataclass(frozen=True, slots=True)
class _Site:
    """What is recorded, as a region has it."""

    region: Region
    file: Path
    #: The region's file, where it is not there yet.
    first: dict[Path, str]


def _emulation(
    device: str | None, viewport: str | None, lang: str | None, timezone: str | None
) -> Emulation:
    from prober.agent import devices
    from prober.emulation import Emulation

    if device is not None and devices.names() and device not in devices.names():
        raise ProberError(f"--device: {', '.join(devices.unknown(device))}")
    try:
        return Emulation.read(device, viewport, lang, timezone, None)
    except ValueError as error:
        raise ProberError(str(error)) from None


def _label(url: str | None, script: str | None) -> str:
    """A name for a journey that was given none."""
    if script not in (None, _STANDARD_INPUT):
        return _as_name(Path(str(script)).stem.removeprefix("test_")) or _UNNAMED
    parts = map(_as_name, reversed(_path(url or "").split("/")))
    return next((part for part in parts if part[:1].isalpha()), _UNNAMED)  # others are numbers


def _as_name(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


def _path(url: str) -> str:
    """Of an address; nothing of one that is none, which is refused later on."""
    try:
        return urlsplit(url).path
    except ValueError:
        return ""


def _refuse(label: str, *, given: bool) -> None:
    """Turn down a name that cannot be; one that nobody gave with the option that gives one."""
    try:
        scaffold.refuse(label)
    except ProberError as error:
        raise ProberError(str(error) if given else f"{error}: give one by --name") from None


def _read(script: str) -> Script:
    """What a file of codegen's holds, or standard input."""
    from prober.recording.script import read

    if script == _STANDARD_INPUT:
        return read(sys.stdin.read(), "standard input")
    try:
        text = Path(script).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        what = getattr(error, "strerror", None) or "it is no text"
        raise ProberError(f"{script}: cannot be read: {what}, name a file of codegen's") from None
    return read(text, script)


def _record(url: str | None, site: _Site, wanted: Emulation) -> Script:
    """Have a person record it now."""
    from prober.agent.browser import BrowserSettings
    from prober.agent.codegen import ELSEWHERE, record
    from prober.agent.display import require_display
    from prober.agent.setting import pool_settings
    from prober.recording.script import read

    if url is None:
        raise ProberError("say where to begin, as https://shop.example or /cart, or --from FILE")
    address = _address(url, site.region)
    require_display(ELSEWHERE)
    settings = BrowserSettings(**pool_settings(site.region, [], headed=True).browser)
    print(f"recording {address}, until its window is closed", file=sys.stderr)
    text = record(address, settings, wanted)
    if not text:
        raise ProberError("nothing was recorded: use the site in the window that opens")
    return read(text, "the recording")


def _address(url: str, region: Region) -> str:
    """Where to begin."""
    if url.startswith("/"):
        return f"{region.base_url}{url}"
    if _origin(url) != region.base_url:
        raise ProberError(
            f"{url} is not at {region.base_url}, where region {region.name} has the site: "
            "give a path, or the file of its region by --region"
        )
    return url


def _origin(url: str) -> str:
    """Scheme and host of an address."""
    from prober.address import endpoint

    try:
        parts = urlsplit(endpoint(url))
    except ValueError as error:
        raise ProberError(str(error)) from None
    return f"{parts.scheme}://{parts.netloc}"


def _site(file: Path | None, url: str | None, script: Script | None) -> _Site:
    """What a region says of the site, or the first region of all."""
    from prober.config import load_region, region_files

    file = file or next(iter(region_files(REGIONS)), None)
    if file is not None:
        return _Site(load_region(file), file, {})
    begin = url or (script.begins_at if script else "")
    if not begin or begin.startswith("/"):
        raise ProberError(
            f"{REGIONS}: there is no region yet, say where the site is: "
            "prober record https://shop.example"
        )
    first = scaffold.region(REGIONS, "here", _origin(begin))
    ((path, text),) = first.items()
    with TemporaryDirectory() as place:  # it is written with everything else, or not at all
        draft = Path(place, path.name)
        draft.write_text(text)
        return _Site(load_region(draft), path, first)


def _known(region: Region) -> dict[str, str | None]:
    """Secrets of a region by name; of commands, which may ask for something, only the name."""
    from prober import source
    from prober.errors import SecretUnreadable

    found: dict[str, str | None] = {}
    for name, origin in region.origins.items():
        found[name] = origin if isinstance(origin, str) else None
        if not isinstance(origin, str) and origin.file:
            with suppress(SecretUnreadable):
                found[name] = source.of_file(origin.file)
    return found


def _convert(
    script: Script, label: str, site: _Site, url: str | None, wanted: Emulation
) -> Recorded:
    from prober.recording.conversion import convert

    size = wanted.viewport and "x".join(map(str, wanted.viewport))
    options = {
        "device": wanted.device,
        "viewport": size,
        "locale": wanted.locale,
        "timezone": wanted.timezone,
    }
    looks = dict(script.looks) | {key: value for key, value in options.items() if value}
    return convert(
        script, label, origins=_origins(site, url), known=_known(site.region), looks=looks
    )


def _origins(site: _Site, url: str | None) -> set[str]:
    """What addresses of the site begin with."""
    more = {_origin(url)} if url and not url.startswith("/") else set()
    return {site.region.base_url} | more


def _elsewhere(script: Script, site: _Site, url: str | None) -> list[str]:
    """That a script was recorded at another host than the region's."""
    if not script.begins_at.startswith(("http://", "https://")):
        return []
    try:
        origin = _origin(script.begins_at)
    except ProberError as error:
        raise ProberError(f"{script.source.name}: where it begins: {error}") from None
    if origin in _origins(site, url):
        return []
    return [
        f"the recording begins at {origin} and {site.file} has the site at "
        f"{site.region.base_url}: if they are the same, say so: prober record {origin} --from FILE"
    ]


def _found(
    label: str, recorded: Recorded, site: _Site, wrote: list[str], into: Path
) -> dict[str, Any]:
    """What came of it, as `--json` has it."""
    from prober.config import region_files

    usual = site.first or region_files(site.file.parent)[:1] == [site.file]
    run = f"run {label}" if usual else f"run {label} --region {site.region.name}"
    return {
        "name": label,
        "wrote": wrote,
        "steps": list(recorded.steps),
        "secrets": list(recorded.secrets),
        "lacks": [name for name in recorded.secrets if name not in site.region.secrets],
        "asserts": recorded.asserts,
        "notes": list(recorded.notes),
        "next": scaffold.commands((run, "check", f"mutate {label}"), into, site.file.parent),
    }


def _text(found: dict[str, Any], site: _Site) -> str:
    lines = [f"wrote {path}" for path in found["wrote"]]
    lines += ["", f"steps: {', '.join(found['steps'])}"]
    if found["lacks"]:
        lines.append(f"{site.file} lacks what the journey reads, below `secrets:`")
        lines += [f"  {name}: ${{{name.upper()}}}" for name in found["lacks"]]
    lines += found["notes"]
    if not found["asserts"]:
        lines.append(
            "It asserts nothing yet, and such a run never passes [no-assertion]: "
            "expect what the user came for, where the file says so."
        )
    meanings = (
        "what a scheduled run would say",
        "whether all files fit together, and what is weak in the journey",
        "what it would not notice",
    )
    lines += ["", "To go on:"]
    return "\n".join(lines + scaffold.listed(dict(zip(found["next"], meanings, strict=True))))
