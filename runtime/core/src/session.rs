//! What a finished build leaves: the no-op's answer, an empty machine's pack, the run report, history.

use crate::action::InputKind;
use crate::codec::Encoder;
use crate::digest::{ComponentDigest, Digest, GoalKey, TreeDigest};
use crate::param::Params;
use crate::plan::{External, ExternalMode};
use crate::report::Totals;
use crate::result::Address;
use crate::task::SANDBOX;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The newest format number of session records: that of those whose externals are in a blob. Others have 1.
pub const FORMAT: u32 = 2;

/// Everything that a goal's outcome depends on besides externals, tombstones and the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Goal {
    /// The component that was named.
    pub component: ComponentDigest,
    /// The task type.
    pub task: String,
    /// The full params of each call: several where a range was given.
    pub params: Vec<Params>,
    /// Aliases and the components that they mean, in order.
    pub aliases: Vec<(String, ComponentDigest)>,
    /// Defaults of task types from wrun.toml and what is disabled there or excepted by the user: one
    /// canonical text.
    pub settings: String,
    /// The user's salt.
    pub salt: String,
}

impl Goal {
    /// Returns the key of the goal's record.
    pub fn key(&self) -> GoalKey {
        let mut encoder = Encoder::new("wrun.goal", 1);
        encoder.digest(&self.component.0).uint(SANDBOX).text(&self.task).list(self.params.len());
        self.params.iter().for_each(|params| params.encode(&mut encoder));
        encoder.list(self.aliases.len());
        for (alias, component) in &self.aliases {
            encoder.text(alias).digest(&component.0);
        }
        encoder.text(&self.settings).text(&self.salt);
        GoalKey(encoder.finish())
    }
}

/// The header of a session record. `E` is how its externals are read: there may be very many.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SessionRecord<E = Vec<ExternalPin>> {
    /// [`FORMAT`], or an older one.
    pub format: u32,
    /// The record's own key.
    pub goal: GoalKey,
    /// Names the run: its start in milliseconds since 1970, and the process.
    pub run: String,
    /// The plugin's id, the task, and its params, for people.
    pub plugin: String,
    /// The task type.
    pub task: String,
    /// The params of each goal.
    pub params: Vec<Params>,
    /// The component.
    pub component: ComponentDigest,
    /// The result of each goal, in the same order.
    pub results: Vec<GoalResult>,
    /// Every external input, by content; empty if they are in a blob.
    pub externals: E,
    /// The blob with the [externals](crate::externals), where the store is on one machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pins: Option<Digest>,
    /// The images of containers by the names that tasks gave them: what is in keys.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub images: BTreeMap<String, String>,
    /// The number of the last tombstone that the session had read at its start.
    pub tombstone: u64,
    /// Counts.
    pub totals: Totals,
    /// The time that the tasks which ran took, all together.
    #[serde(default)]
    pub ran_seconds: f64,
    /// The blob with the full listing.
    pub listing: Digest,
    /// The blob with every record that the build touched, where that spares another machine requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pack: Option<Digest>,
    /// The blob with the [`Graph`](crate::graph::Graph), where the store is on one machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graph: Option<Digest>,
    /// Milliseconds since 1970.
    pub started: i64,
    /// Wall time, in seconds.
    pub seconds: f64,
}

impl<E> SessionRecord<E> {
    /// Tells whether this version knows what it says.
    pub fn is_known(&self) -> bool {
        (1..=FORMAT).contains(&self.format)
    }
}

/// The result of one goal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GoalResult {
    /// Its address.
    pub address: Address,
    /// Its output.
    pub tree: TreeDigest,
}

/// An external input as a build found it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "FlatPin")]
pub struct ExternalPin {
    /// What was asked for.
    #[serde(flatten)]
    pub external: External,
    /// What the digest is of.
    #[serde(default, skip_serializing_if = "InputKind::is_tree")]
    pub kind: InputKind,
    /// What it held.
    pub tree: TreeDigest,
}

/// What is read of one: flattened fields would be read twice, and a record may have a hundred thousand.
#[derive(Deserialize)]
struct FlatPin {
    uri: String,
    #[serde(default)]
    mode: ExternalMode,
    #[serde(default)]
    wait: bool,
    #[serde(default)]
    kind: InputKind,
    tree: TreeDigest,
}

impl From<FlatPin> for ExternalPin {
    fn from(FlatPin { uri, mode, wait, kind, tree }: FlatPin) -> Self {
        Self { external: External { uri, mode, wait }, kind, tree }
    }
}
