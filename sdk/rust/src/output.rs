//! What tasks make: the types that [`Run::Output`](crate::Run::Output) can be.

use crate::bindings::wrun::task::types as wit;
use crate::{Error, Result};
use std::path::Path;

/// The declared outputs of a task: names under `/out`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outputs(Vec<(String, bool)>);

impl Outputs {
    /// Declares nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Declares all of `/out`, in which names are free.
    pub fn anything() -> Self {
        Self::new().directory(".")
    }

    /// Declares a file.
    #[must_use]
    pub fn file(mut self, name: impl Into<String>) -> Self {
        self.0.push((name.into(), false));
        self
    }

    /// Declares a directory, in which names are free.
    #[must_use]
    pub fn directory(mut self, name: impl Into<String>) -> Self {
        self.0.push((name.into(), true));
        self
    }

    /// Declares what the items of `#[task(outputs(…))]` say: a directory ends in `/`.
    #[doc(hidden)]
    pub fn named(names: &[&str]) -> Self {
        names.iter().fold(Self::new(), |all, name| match name.strip_suffix('/') {
            Some(directory) => all.directory(directory),
            None => all.file(*name),
        })
    }

    /// Tells whether nothing is declared.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Iterates over names, with whether each is a directory.
    pub fn iter(&self) -> impl Iterator<Item = (&str, bool)> {
        self.0.iter().map(|(name, directory)| (name.as_str(), *directory))
    }

    pub(crate) fn into_wit(self) -> Vec<wit::Output> {
        let kind = |directory| if directory { wit::OutputKind::Directory } else { wit::OutputKind::File };
        self.0.into_iter().map(|(name, directory)| wit::Output { name, kind: kind(directory) }).collect()
    }
}

/// A type that a task can return.
#[diagnostic::on_unimplemented(
    message = "a task cannot return `{Self}`",
    note = "outputs are `Files`, `Json<T>`, `Text`, `Bytes` and `()`"
)]
pub trait Output: Sized {
    /// Whether [`Output::outputs`] is all that there is to know.
    const FIXED: bool = true;

    /// Returns what it declares, where the task itself says nothing.
    fn outputs() -> Outputs;

    /// Writes it.
    fn save(self, out: &Path) -> Result<()>;
}

/// An output that [`Input::load`](crate::Input::load) reads back as a value.
#[diagnostic::on_unimplemented(
    message = "an output of the type `{Self}` is no single value to load",
    note = "`Json<T>`, `Text` and `Bytes` are; of `Files`, read one by its name"
)]
pub trait Load: Output {
    /// The type of the value.
    type Value;

    /// Reads it.
    fn load(from: &Path) -> Result<Self::Value>;
}

/// Files that the task wrote itself, by [`Context::write`](crate::Context::write),
/// [`Context::create`](crate::Context::create) or `std::fs` below [`Context::out`](crate::Context::out).
///
/// Names are free, unless `#[task(outputs("a.csv", "days/"))]` or [`Run::outputs`](crate::Run::outputs)
/// declares them.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Files;

impl Output for Files {
    const FIXED: bool = false;
    fn outputs() -> Outputs {
        Outputs::anything()
    }
    fn save(self, _out: &Path) -> Result<()> {
        Ok(())
    }
}

/// Nothing: the task only asks for others.
impl Output for () {
    fn outputs() -> Outputs {
        Outputs::anything()
    }
    fn save(self, _out: &Path) -> Result<()> {
        Ok(())
    }
}

/// One value, kept as JSON in the file `value.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Json<T>(pub T);

impl<T: serde::Serialize + serde::de::DeserializeOwned> Output for Json<T> {
    fn outputs() -> Outputs {
        Outputs::new().file("value.json")
    }
    fn save(self, out: &Path) -> Result<()> {
        let bytes =
            serde_json::to_vec(&self.0).map_err(|error| Error::from(error).context("the output as JSON"))?;
        write(&out.join("value.json"), &bytes)
    }
}

impl<T: serde::Serialize + serde::de::DeserializeOwned> Load for Json<T> {
    type Value = T;
    fn load(from: &Path) -> Result<T> {
        let path = from.join("value.json");
        serde_json::from_slice(&read(&path)?).map_err(|error| Error::from(error).context(path.display()))
    }
}

/// Text, kept in the file `value.txt`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text(pub String);

impl Output for Text {
    fn outputs() -> Outputs {
        Outputs::new().file("value.txt")
    }
    fn save(self, out: &Path) -> Result<()> {
        write(&out.join("value.txt"), self.0.as_bytes())
    }
}

impl Load for Text {
    type Value = String;
    fn load(from: &Path) -> Result<String> {
        read_text(&from.join("value.txt"))
    }
}

/// Bytes, kept in the file `value.bin`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl Output for Bytes {
    fn outputs() -> Outputs {
        Outputs::new().file("value.bin")
    }
    fn save(self, out: &Path) -> Result<()> {
        write(&out.join("value.bin"), &self.0)
    }
}

impl Load for Bytes {
    type Value = Vec<u8>;
    fn load(from: &Path) -> Result<Vec<u8>> {
        read(&from.join("value.bin"))
    }
}

pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes).map_err(|error| Error::io("write", path, &error))
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| Error::io("read", path, &error))
}

pub(crate) fn read_text(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| Error::io("read", path, &error))
}
