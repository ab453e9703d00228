#!/usr/bin/env bash
# `make demo-postgres`: a table goes into PostgreSQL once, however often it is asked for. The server is one of the demo's
# own, below target/demo-postgres; it listens where containers of the bridge reach it, and takes its password alone.
set -euo pipefail
cd "$(dirname "$0")/../.."
command -v debootstrap >/dev/null || apt-get install -y -qq debootstrap >/dev/null
bin=$(echo /usr/lib/postgresql/*/bin)
[ -x "$bin/initdb" ] || { apt-get install -y -qq postgresql >/dev/null; bin=$(echo /usr/lib/postgresql/*/bin); }
eval "$(tests/tools/servers.sh docker)"
for image in lua postgres; do
  docker image inspect "wrun-tools-$image:latest" >/dev/null 2>&1 || plugins/tools/images/make.sh "$image"
done

demo=$PWD/target/demo-postgres
port=${WRUN_POSTGRES_PORT:-15433}
net=$(ip -4 -o addr show docker0 | awk '{ print $4 }')
bridge=${net%/*}
rm -rf "$demo"
mkdir -p "$demo"
# The server refuses to be root's. Its folder is elsewhere, as its user may not come past those of root.
data=$(mktemp -d)
as() { if [ "$(id -u)" = 0 ]; then setpriv --reuid nobody --regid nogroup --clear-groups "$@"; else "$@"; fi; }
[ "$(id -u)" != 0 ] || chown nobody:nogroup "$data"
stop() { as "$bin/pg_ctl" -D "$data/db" -m fast stop >/dev/null 2>&1 || true; rm -rf "$data"; }
trap stop EXIT
head -c 12 /dev/urandom | base64 >"$demo/password"
install -m 644 "$demo/password" "$data/password"
as "$bin/initdb" -D "$data/db" -U wrun --pwfile="$data/password" -A scram-sha-256 >"$demo/log.txt"
echo "host all all $net scram-sha-256" >>"$data/db/pg_hba.conf"
as "$bin/pg_ctl" -D "$data/db" -w -l "$data/log" -o "-p $port -c listen_addresses=$bridge -k $data" start >>"$demo/log.txt" || { cat "$data/log" >&2; exit 1; }

printf '[secrets]\npg = { file = "password" }\n' >"$demo/wrun.toml"
cp plugins/report/data/flights-2013-01-01-to-10.csv "$demo/flights.csv"
root=$PWD
cd "$demo"
wrun() { printf '$ wrun %s\n' "$*" >&2; "$root/target/release/wrun" "$@"; }
task=("$root/plugins/tools.wasm" load -p "database=host=$bridge port=$port user=wrun dbname=postgres")
rows() { PGPASSWORD=$(cat password) "$bin/psql" -h "$data" -p "$port" -U wrun postgres -X -t -A -c 'SELECT count(*) FROM delays'; }
wrun build "${task[@]}"
wrun cat "${task[0]}" load receipt.txt "${task[@]:2}"
first=$(rows)
# A second build asks for nothing, and one that is made to does not load twice: the token is the same.
wrun build "${task[@]}"
wrun build "${task[@]}" --force
second=$(rows)
[ "$first" -gt 5 ] && [ "$first" = "$second" ] || { echo "error: $first rows, then $second" >&2; exit 1; }
wrun verify "${task[@]}"
[ "$(rows)" = "$first" ] || { echo "error: verify ran an effect" >&2; exit 1; }
! grep -rqaF "$(cat password)" .wrun || { echo "error: the password is in the store" >&2; exit 1; }
echo "$first rows, loaded once."
