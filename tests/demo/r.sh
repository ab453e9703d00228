#!/usr/bin/env bash
# `make demo-r`: a linear model by R, in an image that debootstrap makes. It takes some minutes and 600 MB, once.
set -euo pipefail
cd "$(dirname "$0")/../.."
command -v debootstrap >/dev/null || apt-get install -y -qq debootstrap >/dev/null
eval "$(tests/tools/servers.sh docker)"
docker image inspect wrun-tools-r:latest >/dev/null 2>&1 || plugins/tools/images/make.sh r
demo=target/demo-r
rm -rf "$demo"
mkdir -p "$demo"
wrun() { printf '$ wrun %s\n' "$*" >&2; target/release/wrun "$@"; }
task=(plugins/tools.wasm model -p "source=plugins/report/data/flights-2013-01-01-to-10.csv" --store "$demo/store")
wrun build "${task[@]}"
wrun cat plugins/tools.wasm model model.csv "${task[@]:2}" | tee "$demo/model.csv"
[ "$(head -n 1 "$demo/model.csv")" = term,estimate ] && [ "$(wc -l <"$demo/model.csv")" -gt 10 ] \
  || { echo "error: that is no model" >&2; exit 1; }
wrun build "${task[@]}" 2>&1 | tee "$demo/again.txt" >&2
grep -q ' ran' "$demo/again.txt" && { echo "error: what is kept ran again" >&2; exit 1; }
echo "A model by R, made once."
