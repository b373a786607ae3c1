"""Taking secrets out of text before anything keeps it, in every form they travel in."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from unicodedata import normalize

from prober.agent.spelling import LEAST, Plain, encoded, layers
from prober.model import Run
from prober.source import SECRET_LENGTH

#: What is kept of one text; cut here, for half a secret would not be recognised.
LONGEST = 500
#: Values of one secret that are known: a target may show one for a while after it was changed.
MOST_VALUES = 16
#: Where others cut a text short.
_CUT = re.compile(r"[….](?:(?<=…)|\.\.)")
#: Quotes as shells, YAML, SQL, and CSV write them; a plus as forms read it.
_WAYS = {"'": r"(?:'\"'\"'|'\\*''|''|')", '"': '""?', "+": "[+ ]"}
_BLANK = re.compile(r"\s+")
#: So often a text is searched anew in which something was found.
_TURNS = 4
#: So many characters tell how far the next place is where something could be.
_BLOCK = 3
#: Lines of a message are joined by a dot, blanks of a form are pluses, those of a page are one.
_BLANKS = r"[\s+·]+"


class Redactor:
    """Replaces secret values by their names."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._known: dict[str, tuple[str, ...]] = {}
        self._search: _Search | None = None
        self.learn(secrets)

    def __bool__(self) -> bool:
        """Whether it knows any secret."""
        return self._search is not None

    def learn(self, secrets: Mapping[str, str]) -> None:
        """Know these from now on too; older values of the same names stay known.

        Those shorter than a secret may be are left out: they could not be told from other text.
        """
        known = dict(self._known)
        for name, value in secrets.items():
            values = known.get(name, ())
            if len(value) >= SECRET_LENGTH and value not in values:
                known[name] = (*values, value)[-MOST_VALUES:]
        if known != self._known:
            self._known, self._search = known, _Search(known)

    def text(self, text: str) -> str:
        """The text with every secret replaced by `[its name]`."""
        # One beside another can hide it: `100%` before `10` looks like an escape.
        for _ in range(_TURNS):
            if not (found := self.spans(text)):
                break
            parts: list[str] = []
            at = 0
            for start, end, name in found:
                parts += (text[at:start], f"[{name}]")
                at = end
            text = "".join((*parts, text[at:]))
        return text

    def spans(self, text: str) -> list[tuple[int, int, str]]:
        """Where secrets are, in order: start, end, name. What overlaps is one."""
        if self._search is None or len(text) < LEAST:
            return []
        found: list[tuple[int, int, str]] = []
        longest = 0
        for start, end, name in sorted(self._search.hits(text), key=lambda hit: (hit[0], -hit[1])):
            if not found or start >= found[-1][1]:
                found.append((start, end, name))
                longest = end - start
                continue
            first, last, before = found[-1]
            found[-1] = (first, max(last, end), name if end - start > longest else before)
            longest = max(longest, end - start)
        return found

    def run(self, run: Run) -> Run:
        """The run record with every free text in it redacted."""
        return replace(
            run,
            message=self._short(run.message) if run.message else run.message,
            evidence={name: self._lines(lines) for name, lines in run.evidence.items()},
            step=self.text(run.step) if run.step else run.step,
            steps=tuple(replace(step, name=self.text(step.name)) for step in run.steps),
        )

    def _lines(self, lines: Iterable[str]) -> tuple[str, ...]:
        return tuple(map(self._short, lines))

    def _short(self, text: str) -> str:
        return self.text(text)[:LONGEST]


@dataclass(frozen=True, slots=True)
class _Needle:
    """A text that is looked for as it is."""

    text: str
    name: str


