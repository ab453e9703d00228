//! What goes wrong on the command line: an exit code, a code with a page, a message, its causes, and one hint.

use crate::exit::Exit;
use crate::explain::Code;
use std::path::Path;
use wrun_build::BuildError;
use wrun_build::care::CareError;
use wrun_core::param::ParamError;
use wrun_plugin::LoadError;
use wrun_store::StoreError;
use wrun_store::files::FilesError;

/// An error as the user sees it.
#[derive(Debug)]
pub(crate) struct CliError {
    pub(crate) exit: Exit,
    pub(crate) code: Code,
    pub(crate) message: String,
    pub(crate) causes: Vec<String>,
    pub(crate) hint: Option<String>,
}

/// What most functions here return.
pub(crate) type Result<T, E = CliError> = std::result::Result<T, E>;

impl CliError {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, code: Code::of(exit), message: message.into(), causes: Vec::new(), hint: None }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// Says more exactly what kind of error it is.
    pub(crate) fn code(mut self, code: Code) -> Self {
        self.code = code;
        self
    }

    /// Adds one thing to try, unless there is one.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint.get_or_insert(hint.into());
        self
    }

    /// Adds why.
    pub(crate) fn cause(mut self, cause: impl std::fmt::Display) -> Self {
        self.causes.push(cause.to_string());
        self
    }

    /// A file that could not be read or written.
    pub(crate) fn file(exit: Exit, doing: &str, path: &Path, error: &std::io::Error) -> Self {
        let hint = match error.kind() {
            std::io::ErrorKind::NotFound if doing == "read" => Some("is the path right?"),
            std::io::ErrorKind::NotFound => Some("is the folder there that it should be in?"),
            std::io::ErrorKind::StorageFull => Some("free some space"),
            std::io::ErrorKind::PermissionDenied => Some("may this user do that?"),
            std::io::ErrorKind::ReadOnlyFilesystem => Some("name a place that can be written"),
            std::io::ErrorKind::IsADirectory => Some("it is a folder: name a file"),
            std::io::ErrorKind::AlreadyExists | std::io::ErrorKind::NotADirectory => {
                Some("something else is there: name another path")
            }
            _ => Some("look at what is there"),
        };
        let mut it = Self::new(exit, format!("cannot {doing} `{}`", path.display())).cause(error).code(Code::File);
        it.hint = hint.map(str::to_owned);
        it
    }

    /// A param, and which of its sources it came from.
    pub(crate) fn param(error: &ParamError, source: &str) -> Self {
        let from = if source.is_empty() { String::new() } else { format!(" (from {source})") };
        let code = match error {
            ParamError::Unknown { .. } => Code::UnknownParam,
            ParamError::Missing { .. } => Code::MissingParam,
            ParamError::Value { .. } => Code::BadValue,
            ParamError::Json(_) => Code::BadParams,
        };
        Self { hint: error.hint(), ..Self::usage(format!("{error}{from}")).code(code) }
    }
}

/// Lists the causes of an error.
fn causes(error: &dyn std::error::Error) -> Vec<String> {
    let mut out = Vec::new();
    let mut next = error.source();
    while let Some(error) = next {
        out.push(error.to_string());
        next = error.source();
    }
    out
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        let code = match error {
            StoreError::Io { .. } => Code::StoreIo,
            StoreError::Index { .. } => Code::StoreIndex,
            StoreError::NewerFormat { .. } => Code::NewerStore,
            StoreError::Damaged { .. } => Code::DamagedIndex,
            StoreError::UnknownTombstone { .. } => Code::UnknownTombstone,
            StoreError::Corrupt { .. } => Code::CorruptBlob,
            StoreError::Remote { .. } => Code::RemoteStore,
            StoreError::CrossProcessCycle { .. } => Code::CrossProcessCycle,
        };
        Self { causes: causes(&error), hint: error.hint(), ..Self::new(Exit::Store, error.to_string()).code(code) }
    }
}

impl From<FilesError> for CliError {
    fn from(error: FilesError) -> Self {
        match error {
            FilesError::Store(error) => error.into(),
            FilesError::NoPath { path, there } => {
                let error = Self::usage(format!("the output has no `{path}`")).code(Code::NoSuchOutput);
                if let Some(near) = wrun_store::files::meant(&path, &there) {
                    return error.hint(format!("did you mean `{near}`?"));
                }
                let shown: Vec<String> = there.iter().take(10).map(|name| format!("`{name}`")).collect();
                let more = if there.len() > shown.len() { ", …" } else { "" };
                error.hint(format!("there are {}{more}", shown.join(", ")))
            }
            FilesError::Lost(_) | FilesError::Inline(_) => Self::new(Exit::Store, error.to_string())
                .code(Code::LostBytes)
                .hint("build with `--check`: what is gone is made again"),
        }
    }
}

impl From<LoadError> for CliError {
    fn from(error: LoadError) -> Self {
        let exit = if matches!(error, LoadError::Engine { .. }) { Exit::Internal } else { Exit::BadPlugin };
        let code = match error {
            LoadError::NotWasm { .. } => Code::NotWasm,
            LoadError::CoreModule { .. } => Code::CoreModule,
            LoadError::OtherContract { .. } => Code::ContractMismatch,
            LoadError::OtherFormat { .. } => Code::OtherFormat,
            LoadError::Truncated { .. } => Code::Truncated,
            LoadError::TooLarge { .. } => Code::TooLarge,
            LoadError::Invalid { .. } => Code::InvalidComponent,
            LoadError::OtherWorld { .. } => Code::OtherWorld,
            LoadError::NewerContract { .. } => Code::NewerContract,
            LoadError::Import { .. } => Code::ForbiddenImport,
            LoadError::Contract { .. } => Code::ContractMismatch,
            LoadError::Describe { .. } => Code::DescribeFailed,
            LoadError::Description { .. } => Code::ContractBroken,
            LoadError::Engine { .. } => Code::NoEngine,
        };
        // The message of each variant has its source's in it already.
        Self { hint: error.hint(), ..Self::new(exit, error.to_string()).code(code) }
    }
}

impl From<CareError> for CliError {
    fn from(error: CareError) -> Self {
        let code = match error {
            CareError::Store(error) => return error.into(),
            CareError::Newer { .. } => Code::NewerStore,
            CareError::Clock { .. } => Code::ClockWrong,
        };
        Self { hint: error.hint(), ..Self::new(Exit::Store, error.to_string()).code(code) }
    }
}

impl From<BuildError> for CliError {
    fn from(error: BuildError) -> Self {
        match error {
            BuildError::Store(error) => error.into(),
            BuildError::Param(error) => Self::param(&error, ""),
            BuildError::UnknownTask { ref near, .. } => {
                let hint = near.as_ref().map(|near| format!("did you mean `{near}`?"));
                Self { hint, ..Self::usage(error.to_string()).code(Code::UnknownTask) }
            }
            BuildError::Glob { .. } => Self::usage(error.to_string())
                .code(Code::BadGlob)
                .hint("`*` matches within a part, `**` across parts, `{a,b}` either; close every bracket"),
            BuildError::Unstable(_) => Self::new(Exit::Store, error.to_string())
                .code(Code::UnstableStore)
                .hint("does something remove files of the store?"),
            BuildError::Internal(_) => Self::new(Exit::Internal, error.to_string())
                .hint("this is a bug of wrun: please report it with the command that you gave"),
        }
    }
}
