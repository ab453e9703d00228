//! Tools in images of their own, which `images/make.sh` makes.
//!
//! - `words`: a map and a reduction whose map is a C program that is alone in its image. It looks at the sizes of the files
//!   alone, and runs as many containers as there turn out to be shards of about one volume.
//! - `delays`: Lua in a small Debian; `model`: R in another.
//! - `load`: a table goes into PostgreSQL, once.

use std::collections::BTreeMap;
use wrun_task::{
    Container, Context, Error, File, Files, InContainer, Input, Listing, Path, Result, Run, Task, export,
};

// ANCHOR: words
/// Count the words of one shard
#[derive(Task)]
#[task(container, outputs("words.tsv"))]
pub struct Count {
    /// Folder of the texts
    pub source: Path,
    /// Files of the shard
    pub files: Vec<String>,
    /// An image that is one program
    #[param(default = "wrun-tools-c:latest")]
    pub image: String,
}

impl InContainer for Count {
    type Requires = Vec<File>;
    fn requires(&self) -> Vec<File> {
        self.files.iter().map(|file| File::new(self.source.join(file))).collect()
    }
    fn container(&self) -> Container {
        Container::new(&self.image).memory(64 << 20).cpu_millis(250)
    }
}

/// Add up the counts of some shards, half by half
#[derive(Task)]
#[task(outputs("words.tsv"))]
pub struct Merge {
    /// Folder of the texts
    pub source: Path,
    /// Files of each shard
    pub shards: Vec<Vec<String>>,
    /// What counts a shard
    #[param(default = "wrun-tools-c:latest")]
    pub image: String,
}

impl Run for Merge {
    type Requires = ();
    type Output = Files;
    fn requires(&self) {}
    fn run(&self, cx: &Context, _: ()) -> Result<Files> {
        let (source, image) = (self.source.clone(), self.image.clone());
        let mut words = BTreeMap::new();
        match self.shards.as_slice() {
            [] => {}
            [files] => {
                add(&mut words, &cx.need(Count { source, files: files.clone(), image })?.read_text("words.tsv")?)?
            }
            shards => {
                let (left, right) = shards.split_at(shards.len() / 2);
                let half = |shards: &[Vec<String>]| Merge {
                    source: source.clone(),
                    shards: shards.to_vec(),
                    image: image.clone(),
                };
                for part in cx.need([half(left), half(right)])? {
                    add(&mut words, &part.read_text("words.tsv")?)?;
                }
            }
        }
        cx.write("words.tsv", words.iter().map(|(word, count)| format!("{word}\t{count}\n")).collect::<String>())
    }
}

/// Count the words of all files in a folder, in as many containers as they have volumes
#[derive(Task)]
#[task(outputs("words.tsv"))]
pub struct Words {
    /// Folder of the texts
    pub source: Path,
    /// Bytes of a shard
    #[param(default = 65536, min = 1)]
    pub volume: u64,
    /// What counts a shard
    #[param(default = "wrun-tools-c:latest")]
    pub image: String,
}

impl Run for Words {
    type Requires = Listing;
    type Output = Files;
    fn requires(&self) -> Listing {
        Listing::new(&self.source)
    }
    fn run(&self, cx: &Context, listing: Input<Listing>) -> Result<Files> {
        let shards = pack(listing.sizes()?, self.volume);
        cx.progress(None, &format!("{} shards", shards.len()));
        let all = cx.need(Merge { source: self.source.clone(), shards, image: self.image.clone() })?;
        cx.write("words.tsv", all.read_text("words.tsv")?)
    }
}
// ANCHOR_END: words

/// Adds the lines `word<TAB>count` of a shard.
fn add(words: &mut BTreeMap<String, u64>, lines: &str) -> Result<()> {
    for line in lines.lines() {
        let parsed = line.split_once('\t').and_then(|(word, count)| Some((word, count.parse::<u64>().ok()?)));
        let (word, count) = parsed.ok_or_else(|| Error::new(format!("`{line}` is no word and count")))?;
        *words.entry(word.to_owned()).or_default() += count;
    }
    Ok(())
}

