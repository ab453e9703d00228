//! What `declare` answered, and the checks that it has to pass.

use crate::task::{Call, ContractError, TaskType, unique};
use crate::tree::{is_name, split_path};
use serde::{Deserialize, Serialize};

/// More inputs than this in one Plan, or tasks in one `need`, are refused.
pub const MOST_INPUTS: usize = 100_000;

/// All that a task requires and makes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Plan {
    /// Named inputs, sorted by name once validated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<Input>,
    /// Declared outputs, sorted by name once validated.
    pub outputs: Vec<OutputSpec>,
    /// Caps of its own.
    #[serde(default, skip_serializing_if = "Limits::is_none")]
    pub limits: Limits,
    /// The container that does the work, instead of the component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<ContainerSpec>,
    /// Named JSON texts that are in no key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policy: Vec<(String, String)>,
}

/// One named input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "flat::Input")]
pub struct Input {
    /// It shows at `/in/<name>/`.
    pub name: String,
    /// Where it comes from.
    #[serde(flatten)]
    pub source: Source,
}

/// Where an input comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "from", rename_all = "kebab-case")]
pub enum Source {
    /// Another task's output, or one path inside it.
    Task {
        /// The task.
        #[serde(flatten)]
        call: Call,
        /// A path inside its output.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        path: Option<String>,
    },
    /// Something that no task makes.
    External(External),
    /// Not before this instant (RFC 3339); gates before any look-up and is in no key.
    Clock {
        /// The instant.
        #[serde(rename = "not-before")]
        not_before: String,
    },
}

/// What is read of an input. A flattened enum would be read twice, into a tree of values first, and a walk reads
/// every Plan of a graph.
mod flat {
    use super::{Call, External, ExternalMode, Source};
    use serde::Deserialize;

    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum From {
        Task,
        External,
        Clock,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    pub(super) struct Input {
        name: String,
        from: From,
        plugin: Option<String>,
        task: Option<String>,
        params: Option<String>,
        path: Option<String>,
        uri: Option<String>,
        #[serde(default)]
        mode: ExternalMode,
        #[serde(default)]
        wait: bool,
        not_before: Option<String>,
    }

    impl TryFrom<Input> for super::Input {
        type Error = &'static str;

        fn try_from(flat: Input) -> Result<Self, Self::Error> {
            let source = match flat.from {
                From::Task => {
                    let task = flat.task.ok_or("a task input without `task`")?;
                    let params = flat.params.ok_or("a task input without `params`")?;
                    Source::Task { call: Call { plugin: flat.plugin, task, params }, path: flat.path }
                }
                From::External => {
                    let uri = flat.uri.ok_or("an external without `uri`")?;
                    Source::External(External { uri, mode: flat.mode, wait: flat.wait })
                }
                From::Clock => {
                    Source::Clock { not_before: flat.not_before.ok_or("a clock without `not-before`")? }
                }
            };
            Ok(Self { name: flat.name, source })
        }
    }
}

/// An external input.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct External {
    /// `file:PATH` or a text without scheme (a file, a folder, a glob), `s3://BUCKET/KEY` (an object, a prefix, a
    /// glob), `http://` or `https://`.
    pub uri: String,
    /// What of it counts.
    #[serde(default)]
    pub mode: ExternalMode,
    /// Whether the task waits for it where it is missing, instead of failing.
    #[serde(default)]
    pub wait: bool,
}

/// What of an external counts.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExternalMode {
    /// Names and bytes.
    #[default]
    Content,
    /// Names and sizes alone: the input shows as one file, `listing`, of `<size>\t<path>` lines.
    Listing,
}

/// File or directory.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutputKind {
    /// One regular file.
    File,
    /// A directory, in which names are free.
    Directory,
}

/// One declared output.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OutputSpec {
    /// A single path component; or `.`, alone and a directory, which is all of `/out`.
    pub name: String,
    /// File or directory.
    pub kind: OutputKind,
}

