#!/bin/sh
# Builds the test guests into tests/guests/target/wasm32-wasip2/release. Tests call it; it is quick when
# nothing changed.
set -eu
cd "$(dirname "$0")"
if ! rustup target list --installed 2>/dev/null | grep -q '^wasm32-wasip2$'; then
    echo "the target wasm32-wasip2 is missing: run \`rustup target add wasm32-wasip2\`" >&2
    exit 1
fi
# What the tests of the workspace were built with must not reach the guests.
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_TARGET CARGO_TARGET_DIR
exec cargo build --quiet --release --target wasm32-wasip2 --target-dir target
