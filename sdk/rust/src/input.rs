//! What a running task is given: a folder for each thing that it required or needed.

use crate::output::{Load, read, read_text};
use crate::{Context, Error, Listing, Result, Run};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

/// A folder with the output of a task, a part of one, or an external.
///
/// Everything in it is read-only. `std::fs` below [`Input::path`] works as well.
pub struct Input<T> {
    dir: PathBuf,
    of: PhantomData<fn() -> T>,
}

impl<T> Input<T> {
    pub(crate) fn new(name: String, cx: &Context) -> Self {
        Self { dir: cx.input_dir(&name), of: PhantomData }
    }

    /// Returns the folder.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// Reads a file in it.
    pub fn read(&self, name: &str) -> Result<Vec<u8>> {
        read(&self.dir.join(name))
    }

    /// Reads a file of UTF-8 text in it.
    pub fn read_text(&self, name: &str) -> Result<String> {
        read_text(&self.dir.join(name))
    }

    /// Opens a file in it.
    pub fn open(&self, name: &str) -> Result<std::io::BufReader<std::fs::File>> {
        let path = self.dir.join(name);
        let file = std::fs::File::open(&path).map_err(|error| Error::io("open", &path, &error))?;
        Ok(std::io::BufReader::new(file))
    }

    /// Returns the paths of all files below it, relative to it and in order.
    pub fn files(&self) -> Result<Vec<String>> {
        let mut found = Vec::new();
        list(&self.dir, "", &mut found)?;
        found.sort();
        Ok(found)
    }

    /// Returns the path of the only file in it: of an external [`File`](crate::File), or of a
    /// [`Part`](crate::Part) that is one.
    pub fn file(&self) -> Result<PathBuf> {
        let mut entries = entries(&self.dir)?;
        match (entries.next(), entries.next()) {
            (Some(entry), None) => Ok(entry.map_err(|error| Error::io("list", &self.dir, &error))?.path()),
            (None, _) => Err(Error::new(format_args!("`{}` is empty: one file is due", self.dir.display()))),
            _ => Err(Error::new(format_args!("there is more than one file in `{}`", self.dir.display()))),
        }
    }

    /// Reads the only file in it.
    pub fn bytes(&self) -> Result<Vec<u8>> {
        read(&self.file()?)
    }

    /// Reads the only file in it, which is UTF-8 text.
    pub fn text(&self) -> Result<String> {
        read_text(&self.file()?)
    }
}

/// Returns the input of a name; the derive macro uses it.
#[doc(hidden)]
pub fn input<T>(name: String, cx: &Context) -> Input<T> {
    Input::new(name, cx)
}

impl<T: Run> Input<T>
where
    T::Output: Load,
{
    /// Reads the value that the task returned.
    pub fn load(&self) -> Result<<T::Output as Load>::Value> {
        T::Output::load(&self.dir)
    }
}

impl Input<Listing> {
    /// Returns the paths and sizes of the files, in order.
    pub fn sizes(&self) -> Result<Vec<(String, u64)>> {
        let line = |line: &str| {
            let (size, path) = line.split_once('\t')?;
            Some((path.to_owned(), size.parse().ok()?))
        };
        let bad = |text: &str| Error::new(format_args!("`{text}` is not a line of a listing"));
        self.read_text("listing")?.lines().map(|text| line(text).ok_or_else(|| bad(text))).collect()
    }
}

impl<T> std::fmt::Debug for Input<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Input({})", self.dir.display())
    }
}

fn entries(dir: &Path) -> Result<std::fs::ReadDir> {
    std::fs::read_dir(dir).map_err(|error| Error::io("list", dir, &error))
}

pub(crate) fn list(dir: &Path, prefix: &str, found: &mut Vec<String>) -> Result<()> {
    for entry in entries(dir)? {
        let entry = entry.map_err(|error| Error::io("list", dir, &error))?;
        let name = entry.file_name();
        let name = name.to_str().ok_or_else(|| Error::new(format_args!("{name:?} is not UTF-8")))?;
        let path = format!("{prefix}{name}");
        if entry.file_type().map_err(|error| Error::io("look at", &entry.path(), &error))?.is_dir() {
            list(&entry.path(), &format!("{path}/"), found)?;
        } else {
            found.push(path);
        }
    }
    Ok(())
}
