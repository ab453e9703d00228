//! Compiles a Rust package to a component whose bytes depend on the source alone.
//!
//! The component's digest is in every key, so it must not depend on where the source, cargo's registry or
//! the toolchain lie. Paths get into it in two ways:
//!
//! - rustc writes them into panic messages. Each folder that could show there is given a constant name
//!   (`--remap-path-prefix`): every path package, the registry's and git's checkouts, and the source of the
//!   standard library.
//! - cargo hashes the absolute path of a path dependency that is outside of the workspace into `-C metadata`,
//!   which decides the names of symbols and so the order of functions. So wrun stands between cargo and
//!   rustc ([`as_rustc`]) and gives every path package a value made of its name and version.
//!
//! It is compiled with line tables, whatever its profile says, and they are taken out of it again: they lie
//! beside it ([`wrun_plugin::symbols`]), and have no part in its digest.

use super::sdk;
use crate::env;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::explain::Code;
use crate::shell::Shell;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;
use wrun_plugin::symbols;

/// What is compiled for.
pub(crate) const TARGET: &str = "wasm32-wasip2";

/// Set for the wrun that stands between cargo and rustc: the folders of the path packages.
const AS_RUSTC: &str = "WRUN_AS_RUSTC";

/// Where cargo calls this process in place of rustc, becomes rustc; returns why it could not.
pub(crate) fn as_rustc(given: &[OsString]) -> Option<CliError> {
    use std::os::unix::process::CommandExt as _;
    let folders = env::var(AS_RUSTC)?;
    let rustc = given.get(1)?;
    let mut command = Command::new(rustc);
    let ours = env::var("CARGO_MANIFEST_DIR")
        .is_some_and(|folder| std::env::split_paths(&folders).any(|path| path.as_os_str() == folder));
    if ours {
        command.args(constant(&given[2..]));
    } else {
        command.args(&given[2..]);
    }
    Some(CliError::usage(format!("cannot run `{}`", rustc.display())).cause(command.exec()))
}

/// Replaces `-C metadata=…`.
fn constant(args: &[OsString]) -> Vec<OsString> {
    let value = |name: &str| env::var(name).unwrap_or_default().into_encoded_bytes();
    let mut hasher = blake3::Hasher::new();
    let mut part = |bytes: &[u8]| _ = hasher.update(&(bytes.len() as u64).to_be_bytes()).update(bytes);
    part(&value("CARGO_PKG_NAME"));
    part(&value("CARGO_PKG_VERSION"));
    let mut wanted = false;
    for arg in args {
        if wanted || arg.as_encoded_bytes().starts_with(b"--crate-type=") {
            part(arg.as_encoded_bytes());
        }
        wanted = arg == "--crate-name" || arg == "--crate-type";
    }
    let name = &hasher.finalize().to_hex()[..16];
    let replace = |arg: &OsString| match arg.to_str() {
        Some(text) if text.starts_with("metadata=") => format!("metadata={name}").into(),
        Some(text) if text.starts_with("-Cmetadata=") => format!("-Cmetadata={name}").into(),
        _ => arg.clone(),
    };
    args.iter().map(replace).collect()
}

/// What `cargo metadata` says.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_root: PathBuf,
    target_directory: PathBuf,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    id: String,
    source: Option<String>,
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    crate_types: Vec<String>,
}

/// What cargo says while it builds.
#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    package_id: String,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

/// A component that was just compiled.
pub(crate) struct Compiled {
    /// The package's name.
    pub(crate) package: String,
    /// Where it is; its symbols are beside it.
    pub(crate) path: PathBuf,
    /// Every file that it was made of, besides what is fetched from a registry.
    pub(crate) inputs: Vec<PathBuf>,
    /// What changed since then may or may not be in it.
    pub(crate) began: SystemTime,
}

/// Compiles the package in a folder.
pub(crate) fn package(shell: &Shell, named: &Path) -> Result<Compiled> {
    let shown = named.display();
    let dir = std::fs::canonicalize(named).map_err(|error| CliError::file(Exit::Usage, "read", named, &error))?;
    let manifest = dir.join("Cargo.toml");
    let rustc = Rustc::ask(&dir)?;
    sdk::provide(&dir)?;
    let metadata = metadata(&dir, &manifest)?;
    let package = metadata.packages.iter().find(|package| package.manifest_path == manifest).ok_or_else(|| {
        CliError::usage(format!("`{shown}` is a workspace, not a package"))
            .code(Code::BadPackage)
            .hint("name the folder of one of its members")
    })?;
    if !package.targets.iter().any(|target| target.crate_types.iter().any(|kind| kind == "cdylib")) {
        return Err(CliError::usage(format!("the package `{}` makes no component", package.name))
            .code(Code::BadPackage)
            .hint("add `[lib]` with `crate-type = [\"cdylib\"]` to its Cargo.toml"));
    }
    let began = SystemTime::now();
    let path = compile(shell, &dir, &metadata, package, &rustc)?;
    let inputs = inputs(&path, &metadata, &rustc);
    let path = without_symbols(&path, &metadata, &package.name, &dir)?;
    Ok(Compiled { package: package.name.clone(), path, inputs, began })
}