/// Puts files into shards, in order, until a shard has the volume.
fn pack(files: Vec<(String, u64)>, volume: u64) -> Vec<Vec<String>> {
    let mut shards: Vec<(Vec<String>, u64)> = Vec::new();
    for (name, size) in files {
        match shards.last_mut() {
            Some((shard, bytes)) if bytes.saturating_add(size) <= volume => {
                shard.push(name);
                *bytes += size;
            }
            _ => shards.push((vec![name], size)),
        }
    }
    shards.into_iter().map(|(shard, _)| shard).collect()
}

/// The mean delay of each carrier, by Lua
#[derive(Task)]
#[task(container, outputs("delays.csv"))]
pub struct Delays {
    /// A table of flights with the columns `carrier` and `dep_delay`
    #[param(default = "flights.csv".into())]
    pub source: Path,
    /// A Debian with Lua
    #[param(default = "wrun-tools-lua:latest")]
    pub image: String,
}

impl InContainer for Delays {
    type Requires = File;
    fn requires(&self) -> File {
        File::new(&self.source)
    }
    fn container(&self) -> Container {
        Container::new(&self.image).args(["lua5.4", "-e", include_str!("delays.lua")]).memory(256 << 20)
    }
}

/// A linear model of the delays of each carrier, by R
#[derive(Task)]
#[task(container, outputs("model.csv"))]
pub struct Model {
    /// A table of flights with the columns `carrier` and `dep_delay`
    #[param(default = "flights.csv".into())]
    pub source: Path,
    /// A Debian with R
    #[param(default = "wrun-tools-r:latest")]
    pub image: String,
}

impl InContainer for Model {
    type Requires = File;
    fn requires(&self) -> File {
        File::new(&self.source)
    }
    fn container(&self) -> Container {
        Container::new(&self.image).args(["Rscript", "-e", include_str!("model.R")]).memory(1 << 30).timeout(600)
    }
}

// ANCHOR: load
/// Load the delays into PostgreSQL, once
#[derive(Task)]
#[task(container, outputs("receipt.txt"), retries = 2)]
pub struct Load {
    /// A table of flights with the columns `carrier` and `dep_delay`
    #[param(default = "flights.csv".into())]
    pub source: Path,
    /// The database: `host=… dbname=… user=…`
    pub database: String,
    /// A Debian with psql
    #[param(default = "wrun-tools-postgres:latest")]
    pub image: String,
}

impl InContainer for Load {
    type Requires = Delays;
    fn requires(&self) -> Delays {
        Delays { source: self.source.clone(), image: "wrun-tools-lua:latest".into() }
    }
    fn container(&self) -> Container {
        // The address is an argument of the shell's, and no text of its script.
        Container::new(&self.image)
            .args(["sh", "-c", include_str!("load.sh"), "load", &self.database])
            .secret("pg")
            .network()
            .effect()
            .timeout(600)
    }
}
// ANCHOR_END: load

export!(Count, Merge, Words, Delays, Model, Load; default = Words);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn shards_follow_the_volume() {
        let files = |sizes: &[u64]| sizes.iter().enumerate().map(|(i, size)| (i.to_string(), *size)).collect();
        assert_eq!(pack(files(&[4, 4, 4, 20, 1]), 8), [vec!["0", "1"], vec!["2"], vec!["3"], vec!["4"]]);
        assert!(pack(Vec::new(), 8).is_empty());
    }

    #[test]
    fn counts_add_up() {
        let mut words = BTreeMap::new();
        add(&mut words, "a\t2\nb\t1\n").unwrap();
        add(&mut words, "a\t3\n").unwrap();
        assert_eq!(words, BTreeMap::from([("a".to_owned(), 5), ("b".to_owned(), 1)]));
        assert!(add(&mut words, "no count\n").is_err());
    }
}