/// Caps of one run; none is in a key.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Limits {
    /// Linear memory, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// CPU time of the guest, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_ms: Option<u64>,
    /// Bytes under `/out`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_bytes: Option<u64>,
    /// Files and directories under `/out`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_files: Option<u64>,
    /// Bytes of log that are kept; what is over is dropped, which the log says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_bytes: Option<u64>,
}

impl Limits {
    /// Tells whether no cap is set.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Fills what is not set from others.
    pub fn or(self, other: Self) -> Self {
        Self {
            memory: self.memory.or(other.memory),
            cpu_ms: self.cpu_ms.or(other.cpu_ms),
            output_bytes: self.output_bytes.or(other.output_bytes),
            output_files: self.output_files.or(other.output_files),
            log_bytes: self.log_bytes.or(other.log_bytes),
        }
    }
}

/// A container that does the work.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct ContainerSpec {
    /// Image reference: `name:tag`, `name@sha256:…`, or the id of a local image.
    pub image: String,
    /// Entry point, if not the image's.
    pub entrypoint: Option<Vec<String>>,
    /// Arguments; data, never a shell's text.
    pub argv: Vec<String>,
    /// Working directory.
    pub workdir: Option<String>,
    /// Environment, sorted by name once validated.
    pub env: Vec<(String, String)>,
    /// User.
    pub user: Option<String>,
    /// `full` network instead of none.
    pub network: bool,
    /// CPU cores, in thousandths.
    pub cpu_millis: Option<u64>,
    /// Memory, in bytes.
    pub memory: Option<u64>,
    /// GPUs.
    pub gpus: u32,
    /// Time, in seconds.
    pub timeout: Option<u64>,
    /// Size of the tmpfs, in bytes.
    pub tmpfs: Option<u64>,
    /// Exit codes that are a success, sorted once validated; 0 where none is named.
    pub accepted: Vec<i32>,
    /// Names of secrets, each a file below `/run/secrets`; sorted once validated.
    pub secrets: Vec<String>,
    /// Placement.
    pub labels: Vec<(String, String)>,
    /// Whether it acts on the world.
    pub effect: bool,
}

/// In an argument or a variable of a container: the address of a prefix in a bucket that it writes outputs to.
pub const OUT_URL: &str = "{out-url}";

impl ContainerSpec {
    /// Tells whether it writes outputs to a bucket itself.
    pub fn uses_out_url(&self) -> bool {
        self.argv.iter().chain(self.env.iter().map(|(_, value)| value)).any(|text| text.contains(OUT_URL))
    }

    /// Sorts and checks it.
    fn validate(mut self) -> Result<Self, ContractError> {
        if self.image.is_empty() || self.image.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(bad_text("the image", &self.image, "an image reference, such as `name:tag`"));
        }
        let words =
            self.argv.iter().chain(self.entrypoint.iter().flatten()).chain(&self.workdir).chain(&self.user);
        let values = self.env.iter().map(|(_, value)| value);
        if let Some(text) = words.chain(values).find(|text| text.contains('\0')) {
            return Err(bad_text("a text of the container", text, "free of NUL"));
        }
        if let Some(workdir) = self.workdir.as_ref().filter(|workdir| !workdir.starts_with('/')) {
            return Err(bad_text("the working directory", workdir, "an absolute path"));
        }
        for (name, _) in &self.env {
            if name.is_empty() || name.contains(['=', '\0']) {
                return Err(bad_text("the environment variable", name, "a name without `=`"));
            }
            if name.starts_with("WRUN_") {
                return Err(bad_text(
                    "the environment variable",
                    name,
                    "free to be set: names in `WRUN_` are wrun's own",
                ));
            }
        }
        if self.uses_out_url() && !self.network {
            return Err(bad_text("a container with", OUT_URL, "one with a network, by which it writes there"));
        }
        unique("environment variable", self.env.iter().map(|(name, _)| name.as_str()))?;
        self.env.sort();
        for code in &self.accepted {
            if !(0..=255).contains(code) {
                return Err(bad_text("the accepted exit code", &code.to_string(), "within 0 and 255"));
            }
        }
        if self.accepted.is_empty() {
            self.accepted.push(0);
        }
        self.accepted.sort_unstable();
        self.accepted.dedup();
        for secret in &self.secrets {
            if !is_name(secret) {
                return Err(ContractError::BadPath { what: "the name of a secret", path: secret.clone() });
            }
        }
        unique("secret", self.secrets.iter().map(String::as_str))?;
        self.secrets.sort();
        unique("label", self.labels.iter().map(|(name, _)| name.as_str()))?;
        self.labels.sort();
        let given =
            [("cpus", self.cpu_millis), ("memory", self.memory), ("timeout", self.timeout), ("tmpfs", self.tmpfs)];
        if let Some((name, _)) = given.into_iter().find(|(_, given)| *given == Some(0)) {
            return Err(bad_text("the container's", &format!("{name} = 0"), "more than nothing; leave it out"));
        }
        Ok(self)
    }
}

