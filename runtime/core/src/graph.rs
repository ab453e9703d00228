//! The graph of a finished build: which tasks there were, what each came to, and what each stood on.
//!
//! A build of the same goal after a change walks only what lies above the change; of the rest it believes this, as it
//! believes a [`SessionRecord`](crate::session::SessionRecord), which names it. Keys are functions of code, params and
//! what inputs hold, so they are the same wherever nothing below a task moved.

use crate::codec::{DecodeError, Decoder, Encoder};
use crate::digest::{ActionKey, PlanKey, TreeDigest};
use crate::result::Address;

const DOMAIN: &str = "wrun.graph";
const VERSION: u64 = 1;
/// What else makes keys what they are: of other versions they would be others.
const KEYS: [u64; 3] = [crate::action::VERSION, crate::tree::VERSION, crate::task::CONTAINER_LAYOUT];

/// One task.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Task {
    /// Names its call.
    pub plan: PlanKey,
    /// Its result.
    pub address: Address,
    /// Its output.
    pub tree: TreeDigest,
    /// How long its run took, in seconds.
    pub seconds: f64,
    /// Whether it waits for a clock: that has to be looked at again.
    pub clocked: bool,
}

/// All tasks of a build, in the order of its listing: what a task needs is before it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    tasks: Vec<Task>,
    /// Where the needs and the externals of each task end in the lists below.
    ends: Vec<(usize, usize)>,
    needs: Vec<u32>,
    externals: Vec<u32>,
}

impl Graph {
    /// Adds a task: the places of what it needs, and those of its externals in the session record's list.
    pub fn push(
        &mut self,
        task: Task,
        needs: impl IntoIterator<Item = u32>,
        externals: impl IntoIterator<Item = u32>,
    ) {
        self.needs.extend(needs);
        self.externals.extend(externals);
        self.tasks.push(task);
        self.ends.push((self.needs.len(), self.externals.len()));
    }

    /// Returns the tasks.
    pub fn tasks(&self) -> &[Task] {
        &self.tasks
    }

    /// Returns the places of what a task needs.
    pub fn needs(&self, at: usize) -> &[u32] {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before].0);
        &self.needs[start..self.ends[at].0]
    }

    /// Returns the places of a task's externals in the session record's list.
    pub fn externals(&self, at: usize) -> &[u32] {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before].1);
        &self.externals[start..self.ends[at].1]
    }

    /// Returns the bytes of the blob.
    pub fn encode(&self) -> Vec<u8> {
        let mut encoder = Encoder::new(DOMAIN, VERSION);
        let room = 160 * self.tasks.len() + 9 * (self.needs.len() + self.externals.len());
        encoder.reserve(room);
        KEYS.iter().for_each(|version| _ = encoder.uint(*version));
        encoder.list(self.tasks.len());
        for (at, task) in self.tasks.iter().enumerate() {
            encoder.digest(&task.plan.0).digest(&task.address.key.0).uint(task.address.generation.into());
            encoder.digest(&task.tree.0).float(task.seconds).bool(task.clocked);
            for places in [self.needs(at), self.externals(at)] {
                encoder.list(places.len());
                places.iter().for_each(|place| _ = encoder.uint((*place).into()));
            }
        }
        encoder.into_bytes()
    }

    /// Reads a blob. `externals` is how many the session record lists.
    pub fn decode(bytes: &[u8], externals: usize) -> Result<Self, DecodeError> {
        let mut decoder = Decoder::new(bytes, DOMAIN, VERSION)?;
        let mut graph = Self::default();
        for version in KEYS {
            if decoder.uint()? != version {
                return Err(DecodeError::Unexpected { expected: "keys of this version", at: 0 });
            }
        }
        let count = decoder.list()?;
        // No more than there can be, whatever it says.
        let most = usize::try_from(count).unwrap_or_default().min(bytes.len() / 128);
        graph.tasks.reserve(most);
        graph.ends.reserve(most);
        graph.needs.reserve(most);
        graph.externals.reserve(most);
        for at in 0..count {
            let plan = PlanKey(decoder.digest()?);
            let key = ActionKey(decoder.digest()?);
            let generation = decoder.uint_below(1 << 32)?;
            let tree = TreeDigest(decoder.digest()?);
            let (seconds, clocked) = (decoder.float()?, decoder.bool()?);
            for _ in 0..decoder.list()? {
                graph.needs.push(decoder.uint_below(at)?);
            }
            for _ in 0..decoder.list()? {
                graph.externals.push(decoder.uint_below(externals as u64)?);
            }
            graph.tasks.push(Task { plan, address: Address { key, generation }, tree, seconds, clocked });
            graph.ends.push((graph.needs.len(), graph.externals.len()));
        }
        decoder.end()?;
        Ok(graph)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;

    fn task(text: &str, clocked: bool) -> Task {
        let digest = Digest::of_blob(text.as_bytes());
        Task {
            plan: PlanKey(digest),
            address: Address { key: ActionKey(digest), generation: 3 },
            tree: TreeDigest(digest),
            seconds: 0.25,
            clocked,
        }
    }

    fn graph() -> Graph {
        let mut graph = Graph::default();
        graph.push(task("a", false), [], [0, 2]);
        graph.push(task("b", true), [], []);
        graph.push(task("c", false), [0, 1], [1]);
        graph
    }

    #[test]
    fn what_was_written_is_read() {
        let graph = graph();
        let read = Graph::decode(&graph.encode(), 3).unwrap();
        assert_eq!(read, graph);
        assert_eq!((read.needs(2), read.externals(0), read.externals(1)), (&[0, 1][..], &[0, 2][..], &[][..]));
    }

    #[test]
    fn what_is_no_graph_is_refused() {
        let bytes = graph().encode();
        for end in 0..bytes.len() {
            assert!(Graph::decode(&bytes[..end], 3).is_err());
        }
        // An external that the record does not list.
        assert!(Graph::decode(&bytes, 2).is_err());
        let mut backwards = Graph::default();
        backwards.push(task("a", false), [0], []);
        assert!(Graph::decode(&backwards.encode(), 0).is_err());
    }
}
