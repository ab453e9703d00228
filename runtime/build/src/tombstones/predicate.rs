//! What a predicate tombstone says of results, and whether it is true of one.

use globset::Glob;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use wrun_core::action::Action;
use wrun_core::digest::{ActionKey, ComponentDigest, TreeDigest};
use wrun_core::param::Value;
use wrun_core::result::{Provenance, Step};

/// Which results are meant: those for which all that is said is true. One that says nothing is no predicate.
///
/// A field that this version does not know makes it unreadable, and what cannot be judged is refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Predicate {
    /// The plugin's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<String>,
    /// The task type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// What its params are like.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, Pattern>,
    /// The component that ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<ComponentDigest>,
    /// What an input held, or what a `need` was answered with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<TreeDigest>,
    /// The first or the last key of the action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<ActionKey>,
    /// Started at this time or later: milliseconds since 1970, by the clock of the machine that ran it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<i64>,
    /// Started at this time or before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
}

/// What a param is like. Texts are compared as [`Value::compare_text`] does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pattern {
    /// This value.
    Is(String),
    /// From the first to the second, both included.
    Range(String, String),
    /// A glob over the value as people write it.
    Glob(String),
}

/// What a predicate is judged by: the parts of a record that it can be about.
#[derive(Clone, Debug, Deserialize)]
pub struct Facts {
    /// What the first key is the hash of.
    pub action: Action,
    /// What it needed.
    #[serde(default)]
    pub steps: Vec<Step>,
    /// Who made it, and when.
    pub provenance: Provenance,
}

impl Pattern {
    /// Tells whether a value is like that.
    pub fn fits(&self, value: &Value) -> bool {
        let compare = |text: &str| value.compare_text(text);
        match self {
            Self::Is(text) => compare(text) == Some(Ordering::Equal),
            Self::Range(from, to) => {
                matches!(compare(from), Some(Ordering::Greater | Ordering::Equal))
                    && matches!(compare(to), Some(Ordering::Less | Ordering::Equal))
            }
            Self::Glob(glob) => Glob::new(glob).is_ok_and(|glob| glob.compile_matcher().is_match(value.to_text())),
        }
    }

    /// Tells whether it can be judged at all.
    fn is_sound(&self) -> bool {
        match self {
            Self::Is(_) | Self::Range(..) => true,
            Self::Glob(glob) => Glob::new(glob).is_ok(),
        }
    }
}

impl Predicate {
    /// Tells whether it says anything, and all that it says can be judged.
    pub fn is_sound(&self) -> bool {
        *self != Self::default() && self.params.values().all(Pattern::is_sound)
    }

    /// Tells whether it is true of a result at this last key.
    pub fn fits(&self, key: ActionKey, facts: &Facts) -> bool {
        let made = &facts.provenance;
        let inputs = || {
            let inputs = facts.action.inputs.iter().map(|input| input.tree);
            inputs.chain(facts.steps.iter().flat_map(|step| step.answers.iter().copied()))
        };
        self.plugin.as_ref().is_none_or(|plugin| *plugin == made.plugin)
            && self.task.as_ref().is_none_or(|task| *task == facts.action.task)
            && self.component.is_none_or(|component| component == made.component)
            && self.since.is_none_or(|since| since <= made.started)
            && self.until.is_none_or(|until| made.started <= until)
            && self.input.is_none_or(|input| inputs().any(|tree| tree == input))
            && self.params.iter().all(|(name, pattern)| made.params.0.get(name).is_some_and(|v| pattern.fits(v)))
            && self.key.is_none_or(|wanted| wanted == key || wanted == facts.action.key())
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Is(text) | Self::Glob(text) => f.write_str(text),
            Self::Range(from, to) => write!(f, "{from}..{to}"),
        }
    }
}
