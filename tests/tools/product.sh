#!/usr/bin/env bash
# The product, held to two programs in Python that share no code with it: every key that a build leaves
# in its store (tests/keys.py), and the figures of a day (plugins/report/tests/check_delays.py).
set -euo pipefail
cd "$(dirname "$0")/../.."

python=target/tools/py/bin/python
work=target/test-product
slice=plugins/report/data/flights-2013-01-01-to-10.csv
rm -rf "$work"
mkdir -p "$work"

cargo build --release --quiet -p wrun
target/release/wrun plugin build plugins/report -o "$work/report.wasm"
target/release/wrun build "$work/report.wasm" report --param date=2013-01-01..2013-01-10 --param "source=$slice" --store "$work/store" -q
"$python" tests/keys.py store "$work/store"
for day in 2013-01-01 2013-01-10; do
  target/release/wrun get "$work/report.wasm" delays --param "date=$day" --param "source=$slice" --store "$work/store" -o "$work/$day" -q
  "$python" plugins/report/tests/check_delays.py "$slice" "$day" "$work/$day/delays.csv"
done
echo "product: keys and figures agree"
