//! The SDKs' sources, which this program carries, and where they are put.
//!
//! A package of `wrun new` finds its SDK at the path `.wrun/sdk`, below its own folder. It is put there when
//! the package is made, and again whenever wrun compiles the package and it is not there, or is that of
//! another wrun: a clone without it needs nothing but wrun and cargo's registry.

use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::source::Language;
use std::path::{Path, PathBuf};

/// Where it is, below the folder of a package.
pub(crate) const FOLDER: &str = ".wrun/sdk";

/// Says which SDK is there.
const MARK: &str = "DIGEST";

/// Paths and contents.
type Files = &'static [(&'static str, &'static str)];

const RUST: Files = include!(concat!(env!("OUT_DIR"), "/sdk.rs"));
const C: Files = include!(concat!(env!("OUT_DIR"), "/sdk_c.rs"));
const HASKELL: Files = include!(concat!(env!("OUT_DIR"), "/sdk_haskell.rs"));

fn files(language: Language) -> Files {
    match language {
        Language::Rust => RUST,
        Language::C => C,
        Language::Haskell => HASKELL,
    }
}

/// Returns the hash of an SDK's source.
pub(crate) fn digest(language: Language) -> String {
    let mut hasher = blake3::Hasher::new();
    for (path, content) in files(language) {
        for part in [path, content] {
            hasher.update(&(part.len() as u64).to_be_bytes()).update(part.as_bytes());
        }
    }
    hasher.finalize().to_hex().to_string()
}

/// Returns the folder in which a package expects the SDK, if it does.
fn expected(dir: &Path, language: Language) -> Option<PathBuf> {
    if language != Language::Rust {
        return Some(dir.join(FOLDER));
    }
    let manifest = std::fs::read_to_string(dir.join("Cargo.toml")).ok()?;
    if !manifest.contains(FOLDER) {
        return None;
    }
    // What is no manifest is for cargo to say.
    let manifest: toml::Table = toml::from_str(&manifest).ok()?;
    let path = manifest.get("dependencies")?.get("wrun-task")?.get("path")?.as_str()?;
    path.ends_with(FOLDER).then(|| dir.join(path))
}

/// Puts the SDK where a package expects it, unless it is there.
pub(crate) fn provide(dir: &Path) -> Result<()> {
    // What it is not written in is for the compiler to say.
    let Ok(language) = Language::of(dir) else { return Ok(()) };
    let Some(folder) = expected(dir, language) else { return Ok(()) };
    let digest = digest(language);
    if std::fs::read_to_string(folder.join(MARK)).is_ok_and(|mark| mark.trim() == digest) {
        return Ok(());
    }
    unpack(&folder, files(language), &digest)
}

/// Writes beside, then renames: a compiler that runs meanwhile sees the old SDK or the new one.
fn unpack(folder: &Path, files: Files, digest: &str) -> Result<()> {
    let beside = |what: &str| {
        let mut name = folder.as_os_str().to_owned();
        name.push(format!(".{what}-{}", std::process::id()));
        PathBuf::from(name)
    };
    let (new, old) = (beside("new"), beside("old"));
    let fail = |path: &Path, error: &std::io::Error| CliError::file(Exit::Store, "write", path, error);
    let write = |name: &str, content: &str| {
        let path = new.join(name);
        let parent = path.parent().unwrap_or(&new);
        std::fs::create_dir_all(parent).and_then(|()| std::fs::write(&path, content)).map_err(|e| fail(&path, &e))
    };
    let written = files.iter().try_for_each(|(name, content)| write(name, content));
    let written = written.and_then(|()| write(MARK, &format!("{digest}\n")));
    let placed = written.and_then(|()| {
        // Nothing is there yet, or the SDK of another wrun.
        _ = std::fs::rename(folder, &old);
        std::fs::rename(&new, folder).map_err(|error| fail(folder, &error))
    });
    _ = std::fs::remove_dir_all(&old);
    if placed.is_err() {
        _ = std::fs::remove_dir_all(&new);
        // Another wrun was quicker.
        if std::fs::read_to_string(folder.join(MARK)).is_ok_and(|mark| mark.trim() == digest) {
            return Ok(());
        }
    }
    placed
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn the_manifests_stand_alone() {
        for name in ["Cargo.toml", "derive/Cargo.toml"] {
            let text = RUST.iter().find(|(path, _)| *path == name).unwrap().1;
            let manifest: toml::Table = toml::from_str(text).unwrap();
            assert!(!text.contains("workspace"), "{text}");
            assert!(manifest["package"]["version"].is_str() && manifest.contains_key("dependencies"), "{text}");
        }
    }

    #[test]
    fn it_is_put_where_a_package_expects_it_and_replaced_when_it_is_another() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        provide(dir.path()).unwrap();
        std::fs::write(at("Cargo.toml"), "[dependencies]\nwrun-task = { path = \"x/.wrun/sdk\" }\n").unwrap();
        provide(dir.path()).unwrap();
        assert!(at("x/.wrun/sdk/derive/src/lib.rs").is_file());
        std::fs::write(at("x/.wrun/sdk/src/lib.rs"), "mine").unwrap();
        provide(dir.path()).unwrap();
        assert_eq!(std::fs::read_to_string(at("x/.wrun/sdk/src/lib.rs")).unwrap(), "mine");
        std::fs::write(at("x/.wrun/sdk/DIGEST"), "another").unwrap();
        provide(dir.path()).unwrap();
        assert_ne!(std::fs::read_to_string(at("x/.wrun/sdk/src/lib.rs")).unwrap(), "mine");
        let left: Vec<_> = at("x/.wrun").read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["sdk"]);
    }
}
