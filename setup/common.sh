# What the scripts beside it share: where they work, how they speak, how they become root.
# shellcheck shell=bash

cd "$(dirname "${BASH_SOURCE[0]}")/.."
ROOT=$PWD
mkdir -p .cache
echo '*' >.cache/.gitignore

say() { printf 'setup: %s\n' "$*"; }

# Ends the script with lines that say why, and what to do.
fail() {
  printf 'setup: %s\n' "$@" >&2
  exit 1
}

# Runs a command as root; fails when this user cannot become root here.
as_root() {
  export DEBIAN_FRONTEND=noninteractive
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
    sudo --preserve-env=DEBIAN_FRONTEND "$@"
  else
    return 1
  fi
}

# Where this machine's apt fetches suites from whose names match a pattern, such as '[a-z.]*'.
archives() {
  apt-get update --print-uris | sed -n "s|^'\(.*\)/dists/$1/InRelease'.*|\1|p" | sort -u
}

# The keys that Debian signs its archives with; nothing where they are not installed.
debian_keyring() { find /usr/share/keyrings -name 'debian-archive-keyring.[gp]*' | sort | head -n 1; }
