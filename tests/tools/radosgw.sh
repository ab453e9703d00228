#!/usr/bin/env bash
# One-node Ceph with its S3 gateway: made in DIR by the first call, started again by later ones.
# The key is `test`, its secret `testtest`. Usage: radosgw.sh DIR PORT; the monitor takes the two ports after it.
set -euo pipefail
mkdir -p "$1"
cd "$1"
dir=$PWD port=$2
export CEPH_CONF=$dir/ceph.conf

make() {
  local fsid osd key
  fsid=$(cat /proc/sys/kernel/random/uuid)
  cat >"$CEPH_CONF" <<C
[global]
fsid = $fsid
mon host = [v2:127.0.0.1:$((port + 1)),v1:127.0.0.1:$((port + 2))]
public network = 127.0.0.0/8
cluster network = 127.0.0.0/8
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
osd pool default size = 1
osd pool default min size = 1
osd crush chooseleaf type = 0
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
mon allow pool size one = true
mon max pg per osd = 1000
mon warn on pool no redundancy = false
mon data = $dir/mon
osd data = $dir/osd
osd objectstore = bluestore
# What this machine gives at most; what is deleted is free again some seconds later.
bluestore block size = 17179869184
bluestore block create = true
osd memory target = 939524096
bluestore fsck quick fix on mount = false
run dir = $dir/run
admin socket = $dir/run/\$name.asok
pid file = $dir/run/\$name.pid
log file = $dir/log/\$name.log
mon data avail warn = 1
mon data avail crit = 1
[client.admin]
rgw frontends = beast endpoint=127.0.0.1:$port
rgw data = $dir/rgw
rgw enable usage log = false
rgw dynamic resharding = false
rgw override bucket index max shards = 1
rgw gc obj min wait = 5
rgw gc processor period = 10
[client]
keyring = $dir/keyring
C
  mkdir -p mon osd run log rgw
  ceph-authtool --create-keyring keyring --gen-key -n mon. --cap mon 'allow *'
  ceph-authtool keyring --gen-key -n client.admin --cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *'
  monmaptool --create --addv a "[v2:127.0.0.1:$((port + 1)),v1:127.0.0.1:$((port + 2))]" --fsid "$fsid" monmap --clobber
  ceph-mon --mkfs -i a --monmap monmap --keyring keyring
  ceph-mon -i a
  key=$(ceph-authtool --gen-print-key)
  echo "{\"cephx_secret\":\"$key\"}" | ceph osd new "$(cat /proc/sys/kernel/random/uuid)" -i -
  osd=$(ceph osd dump -f json | python3 -c 'import json,sys; print(json.load(sys.stdin)["osds"][0]["uuid"])')
  ceph-authtool --create-keyring osd/keyring -n osd.0 --add-key "$key"
  ceph-osd -i 0 --mkfs --osd-uuid "$osd"
  ceph-osd -i 0
  ceph osd crush add osd.0 1.0 root=default host=h || true
  radosgw-admin user create --uid=t --display-name=t --access-key=test --secret=testtest
  # Who owns nothing, and may do what a bucket's policy says.
  for user in reader writer collector nobody; do
    radosgw-admin user create --uid="wrun-$user" --display-name="$user" --access-key="$user" --secret="$user-secret"
  done
  touch made
}

# Starts a daemon, unless it runs: its file may be of one that was killed, or of an earlier boot.
start() {
  local name=$1 pid; shift
  if pid=$(cat "run/$name.pid" 2>/dev/null) && tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q "^$1 "; then
    return
  fi
  "$@"
}

# A first call that was cut short left nothing worth keeping.
if [ ! -f made ]; then
  rm -rf mon osd run log rgw keyring monmap ceph.conf
  make
else
  start mon.a ceph-mon -i a
  start osd.0 ceph-osd -i 0
fi
start client.admin radosgw -n client.admin
