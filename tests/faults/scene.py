"""The scene of the blame matrix: a shop, what leads to it, and who measures it."""

from __future__ import annotations

import contextlib
import shutil
import ssl
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Protocol, TypeVar

import trustme

from prober.agent.installed import find
from prober.discovery import describe
from prober.lazy import lazy
from tests.conftest import ROOT, Shop
from tests.elsewhere import Host, Network, Resolver, network_made
from tests.faults.cgroup import Cgroup
from tests.faults.measurer import Ours, Peer, Place
from tests.faults.passage import Passage

SCRIPTS = Path(__file__).parent / "scripts"
#: By what name a network of its own knows the shop, and what is not the shop.
SHOP_NAME = "shop.test"
REFERENCES = ("reference-a.test", "reference-b.test")


class _Closes(Protocol):
    def close(self) -> None: ...


Thing = TypeVar("Thing", bound=_Closes)


class World(StrEnum):
    """What a measurer lives in."""

    PLAIN = "plain"
    TLS = "tls"  #: the shop is asked by https
    NET = "net"  #: a network of its own, with references and a resolver
    HELD = "held"  #: limits of the kernel's
    SMALL = "small"  #: few descriptors
    FULL = "full"  #: a disk of its own for what is temporary


@dataclass
class Scene:
    """Everything a fault can strike; made when it is first needed."""

    directory: Path
    shop: Shop
    #: Who measures now, or did last.
    measurer: Ours | Peer = field(init=False)
    _ours: dict[World, Ours] = field(default_factory=dict)
    _open: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    @lazy
    def journeys(self) -> Path:
        """The examples, and what authors write on bad days."""
        place = self.directory / "journeys"
        shutil.copytree(ROOT / "journeys", place)
        shutil.copytree(SCRIPTS, place, dirs_exist_ok=True)
        return place

    @lazy
    def passage(self) -> Passage:
        """The way to the shop for who is on this machine."""
        return self._closing(Passage(self.shop.url, "127.0.0.1"))

    @lazy
    def sealed(self) -> Passage:
        """The same with a certificate that ended yesterday."""
        authority = trustme.CA()
        ended = datetime.now(UTC) - timedelta(days=1)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1", not_after=ended).configure_cert(context)
        return self._closing(Passage(self.shop.url, "127.0.0.1", context))

    @lazy
    def net(self) -> Network:
        """The network of a region."""
        return self._open.enter_context(network_made())

    @lazy
    def resolver(self) -> Resolver:
        """Of that network."""
        names = dict.fromkeys((SHOP_NAME, *REFERENCES), self.net.here)
        return self._closing(Resolver(self.net.here, names))

    @lazy
    def outside(self) -> Passage:
        """The way to the shop from that network, by name."""
        assert self.resolver
        return self._closing(Passage(self.shop.url, self.net.here))

    @lazy
    def references(self) -> list[str]:
        """Places in that network which are not the shop."""
        assert self.resolver
        hosts = [self._closing(Host(self.net.here)) for _ in REFERENCES]
        return [f"http://{name}:{host.port}" for name, host in zip(REFERENCES, hosts, strict=True)]

    @lazy
    def cgroup(self) -> Cgroup:
        """What holds a measurer."""
        cgroup = Cgroup("held")
        cgroup.up()
        self._open.callback(cgroup.down)
        return cgroup

    @lazy
    def disk(self) -> Path:
        """A small one, for what is temporary."""
        disk = self.directory / "disk"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", disk], check=True)
        self._open.callback(subprocess.run, ["umount", "-l", disk])
        return disk

    def way(self, world: World) -> Passage:
        """What leads to the shop in a world."""
        return {World.TLS: lambda: self.sealed, World.NET: lambda: self.outside}.get(
            world, lambda: self.passage
        )()

    def ours(self, world: World) -> Ours:
        """Our runner there; another one where the last one ended."""
        held = self._ours.get(world)
        if held is None or held.process.poll() is not None:
            self._ours[world] = held = Ours(self.place(world, "ours"), self.journeys)
            self._open.callback(held.close)
        return held

    def peer(self, world: World, journey: str) -> Peer:
        """What else could measure there."""
        [file] = [each.file for each in describe(self.journeys) if each.name == journey]
        return Peer(self.place(world, "peer"), find("headless-shell"), Path(file), journey)

    def place(self, world: World, name: str) -> Place:
        """Where a measurer of that world works."""
        directory = self.directory / f"{name}-{world}"
        url = f"http://127.0.0.1:{self.passage.port}"
        if world is World.TLS:
            return Place(directory, f"https://127.0.0.1:{self.sealed.port}")
        if world is World.NET:
            lines = (f"control: {{references: [{', '.join(self.references)}], every: 5s}}",)
            port = self.outside.port
            return Place(directory, f"http://{SHOP_NAME}:{port}", self.net.command(), lines)
        if world is World.HELD:
            files = " ".join(f"{path}/cgroup.procs" for path in set(self.cgroup.paths.values()))
            enter = f'for file in {files}; do echo $$ > $file; done; exec "$@"'
            return Place(directory, url, ("sh", "-c", enter, "sh"))
        if world is World.SMALL:
            return Place(directory, url, ("prlimit", "--nofile=64:64"))
        if world is World.FULL:
            return Place(directory, url, environ=(("TMPDIR", str(self.disk)),))
        return Place(directory, url)

    def close(self) -> None:
        """End everything."""
        self._open.close()

    def _closing(self, thing: Thing) -> Thing:
        self._open.callback(thing.close)
        return thing
