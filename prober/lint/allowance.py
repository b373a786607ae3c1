"""Allowances: comments by which an author says that a finding is meant, and why.

`# prober: allow[rule] reason` stands at the end of a line of the statement, or above it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace

from prober.lint.finding import Finding, Rule
from prober.lint.source import Comment, Source

_MEANT = re.compile(r"#\s*prober:\s*allow\b")
_WRITTEN = re.compile(r"#\s*prober:\s*allow\[([^\]]*)\]\s*(.*)")
_FORM = "write # prober: allow[rule] and why"


@dataclass(slots=True)
class Allowance:
    """One comment."""

    comment: Comment
    rules: frozenset[str]
    reason: str
    #: The first line of the statement it is about.
    statement: int
    used: set[str] = field(default_factory=set)

    def excuses(self, finding: Finding, statement: int) -> bool:
        """Whether a finding about a statement is meant; it is noted that it was needed."""
        if self.statement != statement or finding.rule not in self.rules or not self.reason:
            return False
        self.used.add(finding.rule)
        return True


def excuse(
    source: Source, findings: Iterable[Finding], judged: Collection[Rule]
) -> Iterator[Finding]:
    """The findings of a file that nobody excuses, and what is wrong with the excuses.

    Args:
        source: the file.
        findings: of it.
        judged: the rules that were asked in full; only of these an allowance can be idle.
    """
    allowances = list(_allowances(source))
    for finding in findings:
        statement = source.statements.get(finding.line, finding.line)
        # Each that fits is asked, so that none of them is idle.
        if not [each for each in allowances if each.excuses(finding, statement)]:
            yield finding
    for comment in source.comments:
        if _MEANT.match(comment.text) and not _WRITTEN.match(comment.text):
            yield _finding(source, comment, "the allowance names no rule", _FORM)
    for allowance in allowances:
        for what, mend in _faults(allowance, judged):
            yield _finding(source, allowance.comment, what, mend)


def _allowances(source: Source) -> Iterator[Allowance]:
    for comment in source.comments:
        if match := _WRITTEN.match(comment.text):
            rules = frozenset(rule.strip() for rule in match[1].split(","))
            statement = source.statements.get(comment.about, comment.about)
            yield Allowance(comment, rules, match[2].strip(), statement)


def _faults(allowance: Allowance, judged: Collection[Rule]) -> Iterator[tuple[str, str]]:
    if not allowance.reason:
        yield "the allowance has no reason and excuses nothing", "write after it why this is meant"
    for rule in sorted(allowance.rules):
        if rule not in set(Rule):
            yield f"there is no rule {rule!r}", f"write one of {', '.join(sorted(Rule))}"
        elif allowance.reason and rule not in allowance.used and rule in judged:
            yield f"nothing here is to be excused from {rule}", "remove the allowance"


def _finding(source: Source, comment: Comment, what: str, mend: str) -> Finding:
    found = source.finding(source.tree, Rule.ALLOWANCE, what, mend)
    return replace(found, line=comment.line, column=comment.column)
