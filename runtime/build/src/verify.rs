//! `verify`: runs cached actions again, and compares.

use crate::api::{BuildError, GoalCall, Interrupt, Options, Setup};
use crate::engine::{Mode, session};
use crate::graph::{End, Output};
use std::collections::BTreeMap;
use std::time::Instant;
use wrun_core::digest::{Digest, TreeDigest};
use wrun_store::files::Dir;

/// What a second run of one cached task came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified {
    /// `task param=value …`
    pub task: String,
    /// How it compares.
    pub verdict: Verdict,
}

/// How a second run compares with the first.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Equal bytes.
    Same,
    /// Other bytes: a nondeterminism event. The first result is kept.
    Differs {
        /// The first result.
        first: TreeDigest,
        /// The second.
        second: TreeDigest,
        /// The paths that differ.
        paths: Vec<String>,
    },
    /// The second run failed.
    Failed(String),
    /// It was not cached, so there was nothing to compare.
    NotCached,
}

/// Runs every cached task of the goals' graphs again (or only those of the types in `only`, if it is not
/// empty) and compares. Nothing is written.
pub async fn verify(
    setup: &Setup,
    options: &Options,
    goals: &[GoalCall],
    only: &[String],
    runtime: &tokio::runtime::Handle,
    interrupt: &Interrupt,
) -> Result<Vec<Verified>, BuildError> {
    let mode = Mode::Verify(only.to_vec());
    let session = session(setup, options, goals, runtime, interrupt, mode, Instant::now()).await?;
    let mut engine = session.engine;
    let mut verified: Vec<Verified> =
        engine.take_verdicts().into_iter().map(|(task, verdict)| Verified { task, verdict }).collect();
    for id in &engine.ended {
        let node = &engine.nodes[*id as usize];
        let missing = match node.end() {
            Some(End::WouldRun | End::Unknown(_)) => Verdict::NotCached,
            Some(End::Failed { message, .. } | End::Blocked(message)) => Verdict::Failed(message.clone()),
            _ => continue,
        };
        let task = engine.shared.resolver.display(&node.call);
        if !verified.iter().any(|known| known.task == task) {
            verified.push(Verified { task, verdict: missing });
        }
    }
    Ok(verified)
}

/// Lists the paths in which two outputs differ, as far as they can be read.
pub(crate) fn differing(first: &Output, second: &Output) -> Vec<String> {
    match (first.dir().map(|dir| files(&dir)), second.dir().map(|dir| files(&dir))) {
        (Ok(first), Ok(second)) => {
            wrun_core::reason::changes(first, second).into_iter().map(|(path, ..)| path).collect()
        }
        _ => Vec::new(),
    }
}

/// Returns the digest of every file below, by path, as far as it can be read.
pub(crate) fn files(dir: &Dir) -> BTreeMap<String, Digest> {
    let mut files = BTreeMap::new();
    // What cannot be read is not compared.
    _ = dir.walk(&mut |path, entry, _| {
        if entry.kind != wrun_core::tree::EntryKind::Directory {
            files.insert(path.to_owned(), entry.digest);
        }
        Ok(())
    });
    files
}
