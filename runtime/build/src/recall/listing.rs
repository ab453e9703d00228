//! The listing of a session, one JSON line a task: reading it, and keeping lines of it for the next one.

use crate::rerun::blob;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::ops::Range;
use std::sync::Arc;
use tokio::task::JoinHandle;
use wrun_core::digest::Digest;
use wrun_core::report::{HitSource, State, TaskReport};
use wrun_store::{Store, StoreError};

/// About so many bytes are read in one turn.
const PART: usize = 128 << 10;

/// Returns the tasks of a listing, all of them as hits; `None` if it is not there, or cannot be read.
pub(crate) async fn read(store: &dyn Store, digest: Digest) -> Result<Option<Vec<TaskReport>>, StoreError> {
    let Some(bytes) = blob(store, digest).await? else { return Ok(None) };
    Ok(parse(Arc::new(bytes)).await)
}

/// Reads lines, as hits, on all threads.
pub(crate) async fn parse(bytes: Arc<Vec<u8>>) -> Option<Vec<TaskReport>> {
    let start = |part: Range<usize>| {
        let bytes = bytes.clone();
        tokio::spawn(async move {
            let read = |line| serde_json::from_slice(line).ok().map(as_hit);
            lines(&bytes[part]).map(read).collect::<Option<Vec<TaskReport>>>()
        })
    };
    let parts: Vec<JoinHandle<_>> = parts(&bytes).map(start).collect();
    let mut all = Vec::new();
    for part in parts {
        all.append(&mut part.await.ok()??);
    }
    Some(all)
}

/// Keeps the lines of the tasks that have a place, as those of hits, on all threads. `None` if there are not as many
/// lines as places, or they cannot be read.
pub(crate) async fn keep(bytes: Arc<Vec<u8>>, places: Arc<Vec<u32>>) -> Option<Vec<u8>> {
    let mut jobs: Vec<JoinHandle<_>> = Vec::new();
    let mut first = 0;
    for part in parts(&bytes) {
        let count = bytes[part.clone()].iter().filter(|byte| **byte == b'\n').count();
        let (bytes, places, from) = (bytes.clone(), places.clone(), first);
        first += count;
        jobs.push(tokio::spawn(async move { keep_part(&bytes[part], &places, from) }));
    }
    if first != places.len() {
        return None;
    }
    let mut all = Vec::with_capacity(bytes.len());
    for job in jobs {
        all.append(&mut job.await.ok()??);
    }
    Some(all)
}

fn keep_part(bytes: &[u8], places: &[u32], first: usize) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(bytes.len());
    for (line, place) in lines(bytes).zip(places.get(first..)?) {
        if *place != u32::MAX {
            let mut line: Line<'_> = serde_json::from_slice(line).ok()?;
            for need in &mut line.needs {
                *need = *places.get(*need as usize)?;
            }
            serde_json::to_writer(&mut out, &line).ok()?;
            out.push(b'\n');
        }
    }
    Some(out)
}

/// What of a task's line is that of a hit, too. Its fields are in the order of [`TaskReport`]'s.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Line<'a> {
    #[serde(borrow)]
    plugin: &'a RawValue,
    #[serde(borrow)]
    task: &'a RawValue,
    #[serde(borrow)]
    params: &'a RawValue,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    key: Option<&'a RawValue>,
    #[serde(skip_deserializing, default = "cached")]
    state: State,
    #[serde(skip_deserializing, default = "local")]
    source: HitSource,
    #[serde(borrow)]
    seconds: &'a RawValue,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    output: Option<&'a RawValue>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    needs: Vec<u32>,
}

fn cached() -> State {
    State::Cached
}

fn local() -> HitSource {
    crate::engine::LOCAL
}

/// Makes of what was said of a task what is said of it when it is a hit.
fn as_hit(task: TaskReport) -> TaskReport {
    TaskReport {
        state: cached(),
        source: Some(local()),
        reason: Vec::new(),
        usual_seconds: None,
        same_output: false,
        timing: None,
        ..task
    }
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}

/// Splits lines into parts that end where lines do.
fn parts(bytes: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let most = (start + PART).min(bytes.len());
        let rest = bytes[most..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| most + at + 1);
        let part = start..rest;
        start = rest;
        (!part.is_empty()).then_some(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use wrun_core::digest::{ActionKey, TreeDigest};
    use wrun_core::param::{Params, Value};
    use wrun_core::reason::Reason;
    use wrun_core::report::Timing;

    fn task(n: usize, ran: bool) -> TaskReport {
        let digest = Digest::of_blob(n.to_string().as_bytes());
        TaskReport {
            plugin: "p\"\n".into(),
            task: "état".into(),
            params: Params([("n".to_owned(), Value::Text(format!("{n}\n\u{1F600}")))].into()),
            key: (!n.is_multiple_of(3)).then_some(ActionKey(digest)),
            state: if ran { State::Ran } else { State::Cached },
            reason: if ran { vec![Reason::ResultLost] } else { Vec::new() },
            message: None,
            source: (!ran).then_some(HitSource::Remote),
            seconds: f64::from(u32::try_from(n).unwrap()) / 8.0,
            usual_seconds: ran.then_some(0.25),
            same_output: ran,
            output: (!n.is_multiple_of(4)).then_some(TreeDigest(digest)),
            needs: (0..n % 3).map(|need| u32::try_from(need).unwrap()).collect(),
            timing: ran.then(Timing::default),
            log: None,
        }
    }

    fn listing(tasks: &[TaskReport]) -> Arc<Vec<u8>> {
        Arc::new(tasks.iter().flat_map(|task| [serde_json::to_vec(task).unwrap(), vec![b'\n']].concat()).collect())
    }

    #[tokio::test]
    async fn lines_that_are_kept_are_those_of_hits() {
        let tasks: Vec<TaskReport> = (0..3000).map(|n| task(n, n % 2 == 0)).collect();
        let hits: Vec<TaskReport> = tasks.iter().cloned().map(as_hit).collect();
        let bytes = listing(&tasks);
        assert!(bytes.len() > 3 * PART, "several parts");
        let all: Vec<u32> = (0..3000).collect();
        let kept = keep(bytes.clone(), Arc::new(all.clone())).await.unwrap();
        assert!(kept == **listing(&hits));
        assert!(parse(bytes.clone()).await.unwrap() == hits);
        // Without the third, which nobody needs.
        let places = all.iter().map(|at| if *at == 2 { u32::MAX } else { at - u32::from(*at > 2) });
        let kept = keep(bytes.clone(), Arc::new(places.collect())).await.unwrap();
        let others = [&hits[..2], &hits[3..]].concat();
        assert!(kept == **listing(&others));
        assert_eq!(keep(bytes, Arc::new(all[1..].to_vec())).await, None, "another number of tasks");
        assert_eq!(keep(Arc::new(b"{}\n".to_vec()), Arc::new(vec![0])).await, None);
        assert_eq!(keep(Arc::default(), Arc::default()).await, Some(Vec::new()));
    }
}
