#!/usr/bin/env bash
# Starts the servers that tests stand on, below target/servers, unless they answer already; installs them the first
# time. Prints what tests need to know of them as shell assignments: eval "$(tests/tools/servers.sh)".
# Usage: servers.sh [ministack] [radosgw]; without names all of them.
set -euo pipefail
cd "$(dirname "$0")/../.."

home=$PWD/target/servers
mkdir -p "$home"
say() { printf 'servers: %s\n' "$*" >&2; }
die() { printf 'error: %s\nhint: %s\n' "$1" "$2" >&2; exit 1; }
# Whether somebody listens at http://HOST:PORT.
answers() {
  local address=${1#http://}
  (exec 3<>"/dev/tcp/${address%:*}/${address#*:}") 2>/dev/null
}

# Waits until a server answers: it is that or the end of patience, never a fixed pause.
await() {
  local url=$1 name=$2 log=$3
  for _ in $(seq 300); do answers "$url" && return; sleep 0.1; done
  tail -n 20 "$log" >&2 || true
  die "$name does not answer at $url" "its log is $log"
}

# A quick stand-in for S3, from PyPI: right about conditional puts.
ministack() {
  local port=14566 url=http://127.0.0.1:14566 dir=$home/ministack
  if ! answers $url; then
    if [ ! -x "$dir/bin/ministack" ]; then
      say "installing ministack 1.5.33 from PyPI"
      python3 -m venv "$dir" && "$dir/bin/pip" install --quiet --disable-pip-version-check "ministack==1.5.33"
    fi
    say "starting ministack at $url"
    (cd "$dir" && BIND_HOST=127.0.0.1 GATEWAY_PORT=$port IOT_MTLS_ENABLED=0 SFTP_ENABLED=0 S3_PERSIST=1 \
      S3_DATA_DIR="$dir/s3" setsid nohup bin/ministack >log.txt 2>&1 </dev/null &)
    await $url ministack "$dir/log.txt"
  fi
  echo "export WRUN_TEST_MINISTACK=$url"
}

# A real storage system that speaks S3, from Debian: Ceph's gateway on one monitor and one disk. It checks
# signatures and rights, and survives kill -9 of everything.
radosgw() {
  local url=http://127.0.0.1:17480 dir=$home/radosgw
  if ! answers $url; then
    if ! command -v radosgw >/dev/null; then
      [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null \
        || { say "radosgw is not installed, and only root can do that: its tests are NOT RUN"; return; }
      say "installing Ceph's gateway from Debian"
      { apt-get install -y -qq --no-install-recommends radosgw ceph-mon ceph-osd \
        || { apt-get update -qq && apt-get install -y -qq --no-install-recommends radosgw ceph-mon ceph-osd; }; } \
        >/dev/null 2>&1 || die "Ceph's gateway cannot be installed" "apt-get install radosgw ceph-mon ceph-osd"
    fi
    say "starting Ceph's gateway at $url"
    tests/tools/radosgw.sh "$dir" 17480 >"$home/radosgw.txt" 2>&1 \
      || { tail -n 20 "$home/radosgw.txt" >&2; die "Ceph's gateway does not start" "its log is $home/radosgw.txt"; }
    await $url radosgw "$home/radosgw.txt"
  fi
  echo "export WRUN_TEST_RADOSGW=$url"
}

[ $# -gt 0 ] || set -- ministack radosgw
for name in "$@"; do "$name"; done
