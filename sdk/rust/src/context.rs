//! What a running task can do: ask for other tasks, write files, say how far it is.

use crate::declare::{At, Declaration};
use crate::need::Need;
use crate::output::write;
use crate::{Error, Files, Result};
use std::cell::Cell;
use std::path::{Component, Path, PathBuf};

/// The surroundings of a running task.
pub struct Context {
    needs: Cell<usize>,
    #[cfg(not(target_family = "wasm"))]
    pub(crate) test: crate::testing::Sandbox,
}

#[cfg(target_family = "wasm")]
impl Context {
    pub(crate) fn new() -> Self {
        Self { needs: Cell::new(0) }
    }

    pub(crate) fn input_dir(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/in/{name}"))
    }

    pub(crate) fn ask(&self, declaration: Declaration) -> Result<()> {
        crate::bindings::wrun::task::host::need(&declaration.into_needs());
        Ok(())
    }

    /// Returns the folder of the outputs.
    pub fn out(&self) -> &Path {
        Path::new("/out")
    }

    /// Says how far the task is, from 0 to 1, and in its own words.
    pub fn progress(&self, fraction: impl Into<Option<f64>>, message: &str) {
        crate::bindings::wrun::task::host::progress(fraction.into(), message);
    }
}

#[cfg(not(target_family = "wasm"))]
impl Context {
    pub(crate) fn new(test: crate::testing::Sandbox) -> Self {
        Self { needs: Cell::new(0), test }
    }

    pub(crate) fn input_dir(&self, name: &str) -> PathBuf {
        self.test.input_dir(name)
    }

    pub(crate) fn ask(&self, declaration: Declaration) -> Result<()> {
        self.test.provide(declaration)
    }

    /// Returns the folder of the outputs.
    pub fn out(&self) -> &Path {
        self.test.out()
    }

    /// Says how far the task is, from 0 to 1, and in its own words.
    pub fn progress(&self, fraction: impl Into<Option<f64>>, message: &str) {
        self.test.progress(fraction.into(), message);
    }
}

impl Context {
    /// Asks for tasks while running, and returns when all of their outputs are there.
    ///
    /// One task gives one [`Input`](crate::Input); a `Vec`, an array or an iterator gives a `Vec`; a map or
    /// an iterator of pairs gives a `BTreeMap`; a tuple gives a tuple. The task is suspended and takes no
    /// slot meanwhile. It does not return where one of them fails: this task is then blocked.
    ///
    /// What it asks for may depend on what it has read, and on nothing else; so there is nothing to take
    /// care of.
    pub fn need<Shape, N: Need<Shape>>(&self, tasks: N) -> Result<N::Got> {
        tasks.need(self)
    }

    /// Writes an output file; folders in its name are made.
    ///
    /// It returns [`Files`], so that it can be the last line of a task.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> Result<Files> {
        write(&self.place(name)?, bytes.as_ref())?;
        Ok(Files)
    }

    /// Creates an output file; folders in its name are made.
    pub fn create(&self, name: &str) -> Result<std::io::BufWriter<std::fs::File>> {
        let path = self.place(name)?;
        let file = std::fs::File::create(&path).map_err(|error| Error::io("create", &path, &error))?;
        Ok(std::io::BufWriter::new(file))
    }

    /// Returns the path of an output, with the folders above it made.
    fn place(&self, name: &str) -> Result<PathBuf> {
        let path = Path::new(name);
        let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
        if name.is_empty() || !plain {
            return Err(Error::new(format_args!("`{name}` is not a path inside the output")));
        }
        let full = self.out().join(path);
        if let Some(parent) = full.parent().filter(|parent| *parent != self.out()) {
            std::fs::create_dir_all(parent).map_err(|error| Error::io("create", parent, &error))?;
        }
        Ok(full)
    }

    /// Returns the place of the next thing that is needed.
    pub(crate) fn next_need(&self) -> At {
        let number = self.needs.get();
        self.needs.set(number + 1);
        // A `~` is in no name that a requirement gives.
        At::named(format!("need~{number}"))
    }
}
