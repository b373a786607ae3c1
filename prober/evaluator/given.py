"""What an evaluator is given: contracts that load, and a name for the journal."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from prober.errors import InputError, Problem
from prober.slo.contract import Contract
from prober.slo.format import load_contracts

JOURNAL: Final = "journal.db"


def judged(directory: Path) -> tuple[Contract, ...]:
    """The contracts of a directory.

    Raises:
        InputError: there is none, or one does not load.
    """
    if contracts := load_contracts(directory):
        return contracts
    found = os.path.isdir(directory)  # the method raises where nobody may look
    what = "there is no *.slo.yaml in it" if found else "there is no such directory"
    raise InputError([Problem(str(directory), 0, "", what, "name one with contracts")])
