"""Where pages are: every address within the site is made here."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from prober.model import RunId


@dataclass(frozen=True, slots=True)
class Site:
    """Addresses as one page of the site writes them."""

    #: From that page to the overview; ends with a slash.
    root: str = "/"
    #: What the file of a page is called in its directory: for sites without a server.
    index: str = ""
    #: Whether Playwright's trace viewer is there.
    viewer: bool = False
    #: The runs that have a page, by key; None: all.
    runs: frozenset[str] | None = None

    @property
    def overview(self) -> str:
        """Every contract."""
        return f"{self.root}{self.index}"

    def page(self, name: str) -> str:
        """A page that there is one of: `regions`, `overrides`."""
        return f"{self.root}{name}{self._end}"

    def slo(self, name: str) -> str:
        """Everything about one contract."""
        return f"{self.root}slo/{quote(name, safe='')}{self._end}"

    def run(self, key: str | RunId) -> str:
        """Everything about one run; see `RunId.key`."""
        return f"{self.root}run/{key if isinstance(key, str) else key.key}{self._end}"

    def shows(self, run: RunId | None) -> bool:
        """Whether there is such a run and a page about it."""
        return run is not None and (self.runs is None or run.key in self.runs)

    def file(self, name: str) -> str:
        """Something that pages are made of."""
        return f"{self.root}{name}"

    def evidence(self, artefact: str) -> str:
        """A file that an agent kept of a run, by its opaque id."""
        return f"{self.root}evidence/{quote(artefact)}"

    def trace(self, artefact: str) -> str:
        """A trace in the viewer."""
        return f"{self.root}trace/index.html?trace={quote(self.evidence(artefact), safe='')}"

    @property
    def _end(self) -> str:
        return f"/{self.index}" if self.index else ""


#: As the evaluator serves it.
SERVED = Site()
