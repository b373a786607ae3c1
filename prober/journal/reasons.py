"""Bad runs as what spends a budget: each is read from its record once, for none ever changes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from sys import intern
from typing import Final

from prober.journal.body import unpack_run
from prober.journal.store import Store
from prober.slo.attribution import Failure, failure

#: So many are kept, 240 bytes each; those that were read first make room for others.
MOST: Final = 200_000
#: Records that are read at a time, a few hundredths of a second.
AT_ONCE: Final = 500


@dataclass(slots=True)
class Reasons:
    """Looks failures up; while a moment is held."""

    store: Store
    #: By the number of their record.
    _kept: dict[int, Failure] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._kept)

    def of(self, seqs: Sequence[int]) -> list[Failure]:
        """The failures in records, in their order, without those that are gone."""
        kept = self._kept
        kept.update(self._read([seq for seq in seqs if seq not in kept]))
        found = [each for seq in seqs if (each := kept.get(seq))]
        for seq in list(islice(kept, max(0, len(kept) - MOST))):
            del kept[seq]
        return found

    def unread(self, seqs: Sequence[int]) -> list[int]:
        """Those that are not kept; none if they are more than can be."""
        return [seq for seq in seqs if seq not in self._kept] if len(seqs) <= MOST else []

    def _read(self, seqs: Sequence[int]) -> Iterator[tuple[int, Failure]]:
        for first in range(0, len(seqs), AT_ONCE):
            some = json.dumps(seqs[first : first + AT_ONCE])
            for seq, body in self.store.all("list_bodies", seqs=some):
                found = failure(unpack_run(body))
                yield seq, replace(found, region=intern(found.region), step=intern(found.step))
