#!/usr/bin/env bash
# Tries what README says under "Start your own", word for word, in a bare Debian with stable Rust, gcc, make and
# git and nothing else; then writes a task of its own. Prints each command, what it said, and how long it took.
# Needs root, debootstrap and rustup; no part of `make test`. docs/newcomer.md has what it showed.
# Usage: newcomer.sh [FOLDER], for the Debian; one that is there is used again.
set -euo pipefail
cd "$(dirname "$0")/../.."

bare=${1:-/var/tmp/wrun-newcomer}
home=$bare/home/ada
toolchain=$(rustc +stable --print sysroot)
certificates=/etc/ssl/certs/ca-certificates.crt

[ -d "$bare/usr" ] || debootstrap --variant=minbase --include=gcc,libc6-dev,make,git,ca-certificates bookworm "$bare" >&2
[ -d "$home/.rustup" ] || {
  echo "copying stable Rust" >&2
  chroot "$bare" useradd --no-create-home --home-dir /home/ada --shell /bin/bash ada
  mkdir -p "$home/.cargo/bin" "$home/.rustup/toolchains"
  cp -a "${CARGO_HOME:-$HOME/.cargo}"/bin/{rustup,cargo,rustc} "$home/.cargo/bin/"
  tar -C "$(dirname "$toolchain")" --exclude=share/doc -cf - "$(basename "$toolchain")" | tar -C "$home/.rustup/toolchains" -xf -
  printf 'version = "12"\ndefault_toolchain = "%s"\n[overrides]\n' "$(basename "$toolchain")" >"$home/.rustup/settings.toml"
}
# How this machine reaches a registry.
cp -L /etc/resolv.conf /etc/hosts "$bare/etc/"
[ ! -f "$certificates" ] || cp -L "$certificates" "$bare$certificates"
for name in config.toml config; do
  [ ! -f "${CARGO_HOME:-$HOME/.cargo}/$name" ] || cp "${CARGO_HOME:-$HOME/.cargo}/$name" "$home/.cargo/"
done
rm -rf "$home/wrun" "$home/sales" "$home/.cargo/bin/wrun" "$home/.cache" "$bare/srv/wrun.git"
git clone --quiet --bare . "$bare/srv/wrun.git"

# A third task: the longest words of the counted ones.
cat >"$home/own.rs" <<'RUST'
/// Show the longest words
#[derive(Task)]
#[task(outputs("longest.txt"), dynamic = false)]
struct Longest {
    /// Text to read
    #[param(default = TEXT.into())]
    source: Path,
}

impl Run for Longest {
    type Requires = Count;
    type Output = Files;

    fn requires(&self) -> Count {
        Count { source: self.source.clone() }
    }

    fn run(&self, cx: &Context, counts: Input<Count>) -> Result<Files> {
        let counts = counts.read_text("counts.csv")?;
        let words = counts.lines().skip(1).filter_map(|row| row.split(',').next());
        cx.write("longest.txt", words.max_by_key(|word| word.len()).unwrap_or_default())
    }
}

RUST

{
  echo 'git clone -q /srv/wrun.git wrun'
  echo 'cd wrun'
  awk '/^## /{on = $0 == "## Start your own"} on && /^```/{block = !block; next} on && block' README.md | sed 's/ *#.*//'
  echo "sed -i '/^\/\/ The last one/e cat own.rs' sales/src/lib.rs"
  echo "sed -i 's/export!(Count, Top)/export!(Count, Top, Longest)/' sales/src/lib.rs"
  echo 'wrun build sales longest'
  echo 'wrun cat sales longest'
  echo 'wrun build sales longest'
  echo 'wrun test sales'
} >"$home/commands"
chroot "$bare" chown -R ada: /home/ada /srv/wrun.git

# Mounts are gone with the namespace.
exec unshare --mount --pid --fork bash -c '
  mount --rbind /dev "$0/dev" && mount -t proc proc "$0/proc"
  exec env -i PATH=/usr/bin:/bin:/usr/sbin LANG=C.UTF-8 TERM=dumb HOME=/home/ada ${1:+SSL_CERT_FILE=$1 CARGO_HTTP_CAINFO=$1} \
    chroot --userspec=ada:ada "$0" bash -c "
      cd; PATH=\$HOME/.cargo/bin:\$PATH; began=\$SECONDS
      while read -r line; do
        printf \"\\\$ %s\\n\" \"\$line\"; at=\$SECONDS
        eval \"\$line\" </dev/null 2>&1 || { echo \"error: it ended with \$?\"; exit 1; }
        printf \"  (%d s, %d s since the start)\\n\" \$((SECONDS - at)) \$((SECONDS - began))
      done <commands"' "$bare" "$([ -f "$certificates" ] && echo "$certificates")"
