"""Taking secrets out of text before anything keeps it, in every form they travel in."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

from prober.config import SECRET_LENGTH
from prober.model import Run

#: What is kept of one text; cut here, for half a secret would not be recognised.
LONGEST = 500
#: A single quote as shells, YAML and XML write it, a space as forms do.
_SPECIAL = {"'": ("'\"'\"'", "'\\''", "''", "&apos;"), '"': ('""',), " ": ("+",)}


class Redactor:
    """Replaces secret values by their names."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        # Longest first: one value may be a part of another.
        known = sorted(secrets.items(), key=lambda item: len(item[1]), reverse=True)
        known = [(name, value) for name, value in known if len(value) >= SECRET_LENGTH]
        self._names = [name for name, _ in known]
        groups = "|".join(f"({'|'.join(_patterns(value))})" for _, value in known)
        self._pattern = re.compile(groups) if known else None

    def text(self, text: str) -> str:
        """The text with every secret replaced by `[its name]`."""
        if self._pattern is None:
            return text
        return self._pattern.sub(lambda match: f"[{self._names[(match.lastindex or 0) - 1]}]", text)

    def run(self, run: Run) -> Run:
        """The run record with every free text in it redacted."""
        return replace(
            run,
            message=self._short(run.message) if run.message else run.message,
            evidence={name: self._lines(lines) for name, lines in run.evidence.items()},
            step=self.text(run.step) if run.step else run.step,
            steps=tuple(replace(step, name=self.text(step.name)) for step in run.steps),
        )

    def archive(self, path: Path) -> None:
        """Redact every entry of a zip file in place; Playwright's traces hold what was typed.

        Raises:
            OSError, zipfile.BadZipFile: it cannot be read or written.
        """
        part = path.with_suffix(".part")
        with ZipFile(path) as old, ZipFile(part, "w", ZIP_DEFLATED) as new:
            for name in old.namelist():
                text = old.read(name).decode(errors="surrogateescape")
                new.writestr(name, self.text(text).encode(errors="surrogateescape"))
        part.replace(path)

    def _lines(self, lines: Iterable[str]) -> tuple[str, ...]:
        return tuple(map(self._short, lines))

    def _short(self, text: str) -> str:
        return self.text(text)[:LONGEST]


def _patterns(value: str) -> Iterator[str]:
    """A value as itself and in the encodings that pages, URLs, headers and logs use."""
    yield "".join(map(_letter, value))
    raw = value.encode(errors="surrogateescape")
    trimmed = value.strip("\"'")
    if SECRET_LENGTH <= len(trimmed) < len(value):
        yield "".join(map(_letter, trimmed))
    yield f"(?i:{raw.hex()})"
    yield from map(re.escape, _base64_forms(raw))


def _letter(char: str) -> str:
    """A letter in any of the ways it is written; encoders differ in which they escape."""
    if char.isascii() and char.isalnum():
        return char
    plain = {char, f"\\{char}", json.dumps(char)[1:-1], repr(char)[1:-1], html.escape(char)}
    plain |= {*_SPECIAL.get(char, ())}
    ways = [re.escape(form) for form in sorted(plain, key=len, reverse=True)]
    percent = "".join(f"%{byte:02x}" for byte in char.encode(errors="surrogateescape"))
    ways += [f"(?i:{percent})", f"&#0*{ord(char)};", f"(?i:&#x0*{ord(char):x};)"]
    if char in "\r\n":
        ways.append(r"[\s·]+")  # as messages of several lines are joined
    return f"(?:{'|'.join(ways)})"


def _base64_forms(raw: bytes) -> Iterator[str]:
    """The part of base64 text that a value determines, at each of three offsets."""
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + raw).decode()
        start = (0, 2, 3)[offset]
        stable = encoded.rstrip("=")[start:]
        if (len(raw) + offset) % 3:
            stable = stable[:-1]
        yield stable
        yield stable.replace("+", "-").replace("/", "_")
