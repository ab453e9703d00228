//! Removing what nobody needs.
//!
//! Where several machines share a store, nobody knows who is building. So there are two steps, each a run of its own:
//! what is not needed is *condemned*, by a list that every build reads when it starts; and once the grace has passed,
//! what is needed is marked again, and what was condemned and still is not needed is *swept*. A build that began
//! before the list was there has left a session record by then, or the record of a running build; one that began later
//! treats what is on the list as absent and writes it again, which makes it younger than the list. What slips through
//! between marking and removing is a `lost` result, which rebuilds.
//!
//! All times are the store's: those that it gives to what is written, and the time that it gives to an object that is
//! written now. So a gc on a machine whose clock is wrong does what any other would.
//!
//! Where the caller holds the store alone, as the locks of one machine can say for sure, both steps are one.

use super::catalog::Closure;
use super::mark::{Marks, mark};
use super::usage::add_up;
use super::{CareError, Catalog, Keep, UsageOf};
use crate::tombstones::{Decision, append};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use wrun_core::digest::Digest;
use wrun_core::result::Address;
use wrun_store::{Item, Removal, Store};

/// How to collect.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct GcOptions {
    /// What builds touched, and what was made, in so many milliseconds is kept.
    pub keep: i64,
    /// So many of the newest results of each task are kept, however old.
    pub keep_last: usize,
    /// A list stands so many milliseconds before it is swept.
    pub grace: i64,
    /// Whether nobody else can use the store meanwhile.
    pub alone: bool,
    /// Whether to say what would be done, and do nothing.
    pub dry_run: bool,
    /// Tells one gc from another that runs at the same time.
    pub who: u32,
}

/// What a gc did, or would do.
#[derive(Clone, Debug, Default)]
pub struct Collected {
    /// What was swept, by task type.
    pub swept: Vec<UsageOf>,
    /// What is condemned now, by task type.
    pub condemned: Vec<UsageOf>,
    /// When the first list that stands can be swept, by the store's clock: milliseconds since 1970.
    pub due: Option<i64>,
    /// The time by the store's clock.
    pub now: i64,
    /// How many results stay.
    pub kept: u64,
    /// What could not be read.
    pub notes: Vec<String>,
}

/// What there is.
struct Inventory {
    results: HashMap<Address, Option<i64>>,
    blobs: HashMap<Digest, (u64, Option<i64>)>,
    runs: Vec<Item<String>>,
    goals: Vec<Item<wrun_core::digest::GoalKey>>,
}

/// A clock may differ so much from that of a machine that builds, before a gc believes neither.
const SKEW: i64 = 24 * 3600 * 1000;

/// Collects.
pub async fn collect(store: &Arc<dyn Store>, options: &GcOptions) -> Result<Collected, CareError> {
    let now = store.now().await?;
    // Before marking: what is written after this is no concern of ours.
    let blobs = store.list_blobs().await?;
    let runs = store.list_runs().await?;
    if let Some(newest) = runs.iter().filter_map(|run| run.written).max().filter(|newest| *newest > now + SKEW) {
        return Err(CareError::Clock { store: store.describe(), now, newest });
    }
    let catalog = Catalog::read(store).await?;
    let inventory = Inventory {
        results: catalog.listed.values().map(|item| (item.what, item.written)).collect(),
        blobs: blobs.into_iter().map(|item| (item.what, (item.size, item.written))).collect(),
        runs,
        goals: store.list_goals().await?,
    };
    let pending = store.condemned().await?;
    let keep = Keep { since: now.saturating_sub(options.keep), last: options.keep_last };
    let marks = mark(&catalog, keep).await?;
    let mut out = Collected { now, notes: marks.notes.clone(), ..Collected::default() };
    let needless = needless(&inventory, &marks);
    out.kept = (inventory.results.len() - needless.results.len()) as u64;
    if options.alone {
        let mut gone = needless;
        let bereft = spare(&catalog, &mut gone).await?;
        out.swept = by_type(&catalog, &inventory, &gone).await?;
        if !options.dry_run {
            bury(store, bereft, now).await?;
            store.remove(&gone).await?;
        }
        return Ok(out);
    }
    let mut swept = Removal::default();
    for Item { what: (name, list), written, .. } in pending {
        let written = written.unwrap_or(now);
        if written.saturating_add(options.grace) > now {
            let due = written.saturating_add(options.grace);
            out.due = Some(out.due.map_or(due, |first| first.min(due)));
            continue;
        }
        let mut gone = both(&list, &needless, &inventory, written);
        let bereft = spare(&catalog, &mut gone).await?;
        if !options.dry_run {
            bury(store, bereft, now).await?;
            store.remove(&gone).await?;
            store.swept(&name, &gone).await?;
        }
        add(&mut swept, gone);
    }
    out.swept = by_type(&catalog, &inventory, &swept).await?;
    let rest = without(needless, &swept);
    out.condemned = by_type(&catalog, &inventory, &rest).await?;
    // One list at a time: what is not on it yet is on the next.
    if out.due.is_none() && !rest.is_empty() && !options.dry_run {
        store.condemn(&format!("{now:015}-{:08x}", options.who), &rest).await?;
        out.due = Some(now.saturating_add(options.grace));
    }
    Ok(out)
}

