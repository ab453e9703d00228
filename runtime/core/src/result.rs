//! What an action made, as stored: create-only JSON with a format number.

use crate::action::{Action, ContainerAction, InputKind, step_key};
use crate::digest::{ActionKey, ComponentDigest, Digest, TaskId, TreeDigest};
use crate::param::Params;
use crate::plan::ContainerSpec;
use crate::reason::Reason;
use crate::task::Need;
use crate::tree::{Entry, EntryKind, Tree, TreeError};
use base64::Engine as _;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The format number of results.
pub const FORMAT: u32 = 1;

/// The address of a result: which generation of which key.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Address {
    /// The (last) key of the action.
    pub key: ActionKey,
    /// The generation, from 0.
    pub generation: u32,
}

/// What an action made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ActionResult {
    /// [`FORMAT`].
    pub format: u32,
    /// The output.
    pub tree: TreeDigest,
    /// Bytes of all output files.
    pub size: u64,
    /// The whole output, where it is small.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inline: Option<Inline>,
    /// What it wrote to stdout and stderr.
    #[serde(default, skip_serializing_if = "Log::is_empty")]
    pub log: Log,
    /// The steps of a dynamic action, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    /// What the first key is the hash of.
    pub action: Action,
    /// Who made it, and when.
    pub provenance: Provenance,
}

impl ActionResult {
    /// Returns the key that it belongs to: the last one, which its own fields decide.
    pub fn key(&self) -> ActionKey {
        self.steps.iter().fold(self.action.key(), |key, step| {
            let answers: Vec<_> = step.answers.iter().map(|tree| (InputKind::Tree, *tree)).collect();
            step_key(key, &answers)
        })
    }

    /// Tells whether a record may be of a key: false where it can be read, and says another.
    pub fn is_of(body: &[u8], key: ActionKey) -> bool {
        serde_json::from_slice::<Self>(body).map_or(true, |result| result.format != FORMAT || result.key() == key)
    }
}

/// One `need` of a dynamic action: what it asked for, and what it was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Symbolic, tokens unresolved.
    pub needs: Vec<Need>,
    /// The content that it was given, in the same order.
    pub answers: Vec<TreeDigest>,
}

impl Step {
    /// Returns the key at which each step of a dynamic action was asked, given the first.
    pub fn keys(first: ActionKey, steps: &[Self]) -> Vec<ActionKey> {
        let mut key = first;
        let mut keys = Vec::with_capacity(steps.len());
        for step in steps {
            keys.push(key);
            let answers: Vec<_> = step.answers.iter().map(|tree| (InputKind::Tree, *tree)).collect();
            key = step_key(key, &answers);
        }
        keys
    }
}

/// Who made a result, and when. In no key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Provenance {
    /// What names the task across builds.
    pub task_id: TaskId,
    /// The plugin's id.
    pub plugin: String,
    /// The component that ran.
    pub component: ComponentDigest,
    /// Its params, with tokens for what `run` could not read.
    pub params: Params,
    /// Milliseconds since 1970.
    pub started: i64,
    /// Wall time in seconds, without what it waited in `need`.
    pub seconds: f64,
    /// The records that its inputs came from, by input name, where another task made them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, Address>,
    /// The external addresses that its inputs came from, by input name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub externals: BTreeMap<String, String>,
    /// What inputs held that are known by a weaker pin than their content, by input name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub contents: BTreeMap<String, TreeDigest>,
    /// Why it ran.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<Reason>,
    /// The number of the last tombstone that was known when it was made. Only later ones can disown it, whatever the
    /// clocks of the machines say.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub tombstone: u64,
    /// Where it came from, if no run made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted: Option<Adopted>,
    /// Of a container what is in no key, and is needed to run it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<Contained>,
    /// The version of wrun.
    pub wrun: String,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A result that another system made, and that was taken for a task's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Adopted {
    /// The folder or address that it was copied from.
    pub from: String,
}

