//! A source folder in the place of a component: compiled if something changed, else as it was compiled last.
//!
//! What a component was made of is remembered beside it, in the user's cache: every source file that cargo
//! lists, manifests, the lock file, what configures cargo and rustup, and the compiler. A file whose size and
//! times are as they were is not read; one that was only touched is hashed, and is no change. So a build from
//! source in which nothing changed never starts cargo.
//!
//! - `compile.rs`: cargo and rustc, so that the same source makes the same bytes anywhere
//! - `sdk.rs`: the SDK that this program carries
//! - `stamp.rs`: whether files changed

pub(crate) mod compile;
pub(crate) mod sdk;
pub(crate) mod stamp;

use crate::env;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::shell::Shell;
use serde::{Deserialize, Serialize};
use stamp::Stamp;
use std::path::{Path, PathBuf};
use wrun_plugin::symbols;

/// The format of what is remembered; a change compiles everything again.
const FORMAT: u32 = 2;

/// Earlier components of a folder that are kept: another wrun may be about to read one.
const KEPT: usize = 4;

/// What a component was made of.
#[derive(Serialize, Deserialize)]
struct Record {
    format: u32,
    /// This program: it decides how rustc is called.
    wrun: String,
    /// The environment as far as cargo looks at it.
    env: Vec<(String, String)>,
    /// Files, and those that were absent and would count.
    files: Vec<(PathBuf, Option<Stamp>)>,
    /// The component's file name.
    component: String,
}

/// Returns the component of a source folder, compiled if it has to be.
pub(crate) fn component(shell: &Shell, dir: &Path) -> Result<PathBuf> {
    // Put back first: what is as it was before somebody removed it is no change.
    let provided = sdk::provide(dir);
    if let Some(known) = known(dir) {
        return Ok(known);
    }
    provided?;
    let made = compile::package(shell, dir)?;
    let bytes =
        std::fs::read(&made.path).map_err(|error| CliError::file(Exit::Store, "read", &made.path, &error))?;
    let Some(folder) = folder(dir) else { return Ok(made.path) };
    let name = format!("{}.wasm", &blake3::hash(&bytes).to_hex()[..32]);
    let path = folder.join(&name);
    let lines = std::fs::read(symbols::beside(&made.path)).ok();
    if crate::commands::plugin::put_with(&path, &bytes, lines.as_deref()).is_err() {
        // A cache that cannot be written costs time, and nothing else.
        return Ok(made.path);
    }
    remember(&folder, dir, &made, name);
    forget(&folder, &path);
    Ok(path)
}

/// Returns the component of a source folder if it is known that nothing changed; starts nothing.
pub(crate) fn known(dir: &Path) -> Option<PathBuf> {
    let folder = folder(dir)?;
    let mut record = read(&folder)?;
    let path = folder.join(&record.component);
    if record.format != FORMAT || record.wrun != this() || record.env != environment() || !path.is_file() {
        return None;
    }
    let mut touched = false;
    for (path, stamp) in &mut record.files {
        let now = stamp::look(path, stamp.as_ref())?;
        if now.as_ref().map(|now| &now.digest) != stamp.as_ref().map(|stamp| &stamp.digest) {
            return None;
        }
        touched |= now != *stamp;
        *stamp = now;
    }
    if touched {
        write(&folder, &record);
    }
    Some(path)
}

/// Lists the files of which a folder's component was last made.
pub(crate) fn inputs(dir: &Path) -> Vec<PathBuf> {
    let record = folder(dir).and_then(|folder| read(&folder));
    record.map(|record| record.files.into_iter().map(|(path, _)| path).collect()).unwrap_or_default()
}

/// Where a folder's components are: in the user's cache, else in its own target folder.
fn folder(dir: &Path) -> Option<PathBuf> {
    let dir = std::fs::canonicalize(dir).ok()?;
    let name = &blake3::hash(dir.as_os_str().as_encoded_bytes()).to_hex()[..16];
    match crate::workspace::cache_folder() {
        Some(cache) => Some(cache.join("source").join(name)),
        None => Some(dir.join("target/wrun/source")),
    }
}

fn this() -> String {
    format!("{} {}", env!("CARGO_PKG_VERSION"), sdk::digest())
}

fn environment() -> Vec<(String, String)> {
    let mut all = env::starting_with(&["CARGO_", "RUSTUP_", "RUSTC"]);
    for program in ["cargo", "rustc"] {
        let found = env::program(program).map(|path| path.display().to_string());
        all.push((program.to_owned(), found.unwrap_or_default()));
    }
    all
}

fn read(folder: &Path) -> Option<Record> {
    serde_json::from_slice(&std::fs::read(folder.join("made-of.json")).ok()?).ok()
}

/// Notes what a component was made of, unless it changed meanwhile.
fn remember(folder: &Path, dir: &Path, made: &compile::Compiled, component: String) {
    let dir = std::fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned());
    let mut files = made.inputs.clone();
    for above in dir.ancestors() {
        let names = [".cargo/config.toml", ".cargo/config", "rust-toolchain.toml", "rust-toolchain"];
        files.extend(names.map(|name| above.join(name)));
    }
    let home = env::var("HOME").map(PathBuf::from).unwrap_or_default();
    let cargo = env::var("CARGO_HOME").map_or_else(|| home.join(".cargo"), PathBuf::from);
    let rustup = env::var("RUSTUP_HOME").map_or_else(|| home.join(".rustup"), PathBuf::from);
    files.extend([cargo.join("config.toml"), cargo.join("config"), rustup.join("settings.toml")]);
    files.sort();
    files.dedup();
    let mut stamps = Vec::with_capacity(files.len());
    for path in files {
        match stamp::look(&path, None) {
            Some(Some(stamp)) if stamp.since(made.began) => return,
            Some(stamp) => stamps.push((path, stamp)),
            None => return,
        }
    }
    let record = Record { format: FORMAT, wrun: this(), env: environment(), files: stamps, component };
    write(folder, &record);
}

fn write(folder: &Path, record: &Record) {
    if let Ok(json) = serde_json::to_vec(record) {
        // What is not remembered is compiled again.
        _ = crate::commands::plugin::put(&folder.join("made-of.json"), &json);
    }
}

/// Removes all but the latest components.
fn forget(folder: &Path, current: &Path) {
    let Ok(entries) = folder.read_dir() else { return };
    let mut old: Vec<_> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path != current && path.extension().is_some_and(|extension| extension == "wasm"))
        .filter_map(|path| Some((path.metadata().ok()?.modified().ok()?, path)))
        .collect();
    old.sort();
    let most = old.len().saturating_sub(KEPT);
    // What cannot be removed harms nobody.
    old.iter().take(most).for_each(|(_, path)| {
        _ = std::fs::remove_file(path);
        _ = std::fs::remove_file(symbols::beside(path));
    });
}
