"""What must not stand in a journey's file, and what no run may write to one: secrets, hosts."""

from __future__ import annotations

import ast
import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from itertools import groupby
from urllib.parse import urlsplit

from prober.errors import Severity
from prober.lint.finding import Finding, Rule
from prober.lint.source import Source

_WORDS = r"password|passwort|passwd|passphrase|passcode|secret|token|api[ _-]?key|one[- ]time"
#: A field for a secret, by its label, its selector or the name of a variable.
FIELD = re.compile(_WORDS, re.IGNORECASE)
#: A name that a secret is given to; `password_field` and `token_url` are none.
_NAME = re.compile(
    r"(?:^|[_-])(?:password|passwd|pwd|passphrase|secret|token|api[_-]?key|access[_-]?key|"
    r"private[_-]?key|client[_-]?secret|authorization)$",
    re.IGNORECASE,
)
#: Given to be refused, or no value at all.
_MEANT = re.compile(r"wrong|invalid|incorrect|bogus|not[-_ ]?(?:the|my|a)\b", re.IGNORECASE)
_SELECTOR = re.compile(r"[#./\[]|(?:css|xpath|id|text|role|data-[\w-]+)=|input\b|label\b")
_SCHEME = re.compile(r"(?:bearer|basic|token) ", re.IGNORECASE)
TYPED = frozenset({"fill", "type", "press_sequentially", "insert_text"})
_KNOWN = re.compile(
    r"\b(?:gh[pousr]_\w{30,}|github_pat_\w{30,}|glpat-[\w-]{16,}|sk_(?:live|test)_\w{16,}|"
    r"xox[abprs]-[\w-]{10,}|AKIA[0-9A-Z]{16}|AIza[\w-]{35}|eyJ[\w-]{8,}\.eyJ[\w-]{8,})|"
    r"-----BEGIN [A-Z ]*PRIVATE KEY|[a-z]+://[^/\s:@]+:[^/\s:@{]+@|"
    r"[?&](?:token|access_token|api_?key|key|password|secret)=[^&{\s]{6,}"
)
_RANDOM = re.compile(r"[A-Za-z0-9+/=_-]{20,}")
_REQUESTS = frozenset(
    {
        "goto",
        "get",
        "post",
        "put",
        "patch",
        "delete",
        "head",
        "options",
        "request",
        "fetch",
        "stream",
        "base_url",
    }
)
_SECRET_MEND = "name it in @journey(secrets=[…]), read it with secret() and give it in regions"
_HOST_MEND = "write only the path, the region's base_url is put before it"
_RAW_MEND = "leave it out: what Prober keeps of a failure has no secrets in it"
#: Options that have a context write files all the while.
_RECORDINGS = frozenset({"record_har_path", "record_video_dir"})
#: Calls that write a file where they are given a `path`, and of whom: of a name such as `stop`,
#: not those of others.
_KEPT = {
    "screenshot": "",
    "storage_state": "",
    "pdf": "",
    "start_tracing": "",
    "stop": "tracing",
    "stop_chunk": "tracing",
    "start": "screencast",
    "save_as": "video",
}


def secrets(source: Source) -> Iterator[Finding]:
    """Values that only a region may hold; a message never repeats one."""
    names = _names_of_secrets(source)
    for node in source.nodes:
        for value, what in _given(source, node):
            text = source.literal(value)
            if text and text not in names and _is_value(text):
                yield _secret(source, value, what)
    for text_node in source.texts:
        if _looks_random(source, text_node):
            yield _secret(source, text_node, "a text that looks like a key stands in the file")


def _secret(source: Source, node: ast.AST, what: str) -> Finding:
    return source.finding(node, Rule.SECRET_LITERAL, what, _SECRET_MEND, Severity.ERROR)


def _names_of_secrets(source: Source) -> frozenset[str]:
    """Texts that are names of secrets, and no secrets."""
    found: set[str] = set()
    for node in source.nodes:
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("secret", "totp")):
            found |= {source.literal(each) or "" for each in node.args}
        if isinstance(node, ast.keyword) and node.arg in ("secrets", "accounts"):
            found |= {source.literal(each) or "" for each in ast.walk(node.value)}
    return frozenset(found)


def _given(source: Source, node: ast.AST) -> Iterator[tuple[ast.expr, str]]:
    """Expressions that are given to something that is named like a secret."""
    match node:
        case ast.Call(func=ast.Attribute(attr=verb), args=[*_, given]) if verb in TYPED:
            told = isinstance(given, ast.Name) and _NAME.search(given.id)  # where it is bound
            if FIELD.search(described(node)) and not told:
                yield given, "what is typed into a field for a secret stands in the file"
        case ast.keyword(arg="auth", value=ast.Tuple(elts=[*_, last])):
            yield last, "a password stands in the file"
        case ast.keyword(arg=str(name), value=value):
            yield from _bound(name, value)
        case ast.Dict(keys, values):
            for key, each in zip(keys, values, strict=True):
                yield from _bound(source.literal(key) or "", each)
        case ast.Assign(targets, ast.Constant() as value):
            for target in targets:
                yield from _bound(_named(source, target), value)


def _bound(name: str, value: ast.expr) -> Iterator[tuple[ast.expr, str]]:
    if _NAME.search(name) and isinstance(value, ast.Constant):
        yield value, f"the value of {name} stands in the file"


