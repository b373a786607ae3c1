"""Events: what a journey would do, in the order in which it would."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from enum import Enum, auto

from prober.errors import Severity
from prober.lint.finding import Finding, Rule
from prober.lint.source import Source
from prober.lint.value import NOTHING, Code, Target, Value

#: The name of a step that is open and whose name cannot be told.
SOME = "…"
#: Where an event stands: the forks it depends on, each with the way taken; a loop has one way.
Path = tuple[tuple[ast.AST, int], ...]


class Kind(Enum):
    """What happens."""

    STEP = auto()  #: one is entered
    ACTION = auto()  #: the browser does something
    REQUEST = auto()  #: an HTTP request by the journey's own client
    ASSERTION = auto()  #: something that counts as one
    PROOF = auto()  #: a wait that fails unless what came before worked
    WAIT = auto()  #: a pause of fixed length
    PATIENCE = auto()  #: a timeout is given
    CLEANUP = auto()  #: something is left for after the verdict
    OPAQUE = auto()  #: code of others, which may do any of these


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happens."""

    kind: Kind
    source: Source
    node: ast.AST
    #: The step that is open, by name.
    step: str | None
    path: Path
    #: A method's name.
    verb: str = ""
    #: What is acted on; of a request, its path as words.
    target: Target = NOTHING
    #: Of a step, what it is named.
    name: Value = None
    named: bool = True
    #: Of a wait or a timeout.
    ms: float = 0

    @property
    def in_loop(self) -> bool:
        """Whether it may happen more than once."""
        return any(isinstance(fork, ast.For | ast.While) for fork, _ in self.path)

    def excludes(self, other: Event) -> bool:
        """Whether only one of two can happen in a run."""
        ways = dict(other.path)
        return any(ways.get(fork, way) != way for fork, way in self.path)

    def finding(
        self, rule: Rule, what: str, mend: str, severity: Severity = Severity.WARNING
    ) -> Finding:
        """What a rule says of it."""
        return self.source.finding(self.node, rule, what, mend, severity)


@dataclass(frozen=True, slots=True, eq=False)
class Declared:
    """A journey: what its decorator says, as far as that is written out, and what it would do."""

    name: str
    source: Source
    mark: ast.Call
    code: Code
    timeout_ms: int | None
    max_duration_ms: int | None
    secrets: tuple[str, ...]
    accounts: tuple[str, ...] = ()
    events: tuple[Event, ...] = ()

    def of(self, *kinds: Kind) -> list[Event]:
        """Its events of some kinds."""
        return [event for event in self.events if event.kind in kinds]

    def has(self, *kinds: Kind) -> bool:
        """Whether there is any."""
        return bool(self.of(*kinds))

    def finding(
        self, rule: Rule, what: str, mend: str, severity: Severity = Severity.WARNING
    ) -> Finding:
        """What a rule says of it as a whole, told where it is declared."""
        return self.source.finding(self.mark, rule, what, mend, severity)

    def place_of(self, secret: str) -> ast.AST:
        """Where the decorator lists a secret."""
        for node in ast.walk(self.mark):
            if isinstance(node, ast.Constant) and node.value == secret:
                return node
        return self.mark
