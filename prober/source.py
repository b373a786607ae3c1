"""Where a secret comes from when it is not written as text: a file, or what a command prints."""

from __future__ import annotations

import stat
from pathlib import Path

from prober.errors import SecretUnreadable
from prober.variables import without_line_end

#: Shorter than this, a secret could not be told from ordinary text when redacting.
SECRET_LENGTH = 6
#: A private key is a few thousand; more than this is another file than was meant.
LARGEST = 65_536
_UNREAD = "its file cannot be read"


def is_unread(what: str) -> bool:
    """Whether a mistake is only that a secret's file cannot be read here."""
    return what.startswith(_UNREAD)


def of_file(path: Path) -> str:
    """The secret that a file holds, without the end of its last line.

    Raises:
        SecretUnreadable: there is none that could be used.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for
            raise SecretUnreadable("its file is no regular file", "name a text file")
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        what = f"{_UNREAD} ({getattr(error, 'strerror', None) or 'its name is none'})"
        raise SecretUnreadable(what, "name a text file that this user may read") from None
    return usable(raw, "its file")


def usable(raw: bytes, noun: str) -> str:
    """What was read, as a secret.

    Raises:
        SecretUnreadable: it is too large, no text, or too short.
    """
    if len(raw) > LARGEST:
        raise SecretUnreadable(f"{noun} holds more than {LARGEST} bytes", "give the secret alone")
    try:
        value = without_line_end(raw.decode())
    except UnicodeDecodeError:
        raise SecretUnreadable(f"{noun} holds no UTF-8 text", "write the secret as text") from None
    if len(value) < SECRET_LENGTH:
        raise SecretUnreadable(*too_short())
    return value


def too_short() -> tuple[str, str]:
    """What is wrong with a secret that is too short, and the mend."""
    what = f"the secret is shorter than {SECRET_LENGTH} characters: it could not be kept out of"
    return f"{what} reports", "use a longer one"


def open_to_others(path: Path) -> bool:
    """Whether every user of this machine may read a file."""
    try:
        return bool(path.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False