/// Takes the debug information out of what cargo made, and puts it beside.
fn without_symbols(made: &Path, metadata: &Metadata, package: &str, dir: &Path) -> Result<PathBuf> {
    let bytes = std::fs::read(made).map_err(|error| CliError::file(Exit::Store, "read", made, &error))?;
    let split = symbols::split(&bytes, Some(dir));
    let path = metadata.target_directory.join("wrun/components").join(format!("{package}.wasm"));
    crate::commands::plugin::put_with(&path, &split.component, split.symbols.as_deref())?;
    Ok(path)
}

/// Lists what a component was made of: the sources that cargo lists beside it, manifests, the lock file, and
/// the compiler itself.
fn inputs(made: &Path, metadata: &Metadata, rustc: &Rustc) -> Vec<PathBuf> {
    let mut inputs = Vec::new();
    let listed = std::fs::read_to_string(made.with_extension("d")).unwrap_or_default();
    for line in listed.lines() {
        // `made: one two\ with\ spaces`
        let Some((_, sources)) = line.split_once(": ") else { continue };
        let sources = sources.replace("\\ ", "\0");
        inputs
            .extend(sources.split(' ').filter(|path| !path.is_empty()).map(|path| path.replace('\0', " ").into()));
    }
    inputs.retain(|path: &PathBuf| !path.starts_with(&metadata.target_directory));
    let ours = metadata.packages.iter().filter(|package| package.source.is_none());
    inputs.extend(ours.map(|package| package.manifest_path.clone()));
    inputs.push(metadata.workspace_root.join("Cargo.toml"));
    inputs.push(metadata.workspace_root.join("Cargo.lock"));
    inputs.push(rustc.sysroot.join("bin/rustc"));
    inputs
}

/// What is asked of the compiler.
struct Rustc {
    sysroot: PathBuf,
    commit: Option<String>,
}

impl Rustc {
    fn ask(dir: &Path) -> Result<Self> {
        let ask = |args: &[&str]| -> Result<String> {
            let output = Command::new("rustc").args(args).current_dir(dir).output().map_err(|error| {
                CliError::new(Exit::Usage, "cannot run `rustc`")
                    .code(Code::NoToolchain)
                    .cause(error)
                    .hint("install stable Rust with rustup, https://rustup.rs")
            })?;
            if !output.status.success() {
                let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
                return Err(CliError::new(Exit::Usage, "`rustc` does not answer")
                    .code(Code::NoToolchain)
                    .cause(why)
                    .hint("`wrun doctor` looks at what is installed"));
            }
            Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        };
        let sysroot = PathBuf::from(ask(&["--print", "sysroot"])?);
        if !sysroot.join("lib/rustlib").join(TARGET).is_dir() {
            return Err(CliError::usage(format!("this Rust lacks the target `{TARGET}`"))
                .code(Code::NoToolchain)
                .hint(format!("rustup target add {TARGET}")));
        }
        let version = ask(&["-vV"])?;
        let commit = version.lines().find_map(|line| line.strip_prefix("commit-hash: "));
        Ok(Self { sysroot, commit: commit.map(str::to_owned) })
    }
}

/// Returns the cargo that is used.
pub(crate) fn cargo() -> OsString {
    env::var("CARGO").unwrap_or_else(|| "cargo".into())
}

/// There is no cargo.
pub(crate) fn no_cargo(error: &std::io::Error) -> CliError {
    CliError::usage("cannot run `cargo`")
        .code(Code::NoToolchain)
        .cause(error)
        .hint("install stable Rust with rustup, https://rustup.rs")
}

fn metadata(dir: &Path, manifest: &Path) -> Result<Metadata> {
    let mut command = Command::new(cargo());
    command.args(["metadata", "--format-version", "1", "--filter-platform", TARGET]).current_dir(dir);
    command.arg("--manifest-path").arg(manifest);
    let output = command.output().map_err(|error| no_cargo(&error))?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(CliError::new(Exit::BadPlugin, format!("cargo cannot read `{}`", manifest.display()))
            .code(Code::BadPackage)
            .cause(why)
            .hint("correct what cargo names"));
    }
    serde_json::from_slice(&output.stdout)
        .map_err(|error| CliError::new(Exit::Internal, "cannot read what `cargo metadata` says").cause(error))
}

