//! Embeds the SDK's source, so that `wrun new` makes a package that compiles where only wrun and cargo are.
//!
//! What it writes is `sdk.rs`, `sdk_c.rs` and `sdk_haskell.rs`: lists of (path, content). The manifests of the
//! two crates are rewritten so that they stand alone: what they inherit from the workspace is put in, tests
//! and lints are left out. The SDK for Haskell is built on that for C, which lies in its `cbits`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn main() -> Result<(), String> {
    let root = PathBuf::from(env("CARGO_MANIFEST_DIR")?).join("../..");
    let root = root.canonicalize().map_err(|error| format!("{}: {error}", root.display()))?;
    let workspace = read(&root.join("Cargo.toml"))?;
    let sdk = root.join("sdk/rust");
    let mut out = String::from("&[\n");
    for folder in ["", "derive"] {
        let package = sdk.join(folder);
        let manifest = alone(&read(&package.join("Cargo.toml"))?, &workspace)?;
        let path = Path::new(folder).join("Cargo.toml");
        _ = writeln!(out, "    ({:?}, {manifest:?}),", path.display().to_string());
        let mut files = Vec::new();
        list(&package.join("src"), &["rs"], &mut files)?;
        files.sort();
        for file in files {
            let path = file.strip_prefix(&sdk).map_err(|error| error.to_string())?.display().to_string();
            _ = writeln!(out, "    ({path:?}, include_str!({:?})),", file.display().to_string());
        }
        println!("cargo::rerun-if-changed={}", package.join("src").display());
        println!("cargo::rerun-if-changed={}", package.join("Cargo.toml").display());
    }
    out += "]\n";
    println!("cargo::rerun-if-changed={}", root.join("Cargo.toml").display());
    put("sdk.rs", &out)?;
    let mut c = Vec::new();
    list(&root.join("sdk/c"), &["c", "h"], &mut c)?;
    let (c, haskell) = (Place { from: root.join("sdk/c"), files: c }, root.join("sdk/haskell"));
    put("sdk_c.rs", &format!("&[\n{}]\n", c.entries("")?))?;
    let mut own = Vec::new();
    list(&haskell, &["hs", "c", "h", "cabal"], &mut own)?;
    let own = Place { from: haskell, files: own };
    put("sdk_haskell.rs", &format!("&[\n{}{}]\n", own.entries("")?, c.entries("cbits/wrun")?))
}

/// Files of a folder.
struct Place {
    from: PathBuf,
    files: Vec<PathBuf>,
}

impl Place {
    /// Lists them as they shall lie below a folder; tests of the SDK itself are left out.
    fn entries(&self, below: &str) -> Result<String, String> {
        let mut out = String::new();
        let mut files = self.files.clone();
        files.sort();
        for file in files {
            let path = file.strip_prefix(&self.from).map_err(|error| error.to_string())?;
            if path.starts_with("tests") {
                continue;
            }
            let path = Path::new(below).join(path).display().to_string();
            _ = writeln!(out, "    ({path:?}, include_str!({:?})),", file.display().to_string());
        }
        println!("cargo::rerun-if-changed={}", self.from.display());
        Ok(out)
    }
}

fn put(name: &str, text: &str) -> Result<(), String> {
    let to = PathBuf::from(env("OUT_DIR")?).join(name);
    std::fs::write(&to, text).map_err(|error| format!("{}: {error}", to.display()))
}

#[expect(clippy::disallowed_methods, reason = "a build script is told everything by its environment")]
fn env(name: &str) -> Result<String, String> {
    std::env::var(name).map_err(|error| format!("{name}: {error}"))
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn list(folder: &Path, wanted: &[&str], files: &mut Vec<PathBuf>) -> Result<(), String> {
    let fail = |error: std::io::Error| format!("{}: {error}", folder.display());
    for entry in std::fs::read_dir(folder).map_err(fail)? {
        let path = entry.map_err(fail)?.path();
        if path.is_dir() {
            list(&path, wanted, files)?;
        } else if path.extension().is_some_and(|extension| wanted.iter().any(|wanted| extension == *wanted)) {
            files.push(path);
        }
    }
    Ok(())
}

/// Puts in what a manifest inherits, and leaves out what only the repository needs.
fn alone(manifest: &str, workspace: &str) -> Result<String, String> {
    let mut out = String::new();
    let mut section = "";
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line;
        }
        if section == "[dev-dependencies]" || section == "[lints]" {
            continue;
        }
        let Some(name) = line.strip_suffix(".workspace = true") else {
            out += line;
            out.push('\n');
            continue;
        };
        let of = if section == "[package]" { "[workspace.package]" } else { "[workspace.dependencies]" };
        let value =
            if name == "wrun-task-derive" { "{ path = \"derive\" }" } else { inherited(workspace, of, name)? };
        _ = writeln!(out, "{name} = {value}");
    }
    Ok(out)
}

fn inherited<'a>(workspace: &'a str, section: &str, name: &str) -> Result<&'a str, String> {
    let mut lines = workspace.lines().skip_while(|line| *line != section).skip(1);
    let line = lines.by_ref().take_while(|line| !line.starts_with('['));
    line.filter_map(|line| line.split_once(" = "))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
        .ok_or_else(|| format!("the workspace's {section} has no `{name}` on a line of its own"))
}
