#!/usr/bin/env bash
# Makes images for the tasks of this plugin, from what is on this machine and at Debian's mirror; no registry is asked.
# Usage: make.sh c|lua|r|postgres …      `c` needs a C compiler; the others debootstrap, and to be root
set -euo pipefail
cd "$(dirname "$0")"
suite=${DEBIAN_SUITE:-bookworm}
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}

# From scratch: one static program.
c() {
  local root
  root=$(mktemp -d)
  cc -std=c11 -D_DEFAULT_SOURCE -O2 -static -o "$root/count" count.c
  tar -C "$root" -c count | docker import -c 'ENTRYPOINT ["/count"]' - "wrun-tools-c:latest" >/dev/null
  rm -rf "$root"
}

# A small Debian with some packages.
debian() {
  local image=$1 packages=$2 root
  root=$(mktemp -d)
  debootstrap --variant=minbase --include="$packages" "$suite" "$root" "$mirror" >"$root.log" 2>&1 \
    || { tail -n 5 "$root.log" >&2; rm -rf --one-file-system "$root"; exit 1; }
  rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,locale} "$root.log"
  tar -C "$root" -c . | docker import -c 'ENV PATH=/usr/bin:/bin' -c 'ENV LC_ALL=C.UTF-8' - "$image:latest" >/dev/null
  rm -rf --one-file-system "$root"
}

lua() { debian wrun-tools-lua lua5.4; }
r() { debian wrun-tools-r r-base-core; }
postgres() { debian wrun-tools-postgres postgresql-client; }

for what in "$@"; do
  case $what in
    c | lua | r | postgres) "$what" ;;
    *) printf 'error: there is no image `%s`\nhint: it may be c, lua, r or postgres\n' "$what" >&2; exit 2 ;;
  esac
done