class _Search:
    """What is looked for, arranged so that a text need be read only once a layer."""

    def __init__(self, known: Mapping[str, tuple[str, ...]]) -> None:
        pairs = [
            _Needle(text, name)
            for name, values in known.items()
            for value in values
            for text in _wordings(value)
        ]
        # Longest first: one may be a part of another.
        pairs.sort(key=lambda needle: len(needle.text), reverse=True)
        self._names = [needle.name for needle in pairs]
        firsts, groups = zip(*(_pattern(needle.text) for needle in pairs), strict=True)
        # That it begins with a set of characters lets all others be passed over at once.
        self._pattern = re.compile(f"[{''.join(firsts)}](?i:{'|'.join(groups)})")
        self._encoded = _Encoded(
            {_Needle(form, each.name) for each in pairs for form in encoded(each.text)}
        )
        #: By six characters of it: values, and where in each of them those are.
        self._pieces_of: dict[str, list[tuple[_Needle, int]]] = defaultdict(list)
        for needle in pairs:
            for at in range(len(needle.text) - LEAST + 1):
                self._pieces_of[needle.text[at : at + LEAST]].append((needle, at))

    def hits(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Where secrets are in a text, in any order, the same one maybe several times."""
        for plain in layers(text):
            for start, end, name in self._hits(plain):
                yield *plain.origin(start, end), name

    def _hits(self, plain: Plain) -> Iterator[tuple[int, int, str]]:
        text = plain.text
        for match in self._pattern.finditer(text):
            yield match.start(), match.end(), self._names[(match.lastindex or 0) - 1]
        for at, needle in self._encoded.hits(text):
            yield at, at + len(needle.text), needle.name
        for cut in _CUT.finditer(text):
            yield from self._pieces(text, *cut.span())
        yield from self._pieces(text, len(text), len(text))

    def _pieces(self, text: str, start: int, end: int) -> Iterator[tuple[int, int, str]]:
        """The beginning of a secret before a place where a text was cut, and its end after it."""
        for needle, at in self._pieces_of.get(text[max(0, start - LEAST) : start], ()):
            length = at + LEAST
            if text.endswith(needle.text[:length], 0, start):
                yield start - length, start, needle.name
        for needle, at in self._pieces_of.get(text[end : end + LEAST], ()):
            if text.startswith(needle.text[at:], end):
                yield end, end + len(needle.text) - at, needle.name


class _Encoded:
    """Texts that are looked for as they are, hundreds at once: the way of Wu and Manber.

    The last three characters of a window tell how far the next that could fit is.
    """

    def __init__(self, needles: Collection[_Needle]) -> None:
        self._width = width = min((len(needle.text) for needle in needles), default=LEAST)
        self._runs = re.compile(rf"[A-Za-z0-9+/_-]{{{width},}}")
        self._steps: dict[str, int] = {}
        self._here: dict[str, list[_Needle]] = defaultdict(list)
        for needle in needles:
            self._here[needle.text[:width]].append(needle)
            for end in range(_BLOCK, width + 1):
                block = needle.text[end - _BLOCK : end]
                self._steps[block] = min(width - end, self._steps.get(block, width))

    def hits(self, text: str) -> Iterator[tuple[int, _Needle]]:
        """Where which of them are."""
        width, steps, far = self._width, self._steps, self._width - _BLOCK + 1
        for run in self._runs.finditer(text):
            end = run.start() + width
            while end <= run.end():
                if step := steps.get(text[end - _BLOCK : end], far):
                    end += step
                    continue
                at = end - width
                for needle in self._here.get(text[at:end], ()):
                    if text.startswith(needle.text, at):
                        yield at, needle
                end += 1


def _wordings(value: str) -> Iterator[str]:
    """A value as it may be written: without quotes, by lines, its accents apart or not."""
    lines = (line.strip() for line in value.splitlines())
    forms = dict.fromkeys((value, value.strip(), value.strip("\"'"), *lines))
    forms |= dict.fromkeys(normalize(form, text) for form in ("NFC", "NFD") for text in (*forms,))
    # What undoing all escapes makes of it: a secret may itself look like one.
    forms |= dict.fromkeys([*layers(text)][-1].text for text in (*forms,))
    yield from (form for form in forms if len(form) >= SECRET_LENGTH)


def _pattern(text: str) -> tuple[str, str]:
    """A text with blanks and quotes in any of the ways they are written, in two parts.

    What its first character may be, to stand in a set; and a group for the rest of it, which
    looks back at that one.
    """
    if text[0].isspace():
        first, rest = r"\s+·", f"{_BLANKS[:-1]}*{_ways(text.lstrip())}"
    else:
        cases = {text[0], text[0].lower(), text[0].upper()}
        first = "".join(sorted(re.escape(case) for case in cases if len(case) == 1))
        rest = _ways(text[1:])
    return first, f"(?<=[{first}])({rest})"


def _ways(text: str) -> str:
    words = _BLANK.split(text)
    return _BLANKS.join("".join(_WAYS.get(c) or re.escape(c) for c in word) for word in words)
