//! `wrun.lock`: which image a tag stands for. It is made by a build that meets a tag for the first time, moved by
//! `wrun images update` alone, and belongs into version control.
//!
//! ```toml
//! [images."busybox:1.36"."linux/amd64"]
//! from = "busybox@sha256:…"     # what is pulled
//! image = "sha256:…"            # what is in keys: the image for this platform
//! ```

use crate::Image;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// One pinned image of one platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pinned {
    /// `name@sha256:…`.
    pub from: String,
    /// `sha256:…`.
    pub image: String,
}

/// Images by reference, then by platform.
pub type Pins = BTreeMap<String, BTreeMap<String, Pinned>>;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    images: Pins,
}

/// The file, read once.
pub struct LockFile {
    path: Option<PathBuf>,
    pins: Mutex<Pins>,
}

impl LockFile {
    /// The file's name, beside wrun.toml.
    pub const NAME: &'static str = "wrun.lock";

    /// Reads it; one that is not there is empty. Without a path nothing is kept.
    pub fn open(path: Option<PathBuf>) -> Result<Self, String> {
        let pins = path.as_deref().map(read).transpose()?.unwrap_or_default();
        Ok(Self { path, pins: Mutex::new(pins) })
    }

    /// Returns all pins.
    pub fn pins(&self) -> Pins {
        self.pins.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the image that a reference is pinned to.
    pub fn get(&self, reference: &str, platform: &str) -> Option<Image> {
        let pins = self.pins.lock().unwrap_or_else(PoisonError::into_inner);
        let pinned = pins.get(reference)?.get(platform)?;
        Some(Image { reference: reference.to_owned(), digest: pinned.image.clone(), from: pinned.from.clone() })
    }

    /// Pins an image and writes the file. What another process pinned meanwhile is kept.
    pub fn pin(&self, platform: &str, image: &Image) -> Result<(), String> {
        let mut pins = self.pins.lock().unwrap_or_else(PoisonError::into_inner);
        let pinned = Pinned { from: image.from.clone(), image: image.digest.clone() };
        if let Some(path) = &self.path {
            let mut now = read(path)?;
            now.entry(image.reference.clone()).or_default().insert(platform.to_owned(), pinned.clone());
            write(path, &now).map_err(|error| format!("cannot write `{}`: {error}", path.display()))?;
        }
        pins.entry(image.reference.clone()).or_default().insert(platform.to_owned(), pinned);
        Ok(())
    }
}

fn read(path: &Path) -> Result<Pins, String> {
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Pins::new()),
        Err(error) => return Err(format!("cannot read `{}`: {error}", path.display())),
        Ok(text) => text,
    };
    let file: Result<File, _> = toml::from_str(&text);
    file.map(|file| file.images).map_err(|error| format!("cannot read `{}`: {}", path.display(), error.message()))
}

fn write(path: &Path, pins: &Pins) -> std::io::Result<()> {
    let mut text =
        String::from("# Written by wrun: which image a tag stands for. `wrun images update` moves it.\n");
    for (reference, platforms) in pins {
        for (platform, pinned) in platforms {
            _ = write!(
                text,
                "\n[images.{}.{}]\nfrom = {}\nimage = {}\n",
                quoted(reference),
                quoted(platform),
                quoted(&pinned.from),
                quoted(&pinned.image)
            );
        }
    }
    let beside = path.with_extension(format!("lock.{}", std::process::id()));
    let mut file = std::fs::File::create(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_data()?;
    std::fs::rename(&beside, path)
}

/// A basic string of TOML; JSON's is one too.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_pin_reads_back_and_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(LockFile::NAME);
        let image = |reference: &str, digest: &str| Image {
            reference: reference.into(),
            digest: digest.into(),
            from: format!("{reference}@sha256:1"),
        };
        let (one, two) =
            (LockFile::open(Some(path.clone())).unwrap(), LockFile::open(Some(path.clone())).unwrap());
        one.pin("linux/amd64", &image("a:1", "sha256:2")).unwrap();
        two.pin("linux/amd64", &image("b\"x:1", "sha256:3")).unwrap();
        let read = LockFile::open(Some(path.clone())).unwrap();
        assert_eq!(read.get("a:1", "linux/amd64"), Some(image("a:1", "sha256:2")));
        assert_eq!(read.get("b\"x:1", "linux/amd64"), Some(image("b\"x:1", "sha256:3")));
        assert_eq!(read.get("a:1", "linux/arm64"), None);
        std::fs::write(&path, "[images.a]\nb = 3").unwrap();
        assert!(LockFile::open(Some(path)).is_err());
    }
}
