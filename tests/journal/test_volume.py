"""The volume: one process writes, and it is a disk of this machine."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from prober.errors import JournalError, JournalLocked
from prober.journal import volume
from prober.journal.journal import Journal

#: Opens a journal, says what came of it, and stays.
HOLDER = """
import sys, time
from pathlib import Path
from prober.errors import JournalLocked
from prober.journal.journal import Journal
try:
    book = Journal.open(Path(sys.argv[1]))
except JournalLocked as error:
    print(error, flush=True)
else:
    print("open", flush=True)
    time.sleep(600)
"""
MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:26 / /data rw,relatime - {kind} server:/export rw
31 22 0:27 / /data/with\\040space rw - xfs /dev/vdb rw
32 22 0:28 / /mnt rw - nfs4 server:/old rw
33 22 0:29 / /mnt rw - ext4 /dev/vdc rw
"""


def hold(path: Path, *before: str) -> tuple[subprocess.Popen[str], str]:
    """A process that wants the journal, and what it said."""
    process = subprocess.Popen(
        [*before, sys.executable, "-c", HOLDER, str(path)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    said = process.stdout.readline().strip()
    return process, said


def end(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.stdout
    process.stdout.close()


def test_a_lock_of_a_process_that_was_killed_is_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    for _ in range(3):
        process, said = hold(path)
        assert said == "open"
        assert path.with_name("journal.lock").exists()
        end(process)
    Journal.open(path).close()


def test_a_lock_file_that_somebody_removed_still_protects(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    book = Journal.open(path)
    path.with_name("journal.lock").unlink()
    process, said = hold(path)
    assert "another process writes this journal, give each agent its own data directory" in said
    process.wait()
    assert process.stdout
    process.stdout.close()
    with pytest.raises(JournalLocked):
        Journal.open(path)
    book.close()


def test_a_lock_holds_over_containers(tmp_path: Path) -> None:
    """Namespaces of their own for processes, mounts and host name: what containers are."""
    apart = ["unshare", "--user", "--map-root-user", "--pid", "--mount", "--uts", "--ipc", "--fork"]
    apart.append("--kill-child")
    if subprocess.run([*apart, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine gives no namespaces")
    path = tmp_path / "journal.db"
    first, said = hold(path, *apart)
    assert said == "open"
    second, said = hold(path, *apart)
    assert "another process writes this journal" in said
    end(second)
    with pytest.raises(JournalLocked):
        Journal.open(path)
    end(first)


@pytest.mark.parametrize(
    "kind",
    ["nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "fuse.sshfs", "fuse.s3fs", "fuse.glusterfs"],
)
def test_a_network_file_system_is_refused_with_the_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS.format(kind=kind).replace("/data", str(tmp_path / "data")))
    monkeypatch.setattr(volume, "MOUNTS", mounts)
    where = tmp_path / "data"
    with pytest.raises(JournalError, match="name a data directory on a disk of this machine") as no:
        Journal.open(where / "region" / "journal.db")
    assert f"{where} is a {kind} file system" in str(no.value)
    assert not (where / "region" / "journal.db").exists()
    Journal.open(where / "with space" / "journal.db").close()


@pytest.mark.parametrize(
    "kind", ["ext4", "xfs", "btrfs", "overlay", "tmpfs", "fuse.fuse-overlayfs"]
)
def test_a_disk_of_this_machine_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS.format(kind=kind).replace("/data", str(tmp_path)))
    monkeypatch.setattr(volume, "MOUNTS", mounts)
    Journal.open(tmp_path / "region" / "journal.db").close()


def test_where_nobody_tells_of_mounts_a_directory_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(volume, "MOUNTS", tmp_path / "none")
    volume.refuse_network(tmp_path)


def test_the_last_of_several_mounts_at_a_place_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS.format(kind="ext4"))
    monkeypatch.setattr(volume, "MOUNTS", mounts)
    volume.refuse_network(Path("/mnt"))