def described(node: ast.Call) -> str:
    """Names and texts by which a field is found that something is typed into."""
    assert isinstance(node.func, ast.Attribute)
    by = [node.func.value, *node.args[:-1]]
    return " ".join(
        str(getattr(each, "id", None) or getattr(each, "attr", None) or getattr(each, "value", ""))
        for piece in by
        for each in ast.walk(piece)
        if isinstance(each, ast.Name | ast.Attribute)
        or (isinstance(each, ast.Constant) and isinstance(each.value, str))
    )


def _named(source: Source, target: ast.expr) -> str:
    if isinstance(target, ast.Subscript):
        return source.literal(target.slice) or ""
    return getattr(target, "id", None) or getattr(target, "attr", None) or ""


def _is_value(text: str) -> bool:
    """Whether a text may be a secret, and not a selector, a path or the label of a field."""
    words = re.fullmatch(r"[A-Za-z]+:?", text) or (" " in text and not _SCHEME.match(text))
    label = bool(words and FIELD.search(text))
    return len(text) >= 4 and not (label or _MEANT.search(text) or _SELECTOR.match(text))


def _looks_random(source: Source, node: ast.Constant) -> bool:
    text = str(node.value)
    call = source.parents.get(node)
    if isinstance(call, ast.Call) and "locator" in ast.unparse(call.func):
        return bool(_KNOWN.search(text))
    return is_key(text)


def is_key(text: str) -> bool:
    """Whether a text looks like a key, wherever it stands."""
    if _KNOWN.search(text):
        return True
    if not _RANDOM.fullmatch(text) or text.startswith("/"):
        return False
    kinds = [list(run) for _, run in groupby(text, key=_class)]
    mixed = {_class(letter) for letter in text} >= {"upper", "lower", "digit"}
    # Words have long runs of one class; what is drawn at random changes it all the time.
    return mixed and len(text) / len(kinds) <= 2.2 and _entropy(text) >= 3.8


def _class(letter: str) -> str:
    if letter.isdigit():
        return "digit"
    return "upper" if letter.isupper() else "lower" if letter.islower() else "other"


def _entropy(text: str) -> float:
    """Bits a letter, by how often each is there."""
    shares = [number / len(text) for number in Counter(text).values()]
    return -sum(share * math.log2(share) for share in shares)


def hosts(source: Source, own: Collection[str]) -> Iterator[Finding]:
    """Addresses that the journey goes to, and hosts of regions wherever they stand.

    Args:
        source: the file.
        own: the hosts of the regions' targets, as far as they are known.
    """
    told = set()
    for node in source.nodes:
        for value in _addresses(node):
            host = host_of(source.opening(value))
            if host:
                told |= set(ast.walk(value))
                what = f"it goes to {host}, whatever the region says"
                yield source.finding(value, Rule.HOST_LITERAL, what, _HOST_MEND, Severity.ERROR)
    for text in source.texts:
        if text not in told and host_of(str(text.value)) in own:
            what = f"it names {host_of(str(text.value))}, the host of a region"
            yield source.finding(text, Rule.HOST_LITERAL, what, _HOST_MEND, Severity.ERROR)


def _addresses(node: ast.AST) -> Iterator[ast.expr]:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr in _REQUESTS:
            yield from node.args[:2]
            yield from (each.value for each in node.keywords if each.arg == "url")
        yield from (each.value for each in node.keywords if each.arg == "base_url")


def host_of(text: str) -> str:
    """The host that a text is the address of, or nothing."""
    if not re.match(r"(?:https?:)?//\w", text):
        return ""
    try:
        return urlsplit(text).hostname or ""
    except ValueError:
        return ""


def raw_files(source: Source) -> Iterator[Finding]:
    """Where Playwright is asked for a file of what it saw: nothing is taken out of that."""
    for node in source.nodes:
        if _writes_raw(source, node):
            what = "Playwright writes what it saw to a file that stays, with passwords and cookies"
            yield source.finding(node, Rule.RAW_FILE, what, _RAW_MEND)


def _writes_raw(source: Source, node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(attr="start_har")):
            return True
        case ast.Call(func=ast.Attribute(attr="route_from_har"), keywords=options):
            return any(each.arg == "update" and not _off(each.value) for each in options)
        case ast.Call(func=ast.Attribute(value=of, attr=verb), args=given, keywords=options):
            if verb not in _KEPT or _KEPT[verb] not in ast.unparse(of):
                return False
            written = [value for name, value in _options(source, options) if name == "path"]
            written += given if verb == "save_as" else []
            return not all(map(_off, written))
        case ast.keyword(arg=str(name), value=value) if name in _RECORDINGS:
            return not _off(value)
        case ast.Dict(keys=keys, values=values):
            pairs = zip(keys, values, strict=True)
            return any(source.literal(key) in _RECORDINGS and not _off(each) for key, each in pairs)
    return False


def _options(
    source: Source, options: Iterable[ast.keyword]
) -> Iterator[tuple[str | None, ast.expr]]:
    """Names and values of options, those of `**{…}` too."""
    for each in options:
        if each.arg is None and isinstance(each.value, ast.Dict):
            for key, value in zip(each.value.keys, each.value.values, strict=True):
                yield source.literal(key), value
        else:
            yield each.arg, each.value


def _off(value: ast.expr) -> bool:
    """Whether an option is written out as not wanted."""
    return isinstance(value, ast.Constant) and not value.value
