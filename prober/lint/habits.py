"""Habits that make a journey slow or brittle: fixed waits, paths through a page, idle checks."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from prober.lint.finding import Finding, Rule
from prober.lint.source import Source

#: Their first argument is a selector, whatever they are called on.
SELECTING = frozenset(
    {
        "locator",
        "frame_locator",
        "wait_for_selector",
        "query_selector",
        "query_selector_all",
    }
)
#: Of a page, their first argument is one; of a locator, they have none.
_ON_PAGE = frozenset(
    {
        "click",
        "dblclick",
        "check",
        "uncheck",
        "hover",
        "tap",
        "inner_text",
        "text_content",
        "is_visible",
        "focus",
    }
)
#: Of a page they have two, of a locator one.
_TYPING = frozenset(
    {
        "fill",
        "type",
        "press",
        "select_option",
        "set_input_files",
    }
)
_ENGINE = re.compile(r"(?:text|role|id|data-[\w-]+|internal:[\w-]+)=")
_NAMES = re.compile(r"[#.]((?:[\w-]|\\.|:r)+)|\[(?:id|class)[\^*$~]?=['\"]?([\w:-]+)")
_GENERATED = re.compile(
    r"(?:css|sc|jss|emotion|ember|ext-gen|mui|react-select|radix|headlessui|yui)[-_:]?\w*\d[\w-]*"
    r"|:r\w*:?|.*__\w*\d\w*|.*\d{4,}",
    re.IGNORECASE,
)
COUNTS = "it counts places on the page, which change with the layout"
MEND_PLACE = "find it as a user does, by get_by_role or get_by_label"
#: So many parts, or so many steps from parent to child, follow the layout and not the meaning.
_PARTS, _CHILDREN = 4, 2


def sleeps(source: Source) -> Iterator[Finding]:
    """Waits of fixed length, and for a network that is quiet."""
    for node in source.nodes:
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        fixed = source.dotted(node.func) == "time.sleep" or name == "wait_for_timeout"
        if fixed and not _polls(source, node):
            what = "a fixed wait is too long when all is well and too short when it is not"
            mend = "wait for what the user waits for: expect(…).to_be_visible()"
            yield source.finding(node, Rule.SLEEP, what, mend)
        given = [*node.args, *(each.value for each in node.keywords)]
        quiet = any(source.literal(each) == "networkidle" for each in given)
        if quiet and name in ("wait_for_load_state", "goto", "reload", "set_content"):
            what = "networkidle waits for half a second of silence, which many pages never have"
            mend = "expect something that the page shows when it is ready"
            yield source.finding(node, Rule.SLEEP, what, mend)


def _polls(source: Source, node: ast.AST) -> bool:
    """Whether it is the pause of a loop that asks again until an answer comes."""
    for outer in source.around(node):
        if isinstance(outer, ast.While) and not isinstance(outer.test, ast.Constant):
            return True
        if isinstance(outer, ast.While | ast.For):
            ends = (ast.Break, ast.Return)
            return any(
                isinstance(inner, ends) and isinstance(source.parents.get(inner), ast.If)
                for inner in ast.walk(outer)
            )
        if isinstance(outer, ast.FunctionDef | ast.Lambda):
            return False
    return False


def idle_expects(source: Source) -> Iterator[Finding]:
    """`expect(…)` without a matcher that is called."""
    for node in source.nodes:
        if not isinstance(node, ast.Expr):
            continue
        value = node.value.value if isinstance(node.value, ast.Attribute) else node.value
        if isinstance(value, ast.Call) and source.dotted(value.func).endswith("sync_api.expect"):
            what = "the expect asks nothing, so it always holds"
            yield source.finding(node, Rule.IDLE_EXPECT, what, "call a matcher: .to_be_visible()")


def css_paths(source: Source) -> Iterator[Finding]:
    """Selectors that break when the layout changes and nothing else does."""
    for node in source.nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            name = node.func.attr
            chosen = name in SELECTING or name in _ON_PAGE
            chosen = chosen or (name in _TYPING and len(node.args) > 1)
            selector = source.literal(node.args[0]) if chosen else None
            if selector and (why := brittle(selector)):
                yield source.finding(node.args[0], Rule.CSS_PATH, why, MEND_PLACE)


def brittle(selector: str) -> str | None:
    """Why a selector would not outlive a new layout."""
    if re.match(r"xpath=|\(*\.?//|\.\.", selector):
        return "XPath follows the layout of the page"
    for part in selector.split(">>"):
        if _ENGINE.match(part.strip()):
            continue
        if re.search(r":nth-(?:last-)?(?:child|of-type)\(", part):
            return COUNTS
        bare = re.sub(r"""\[[^\]]*\]|\([^)]*\)|"[^"]*"|'[^']*'""", "", part).strip()
        if bare.count(">") >= _CHILDREN or len(re.split(r"\s*[>+~]\s*|\s+", bare)) >= _PARTS:
            return "a long path follows the layout of the page"
        names = [one or other for one, other in _NAMES.findall(part)]
        if any(_GENERATED.fullmatch(name.replace("\\", "")) for name in names):
            return "the id or class looks generated, and the next build has another"
    return None
