"""A property that is kept, and for which nobody waits."""

from __future__ import annotations

import threading

from prober.lazy import lazy


class Sum:
    """Something that takes a while to find out."""

    def __init__(self, meanwhile: threading.Event, found: threading.Event) -> None:
        self.meanwhile, self.found, self.times = meanwhile, found, 0

    @lazy
    def total(self) -> int:
        """How much it is."""
        self.times += 1
        self.meanwhile.set()
        assert self.found.wait(10), "it was kept waiting"
        return 7


def test_it_is_found_out_once() -> None:
    done = threading.Event()
    done.set()
    of = Sum(done, done)
    assert (of.total, of.total, of.times) == (7, 7, 1)
    assert Sum.total.__doc__ == "How much it is."


def test_two_objects_of_a_class_find_out_theirs_at_the_same_time() -> None:
    first, second = threading.Event(), threading.Event()
    slow, quick = Sum(first, second), Sum(second, first)
    found: list[int] = []
    other = threading.Thread(target=lambda: found.append(slow.total))
    other.start()
    assert first.wait(10)
    assert quick.total == 7  # which lets the other one find out its own
    other.join(10)
    assert found == [7]
