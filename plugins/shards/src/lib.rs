//! Work whose shape is known only while it runs.
//!
//! - `shards`: counts the words of a folder. It looks at the sizes of the files alone, packs them into
//!   shards of about one volume, and `need`s a reduction over as many shards as there turn out to be.
//!   `count` maps one shard; `merge` is the recursive reduction.
//! - `sum`: a binary tree of a given depth, each node of which `need`s its two children.
//! - `chain`, `wide`: as many suspended tasks as one likes.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use wrun_task::{Context, File, Input, Json, Listing, Path, Result, Run, Task};

/// How often each word is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Words(BTreeMap<String, u64>);

impl Words {
    fn add(&mut self, other: Self) {
        for (word, count) in other.0 {
            *self.0.entry(word).or_default() += count;
        }
    }
}

/// Count the words of one shard
#[derive(Task)]
#[task(dynamic = false)]
pub struct Count {
    /// Folder of the texts
    pub source: Path,
    /// Files of the shard
    pub files: Vec<String>,
}

impl Run for Count {
    type Requires = Vec<File>;
    type Output = Json<Words>;
    fn requires(&self) -> Vec<File> {
        self.files.iter().map(|file| File::new(self.source.join(file))).collect()
    }
    fn run(&self, _cx: &Context, files: Vec<Input<File>>) -> Result<Json<Words>> {
        let mut words = Words::default();
        for file in files {
            let text = String::from_utf8_lossy(&file.bytes()?).to_lowercase();
            for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
                *words.0.entry(word.to_owned()).or_default() += 1;
            }
        }
        Ok(Json(words))
    }
}

/// Merge the counts of some shards, half by half
#[derive(Task)]
pub struct Merge {
    /// Folder of the texts
    pub source: Path,
    /// Files of each shard
    pub shards: Vec<Vec<String>>,
}

impl Run for Merge {
    type Requires = ();
    type Output = Json<Words>;
    fn requires(&self) {}
    fn run(&self, cx: &Context, _: ()) -> Result<Json<Words>> {
        let mut words = Words::default();
        match self.shards.as_slice() {
            [] => {}
            [files] => words = cx.need(Count { source: self.source.clone(), files: files.clone() })?.load()?,
            shards => {
                let (left, right) = shards.split_at(shards.len() / 2);
                let half = |shards: &[Vec<String>]| Merge { source: self.source.clone(), shards: shards.to_vec() };
                for part in cx.need([half(left), half(right)])? {
                    words.add(part.load()?);
                }
            }
        }
        Ok(Json(words))
    }
}

/// Count the words of all files in a folder, in shards of about one volume
#[derive(Task)]
pub struct Shards {
    /// Folder of the texts
    pub source: Path,
    /// Bytes of a shard
    #[param(default = 65536, min = 1)]
    pub volume: u64,
}

impl Run for Shards {
    type Requires = Listing;
    type Output = Json<Words>;
    fn requires(&self) -> Listing {
        Listing::new(&self.source)
    }
    fn run(&self, cx: &Context, listing: Input<Listing>) -> Result<Json<Words>> {
        let shards = pack(listing.sizes()?, self.volume);
        cx.progress(None, &format!("{} shards", shards.len()));
        Ok(Json(cx.need(Merge { source: self.source.clone(), shards })?.load()?))
    }
}

/// Puts files into shards, in order, until a shard has the volume.
fn pack(files: Vec<(String, u64)>, volume: u64) -> Vec<Vec<String>> {
    let mut shards = Vec::new();
    let (mut shard, mut bytes) = (Vec::new(), 0_u64);
    for (name, size) in files {
        if !shard.is_empty() && bytes.saturating_add(size) > volume {
            shards.push(std::mem::take(&mut shard));
            bytes = 0;
        }
        bytes = bytes.saturating_add(size);
        shard.push(name);
    }
    if !shard.is_empty() {
        shards.push(shard);
    }
    shards
}

/// Sum the leaves below one node of a binary tree
#[derive(Task)]
pub struct Sum {
    /// Levels below the node
    #[param(positional, default = 4, max = 40)]
    pub depth: u32,
    /// Number of the node in its level
    #[param(default = 0)]
    pub index: u64,
}

impl Run for Sum {
    type Requires = ();
    type Output = Json<u64>;
    fn requires(&self) {}
    fn run(&self, cx: &Context, _: ()) -> Result<Json<u64>> {
        if self.depth == 0 {
            return Ok(Json(self.index));
        }
        let child = |side| Sum { depth: self.depth - 1, index: self.index * 2 + side };
        let (left, right) = cx.need((child(0), child(1)))?;
        Ok(Json(left.load()? + right.load()?))
    }
}