/// What a container was given beside what its key says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Contained {
    /// Its image, as the task named it.
    pub image: String,
    /// What an engine is asked for: `name@sha256:…`, or the id of an image that no registry has.
    pub from: String,
    /// Whether it acts on the world.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub effect: bool,
    /// CPU cores, in thousandths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_millis: Option<u64>,
    /// Memory, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// Time, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u64>,
    /// Size of the tmpfs, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tmpfs: Option<u64>,
}

impl Contained {
    /// Takes from a spec what is in no key.
    pub fn new(spec: &ContainerSpec, from: &str) -> Self {
        Self {
            image: spec.image.clone(),
            from: from.to_owned(),
            effect: spec.effect,
            cpu_millis: spec.cpu_millis,
            memory: spec.memory,
            timeout: spec.timeout,
            tmpfs: spec.tmpfs,
        }
    }

    /// Puts both together again. Where a container is placed is the affair of the build that asks for it.
    pub fn spec(&self, action: &ContainerAction) -> ContainerSpec {
        ContainerSpec {
            image: self.image.clone(),
            entrypoint: action.entrypoint.clone(),
            argv: action.argv.clone(),
            workdir: action.workdir.clone(),
            env: action.env.clone(),
            user: action.user.clone(),
            network: action.network,
            cpu_millis: self.cpu_millis,
            memory: self.memory,
            gpus: action.gpus,
            timeout: self.timeout,
            tmpfs: self.tmpfs,
            accepted: action.accepted.clone(),
            secrets: action.secrets.clone(),
            labels: Vec::new(),
            effect: self.effect,
        }
    }
}

/// The log of a run: inline while small, else a blob.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Log {
    /// Nothing was written.
    #[default]
    Empty,
    /// The text, not UTF-8 parts replaced.
    Text(String),
    /// The digest of a blob.
    Blob(Digest),
}

impl Log {
    /// Tells whether nothing was written.
    pub fn is_empty(&self) -> bool {
        *self == Self::Empty
    }
}

/// The last attempt of a task that failed. In no key, and read by no build: it is there to be looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct FailedAttempt {
    /// [`FORMAT`].
    pub format: u32,
    /// The first key of the action.
    pub key: ActionKey,
    /// Which attempt of its session, from 1.
    pub attempt: u32,
    /// When it ended: milliseconds since 1970.
    pub ended: i64,
    /// What, where, why.
    pub message: String,
    /// What it wrote to stdout and stderr, at most [`Self::MOST_LOG`] bytes and a line that says so.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub log: String,
}

impl FailedAttempt {
    /// Of a longer log the middle is left out.
    pub const MOST_LOG: usize = 64 << 10;

    /// Makes a log short enough to be kept: how it began, and rather more of how it ended.
    pub fn shorten(log: &[u8]) -> String {
        if log.len() <= Self::MOST_LOG {
            return String::from_utf8_lossy(log).into_owned();
        }
        let (first, last) = (Self::MOST_LOG / 4, log.len() - Self::MOST_LOG * 3 / 4);
        // Whole lines, where there are any.
        let first = log[..first].iter().rposition(|byte| *byte == b'\n').map_or(first, |at| at + 1);
        let last = log[last..].iter().position(|byte| *byte == b'\n').map_or(last, |at| last + at + 1);
        let (start, end) = (String::from_utf8_lossy(&log[..first]), String::from_utf8_lossy(&log[last..]));
        let line = if start.ends_with('\n') { "" } else { "\n" };
        format!("{start}{line}wrun: {} bytes of the failed attempt's log are left out\n{end}", last - first)
    }
}

/// A whole output inside its record, or nothing of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Inline(pub BTreeMap<String, InlineNode>);

/// A node of an inlined output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InlineNode {
    /// A file whose bytes are UTF-8.
    Text(String),
    /// A file of other bytes.
    Base64(String),
    /// An executable file.
    Exec(String),
    /// A directory.
    Dir(BTreeMap<String, InlineNode>),
}

/// A blob or a tree that an inlined output holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Object {
    /// The bytes of a file.
    Blob(Digest, Vec<u8>),
    /// A directory.
    Tree(TreeDigest, Tree),
}

