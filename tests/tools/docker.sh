#!/usr/bin/env bash
# Starts Docker's engine where none answers, and makes the image that tests run: busybox, imported as it lies, for no
# registry is asked. Its data lie below the folder that is given.
# Usage: docker.sh DIR
set -euo pipefail
dir=$1
mkdir -p "$dir"
say() { printf 'docker: %s\n' "$*" >&2; }

if ! docker info >/dev/null 2>&1; then
  [ "$(id -u)" = 0 ] || { say "only root can start an engine here"; exit 1; }
  # Without systemd nobody has mounted the cgroups.
  if ! mountpoint -q /sys/fs/cgroup; then
    mount -t tmpfs cgroup /sys/fs/cgroup
    for part in cpu cpuacct cpuset memory devices freezer blkio pids; do
      mkdir -p "/sys/fs/cgroup/$part"
      mount -t cgroup -o "$part" cgroup "/sys/fs/cgroup/$part" || true
    done
  fi
  say "starting dockerd"
  rm -f "$dir/pid"
  setsid nohup dockerd --data-root "$dir/data" --exec-root "$dir/run" --pidfile "$dir/pid" >"$dir/log.txt" 2>&1 </dev/null 9>&- &
  for _ in $(seq 150); do docker info >/dev/null 2>&1 && break; sleep 0.2; done
  docker info >/dev/null 2>&1 || { tail -n 20 "$dir/log.txt" >&2; say "dockerd does not answer; its log is $dir/log.txt"; exit 1; }
fi

if ! docker image inspect wrun-test:latest >/dev/null 2>&1; then
  busybox=$(command -v busybox)
  root=$(mktemp -d)
  mkdir -p "$root"/{bin,etc,tmp,var}
  cp "$busybox" "$root/bin/busybox"
  for applet in $("$busybox" --list); do [ -e "$root/bin/$applet" ] || ln -s busybox "$root/bin/$applet"; done
  printf 'root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n' >"$root/etc/passwd"
  tar -C "$root" -c . | docker import -c 'CMD ["/bin/sh"]' -c 'ENV PATH=/bin' - wrun-test:latest >/dev/null
  # One with nothing but one file; and the same, said to be for another kind of machine.
  printf 'nothing runs here\n' >"$root/var/note"
  tar -C "$root/var" -cf "$root/layer.tar" note
  docker import - wrun-test:scratch <"$root/layer.tar" >/dev/null
  layer=$(sha256sum "$root/layer.tar" | cut -d' ' -f1)
  printf '{"architecture":"s390x","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' "$layer" >"$root/config.json"
  printf '[{"Config":"config.json","RepoTags":["wrun-test:elsewhere"],"Layers":["layer.tar"]}]' >"$root/manifest.json"
  tar -C "$root" -c layer.tar config.json manifest.json | docker load -q >/dev/null
  rm -rf "$root"
fi
docker run --rm --network none wrun-test:latest true

# Images of the example plugin: a C program alone, and Lua in a small Debian, for which a mirror has to answer.
make=$(dirname "$0")/../../plugins/tools/images/make.sh
docker image inspect wrun-tools-c:latest >/dev/null 2>&1 || "$make" c
docker image inspect wrun-tools-lua:latest >/dev/null 2>&1 || "$make" lua || say "no Debian can be made: Lua in an image is not tested"
