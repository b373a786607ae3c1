"""Places: addresses of the site itself become paths, and others are told."""

from __future__ import annotations

import ast
from collections.abc import Collection
from dataclasses import dataclass

from prober.lint.finding import Rule
from prober.lint.secrecy import host_of

#: Calls that take an address, which is then relative to the region's base_url.
GOING = frozenset({"goto", "to_have_url", "wait_for_url"})


@dataclass(frozen=True, slots=True)
class Places:
    """What addresses of the site itself begin with: scheme and host."""

    origins: Collection[str]

    def is_own(self, address: str) -> bool:
        """Whether it is an address of the site."""
        return any(address == each or address.startswith(f"{each}/") for each in self.origins)

    def path(self, address: str) -> str:
        """An address as a journey has it: of the site's own only the path."""
        for origin in self.origins:
            if address == origin or address.startswith(f"{origin}/"):
                return address.removeprefix(origin) or "/"
        return address

    def doubt(self, node: ast.Call) -> str | None:
        """What the linter says of a call that leads to another site."""
        given = node.args[0] if node.args else None
        address = given.value if isinstance(given, ast.Constant) else None
        called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        if called != "goto" or not isinstance(address, str) or self.is_own(address):
            return None
        if not (host := host_of(address)):
            return None
        what = f"it goes to {host}, whatever the region says"
        return f"{Rule.HOST_LITERAL}: {what}, read it with secret() if it differs between regions"
