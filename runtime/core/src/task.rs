//! What a plugin offers, and calls of it.

use crate::codec::Encoder;
use crate::digest::{ComponentDigest, PlanKey, TaskId};
use crate::param::{ParamSpec, Params};
use crate::plan::{Limits, OutputSpec};
use serde::{Deserialize, Serialize};

/// The number of the sandbox: it stands for everything that a guest can observe of the host.
/// Golden outputs of the probe plugin guard it; any change there bumps it.
pub const SANDBOX: u64 = 1;

/// The number of the container layout: everything that a container can observe of how wrun runs it. docs/formats.md
/// says what it stands for; a change of that bumps it.
pub const CONTAINER_LAYOUT: u64 = 1;

/// What a plugin says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PluginDescription {
    /// Stable id, such as `flights`.
    pub id: String,
    /// A sentence or more.
    pub doc: String,
    /// The task types, in the author's order.
    pub tasks: Vec<TaskType>,
    /// The task that is meant where none is named.
    pub default_goal: Option<String>,
    /// Named JSON texts that are in no key.
    #[serde(default)]
    pub policy: Vec<(String, String)>,
}

/// One task type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TaskType {
    /// Its name, such as `split-by-day`.
    pub name: String,
    /// A sentence or more.
    pub doc: String,
    /// Its params.
    pub params: Vec<ParamSpec>,
    /// Its outputs, where they are the same for all params; a Plan must then name the same.
    pub outputs: Vec<OutputSpec>,
    /// Caps, unless a Plan has its own.
    pub limits: Limits,
    /// A promise of the author: equal versions make equal bytes, whatever the component.
    pub version: Option<String>,
    /// Whether it may call `need`.
    pub dynamic: bool,
    /// Opts out of canonical NaNs; the machine's ISA and the engine are then in the key.
    pub native_nan: bool,
    /// How many times a failed attempt is repeated.
    pub retries: u32,
    /// Named JSON texts that are in no key.
    #[serde(default)]
    pub policy: Vec<(String, String)>,
}

impl PluginDescription {
    /// Looks a task type up.
    pub fn task(&self, name: &str) -> Option<&TaskType> {
        self.tasks.iter().find(|task| task.name == name)
    }

    /// Checks what a plugin said of itself.
    pub fn validate(&self) -> Result<(), ContractError> {
        word("the plugin id", &self.id)?;
        if self.tasks.is_empty() {
            return Err(ContractError::NoTasks);
        }
        unique("task type", self.tasks.iter().map(|task| task.name.as_str()))?;
        if let Some(goal) = self.default_goal.as_ref().filter(|goal| self.task(goal).is_none()) {
            return Err(ContractError::NoDefaultGoal(goal.clone()));
        }
        for task in &self.tasks {
            word("the name of a task type", &task.name)?;
            unique("param", task.params.iter().map(|param| param.name.as_str()))?;
            for param in &task.params {
                word("the name of a param", &param.name.replace('_', "-"))?;
                if let Some(default) = &param.default {
                    let raw = serde_json::from_str(default).ok();
                    if raw.and_then(|raw| param.kind.parse_json(raw)).is_none() {
                        return Err(ContractError::BadDefault {
                            task: task.name.clone(),
                            param: param.name.clone(),
                            default: default.clone(),
                            expected: param.kind.expected(),
                        });
                    }
                }
            }
            crate::plan::validate_outputs(&task.outputs)?;
        }
        Ok(())
    }
}

fn word(what: &'static str, name: &str) -> Result<(), ContractError> {
    let good = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.len() <= 64
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if good { Ok(()) } else { Err(ContractError::BadWord { what, name: name.to_owned() }) }
}

pub(crate) fn unique<'a>(what: &'static str, names: impl Iterator<Item = &'a str>) -> Result<(), ContractError> {
    let mut seen = std::collections::BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(ContractError::Duplicate { what, name: name.to_owned() });
        }
    }
    Ok(())
}

/// A plugin's answer that breaks the contract.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContractError {
    /// No task types at all.
    #[error("the plugin describes no task type")]
    NoTasks,
    /// A default goal that is not among the task types.
    #[error("the default goal `{0}` is not a task type of the plugin")]
    NoDefaultGoal(String),
    /// A name of the wrong form.
    #[error("{what}, `{}`, must be lower-case letters, digits and `-`, start with a letter, and have at most 64 characters", .name.escape_debug())]
    BadWord {
        /// What it names.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A name given twice.
    #[error("the {what} `{}` is there twice", .name.escape_debug())]
    Duplicate {
        /// What it names.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A default that its own type does not take.
    #[error("the default of param `{param}` of `{task}`, `{default}`, is not {expected}")]
    BadDefault {
        /// The task.
        task: String,
        /// The param.
        param: String,
        /// Its default.
        default: String,
        /// What the type takes.
        expected: String,
    },
    /// A type that does not exist.
    #[error("param `{param}` of `{task}` has the unknown type `{kind}`")]
    BadType {
        /// The task.
        task: String,
        /// The param.
        param: String,
        /// The text of the type.
        kind: String,
    },
    /// A path that could lead out.
    #[error("{what} `{}` is not a relative path without `.`, `..` and empty parts", .path.escape_debug())]
    BadPath {
        /// What it is for.
        what: &'static str,
        /// The path.
        path: String,
    },
    /// More of something than is allowed.
    #[error("{count} {what}: at most {most} are allowed")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        count: usize,
        /// How many are allowed.
        most: usize,
    },
    /// A Plan without outputs.
    #[error("the plan declares no output")]
    NoOutputs,
    /// A Plan that contradicts the description.
    #[error("the plan's outputs ({plan}) are not those that the plugin describes ({described})")]
    OtherOutputs {
        /// In the Plan.
        plan: String,
        /// In the description.
        described: String,
    },
    /// A text of the wrong form.
    #[error("{what} `{}` is not {expected}", .text.escape_debug())]
    BadText {
        /// What it is.
        what: &'static str,
        /// The text.
        text: String,
        /// What it should be.
        expected: &'static str,
    },
}

/// A symbolic call of a task, as a guest writes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Call {
    /// An alias from wrun.toml; `None` is the plugin itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<String>,
    /// The task type.
    pub task: String,
    /// A JSON object; defaults need not be in it.
    pub params: String,
}

/// One task that a running guest needs.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Need {
    /// Where it shows under `/in`; a single path component that the guest chose.
    pub name: String,
    /// The task.
    #[serde(flatten)]
    pub call: Call,
    /// A path inside its output, where only that part counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// Returns the key under which the Plan of a call is cached.
pub fn plan_key(component: ComponentDigest, task: &str, params: &Params) -> PlanKey {
    let mut encoder = Encoder::new("wrun.plan", 1);
    encoder.digest(&component.0).uint(SANDBOX).text(task);
    params.encode(&mut encoder);
    PlanKey(encoder.finish())
}

/// Returns what names a task across builds and recompilations. `params` are the significant ones.
pub fn task_id(plugin: &str, task: &str, params: &Params) -> TaskId {
    let mut encoder = Encoder::new("wrun.task", 1);
    encoder.text(plugin).text(task);
    params.encode(&mut encoder);
    TaskId(encoder.finish())
}
