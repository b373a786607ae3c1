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
        return self._origin(address) is not None

    def path(self, address: str) -> str:
        """An address as a journey has it: of the site's own only the path."""
        origin = self._origin(address)
        return address if origin is None else address.removeprefix(origin) or "/"

    def _origin(self, address: str) -> str | None:
        """Which of them an address is of."""
        begun = (each for each in self.origins if f"{address}/".startswith(f"{each}/"))
        return next(begun, None)

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
