#!/usr/bin/env bash
# Runs every check of the project, one after another, and counts. All steps run even where one
# fails; the last line says how many tests passed and failed. `--only-tests` leaves out the lints.
set -uo pipefail
cd "$(dirname "$0")/../.."
export PATH="$PWD/target/tools/bin:$PATH"
export CARGO_TERM_COLOR="${CARGO_TERM_COLOR:-auto}"

lints=yes
[ "${1:-}" = --only-tests ] && lints=no
profile=default
[ -n "${WRUN_SOAK:-}" ] && profile=soak

logs=target/test-logs
mkdir -p "$logs"
passed=0 failed=0
broken=()

# Runs a step with its output shown and kept; notes it if it fails.
step() {
  local name=$1 start=$SECONDS status; shift
  printf '\n== %s\n+ %s\n' "$name" "$*"
  "$@" 2>&1 | tee "$logs/$name.log"
  status=${PIPESTATUS[0]}
  [ "$status" = 0 ] || broken+=("$name")
  printf '== %s: %s, %d s\n' "$name" "$([ "$status" = 0 ] && echo ok || echo FAILED)" $((SECONDS - start))
}

within() { local dir=$1; shift; (cd "$dir" && "$@"); }

# Adds what nextest (`12 tests run: 11 passed, 1 failed`) and cargo test (`11 passed; 1 failed`) counted.
count() {
  local line
  while IFS= read -r line; do
    [[ $line =~ ([0-9]+)\ passed ]] && passed=$((passed + BASH_REMATCH[1]))
    [[ $line =~ ([0-9]+)\ failed ]] && failed=$((failed + BASH_REMATCH[1]))
    [[ $line =~ ([0-9]+)\ timed\ out ]] && failed=$((failed + BASH_REMATCH[1]))
  done < <(sed 's/\x1b\[[0-9;]*m//g' "$logs/$1.log" | grep -E 'tests? run:|^test result:|^(keys|docs|browser|conformance):' || true)
}

# Other cargo workspaces: the example plugins are tested natively, as their authors test them.
others=()
for dir in plugins tests/guests; do
  [ -f "$dir/Cargo.toml" ] && others+=("$dir")
done

if [ $lints = yes ]; then
  step fmt cargo fmt --all --check
  for dir in "${others[@]}"; do step "fmt-${dir//\//-}" within "$dir" cargo fmt --all --check; done
  step deny tests/tools/deny.sh "${others[@]}"
  step clippy cargo clippy --release --workspace --all-targets -- -D warnings
fi

# The product by itself has the features that it has beside its tests. Else wasmtime would be compiled twice, and what is
# tested would not be what is shipped.
compiled_once() {
  local said
  said=$(cargo build --release -p wrun 2>&1) || { printf '%s\n' "$said"; return 1; }
  printf '%s\n' "$said"
  [[ $said != *Compiling* ]] && return
  printf 'error: a test brings in a feature that the product alone is not built with\n'
  printf 'hint: `cargo tree --workspace -e normal,dev,features -i CRATE` of the first crate above says which; name it in runtime/cli/Cargo.toml\n'
  return 1
}

# What a test cannot do on this machine is said here, not in the output of a test that passes.
small=$(mktemp -d)
if ! unshare -m mount -t tmpfs none "$small" 2>/dev/null && ! unshare -rm mount -t tmpfs none "$small" 2>/dev/null; then
  printf '\nwarning: this machine lets nobody mount a file system: full and read-only ones are NOT TESTED here;\n'
  printf '         limits on the size of files and permissions are tested in their stead\n'
fi
rmdir "$small"

# Servers that speak S3; they stay for the next time, `tests/tools/servers.sh stop` ends them.
if servers=$(tests/tools/servers.sh); then
  eval "$servers"
else
  broken+=(servers)
fi
if [ "${WRUN_TEST_RADOSGW:-}" = none ]; then
  printf '\nwarning: there is no radosgw: rights and signatures of S3 are NOT TESTED here, and its suites run over ministack\n'
fi
if [ "${WRUN_TEST_DOCKER:-}" = none ]; then
  printf '\nwarning: there is no container engine: containers are NOT TESTED here, but over a fake one\n'
fi
if [ "${WRUN_TEST_LUA:-}" = none ]; then
  printf '\nwarning: debootstrap made no Debian: Lua in an image of its own is NOT TESTED here\n'
fi

step nextest cargo nextest run --release --workspace --profile "$profile" --no-tests=pass
count nextest
step compiled-once compiled_once
if [ $lints = yes ]; then
  step doc cargo test --release --workspace --doc
  count doc
  if [ -f plugins/Cargo.toml ]; then
    step plugins within plugins cargo test --release
    count plugins
  fi
  step keys target/tools/py/bin/python tests/keys.py
  count keys
  step conformance python3 tests/conformance/run.py
  count conformance
  step docs target/tools/py/bin/python tests/docs/run.py
  count docs
  step book make book
  # need.sh has said so where there is none.
  if [ -n "${CHROMIUM:-}" ] || command -v chromium chromium-browser google-chrome google-chrome-stable >/dev/null; then
    step browser python3 tests/browser/test_page.py
    count browser
  else
    printf '== browser: SKIPPED, there is no Chromium\n'
  fi
  step product tests/tools/product.sh
fi

printf '\n'
if [ ${#broken[@]} -gt 0 ]; then
  printf 'error: these steps failed: %s\nhint: their output is in %s/\n' "${broken[*]}" "$logs"
fi
printf '%d passed, %d failed\n' "$passed" "$failed"
[ ${#broken[@]} = 0 ]
