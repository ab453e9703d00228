//! What is wrong with an external.

use super::list;
use crate::objects::{Fault, ObjectError};
use std::path::{Path, PathBuf};
use wrun_core::digest::Digest;

/// What is wrong with an external.
#[derive(Debug, thiserror::Error)]
pub enum ExternalError {
    /// Nothing is there.
    #[error("`{}` is not there", .0.display())]
    Missing(PathBuf),
    /// Nothing is there that a glob matches.
    #[error("nothing matches `{}`", .0.display())]
    NoMatch(PathBuf),
    /// It cannot be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Unreadable {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It changed while it was being read, or after it was hashed.
    #[error("`{}` changed while the build was reading it", .0.display())]
    Changed(PathBuf),
    /// A name that is not UTF-8.
    #[error("`{}` has a name that is not UTF-8", .0.display())]
    NotUtf8(PathBuf),
    /// A device, socket or fifo.
    #[error("`{}` is {kind}, not a file or a folder", path.display())]
    Special {
        /// Where.
        path: PathBuf,
        /// What it is.
        kind: &'static str,
    },
    /// A symbolic link that leads out of the folder that is read.
    #[error("the link `{}` leads out of `{}`", path.display(), folder.display())]
    LinkOut {
        /// The link.
        path: PathBuf,
        /// The folder.
        folder: PathBuf,
    },
    /// A symbolic link that leads nowhere.
    #[error("the link `{}` points at nothing", .0.display())]
    Dangling(PathBuf),
    /// Folders in folders without end.
    #[error("`{}` leads back to a folder that it is in", .0.display())]
    Loop(PathBuf),
    /// Folders in folders in folders.
    #[error("`{}` is inside more than {} folders", .0.display(), list::DEEPEST)]
    TooDeep(PathBuf),
    /// Not a glob.
    #[error("`{glob}` is not a glob: {why}")]
    Glob {
        /// The text.
        glob: String,
        /// Why.
        why: String,
    },
    /// A name that cannot be in a tree.
    #[error("`{}`: {why}", path.display())]
    Name {
        /// Where.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// Not an address.
    #[error("`{uri}` is no address: {why}")]
    Address {
        /// The text.
        uri: String,
        /// Why.
        why: String,
    },
    /// It was there, and is gone.
    #[error("`{}` vanished while the build was reading it", .0.display())]
    Vanished(PathBuf),
    /// A server did not answer as it should.
    #[error(transparent)]
    Remote(#[from] ObjectError),
    /// It is not what wrun.toml pins.
    #[error("`{}` is {found}, and wrun.toml pins {due}{}", path.display(), if *page { ": it begins like a web page" } else { "" })]
    Pinned {
        /// Where.
        path: PathBuf,
        /// What wrun.toml says.
        due: Digest,
        /// What came.
        found: Digest,
        /// Whether it looks like a page for people where data was due.
        page: bool,
    },
    /// It is a file of this machine, which has no address that others could read.
    #[error("`{}` cannot be given by reference: it is a file of this machine", .0.display())]
    NoReference(PathBuf),
    /// Its server does not say what wrun.toml wants to go by.
    #[error("`{}` cannot be pinned by its {what}: {why}", path.display())]
    NoPin {
        /// Where.
        path: PathBuf,
        /// Such as `version-id`.
        what: &'static str,
        /// Why.
        why: &'static str,
    },
}

impl ExternalError {
    /// Tells whether it may yet appear.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing(_) | Self::NoMatch(_))
    }

    /// Returns one thing to try.
    pub fn hint(&self) -> String {
        match self {
            Self::Missing(path) if is_uri(path) => "look at its spelling; on S3 `PREFIX/` names all that lies below".into(),
            Self::Missing(path) => match near(path) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "relative paths start at the folder of wrun.toml, else at the working directory".into(),
            },
            Self::Unreadable { .. } => "check its permissions".into(),
            Self::Changed(path) if path.to_string_lossy().starts_with("http") => {
                "build again once it stays as it is; where one server of several answers, pin its `digest` under [externals] in wrun.toml".into()
            }
            Self::Changed(_) | Self::Vanished(_) => "build again once nothing writes to it any more".into(),
            Self::NotUtf8(_) => "rename it, or name what you need by a glob that leaves it out".into(),
            Self::Special { .. } => "name what you need by a glob that leaves it out".into(),
            Self::LinkOut { .. } => "copy what it points at into the folder, or name that path itself".into(),
            Self::NoMatch(_) => "`*` stays inside one folder; `**` goes into all below".into(),
            Self::Dangling(_) | Self::Loop(_) => {
                "remove that link, or name what you need by a glob that leaves it out".into()
            }
            Self::TooDeep(_) => "name what you need below it".into(),
            Self::Glob { .. } => "`*`, `?`, `[a-z]`, `{a,b}` and `**` are known".into(),
            Self::Name { .. } => "rename it".into(),
            Self::Address { .. } => "such as `s3://BUCKET/KEY`, `s3://BUCKET/PREFIX/` or `https://HOST/PATH`".into(),
            Self::Remote(error) => remote(error).into(),
            Self::Pinned { page: true, .. } => "open it in a browser: the data may have moved, or need a login".into(),
            Self::Pinned { .. } => "if the new bytes are right, change `digest` under [externals] in wrun.toml".into(),
            Self::NoReference(_) => "leave `by` out of [externals] in wrun.toml: then its bytes are given".into(),
            Self::NoPin { .. } => "leave `pin` out of [externals] in wrun.toml: then its content counts".into(),
        }
    }
}

fn is_uri(path: &Path) -> bool {
    path.to_string_lossy().contains("://")
}

/// Returns one thing to try where a server failed.
fn remote(error: &ObjectError) -> &'static str {
    match error.fault {
        Fault::Denied if error.uri.starts_with("s3:") => {
            "reading takes `s3:GetObject` and `s3:ListBucket`; without the latter what is missing looks denied too"
        }
        Fault::Denied => "open it in a browser: it may need a login, which wrun cannot do",
        Fault::NoBucket => "correct the name of the bucket",
        Fault::Unreachable => "look at the network, and at the name of the host",
        Fault::TimedOut | Fault::Server | Fault::Throttled => "try again later; what is finished is kept",
        fault => fault.hint().unwrap_or("open it in a browser, or with `curl -I`"),
    }
}

fn near(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let there: Vec<String> = std::fs::read_dir(path.parent()?)
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    wrun_core::suggest::nearest(name, there.iter().map(String::as_str)).map(str::to_owned)
}
