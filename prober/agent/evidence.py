"""Evidence of a run, taken after the verdict and in its own time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import BrowserContext, Error, Frame, Page

from prober.agent.redact import Redactor
from prober.agent.scrub import RAW

SCREENSHOT = "screenshot.png"
TRACE = "trace.zip"
_MARK = "data-prober-mask"
#: More text than this is not searched, and a page with more of it not drawn.
_MOST_TEXT = 1_000_000
#: A box hides what is within it; text may stand out of its element.
_STYLE = f"""[{_MARK}], [{_MARK}]::placeholder {{
  color: transparent !important; -webkit-text-fill-color: transparent !important;
  fill: transparent !important; stroke: transparent !important;
  text-shadow: none !important; transition: none !important;
}}"""
#: What a frame shows as text, and the element that shows each piece of it.
_READ = """most => {
  const elements = [], texts = [];
  let left = most;
  const add = (element, text) => {
    if (!element || !text) return;
    if ((left -= text.length) < 0) throw new Error('too much text');
    elements.push(element);
    texts.push(text);
  };
  const walk = node => {
    if (node.nodeType === Node.TEXT_NODE)
      return add(node.parentElement ?? node.getRootNode().host, node.data);
    if (/^(script|style|noscript|template)$/i.test(node.nodeName)) return;
    if (node.nodeType === Node.ELEMENT_NODE) {
      if (typeof node.value === 'string') add(node, node.value);
      add(node, node.getAttribute('placeholder'));
      add(node, node.getAttribute('alt'));
      if (node.shadowRoot) walk(node.shadowRoot);
    }
    for (const child of node.childNodes) walk(child);
  };
  walk(document);
  return {elements, texts};
}"""
_HIDE = f"(found, hits) => hits.forEach(i => found.elements[i].setAttribute('{_MARK}', ''))"
_HIDE_ALL = f"""found => found.forEach(each =>
  [each, ...each.querySelectorAll('*')].forEach(e => e.setAttribute('{_MARK}', '')))"""
_SHOWN = f"(found, hits) => hits.some(i => !found.elements[i].hasAttribute('{_MARK}'))"


class Kept(NamedTuple):
    """What became of one file: its name when it was kept, and why it was withheld when it was."""

    name: str | None = None
    withheld: str | None = None


def told(found: Sequence[Kept]) -> dict[str, list[str]]:
    """What became of files, for the supervisor."""
    return {
        "files": [kept.name for kept in found if kept.name],
        "withheld": [kept.withheld for kept in found if kept.withheld],
    }


def start_trace(context: BrowserContext, *, film: bool) -> None:
    """Record a trace; only on a run that does not count, for it makes steps a quarter longer.

    Args:
        context: of the run.
        film: also pictures of the page as it goes, in which nothing can be masked.
    """
    # Sources would put the whole journey file into the trace.
    context.tracing.start(screenshots=film, snapshots=True, sources=False)


def screenshot(page: Page, folder: Path, masks: Sequence[str], secrets: Mapping[str, str]) -> Kept:
    """The page as it stands, without what must not be seen; nothing when it cannot be drawn.

    Password fields are masked, what the selectors of `masks` name, and every element in which
    one of the secrets is read. A page that cannot be read is not drawn.
    """
    path, redactor = folder / SCREENSHOT, Redactor(secrets)
    try:
        session = page.context.new_cdp_session(page)
        session.send("Page.stopLoading")  # a page that waits for an answer is not drawn
        session.detach()
    except (Error, OSError):
        return Kept()
    try:
        frames = [frame for frame in page.frames if not frame.is_detached()]
        for frame in frames:
            for selector in ("input[type=password]", *masks):
                frame.locator(selector).evaluate_all(_HIDE_ALL)
            _ask(frame, _HIDE, redactor)
    except Error as error:
        return _unread(page, error)
    try:
        hidden = [frame.locator(f"[{_MARK}]") for frame in frames]
        page.screenshot(path=path, mask=hidden, style=_STYLE)
    except (Error, OSError):
        return Kept()
    try:  # a page may have drawn itself anew meanwhile
        seen = any(_ask(frame, _SHOWN, redactor) for frame in page.frames)
    except Error as error:
        path.unlink(missing_ok=True)
        return _unread(page, error)
    if seen:
        path.unlink(missing_ok=True)
        return Kept(withheld=f"{SCREENSHOT}: a secret came up while it was taken")
    return Kept(SCREENSHOT)


def stop_trace(context: BrowserContext, folder: Path) -> Kept:
    """The trace as it was recorded, for the supervisor to scrub; nothing when it cannot be had."""
    try:
        context.tracing.stop(path=folder / RAW)
    except (Error, OSError):
        return Kept()
    return Kept(TRACE)


def _ask(frame: Frame, question: str, redactor: Redactor) -> object:
    """Ask a frame about the elements that show a secret; None when there are none.

    Texts come here to be searched: a page is never told what a secret is.
    """
    if not redactor:
        return None
    found = frame.evaluate_handle(_READ, _MOST_TEXT)
    texts: list[str] = found.evaluate("found => found.texts")
    hits = _hits(texts, redactor)
    return found.evaluate(question, hits) if hits else None


def _hits(texts: Sequence[str], redactor: Redactor) -> list[int]:
    """Which texts hold a secret, or a part of one that goes on in the next."""
    starts = [0, *accumulate(map(len, texts))]
    found: set[int] = set()
    for start, end, _ in redactor.spans("".join(texts)):
        found.update(range(bisect_right(starts, start) - 1, bisect_right(starts, end - 1)))
    # Where two texts meet, the end of one may make it harder to tell what is in the other.
    found.update(index for index, text in enumerate(texts) if redactor.spans(text))
    return sorted(found)


def _unread(page: Page, error: Error) -> Kept:
    """What becomes of a page that did not say what it shows; nothing when it says nothing."""
    try:
        page.evaluate("0")
    except Error:
        return Kept()
    why = str(error).partition("\n")[0]
    return Kept(withheld=f"{SCREENSHOT}: what the page shows could not be read: {why}")
