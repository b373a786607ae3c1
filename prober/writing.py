"""Plain values as YAML text, which `prober.document` reads back as the same values."""

from __future__ import annotations

import re
from io import StringIO
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode
from ruamel.yaml.representer import SafeRepresenter

#: Text that no reader, of whatever YAML, takes for something else: words, names, durations.
_PLAIN: Final = re.compile(
    r"[0-9]+(ms|[a-zA-Z])|[a-zA-Z_/]([\w ,./%;+*()-]|:(?=\S))*(?<! )", re.ASCII
)
_WORDS: Final = re.compile(r"(?i)y|n|yes|no|on|off|true|false|null")
#: What takes more room has a line for each of its parts.
_FITS: Final = 90
#: Longer than any line.
_WIDTH: Final = 1_000_000


def write(*documents: Any) -> str:
    """Mappings as YAML documents, in the order of their keys; what fits in a line is one."""
    return "---\n".join(_dump(document, flow=False) for document in documents)


def flow(value: Any) -> str:
    """A value as YAML on one line.

    >>> flow({"name": "rolling", "duration": "30d"}), flow("no"), flow(["a", 1])
    ('{name: rolling, duration: 30d}', '"no"', '[a, 1]')
    """
    return _dump({"v": value}, flow=True).rstrip("\n").removeprefix("{v: ").removesuffix("}")


def _dump(value: Any, *, flow: bool) -> str:
    yaml = YAML(typ="safe", pure=True)
    yaml.Representer = _Representer
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # None at first
    yaml.default_flow_style = flow
    yaml.width = _WIDTH
    stream = StringIO()
    yaml.dump(value, stream)
    return stream.getvalue()


class _Representer(SafeRepresenter):
    def represent(self, data: Any) -> None:
        self._root = data
        super().represent(data)

    def ignore_aliases(self, data: Any) -> bool:
        return True  # values are written out, however often they occur

    def _text(self, text: str) -> ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=_style(text))

    def _mapping(self, mapping: Any) -> MappingNode:
        return self.represent_mapping("tag:yaml.org,2002:map", mapping, self._is_flow(mapping))

    def _sequence(self, sequence: Any) -> SequenceNode:
        return self.represent_sequence("tag:yaml.org,2002:seq", sequence, self._is_flow(sequence))

    def _is_flow(self, value: Any) -> bool:
        fits = value is not self._root and len(said := str(value)) < _FITS and r"\n" not in said
        return bool(self.default_flow_style or fits)


def _style(text: str) -> str | None:
    """Lines as a block of them; everything else in quotes unless it is plain."""
    if _PLAIN.fullmatch(text) and not _WORDS.fullmatch(text):
        return None
    lines = text.split("\n")
    if not all(line.isprintable() and line == line.rstrip() for line in lines):
        return '"'
    if len(lines) > 1:
        return "|" if text[0].strip() else '"'
    return "'" if '"' in text else '"'


_Representer.add_representer(str, _Representer._text)
_Representer.add_representer(dict, _Representer._mapping)
_Representer.add_representer(list, _Representer._sequence)
_Representer.add_representer(tuple, _Representer._sequence)
