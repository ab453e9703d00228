//! Three examples that Luigi's documentation has, written anew as wrun tasks. The same three stand beside
//! them for Luigi in `tests/bench/luigi_ports/`; `tests/bench/luigi_ports.py` runs both and compares.
//!
//! - `artists.rs`: streams of a day, plays by artist over an interval, the top ten.
//! - `words.rs`: words of the texts of an interval.
//! - `needs.rs`: dependencies that a task finds while it runs.

mod artists;
mod needs;
mod words;

pub use artists::{Plays, Streams, TopArtists};
pub use needs::{Config, Data, Dynamic};
pub use words::WordCount;

wrun_task::export!(Streams, Plays, TopArtists, WordCount, Config, Data, Dynamic);
