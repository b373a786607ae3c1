"""The shop's styles, scripts and pictures, as bytes."""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Final

MEDIA_TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
#: The files beside this module, by name.
FILES: Final[Mapping[str, bytes]] = {
    path.name: path.read_bytes()
    for path in Path(__file__).parent.iterdir()
    if path.suffix in MEDIA_TYPES
}


def address(name: str, content: bytes) -> str:
    """Where an asset is, under an address that changes when its bytes do."""
    return f"/static/{name}?v={hashlib.sha256(content).hexdigest()[:10]}"


def landscape(name: str) -> bytes:
    """A picture as SVG of about 8 kB, always the same for a name."""
    draw = random.Random(name)
    hue = draw.randrange(360)
    sky = f"hsl({draw.choice((20, 38, 205, 345))} 70% 88%)"
    x, y, radius = draw.randrange(60, 260), draw.randrange(40, 95), draw.randrange(14, 26)
    ridges = "".join(
        f'<path fill="hsl({hue} {28 + 4 * depth}% {74 - 12 * depth}%)" d="{_ridge(draw, depth)}"/>'
        for depth in range(5)
    )
    trees = "".join(_tree(draw) for _ in range(170))
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 320 240">'
        f'<rect width="320" height="240" fill="{sky}"/>'
        f'<circle cx="{x}" cy="{y}" r="{radius}" fill="#fffbe8"/>'
        f"{ridges}"
        f'<path fill="hsl({hue} 40% 14%)" d="{trees}"/></svg>'
    ).encode()


def _ridge(draw: random.Random, depth: int) -> str:
    """A chain of hills as path data; the deeper, the nearer and the flatter."""
    base, height = 95 + 30 * depth, 30 - 4 * depth
    waves = [(height / n, n * draw.uniform(0.008, 0.016), draw.uniform(0, 6.3)) for n in (1, 3, 8)]
    tops = (
        f"L{x} {base + sum(size * math.sin(x * rate + at) for size, rate, at in waves):.1f}"
        for x in range(0, 323, 3)
    )
    return f"M0 240{''.join(tops)}L320 240z"


def _tree(draw: random.Random) -> str:
    x, y, size = draw.randrange(320), draw.randrange(214, 246), draw.randrange(3, 8)
    return f"M{x} {y - 3 * size}l{size} {2 * size}h-{2 * size}z"