/// Returns all that is not marked.
fn needless(inventory: &Inventory, marks: &Marks) -> Removal {
    let mut out = Removal {
        results: inventory.results.keys().filter(|address| !marks.results.contains(address)).copied().collect(),
        blobs: inventory.blobs.keys().filter(|digest| !marks.blobs.contains(digest)).copied().collect(),
        runs: inventory.runs.iter().map(|run| run.what.clone()).filter(|run| !marks.runs.contains(run)).collect(),
        goals: inventory.goals.iter().map(|goal| goal.what).filter(|goal| !marks.goals.contains(goal)).collect(),
    };
    out.results.sort();
    out.blobs.sort();
    out
}

/// Returns what is on a list, still needless, and was not written again since.
fn both(list: &Removal, needless: &Removal, inventory: &Inventory, listed: i64) -> Removal {
    // Servers tell time in whole seconds: what is as old as the list may have been written after it.
    let old = |written: Option<i64>| written.is_none_or(|written| written < listed);
    let results: HashSet<_> = needless.results.iter().collect();
    let blobs: HashSet<_> = needless.blobs.iter().collect();
    let runs: HashSet<_> = needless.runs.iter().collect();
    let goals: HashSet<_> = needless.goals.iter().collect();
    let old_goal =
        |goal: &_| inventory.goals.iter().find(|item| item.what == *goal).is_none_or(|g| old(g.written));
    Removal {
        results: list
            .results
            .iter()
            .filter(|one| results.contains(one) && old(inventory.results.get(one).copied().flatten()))
            .copied()
            .collect(),
        blobs: list
            .blobs
            .iter()
            .filter(|one| blobs.contains(one) && old(inventory.blobs.get(one).and_then(|blob| blob.1)))
            .copied()
            .collect(),
        runs: list.runs.iter().filter(|one| runs.contains(one)).cloned().collect(),
        goals: list.goals.iter().filter(|one| goals.contains(one) && old_goal(one)).copied().collect(),
    }
}

/// Spares the bytes of live results that are not removed now, for whoever finds one takes it for a hit. Returns the
/// disowned ones whose records stay, so that later generations are found, and whose bytes go.
async fn spare(catalog: &Catalog, gone: &mut Removal) -> Result<Vec<Address>, CareError> {
    let results: HashSet<Address> = gone.results.iter().copied().collect();
    let mut blobs: HashSet<Digest> = gone.blobs.iter().copied().collect();
    let stays = || catalog.results.values().filter(|known| !results.contains(&known.address));
    let mut closure = Closure::default();
    for known in stays().filter(|known| known.disowned.is_none()) {
        catalog.closure(known, &mut closure).await?;
    }
    closure.blobs.iter().for_each(|(_, digest)| _ = blobs.remove(digest));
    let mut bereft = Vec::new();
    for known in stays().filter(|known| known.disowned.is_some()) {
        let mut closure = Closure::default();
        catalog.closure(known, &mut closure).await?;
        if closure.blobs.iter().any(|(_, digest)| blobs.contains(digest)) {
            bereft.push(known.address);
        }
    }
    gone.blobs.retain(|digest| blobs.contains(digest));
    Ok(bereft)
}

/// Disowns results once more: undoing why they were disowned does not bring their bytes back.
async fn bury(store: &Arc<dyn Store>, results: Vec<Address>, time: i64) -> Result<(), CareError> {
    if !results.is_empty() {
        let decision = Decision { results, ..Decision::new("its bytes were collected", "wrun gc", time) };
        append(&**store, decision.encode()).await?;
    }
    Ok(())
}

fn add(to: &mut Removal, more: Removal) {
    to.results.extend(more.results);
    to.blobs.extend(more.blobs);
    to.runs.extend(more.runs);
    to.goals.extend(more.goals);
}

fn without(mut all: Removal, less: &Removal) -> Removal {
    let (results, blobs): (HashSet<_>, HashSet<_>) = (less.results.iter().collect(), less.blobs.iter().collect());
    all.results.retain(|one| !results.contains(one));
    all.blobs.retain(|one| !blobs.contains(one));
    all.runs.retain(|one| !less.runs.contains(one));
    all.goals.retain(|one| !less.goals.contains(one));
    all
}

async fn by_type(catalog: &Catalog, inventory: &Inventory, removal: &Removal) -> Result<Vec<UsageOf>, CareError> {
    let results = removal.results.iter().copied().collect();
    let blobs = removal.blobs.iter().filter_map(|one| inventory.blobs.get(one).map(|blob| (*one, blob.0)));
    Ok(add_up(catalog, &results, &blobs.collect()).await?)
}
