//! Arguments of what takes care of a store: `invalidate`, and `store`.

use super::StoreArgs;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(after_help = "All that is given must be true of a result. The results are listed before anything is \
    written, and what is written can be undone. Nothing is removed.")]
pub(crate) struct InvalidateArgs {
    /// Component file, source folder, alias from wrun.toml, or the id of a plugin that made results
    pub(crate) plugin: Option<PathBuf>,
    /// Task
    pub(crate) task: Option<String>,
    /// A param's value, a range of them such as `2013-01-01..2013-01-31`, or a glob such as `2013-*`
    #[arg(short, long = "param", value_name = "NAME=VALUE", help_heading = "Which results")]
    pub(crate) params: Vec<String>,
    /// Made by this component: its digest
    #[arg(long, value_name = "DIGEST", help_heading = "Which results")]
    pub(crate) component: Option<String>,
    /// Made from this content: the digest of an input or of what was needed
    #[arg(long, value_name = "DIGEST", help_heading = "Which results")]
    pub(crate) input: Option<String>,
    /// Of this key
    #[arg(long, value_name = "KEY", help_heading = "Which results")]
    pub(crate) key: Option<String>,
    /// Made at this time or later: `2013-01-07`, `2013-01-07T05:30`, `2013-01-07T05:30:00Z`
    #[arg(long, value_name = "TIME", help_heading = "Which results")]
    pub(crate) since: Option<String>,
    /// Made at this time or before; a date is its whole day
    #[arg(long, value_name = "TIME", help_heading = "Which results")]
    pub(crate) until: Option<String>,
    /// And everything that was made of them
    #[arg(long, help_heading = "Which results")]
    pub(crate) downstream: bool,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Who says so [default: the user's name]
    #[arg(long, value_name = "NAME")]
    pub(crate) author: Option<String>,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Take back an earlier entry
    #[arg(long, value_name = "N", conflicts_with_all = ["plugin", "params", "component", "input", "key", "since", "until", "downstream", "list"])]
    pub(crate) undo: Option<u64>,
    /// List what was disowned and undone so far
    #[arg(long, conflicts_with_all = ["plugin", "params", "component", "input", "key", "since", "until", "downstream"])]
    pub(crate) list: bool,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Look whether every record and every blob is what its name says, and nothing is missing
    Check(CheckArgs),
    /// Remove what no build of late, no pin and no newer result needs
    Gc(GcArgs),
    /// Say how many bytes there are, by task
    Du(DuArgs),
    /// Keep results whatever their age, or list what is kept so
    Pin(PinArgs),
    /// Send results to another store, with all that they were made from
    Push(MoveArgs),
    /// Fetch results from another store, with all that they were made from
    Pull(MoveArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "Without KEY everything moves that a build of the store touched, and the history of its \
    builds. What the other store has already stays as it is.")]
pub(crate) struct MoveArgs {
    /// The other store: a folder, or s3://BUCKET/PREFIX
    #[arg(value_name = "OTHER")]
    pub(crate) other: PathBuf,
    /// Key of a result, or KEY.GENERATION
    #[arg(value_name = "KEY")]
    pub(crate) keys: Vec<String>,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Put right what can be: from this machine's cache, else by disowning it as lost
    #[arg(long)]
    pub(crate) repair: bool,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "In a bucket there are two steps: what is not needed is condemned by a list that builds \
    read, and a run after the grace removes it. In a folder both are one step, which no build may see.")]
pub(crate) struct GcArgs {
    /// Keep what builds touched and what was made in the last so many days
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    pub(crate) keep_days: u32,
    /// Keep so many of the newest results of each task, however old
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) keep_last: usize,
    /// Remove nothing from a bucket that was not condemned so many hours ago
    #[arg(long, value_name = "HOURS", default_value_t = 24)]
    pub(crate) grace: u32,
    /// Say what would be removed, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, Args)]
pub(crate) struct DuArgs {
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Without KEY it lists the pins.")]
pub(crate) struct PinArgs {
    /// Key of a result, or KEY.GENERATION
    #[arg(value_name = "KEY")]
    pub(crate) keys: Vec<String>,
    /// Why
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) reason: String,
    /// Take back a pin, by its name
    #[arg(long, value_name = "NAME", conflicts_with = "keys")]
    pub(crate) remove: Option<String>,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}