impl Plan {
    /// Sorts and checks what a plugin answered.
    pub fn validate(mut self, task: &TaskType) -> Result<Self, ContractError> {
        if self.inputs.len() > MOST_INPUTS {
            return Err(ContractError::TooMany { what: "inputs", count: self.inputs.len(), most: MOST_INPUTS });
        }
        for input in &self.inputs {
            input_name(&input.name)?;
            match &input.source {
                Source::Task { path, .. } => inner_path(path.as_deref())?,
                Source::External(external) if external.uri.is_empty() || external.uri.contains('\0') => {
                    return Err(bad_text("the address of an external", &external.uri, "a path or a URI"));
                }
                Source::External(_) => {}
                Source::Clock { not_before } => {
                    let instant: Result<jiff::Timestamp, _> = not_before.parse();
                    instant.map_err(|_| bad_text("a clock's instant", not_before, "an RFC 3339 instant"))?;
                }
            }
        }
        unique("input", self.inputs.iter().map(|input| input.name.as_str()))?;
        self.inputs.sort_by(|a, b| a.name.cmp(&b.name));
        if self.outputs.is_empty() {
            return Err(ContractError::NoOutputs);
        }
        validate_outputs(&self.outputs)?;
        self.outputs.sort_by(|a, b| a.name.cmp(&b.name));
        let mut described = task.outputs.clone();
        described.sort_by(|a, b| a.name.cmp(&b.name));
        if !described.is_empty() && described != self.outputs {
            let names = |specs: &[OutputSpec]| {
                let names: Vec<String> = specs.iter().map(|spec| format!("`{}`", spec.name)).collect();
                names.join(", ")
            };
            return Err(ContractError::OtherOutputs { plan: names(&self.outputs), described: names(&described) });
        }
        self.container = self.container.map(ContainerSpec::validate).transpose()?;
        Ok(self)
    }
}

/// Checks the name of an input.
pub fn input_name(name: &str) -> Result<(), ContractError> {
    if is_name(name) {
        Ok(())
    } else {
        Err(ContractError::BadPath { what: "the name of an input", path: name.to_owned() })
    }
}

/// Checks a path inside an output.
pub fn inner_path(path: Option<&str>) -> Result<(), ContractError> {
    match path {
        Some(path) if split_path(path).is_none() => {
            Err(ContractError::BadPath { what: "the path inside an output", path: path.to_owned() })
        }
        _ => Ok(()),
    }
}

pub(crate) fn validate_outputs(outputs: &[OutputSpec]) -> Result<(), ContractError> {
    const MOST: usize = 10_000;
    if outputs.len() > MOST {
        return Err(ContractError::TooMany { what: "outputs", count: outputs.len(), most: MOST });
    }
    for output in outputs {
        let whole = output.name == "." && output.kind == OutputKind::Directory && outputs.len() == 1;
        if !whole && !is_name(&output.name) {
            return Err(ContractError::BadPath { what: "the name of an output", path: output.name.clone() });
        }
    }
    unique("output", outputs.iter().map(|output| output.name.as_str()))
}

fn bad_text(what: &'static str, text: &str, expected: &'static str) -> ContractError {
    ContractError::BadText { what, text: text.to_owned(), expected }
}
