"""Fetches the wheels of an image, as this machine's pip would.

`python setup/wheels.py IMAGE DIRECTORY`. The pip of an image that is being built knows nothing
of this machine's index, proxies, certificates or directories of wheels. So a container of that
image runs once with all of it, the build itself needs no network for pip, and neither the image
nor any file says where the wheels came from.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: Read by pip or by what it is made of, wherever they are set.
ALSO = {"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"}


def main() -> None:
    """Have in a directory what requirements.lock names for the image's interpreter."""
    image, directory = sys.argv[1], Path(sys.argv[2])
    lock = ROOT / directory / "lock"
    wanted = "".join(locked(work) for work in ("run", "build"))
    stamp = ROOT / directory / "made-of"
    made_of = f"{interpreter(image)}{zlib.crc32(wanted.encode())}\n"
    if stamp.exists() and stamp.read_text() == made_of:
        return
    directory.mkdir(parents=True, exist_ok=True)
    for old in (ROOT / directory).iterdir():
        old.unlink()
    lock.write_text(wanted)
    download(image, ROOT / directory)
    lock.unlink()
    stamp.write_text(made_of)


def locked(work: str) -> str:
    """The part of the lock that some work needs."""
    command = [sys.executable, "setup/locked.py", work]
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout


def interpreter(image: str) -> str:
    """What the image's Python is and runs on: wheels are made for both."""
    asked = "import sys, platform; print(sys.version, platform.machine())"
    command = ["docker", "run", "--rm", image, "python3", "-c", asked]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def download(image: str, directory: Path) -> None:
    """Run pip in the image, with this machine's settings, network and user."""
    settings = pip_settings()
    given = {name: value for name, value in os.environ.items() if name.upper() in ALSO}
    environ = {**given, **settings}
    paths = {part for value in environ.values() for part in value.split() if Path(part).exists()}
    command = ["docker", "run", "--rm", "--network=host", f"--user={os.getuid()}:{os.getgid()}"]
    command += [f"--env={name}" for name in environ]  # values would show in the command line
    command += [f"--volume={path}:{path}:ro" for path in sorted(paths)]
    command += [f"--volume={directory}:/wheels", "--workdir=/wheels", image]
    command += ["pip", "download", "--quiet", "--no-input", "--require-hashes", "--no-deps"]
    command += ["--only-binary=:all:", "--requirement=lock", "--dest=."]
    done = subprocess.run(command, env={**os.environ, **environ}, check=False)
    if done.returncode:
        sys.exit("setup: pip could not fetch the image's packages: the lines above say why")


def pip_settings() -> dict[str, str]:
    """What this machine's pip is told, by files and environment, as variables."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    found: dict[str, dict[str, str]] = {"global": {}, "download": {}, ":env:": {}}
    for line in said.splitlines():
        name, _, value = line.partition("=")
        section, _, key = name.rpartition(".")
        if section in found:
            variable = f"PIP_{key.upper().replace('-', '_')}"
            found[section][variable] = str(ast.literal_eval(value))
    return found["global"] | found["download"] | found[":env:"]


if __name__ == "__main__":
    main()
