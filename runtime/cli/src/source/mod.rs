//! A source folder in the place of a component: compiled if something changed, else as it was compiled last.
//!
//! What a component was made of is remembered beside it, in the user's cache: every source file that cargo
//! lists, manifests, the lock file, what configures cargo and rustup, and the compiler. A file whose size and
//! times are as they were is not read; one that was only touched is hashed, and is no change. So a build from
//! source in which nothing changed never starts cargo.
//!
//! - `compile.rs`: cargo and rustc, so that the same source makes the same bytes anywhere
//! - `clang.rs`: a C compiler, and the flags by which the same source makes the same bytes anywhere
//! - `ghc.rs`: GHC for WebAssembly, in the same way
//! - `sdk.rs`: the SDKs that this program carries
//! - `stamp.rs`: whether files changed

pub(crate) mod clang;
pub(crate) mod compile;
pub(crate) mod ghc;
pub(crate) mod sdk;
pub(crate) mod stamp;

use crate::env;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::explain::Code;
use crate::shell::Shell;
use serde::{Deserialize, Serialize};
use stamp::Stamp;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use wrun_plugin::symbols;

/// The format of what is remembered; a change compiles everything again.
const FORMAT: u32 = 3;

/// Earlier components of a folder that are kept: another wrun may be about to read one.
const KEPT: usize = 4;

/// What a plugin is written in.
#[derive(Copy, Clone, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Language {
    /// Rust, by cargo
    Rust,
    /// C11, by clang
    C,
    /// Haskell, by GHC for WebAssembly
    Haskell,
}

impl Language {
    /// Tells by what lies in a folder: Cargo.toml, a `.cabal` file, or C files in src.
    pub(crate) fn of(dir: &Path) -> Result<Self> {
        let with = |dir: &Path, wanted: &str| {
            let entries = dir.read_dir().into_iter().flatten().flatten();
            entries.into_iter().any(|entry| entry.path().extension().is_some_and(|extension| extension == wanted))
        };
        if dir.join("Cargo.toml").is_file() {
            return Ok(Self::Rust);
        }
        if with(dir, "cabal") {
            return Ok(Self::Haskell);
        }
        if with(&dir.join("src"), "c") {
            return Ok(Self::C);
        }
        dir.read_dir().map_err(|error| CliError::file(Exit::Usage, "read", dir, &error))?;
        Err(CliError::usage(format!("there is no Cargo.toml, .cabal file or src/*.c in `{}`", dir.display()))
            .code(Code::BadPackage)
            .hint("name the folder of a package in Rust, Haskell or C"))
    }
}

/// Compiles the package in a folder, whatever it is written in.
pub(crate) fn package(shell: &Shell, dir: &Path) -> Result<compile::Compiled> {
    let language = Language::of(dir)?;
    if language == Language::Rust {
        return compile::package(shell, dir);
    }
    sdk::provide(dir)?;
    let dir = std::fs::canonicalize(dir).map_err(|error| CliError::file(Exit::Usage, "read", dir, &error))?;
    let began = SystemTime::now();
    let (module, compiler) = match language {
        Language::C => clang::module(&dir)?,
        _ => ghc::module(&dir, shell.quiet)?,
    };
    let name = dir.file_name().map_or_else(|| "plugin".into(), |name| name.to_string_lossy().into_owned());
    let bytes = std::fs::read(&module).map_err(|error| CliError::file(Exit::Store, "read", &module, &error))?;
    let component = wrun_plugin::core_module::componentise(&name, &bytes)?;
    let split = symbols::split(&component, Some(&dir));
    let path = dir.join(BUILT).join(format!("{name}.wasm"));
    crate::commands::plugin::put_with(&path, &split.component, split.symbols.as_deref())?;
    // A folder counts with all that is in it.
    let mut inputs = vec![dir.join("src"), compiler];
    inputs.extend(cabal_files(&dir));
    Ok(compile::Compiled { package: name, path, inputs, began })
}

fn cabal_files(dir: &Path) -> Vec<PathBuf> {
    let entries = dir.read_dir().into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|name| name == "cabal")).collect()
}

/// Where compilers other than cargo put what they make, below the package.
pub(crate) const BUILT: &str = ".wrun/build";

/// Lists the files below a folder that have an extension, relative to a folder above it and in order.
pub(crate) fn sources(dir: &Path, below: &str, extension: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(below)];
    while let Some(folder) = folders.pop() {
        let full = dir.join(&folder);
        let fail = |error: std::io::Error| CliError::file(Exit::Usage, "read", &full, &error);
        for entry in full.read_dir().map_err(fail)? {
            let entry = entry.map_err(fail)?;
            let path = folder.join(entry.file_name());
            if entry.path().is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Runs a compiler. What it says goes to people as it is, and our error after it.
pub(crate) fn compile_with(mut command: std::process::Command, dir: &Path, what: &str) -> Result<()> {
    command.current_dir(dir).stdin(std::process::Stdio::null());
    // What a compiler says is for people.
    command.stdout(std::process::Stdio::from(std::io::stderr()));
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.status().map_err(|error| {
        CliError::usage(format!("cannot run `{program}`"))
            .code(Code::NoToolchain)
            .cause(error)
            .hint("`wrun doctor` looks at what is installed")
    })?;
    if status.success() {
        return Ok(());
    }
    Err(CliError::new(Exit::BadPlugin, format!("`{what}` does not compile"))
        .code(Code::CompileFailed)
        .hint("what the compiler says is above"))
}

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
    let made = package(shell, dir)?;
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
    if record.format != FORMAT || record.wrun != this(dir) || record.env != environment() || !path.is_file() {
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

fn this(dir: &Path) -> String {
    let language = Language::of(dir).unwrap_or(Language::Rust);
    format!("{} {language:?} {}", env!("CARGO_PKG_VERSION"), sdk::digest(language))
}

fn environment() -> Vec<(String, String)> {
    let mut all = env::starting_with(&["CARGO_", "RUSTUP_", "RUSTC", clang::CHOSEN, clang::WASI_SDK, ghc::CHOSEN]);
    for program in ["cargo", "rustc", "clang", "wasm-ld", ghc::GHC] {
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
    let record = Record { format: FORMAT, wrun: this(&dir), env: environment(), files: stamps, component };
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
