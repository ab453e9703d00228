//! A grid of small tasks, to measure with: n leaves of 100 bytes, one reduction for each hundred, a root.
//! The same graph is easily written for make and ninja, where every rule is a `cat`.
//!
//! - `grid`, `reduce`, `leaf`: from params alone; `changed=i` changes leaf i and nothing else.
//! - `grid-files`, `reduce-files`, `leaf-file`: a source file for each leaf.

use std::ops::Range;
use wrun_task::{Bytes, Context, File, Input, Path, Result, Run, Task};

/// Leaves that one reduction takes.
const BLOCK: u64 = 100;

/// One leaf: 100 bytes
#[derive(Task)]
#[task(dynamic = false)]
pub struct Leaf {
    /// Number of the leaf
    pub i: u64,
    /// Value that it shows
    #[param(default = 0)]
    pub value: u64,
}

impl Run for Leaf {
    type Requires = ();
    type Output = Bytes;
    fn requires(&self) {}
    fn run(&self, _cx: &Context, _: ()) -> Result<Bytes> {
        let mut line = format!("leaf {} value {} ", self.i, self.value).into_bytes();
        line.resize(99, b'.');
        line.push(b'\n');
        Ok(Bytes(line))
    }
}

/// The leaves of one block, one after the other
#[derive(Task)]
#[task(dynamic = false)]
pub struct Reduce {
    /// Number of the block
    pub block: u64,
    /// Leaves in it
    pub count: u64,
    /// Leaf whose value is 1
    pub changed: Option<u64>,
}

impl Run for Reduce {
    type Requires = Vec<Leaf>;
    type Output = Bytes;
    fn requires(&self) -> Vec<Leaf> {
        let first = self.block * BLOCK;
        let leaf = |i| Leaf { i, value: u64::from(self.changed == Some(i)) };
        (first..first + self.count).map(leaf).collect()
    }
    fn run(&self, _cx: &Context, leaves: Vec<Input<Leaf>>) -> Result<Bytes> {
        joined(&leaves)
    }
}

/// All blocks, one after the other
#[derive(Task)]
#[task(dynamic = false)]
pub struct Grid {
    /// Leaves
    #[param(default = 1000, min = 1, max = 10_000_000)]
    pub n: u64,
    /// Leaf whose value is 1
    pub changed: Option<u64>,
}

impl Run for Grid {
    type Requires = Vec<Reduce>;
    type Output = Bytes;
    fn requires(&self) -> Vec<Reduce> {
        // A block is told of the changed leaf only where it has it, or every block would change.
        let inside = |leaves: &Range<u64>| self.changed.filter(|i| leaves.contains(i));
        blocks(self.n)
            .map(|(block, leaves)| Reduce { block, count: leaves.end - leaves.start, changed: inside(&leaves) })
            .collect()
    }
    fn run(&self, _cx: &Context, blocks: Vec<Input<Reduce>>) -> Result<Bytes> {
        joined(&blocks)
    }
}

/// One leaf: the bytes of `leaf-<i>.txt`
#[derive(Task)]
#[task(dynamic = false)]
pub struct LeafFile {
    /// Folder of the sources
    pub dir: Path,
    /// Number of the leaf
    pub i: u64,
}

impl LeafFile {
    fn name(&self) -> String {
        format!("leaf-{}.txt", self.i)
    }
}

impl Run for LeafFile {
    type Requires = File;
    type Output = Bytes;
    fn requires(&self) -> File {
        File::new(self.dir.join(&self.name()))
    }
    fn run(&self, _cx: &Context, source: Input<File>) -> Result<Bytes> {
        source.read(&self.name()).map(Bytes)
    }
}

/// The leaves of one block, one after the other
#[derive(Task)]
#[task(dynamic = false)]
pub struct ReduceFiles {
    /// Folder of the sources
    pub dir: Path,
    /// Number of the block
    pub block: u64,
    /// Leaves in it
    pub count: u64,
}

impl Run for ReduceFiles {
    type Requires = Vec<LeafFile>;
    type Output = Bytes;
    fn requires(&self) -> Vec<LeafFile> {
        let first = self.block * BLOCK;
        (first..first + self.count).map(|i| LeafFile { dir: self.dir.clone(), i }).collect()
    }
    fn run(&self, _cx: &Context, leaves: Vec<Input<LeafFile>>) -> Result<Bytes> {
        joined(&leaves)
    }
}

/// All blocks of leaves that are files, one after the other
#[derive(Task)]
#[task(dynamic = false)]
pub struct GridFiles {
    /// Folder with `leaf-0.txt` up to `leaf-<n-1>.txt`
    pub dir: Path,
    /// Leaves
    #[param(default = 1000, min = 1, max = 10_000_000)]
    pub n: u64,
}

impl Run for GridFiles {
    type Requires = Vec<ReduceFiles>;
    type Output = Bytes;
    fn requires(&self) -> Vec<ReduceFiles> {
        let block = |(block, leaves): (u64, Range<u64>)| ReduceFiles {
            dir: self.dir.clone(),
            block,
            count: leaves.end - leaves.start,
        };
        blocks(self.n).map(block).collect()
    }
    fn run(&self, _cx: &Context, blocks: Vec<Input<ReduceFiles>>) -> Result<Bytes> {
        joined(&blocks)
    }
}

/// The numbers of the blocks, with the leaves of each.
fn blocks(n: u64) -> impl Iterator<Item = (u64, Range<u64>)> {
    (0..n.div_ceil(BLOCK)).map(move |block| (block, block * BLOCK..(block * BLOCK + BLOCK).min(n)))
}

fn joined<T: Run<Output = Bytes>>(inputs: &[Input<T>]) -> Result<Bytes> {
    let mut all = Vec::with_capacity(inputs.len() * 100);
    for input in inputs {
        all.extend_from_slice(&input.load()?);
    }
    Ok(Bytes(all))
}

wrun_task::export!(Leaf, Reduce, LeafFile, ReduceFiles, GridFiles, Grid; default = Grid);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use wrun_task::testing::TestContext;

    #[test]
    fn a_grid_is_its_leaves_in_order() {
        let test = TestContext::new().unwrap();
        let grid = test.run(&Grid { n: 250, changed: Some(120) }).unwrap().load::<Bytes>().unwrap();
        assert_eq!(grid.len(), 25_000);
        let lines: Vec<&str> = std::str::from_utf8(&grid).unwrap().lines().collect();
        for (i, line) in lines.iter().enumerate() {
            let start = format!("leaf {i} value {} ", u8::from(i == 120));
            assert!(line.starts_with(&start), "{line}");
        }
        assert_eq!(test.ran().len(), 254);
    }

    #[test]
    fn a_changed_leaf_changes_its_own_block_alone() {
        let (before, after) = (Grid { n: 300, changed: None }, Grid { n: 300, changed: Some(120) });
        let changed =
            before.requires().iter().zip(after.requires()).filter(|(a, b)| a.to_params() != b.to_params()).count();
        assert_eq!(changed, 1);
    }

    #[test]
    fn leaves_may_be_files() {
        let test = TestContext::new().unwrap();
        for i in 0..3 {
            test.give_file(&format!("src/leaf-{i}.txt"), format!("{i}\n")).unwrap();
        }
        let grid = test.run(&GridFiles { dir: Path::new("src"), n: 3 }).unwrap();
        assert_eq!(grid.load::<Bytes>().unwrap(), b"0\n1\n2\n");
    }
}