/// An inlined output that is not what its record says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InlineError {
    /// Not base64.
    #[error("inlined file `{0}` is not base64")]
    Base64(String),
    /// Names that cannot be.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// Bytes of another digest.
    #[error("the inlined output has the digest {found}, and the record says {due}")]
    Digest {
        /// In the record.
        due: TreeDigest,
        /// Of the bytes.
        found: TreeDigest,
    },
}

const BASE64: base64::engine::GeneralPurpose = base64::engine::general_purpose::STANDARD;

impl InlineNode {
    /// Wraps the bytes of a file.
    pub fn file(bytes: &[u8], exec: bool) -> Self {
        match std::str::from_utf8(bytes) {
            _ if exec => Self::Exec(BASE64.encode(bytes)),
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Base64(BASE64.encode(bytes)),
        }
    }
}

impl Inline {
    /// Decodes everything, children before parents, the root last, and checks it against the digest due.
    pub fn objects(&self, due: TreeDigest) -> Result<Vec<Object>, InlineError> {
        let mut out = Vec::new();
        let (found, _) = decode(&self.0, &mut out)?;
        if found == due { Ok(out) } else { Err(InlineError::Digest { due, found }) }
    }
}

fn decode(nodes: &BTreeMap<String, InlineNode>, out: &mut Vec<Object>) -> Result<(TreeDigest, u64), InlineError> {
    let mut entries = Vec::with_capacity(nodes.len());
    for (name, node) in nodes {
        let (exec, bytes) = match node {
            InlineNode::Dir(children) => {
                let (digest, size) = decode(children, out)?;
                entries.push(Entry { name: name.clone(), kind: EntryKind::Directory, digest: digest.0, size });
                continue;
            }
            InlineNode::Text(text) => (false, text.clone().into_bytes()),
            InlineNode::Base64(text) | InlineNode::Exec(text) => {
                let bytes = BASE64.decode(text).map_err(|_| InlineError::Base64(name.clone()))?;
                (matches!(node, InlineNode::Exec(_)), bytes)
            }
        };
        let (digest, size) = (Digest::of_blob(&bytes), bytes.len() as u64);
        entries.push(Entry { name: name.clone(), kind: EntryKind::File { exec }, digest, size });
        out.push(Object::Blob(digest, bytes));
    }
    let tree = Tree::new(entries)?;
    let (digest, size) = (tree.digest(), tree.size());
    out.push(Object::Tree(digest, tree));
    Ok((digest, size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_log_loses_its_middle() {
        assert_eq!(FailedAttempt::shorten(b"short \xff"), "short \u{fffd}");
        let lines: String = (0..20_000).map(|i| format!("line {i}\n")).collect();
        let short = FailedAttempt::shorten(lines.as_bytes());
        assert!(short.len() <= FailedAttempt::MOST_LOG + 80 && short.ends_with("line 19999\n"));
        let (start, end) = short.split_once("wrun: ").unwrap();
        assert!(start.starts_with("line 0\n") && start.ends_with('\n') && end.contains(" bytes of the "), "{end}");
        let one = FailedAttempt::shorten(&[b'x'; 100_000]);
        assert_eq!(one.lines().nth(1), Some("wrun: 34464 bytes of the failed attempt's log are left out"));
    }

    #[test]
    fn an_inlined_output_decodes_to_its_own_digest_and_no_other() {
        let deep = BTreeMap::from([("c".to_owned(), InlineNode::file(b"\xff\x00", false))]);
        let inline = Inline(BTreeMap::from([
            ("a.txt".to_owned(), InlineNode::file(b"text", false)),
            ("b".to_owned(), InlineNode::Dir(deep)),
            ("run".to_owned(), InlineNode::file(b"#!", true)),
        ]));
        let json = serde_json::to_string(&inline).unwrap();
        let inline: Inline = serde_json::from_str(&json).unwrap();
        let wrong = TreeDigest(Digest::of_blob(b""));
        let Err(InlineError::Digest { found, .. }) = inline.objects(wrong) else { panic!("accepted") };
        assert_eq!(inline.objects(found).unwrap().len(), 5);
    }
}
