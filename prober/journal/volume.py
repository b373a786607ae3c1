"""The volume a journal lies on: a disk of this machine, and one process that writes there."""

from __future__ import annotations

import fcntl
import os
import re
from pathlib import Path

from prober.errors import JournalError, JournalLocked

MOUNTS = Path("/proc/self/mountinfo")
#: Of these SQLite's log cannot be shared, or locks hold for one machine of several. What goes by
#: a name of its own in user space (`fuse.sshfs`, `fuse.s3fs`) is nearly always one as well.
_OVER_A_NETWORK = re.compile(
    r"nfs\d?|cifs|smb\w*|9p|afs|ceph|lustre|gfs2|ocfs2|glusterfs|beegfs|vboxsf|prl_fs"
    r"|fuse\.(?!fuse-overlayfs$).*"
)


class Lock:
    """A lock file held for the life of a process; the kernel frees it when that ends.

    It holds over containers that share the volume, for it is the file's and not the process's.
    """

    def __init__(self, path: Path) -> None:
        """Take the lock.

        Raises:
            JournalLocked: another process has it.
        """
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            take(self._descriptor, path)
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Let the next process have it."""
        os.close(self._descriptor)


def take(descriptor: int, path: Path) -> None:
    """Have an open file to ourselves until it is closed.

    Raises:
        JournalLocked: another process has it.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise JournalLocked(
            f"{path}: another process writes this journal, give each agent its own data directory"
        ) from error


def make(directory: Path) -> None:
    """Make a directory, and those above it, so that no power cut takes it back.

    Raises:
        OSError: it cannot be made.
    """
    if directory.is_dir():
        return
    make(directory.parent)
    directory.mkdir(exist_ok=True)
    sync(directory.parent)


def sync(path: Path) -> None:
    """Have what is in a file, or which names are in a directory, on disk.

    Raises:
        OSError: the disk fails.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def put(path: Path, text: str) -> None:
    """Put a text into a small file; until all of it is on disk, what was there before stays.

    Raises:
        OSError: the disk is full or fails.
    """
    draft = path.with_name(f"{path.name}.draft")
    try:
        draft.write_text(text)
        sync(draft)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    sync(path.parent)


def refuse_network(directory: Path) -> None:
    """Only a disk of this machine keeps a journal whole.

    Raises:
        JournalError: the directory is on a network file system.
    """
    kind, where = _file_system(directory.resolve())
    if _OVER_A_NETWORK.fullmatch(kind):
        raise JournalError(
            f"{directory}: {where} is a {kind} file system, where a journal can be damaged and "
            "two processes can write one, name a data directory on a disk of this machine"
        )


def _file_system(path: Path) -> tuple[str, str]:
    """The kind of file system a path is on, and where that is mounted; empty where nobody tells."""
    found = ("", "")
    try:
        lines = MOUNTS.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return found
    for line in lines:  # a later one at the same place covers an earlier one
        before, _, after = line.partition(" - ")
        where = _unescaped(before.split()[4])
        if len(where) >= len(found[1]) and path.is_relative_to(where):
            found = (after.split()[0], where)
    return found


def _unescaped(name: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), name)