/// Wait for the next task of a chain: n tasks are then suspended at once
#[derive(Task)]
pub struct Chain {
    /// Tasks that are left
    #[param(positional)]
    pub n: u64,
}

impl Run for Chain {
    type Requires = ();
    type Output = Json<u64>;
    fn requires(&self) {}
    fn run(&self, cx: &Context, _: ()) -> Result<Json<u64>> {
        if self.n == 0 {
            return Ok(Json(0));
        }
        Ok(Json(cx.need(Chain { n: self.n - 1 })?.load()? + 1))
    }
}

/// What all of the waiting tasks wait for
#[derive(Task)]
#[task(dynamic = false)]
pub struct Common {
    /// Rounds of work
    pub rounds: u64,
}

impl Run for Common {
    type Requires = ();
    type Output = Json<u64>;
    fn requires(&self) {}
    fn run(&self, _cx: &Context, _: ()) -> Result<Json<u64>> {
        // SplitMix64, only to pass time.
        let mut state = 0_u64;
        for _ in 0..self.rounds {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            state ^= (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 27;
        }
        Ok(Json(state))
    }
}

/// Wait for the common task
#[derive(Task)]
pub struct Waiter {
    /// Number of the waiter
    pub i: u64,
    /// Rounds of work of the common task
    pub rounds: u64,
}

impl Run for Waiter {
    type Requires = ();
    type Output = Json<u64>;
    fn requires(&self) {}
    fn run(&self, cx: &Context, _: ()) -> Result<Json<u64>> {
        Ok(Json(cx.need(Common { rounds: self.rounds })?.load()? ^ self.i))
    }
}

/// Run n tasks that all wait for one
#[derive(Task)]
pub struct Wide {
    /// Tasks that wait
    #[param(positional, default = 100)]
    pub n: u64,
    /// Rounds of work of the task that they wait for
    #[param(default = 1000)]
    pub rounds: u64,
}

impl Run for Wide {
    type Requires = ();
    type Output = Json<u64>;
    fn requires(&self) {}
    fn run(&self, cx: &Context, _: ()) -> Result<Json<u64>> {
        let mut all = 0;
        for waiter in cx.need((0..self.n).map(|i| Waiter { i, rounds: self.rounds }))? {
            all ^= waiter.load()?;
        }
        Ok(Json(all))
    }
}

wrun_task::export!(Count, Merge, Shards, Sum, Chain, Common, Waiter, Wide; default = Shards);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use wrun_task::testing::TestContext;

    #[test]
    fn shards_follow_the_volume() {
        let files = |sizes: &[u64]| sizes.iter().enumerate().map(|(i, size)| (i.to_string(), *size)).collect();
        assert_eq!(pack(files(&[4, 4, 4, 20, 1]), 8), [vec!["0", "1"], vec!["2"], vec!["3"], vec!["4"]]);
        assert!(pack(Vec::new(), 8).is_empty());
    }

    #[test]
    fn words_are_the_same_for_any_volume() {
        // Shards, a merge a node of the tree, a count a shard.
        for (volume, tasks) in [(1, 1 + 9 + 5), (1_000_000, 3)] {
            let test = TestContext::new().unwrap();
            let files: Vec<(String, String)> =
                (0..5).map(|i| (format!("{i}.txt"), format!("a {i} A\n"))).collect();
            test.give_folder("texts", files.iter().map(|(name, text)| (name, text))).unwrap();
            for (name, text) in &files {
                test.give_file(&format!("texts/{name}"), text).unwrap();
            }
            let made = test.run(&Shards { source: Path::new("texts"), volume }).unwrap();
            let words = made.load::<Json<Words>>().unwrap();
            assert_eq!(words.0["a"], 10);
            assert_eq!(words.0.len(), 6);
            assert_eq!(test.ran().len(), tasks);
        }
    }

    #[test]
    fn trees_and_chains_add_up() {
        let test = TestContext::new().unwrap();
        assert_eq!(test.run(&Sum { depth: 5, index: 0 }).unwrap().load::<Json<u64>>().unwrap(), 31 * 32 / 2);
        assert_eq!(test.run(&Chain { n: 20 }).unwrap().load::<Json<u64>>().unwrap(), 20);
        test.run(&Wide { n: 4, rounds: 10 }).unwrap();
    }
}
