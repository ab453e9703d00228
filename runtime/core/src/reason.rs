//! Why a task ran, as data: a closed list of differences between two keys.

use crate::action::{Action, Code};
use crate::digest::Digest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Why a task ran, or would run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Reason {
    /// It was never built in this store.
    New,
    /// Another component.
    CodeChanged {
        /// Before.
        old: Digest,
        /// Now.
        new: Digest,
    },
    /// Another declared version, or one where there was none.
    VersionChanged {
        /// Before.
        old: Option<String>,
        /// Now.
        new: Option<String>,
    },
    /// A significant param.
    ParamChanged {
        /// Which.
        name: String,
        /// Before, as JSON; absent if it is new.
        old: Option<String>,
        /// Now.
        new: Option<String>,
    },
    /// The content of an input.
    InputChanged {
        /// Which.
        name: String,
        /// Before; absent if it is new.
        old: Option<Digest>,
        /// Now.
        new: Option<Digest>,
        /// The path in the input that changed, where that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        path: Option<String>,
    },
    /// What it needed while running.
    NeedChanged {
        /// Which, by the name under `/in`, which a guest may have made up.
        name: String,
        /// The task that it is, for people: `task param=value …`; absent where a record is older than this.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        task: Option<String>,
        /// The path in its output that was asked for, if it was not all of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        path: Option<String>,
        /// Before; absent if it was not asked for.
        old: Option<Digest>,
        /// Now.
        new: Option<Digest>,
    },
    /// The declared outputs.
    OutputsChanged,
    /// The sandbox number.
    SandboxChanged {
        /// Before.
        old: u64,
        /// Now.
        new: u64,
    },
    /// The NaN mode.
    NanChanged,
    /// The salt.
    SaltChanged,
    /// Its result was there, but the bytes were not.
    ResultLost,
    /// Its result was disowned.
    Disowned {
        /// By this tombstone; absent where a record is older than this.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<u64>,
        /// The reason that was given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    /// The user asked for it.
    Forced,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = |digest: &Option<Digest>| digest.map_or("none".to_owned(), |digest| digest.short());
        let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
        match self {
            Self::New => f.write_str("new"),
            Self::CodeChanged { old, new } => write!(f, "code changed: {} → {}", old.short(), new.short()),
            Self::VersionChanged { old, new } => write!(f, "version: {} → {}", text(old), text(new)),
            // A private one.
            Self::ParamChanged { name, old: None, new: None } => write!(f, "param {name} changed"),
            Self::ParamChanged { name, old, new } => write!(f, "param {name}: {} → {}", text(old), text(new)),
            Self::InputChanged { name, old, new, path: None } => {
                write!(f, "input {name}: {} → {}", short(old), short(new))
            }
            Self::InputChanged { name, old, new, path: Some(path) } => {
                write!(f, "input {name}: {} → {} ({path})", short(old), short(new))
            }
            Self::NeedChanged { name, task, path, old, new } => {
                let path = path.as_ref().map_or(String::new(), |path| format!(" ({path})"));
                let task = task.as_ref().unwrap_or(name);
                write!(f, "need {task}: {} → {}{path}", short(old), short(new))
            }
            Self::OutputsChanged => f.write_str("declared outputs changed"),
            Self::SandboxChanged { old, new } => write!(f, "sandbox: {old} → {new}"),
            Self::NanChanged => f.write_str("NaN mode changed"),
            Self::SaltChanged => f.write_str("salt changed"),
            Self::ResultLost => f.write_str("result lost"),
            Self::Disowned { why: None, .. } => f.write_str("disowned"),
            Self::Disowned { why: Some(why), .. } => write!(f, "disowned: {why}"),
            Self::Forced => f.write_str("forced"),
        }
    }
}

/// Lists every field in which the keys of two actions differ, the code first.
pub fn diff(old: &Action, new: &Action) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let version = |code: &Code| match code {
        Code::Component(_) => None,
        Code::Version { version, .. } => Some(version.clone()),
    };
    match (&old.code, &new.code) {
        (old, new) if old == new => {}
        (Code::Component(old), Code::Component(new)) => {
            reasons.push(Reason::CodeChanged { old: old.0, new: new.0 });
        }
        (old, new) => reasons.push(Reason::VersionChanged { old: version(old), new: version(new) }),
    }
    let params = |action: &Action| -> BTreeMap<String, String> {
        action.params.0.iter().map(|(name, value)| (name.to_owned(), value.to_json())).collect()
    };
    for (name, old, new) in changes(params(old), params(new)) {
        reasons.push(Reason::ParamChanged { name, old, new });
    }
    let inputs = |action: &Action| -> BTreeMap<String, _> {
        action.inputs.iter().map(|input| (input.name.clone(), (input.kind, input.tree))).collect()
    };
    for (name, old, new) in changes(inputs(old), inputs(new)) {
        let digest = |side: Option<(_, crate::digest::TreeDigest)>| side.map(|(_, tree)| tree.0);
        reasons.push(Reason::InputChanged { name, old: digest(old), new: digest(new), path: None });
    }
    if old.outputs != new.outputs {
        reasons.push(Reason::OutputsChanged);
    }
    if old.sandbox != new.sandbox {
        reasons.push(Reason::SandboxChanged { old: old.sandbox, new: new.sandbox });
    }
    if old.nan != new.nan {
        reasons.push(Reason::NanChanged);
    }
    if old.salt != new.salt {
        reasons.push(Reason::SaltChanged);
    }
    reasons
}

/// Lists what differs between two maps: name, before, now.
pub fn changes<V: PartialEq>(
    mut old: BTreeMap<String, V>,
    new: BTreeMap<String, V>,
) -> Vec<(String, Option<V>, Option<V>)> {
    let mut out = Vec::new();
    for (name, value) in new {
        match old.remove(&name) {
            Some(before) if before == value => {}
            before => out.push((name, before, Some(value))),
        }
    }
    out.extend(old.into_iter().map(|(name, value)| (name, Some(value), None)));
    out.sort_by(|a, b| a.0.cmp(&b.0));
    out
}
