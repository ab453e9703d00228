#!/usr/bin/env bash
# Licences, duplicates and sources of every cargo workspace, without a network; then known
# vulnerabilities, where their database can be had. Usage: deny.sh [WORKSPACE…]
set -euo pipefail
cd "$(dirname "$0")/../.."
export PATH="$PWD/target/tools/bin:$PATH"
config=$PWD/deny.toml

# cargo-deny logs to stderr without colour when it is not a terminal; warnings are not failures.
for dir in . "$@"; do
  printf '+ cargo deny check licenses bans sources   (in %s)\n' "$dir"
  # Metadata needs every crate of the lock file on this machine, which a build does not.
  (cd "$dir" && cargo fetch --quiet --locked && cargo deny --offline --log-level warn --config "$config" check --hide-inclusion-graph -A unmatched-skip -A unmatched-skip-root -A unnecessary-skip licenses bans sources)
done

printf '+ cargo deny check advisories\n'
if timeout 60 cargo deny --log-level error --config "$config" fetch db >/dev/null 2>&1; then
  cargo deny --offline --config "$config" check advisories
else
  echo "skipped: the RustSec advisory database cannot be reached from here"
fi
