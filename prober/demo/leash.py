"""Runs a module that ends with its parent, even when the parent is killed.

`python -m prober.demo.leash MODULE …` asks the kernel for a SIGTERM at the parent's death
and becomes that module; the wish survives the exec. Elsewhere than on Linux it is not heard.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Put on the leash, then become the module."""
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:  # it died meanwhile
        sys.exit(1)
    os.execv(sys.executable, [sys.executable, "-m", *sys.argv[1:]])  # noqa: S606  # its purpose


if __name__ == "__main__":
    main()
