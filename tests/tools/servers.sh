#!/usr/bin/env bash
# Starts the servers that tests stand on, below target/servers, unless they answer already; what is missing need.sh
# installs. Prints what tests need to know of them: eval "$(tests/tools/servers.sh)".
# Usage: servers.sh [ministack] [radosgw] [docker]   without names all
#        servers.sh stop                             ends those that were started from this folder
# They listen on 127.0.0.1 alone, at WRUN_MINISTACK_PORT (14566) and WRUN_RADOSGW_PORT (17480, and the two after it).
set -euo pipefail
cd "$(dirname "$0")/../.."

home=$PWD/target/servers
mkdir -p "$home"
say() { printf 'servers: %s\n' "$*" >&2; }
die() { printf 'error: %s\nhint: %s\n' "$1" "$2" >&2; exit 1; }

# Whether there is an answer, of whatever kind.
answers() {
  python3 - "$1" <<'P' 2>/dev/null
import sys, urllib.error, urllib.request
try:
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(sys.argv[1], timeout=2)
except urllib.error.HTTPError:
    pass
P
}

# Waits until a server answers: it is that or the end of patience, never a fixed pause.
await() {
  local url=$1 name=$2 log=$3
  for _ in $(seq 150); do answers "$url" && return; sleep 0.2; done
  tail -n 20 "$log" >&2 || true
  die "$name does not answer at $url" "its log is $log; does something else use the port?"
}

# A quick stand-in for S3, from PyPI: right about conditional puts, takes any credentials.
ministack() {
  local port=${WRUN_MINISTACK_PORT:-14566} dir=$home/ministack
  local url=http://127.0.0.1:$port
  if ! answers "$url"; then
    tests/tools/need.sh ministack
    say "starting ministack at $url"
    # Without the lock, which is held for as long as anybody has it open.
    (
      cd "$dir"
      export BIND_HOST=127.0.0.1 GATEWAY_PORT=$port IOT_MTLS_ENABLED=0 SFTP_ENABLED=0 S3_PERSIST=1 S3_DATA_DIR=$dir/s3
      setsid nohup bin/ministack >log.txt 2>&1 </dev/null 9>&- &
      echo $! >pid
    ) 9>&-
    await "$url" ministack "$dir/log.txt"
  fi
  echo "export WRUN_TEST_MINISTACK=$url"
}

# A real storage system that speaks S3, from Debian: Ceph's gateway on one monitor and one disk. It checks
# signatures and rights, and survives kill -9 of everything.
radosgw() {
  local port=${WRUN_RADOSGW_PORT:-17480} dir=$home/radosgw
  local url=http://127.0.0.1:$port
  if ! answers "$url"; then
    tests/tools/need.sh radosgw
    if ! command -v radosgw >/dev/null; then
      # need.sh has said so. Tests run over ministack in its place, and test.sh says what that leaves out.
      echo "export WRUN_TEST_RADOSGW=none"
      return
    fi
    say "starting Ceph's gateway at $url"
    tests/tools/radosgw.sh "$dir" "$port" >"$home/radosgw.txt" 2>&1 9>&- \
      || { tail -n 20 "$home/radosgw.txt" >&2; die "Ceph's gateway does not start" "its log is $home/radosgw.txt"; }
    await "$url" radosgw "$home/radosgw.txt"
  fi
  echo "export WRUN_TEST_RADOSGW=$url"
}

# Docker's engine, from Debian, and the image that tests run. One that answers already is used as it is.
docker_engine() {
  tests/tools/need.sh docker
  if tests/tools/docker.sh "$home/docker" >"$home/docker.txt" 2>&1 9>&-; then
    echo "export WRUN_TEST_DOCKER=yes"
    docker image inspect wrun-tools-lua:latest >/dev/null 2>&1 && echo "export WRUN_TEST_LUA=yes" || echo "export WRUN_TEST_LUA=none"
  else
    # test.sh says what that leaves out.
    tail -n 5 "$home/docker.txt" >&2
    echo "export WRUN_TEST_DOCKER=none"
  fi
}

# Ends a process if it is the program that its file says: numbers come again.
end() {
  local file=$1 program=$2 pid
  pid=$(cat "$file" 2>/dev/null) || return 0
  if tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q "$program"; then
    say "ending $program, $pid"
    kill "$pid"
  fi
  rm -f "$file"
}

stop() {
  end "$home/ministack/pid" ministack
  end "$home/docker/pid" dockerd
  end "$home/radosgw/run/client.admin.pid" radosgw
  end "$home/radosgw/run/osd.0.pid" ceph-osd
  end "$home/radosgw/run/mon.a.pid" ceph-mon
}

# Of several that start at once one does it, and the others find it done.
exec 9>"$home/.lock"
flock 9
[ $# -gt 0 ] || set -- ministack radosgw docker
for name in "$@"; do
  case $name in
    ministack | radosgw | stop) "$name" ;;
    docker) docker_engine ;;
    *) die "there is no server \`$name\`" "it may be ministack, radosgw or docker" ;;
  esac
done