/// Gives every folder whose path could get into the component a constant name, outer ones first: of several
/// that fit, rustc takes the last.
fn remaps(metadata: &Metadata, rustc: &Rustc) -> Vec<String> {
    let mut names: BTreeMap<PathBuf, String> = BTreeMap::new();
    names.insert(metadata.workspace_root.clone(), "/s".to_owned());
    for package in &metadata.packages {
        let Some(folder) = package.manifest_path.parent() else { continue };
        match &package.source {
            None => _ = names.insert(folder.to_owned(), format!("/s/{}", package.name)),
            Some(source) if source.starts_with("git+") => {
                names.insert(folder.to_owned(), format!("/g/{}", package.name));
            }
            // `registry/src/<registry>/<package>`: the registry's folder depends on where it was fetched from.
            Some(_) => _ = folder.parent().map(|registry| names.insert(registry.to_owned(), "/c".to_owned())),
        }
    }
    if let Some(commit) = &rustc.commit {
        names.insert(rustc.sysroot.join("lib/rustlib/src/rust"), format!("/rustc/{commit}"));
    }
    let mut names: Vec<(PathBuf, String)> = names.into_iter().collect();
    names.sort_by_key(|(path, _)| path.components().count());
    let flag = |(path, name): (PathBuf, String)| format!("--remap-path-prefix={}={name}", path.display());
    names.into_iter().map(flag).collect()
}

fn compile(shell: &Shell, dir: &Path, metadata: &Metadata, package: &Package, rustc: &Rustc) -> Result<PathBuf> {
    let mut command = Command::new(cargo());
    command.args(["build", "--release", "--lib", "--target", TARGET, "--message-format=json-render-diagnostics"]);
    if metadata.workspace_root.join("Cargo.lock").exists() {
        command.arg("--locked");
    }
    if shell.quiet {
        command.arg("--quiet");
    }
    // What else would change the bytes is not taken from the environment.
    command.env_remove("RUSTFLAGS").env_remove("CARGO_BUILD_RUSTFLAGS").env_remove("CARGO_BUILD_TARGET");
    command.env("CARGO_PROFILE_RELEASE_DEBUG", "line-tables-only").env("CARGO_PROFILE_RELEASE_STRIP", "none");
    command.env("CARGO_ENCODED_RUSTFLAGS", remaps(metadata, rustc).join("\x1f"));
    // Apart from what else is built there: other flags would compile everything again, each time.
    command.arg("--target-dir").arg(metadata.target_directory.join("wrun"));
    let wrapper = env::executable()?;
    let folders = metadata.packages.iter().filter(|package| package.source.is_none());
    let folders: Vec<&Path> = folders.filter_map(|package| package.manifest_path.parent()).collect();
    let joined = std::env::join_paths(folders).map_err(|error| {
        CliError::usage("a package lies in a folder with `:` in its name")
            .code(Code::BadPackage)
            .cause(error)
            .hint("rename the folder")
    })?;
    command.env("RUSTC_WRAPPER", wrapper).env(AS_RUSTC, joined);
    command.current_dir(dir).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|error| no_cargo(&error))?;
    let mut made = None;
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            let line =
                line.map_err(|error| CliError::new(Exit::BadPlugin, "cannot read from `cargo`").cause(error))?;
            // Lines of other kinds, and of later cargos, are no artifacts.
            let Ok(message) = serde_json::from_str::<Message>(&line) else { continue };
            if message.reason == "compiler-artifact" && message.package_id == package.id {
                let wasm = |path: &&PathBuf| path.extension().is_some_and(|extension| extension == "wasm");
                made = message.filenames.iter().find(wasm).cloned().or(made);
            }
        }
    }
    let status = child.wait().map_err(|error| no_cargo(&error))?;
    if !status.success() {
        return Err(CliError::new(Exit::BadPlugin, format!("`{}` does not compile", package.name))
            .code(Code::CompileFailed)
            .hint("what the compiler says is above"));
    }
    made.ok_or_else(|| {
        CliError::new(Exit::BadPlugin, format!("`{}` compiles, but not to a component", package.name))
            .code(Code::BadPackage)
            .hint("add `[lib]` with `crate-type = [\"cdylib\"]` to its Cargo.toml")
    })
}
