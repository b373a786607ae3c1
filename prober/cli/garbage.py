"""How a process that runs for months looks for garbage: objects that only hold each other."""

from __future__ import annotations

import gc

#: So many looks at middle-aged objects come between two at all; Python has ten.
_LOOKS = 1


def settle() -> None:
    """What is loaded by now stays: looks for garbage pass it by, and are soon at all the rest.

    Python puts a look at all off until a quarter as much is new as there is, and of all that
    a process loads that is a lot: what could go at once would wait for hours.
    """
    young, middle, _ = gc.get_threshold()
    gc.freeze()
    gc.collect()  # so much there is from now on: next to nothing
    gc.set_threshold(young, middle, _LOOKS)
