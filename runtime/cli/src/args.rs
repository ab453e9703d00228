//! The command line's grammar. Names and help texts are here; what they mean is in [`crate::commands`].

mod care;

pub(crate) use care::*;

use crate::config::Size;
use crate::source::Language;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Builds data: tasks in WebAssembly, results by content
#[derive(Debug, Parser)]
#[command(name = "wrun", version, after_help = crate::exit::table())]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// How to speak
#[derive(Debug, Clone, Args)]
pub(crate) struct OutputArgs {
    /// Print JSON lines to stdout
    #[arg(long, global = true, help_heading = "Output")]
    pub(crate) json: bool,
    /// Say nothing unless something goes wrong
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = "Output")]
    pub(crate) quiet: bool,
    /// Say more: every task, whole reasons
    #[arg(short, long, global = true, help_heading = "Output")]
    pub(crate) verbose: bool,
    /// When to use colour
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN", help_heading = "Output")]
    pub(crate) color: Color,
}

/// When to use colour.
#[derive(Copy, Clone, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Build a task and everything it needs
    #[command(disable_help_flag = true)]
    Build(BuildArgs),
    /// Say what a build would do, and do nothing
    #[command(disable_help_flag = true)]
    Plan(PlanArgs),
    /// List the tasks of a plugin, or the plugins of wrun.toml
    List(ListArgs),
    /// Describe a plugin or one of its tasks in full
    Describe(DescribeArgs),
    /// Build a task, then put its outputs into a folder
    #[command(disable_help_flag = true)]
    Get(GetArgs),
    /// Build a task, then print one file of its output
    #[command(disable_help_flag = true)]
    Cat(CatArgs),
    /// Build a task, then list the files of its output
    #[command(disable_help_flag = true)]
    Ls(CatArgs),
    /// Compare two results: of one task, or of two
    Diff(DiffArgs),
    /// Print the log of a task's latest attempt, also of one that failed
    #[command(disable_help_flag = true)]
    Log(LogArgs),
    /// Run a task again, and lay out what it read and left, to be repeated under a debugger
    #[command(disable_help_flag = true)]
    Debug(DebugArgs),
    /// Say which fields of a task's key changed since it was last built
    #[command(disable_help_flag = true)]
    Why(WhyArgs),
    /// Run cached tasks again, and compare
    #[command(disable_help_flag = true)]
    Verify(VerifyArgs),
    /// Draw what a build would do, or did
    #[command(disable_help_flag = true)]
    Graph(GraphArgs),
    /// Say what a result was made from, down to what no task made; or what was made from it
    #[command(disable_help_flag = true)]
    Lineage(LineageArgs),
    /// Make recorded results again from the store alone, and compare
    Rerun(RerunArgs),
    /// Take what another system has made for the result of a task
    #[command(disable_help_flag = true)]
    Adopt(AdoptArgs),
    /// Print links at which the files of a task's latest result can be read for a while
    #[command(disable_help_flag = true)]
    Url(UrlArgs),
    /// Make one page of a build's report
    Report(ReportArgs),
    /// List the builds of a store, or what became of one task in them, newest first
    #[command(disable_help_flag = true)]
    History(HistoryArgs),
    /// Say what runs now on this machine
    Status(StatusArgs),
    /// Make a package with two tasks, ready to build
    New(NewArgs),
    /// Test a package: its own tests, then its tasks in the sandbox, twice
    Test(TestArgs),
    /// Disown results, so that the next build makes them again
    Invalidate(InvalidateArgs),
    /// Take care of a store, and move results between stores
    #[command(subcommand)]
    Store(StoreCommand),
    /// List the images that wrun.lock pins, or move them
    Images(ImagesArgs),
    /// Make plugins
    #[command(subcommand)]
    Plugin(PluginCommand),
    /// Look for what is missing on this machine, and say how to get it
    Doctor(DoctorArgs),
    /// Print a script that teaches a shell to complete commands, tasks and params
    #[command(after_help = COMPLETIONS_HELP)]
    Completions(CompletionsArgs),
    /// Print a man page, or write all of them
    Man(ManArgs),
    /// Explain an error by its code, or list all codes
    #[command(long_flag = "explain")]
    Explain(ExplainArgs),
    /// Print the table of exit codes
    ExitCodes,
}

/// What to build
#[derive(Debug, Clone, Args)]
pub(crate) struct GoalArgs {
    /// Component file, source folder, or an alias from wrun.toml
    pub(crate) plugin: Option<PathBuf>,
    /// Task, unless the plugin has a default goal; then params that may be given by position
    #[arg(value_name = "TASK", allow_negative_numbers = true)]
    pub(crate) words: Vec<String>,
    /// Give a param; a range such as `2013-01-01..2013-12-31` makes one goal a member
    #[arg(short, long = "param", value_name = "NAME=VALUE")]
    pub(crate) params: Vec<String>,
    /// Take params from a JSON or TOML file
    #[arg(long = "params", value_name = "FILE")]
    pub(crate) params_file: Option<PathBuf>,
    /// Print help: of this command, or of the plugin and task that are named
    #[arg(short, long, action = ArgAction::SetTrue)]
    pub(crate) help: bool,
}

/// Where results are
#[derive(Debug, Clone, Args)]
pub(crate) struct StoreArgs {
    /// Folder of the store, or s3://BUCKET/PREFIX [env: WRUN_STORE] [default: `.wrun/store` beside wrun.toml,
    /// else the user's cache folder]
    #[arg(long, value_name = "DIR")]
    pub(crate) store: Option<PathBuf>,
    /// Folder of this machine that stands in front of a store on S3 [default: one in the user's cache folder]
    #[arg(long, value_name = "DIR")]
    pub(crate) cache: Option<PathBuf>,
    /// How much of it is kept after a build, such as `50 GiB`: what was not read for longest goes first [default: all]
    #[arg(long, value_name = "SIZE")]
    pub(crate) cache_size: Option<Size>,
    /// Use the cache of a store on S3 alone, and send later what is made
    #[arg(long)]
    pub(crate) offline: bool,
}

/// What changes the graph
#[derive(Debug, Clone, Args)]
pub(crate) struct SessionArgs {
    /// Run this task type although it is cached; without TASK, the goals
    #[arg(long, value_name = "TASK", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub(crate) force: Vec<String>,
    /// Leave out tasks whose name, or `name param=value …`, matches
    #[arg(long, value_name = "GLOB")]
    pub(crate) except: Vec<String>,
    /// Start afresh: text that goes into every key
    #[arg(long, value_name = "TEXT")]
    pub(crate) salt: Option<String>,
    /// Run so many tasks at once [default: one a core]
    #[arg(short = 'j', long = "jobs", value_name = "N")]
    pub(crate) slots: Option<u32>,
}

/// How to run
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct RunArgs {
    /// Build what does not depend on a failure; this is the default
    #[arg(long, conflicts_with = "fail_fast")]
    pub(crate) keep_going: bool,
    /// Stop at the first failure
    #[arg(long)]
    pub(crate) fail_fast: bool,
    /// Look at every task and ask for all bytes, although nothing seems to have moved
    #[arg(long)]
    pub(crate) check: bool,
    /// Show what tasks of this type say while they run
    #[arg(long, value_name = "TASK")]
    pub(crate) follow: Vec<String>,
    /// Write the skip report as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct BuildArgs {
    #[command(flatten)]
    pub(crate) goal: GoalArgs,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    #[command(flatten)]
    pub(crate) session: SessionArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
    /// Put the outputs into a folder, as `get` does
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
    /// Put the outputs also where people and other systems read them: s3://BUCKET/PATH or file:PATH, with
    /// `{PARAM}` in it where goals differ
    #[arg(long, value_name = "DEST")]
    pub(crate) publish: Option<String>,
    /// Build again whenever the source or an external changes, until Ctrl-C
    #[arg(long, conflicts_with = "force")]
    pub(crate) watch: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) goal: GoalArgs,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    #[command(flatten)]
    pub(crate) session: SessionArgs,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct ImagesArgs {
    #[command(subcommand)]
    pub(crate) command: Option<ImagesCommand>,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ImagesCommand {
    /// Ask the registry what a tag stands for now, and pin that
    Update(ImagesUpdateArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ImagesUpdateArgs {
    /// Images as tasks name them [default: all that are pinned]
    pub(crate) images: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Component file, source folder, or an alias from wrun.toml
    pub(crate) plugin: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, Args)]
pub(crate) struct DescribeArgs {
    /// Component file, source folder, or an alias from wrun.toml
    pub(crate) plugin: PathBuf,
    /// Task
    pub(crate) task: Option<String>,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    #[command(flatten)]
    pub(crate) goal: GoalArgs,
    /// Folder for the outputs; goals of a range have a folder each in it
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    #[command(flatten)]
    pub(crate) session: SessionArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "The last word is the PATH of a file in the output, once every positional param that has \
    no default is given. It may be left out where the output is one file.")]
pub(crate) struct CatArgs {
    #[command(flatten)]
    pub(crate) goal: GoalArgs,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    #[command(flatten)]
    pub(crate) session: SessionArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "A and B are each a task with its params in one word, such as `delays date=2013-01-01`, \
    the key of a result, or the digest of an output. Without B, the latest result of a task is compared with \
    the last one before it that is another. Nothing is built.")]
pub(crate) struct DiffArgs {
    /// Component file, source folder, or an alias from wrun.toml
    pub(crate) plugin: PathBuf,
    /// Task `name param=value …`, key or digest [default: the plugin's default goal]
    pub(crate) a: Option<String>,
    /// What to compare it with
    pub(crate) b: Option<String>,
    /// Give a param of A and B
    #[arg(short, long = "param", value_name = "NAME=VALUE")]
    pub(crate) params: Vec<String>,
    /// Show so many lines around each that differs
    #[arg(short = 'U', long, value_name = "N", default_value_t = 3)]
    pub(crate) unified: usize,
    /// Show only which files differ
    #[arg(long)]
    pub(crate) stat: bool,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    #[command(flatten)]
    pub(crate) goal: GoalArgs,
    /// Print what the task writes while it runs, in whichever terminal it was started
    #[arg(short, long)]
    pub(crate) follow: bool,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, Args)]
pub(crate) struct WhyArgs {
    #[command(flatten)]
    pub(crate) goal: GoalArgs,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    #[command(flatten)]
    pub(crate) session: SessionArgs,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    pub(crate) goal: GoalArgs,
    /// Verify only tasks of this type
    #[arg(long, value_name = "TASK")]
    pub(crate) only: Vec<String>,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    #[command(flatten)]
    pub(crate) session: SessionArgs,
}

/// In which language a graph is written.
#[derive(Copy, Clone, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphFormat {
    /// A picture
    Svg,
    /// For Graphviz
    Dot,
    /// For Markdown
    Mermaid,
}

#[derive(Debug, Args)]
pub(crate) struct GraphArgs {
    #[command(flatten)]
    pub(crate) goal: GoalArgs,
    /// Draw a build's report instead of a plan
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,
    /// What to write [default: what the ending of the output's name says, else svg]
    #[arg(long, value_enum)]
    pub(crate) format: Option<GraphFormat>,
    /// Where to write it [default: stdout]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    #[command(flatten)]
    pub(crate) session: SessionArgs,
}

/// In which form a lineage is written.
#[derive(Copy, Clone, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LineageFormat {
    /// A tree for people
    Text,
    /// A picture
    Svg,
    /// For Graphviz
    Dot,
    /// For Markdown
    Mermaid,
}

#[derive(Debug, Args)]
#[command(after_help = "In the place of PLUGIN there may be the KEY of a result, or KEY.GENERATION. Nothing is \
    built: it is the latest result that is traced.")]
pub(crate) struct LineageArgs {
    #[command(flatten)]
    pub(crate) goal: GoalArgs,
    /// Show what it was made from; this is the default
    #[arg(long, conflicts_with = "down")]
    pub(crate) up: bool,
    /// Show what was made from it
    #[arg(long)]
    pub(crate) down: bool,
    /// What to write [default: what the ending of the output's name says, else text]
    #[arg(long, value_enum)]
    pub(crate) format: Option<LineageFormat>,
    /// Where to write it [default: stdout]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Neither the plugin nor wrun.toml is needed: the store has the components, and what \
    lay outside it. A container needs an engine, its image and its secrets; one that acts on the world is not run \
    again. No new result is written.")]
pub(crate) struct RerunArgs {
    /// Key of a result, or KEY.GENERATION
    #[arg(required = true, value_name = "KEY")]
    pub(crate) keys: Vec<String>,
    /// Make everything again that they were made from, too
    #[arg(long)]
    pub(crate) up: bool,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// What `--report FILE` wrote
    pub(crate) file: PathBuf,
    /// Where to write the page [default: stdout]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "Without PLUGIN it lists builds; with it, what became of one task in them: when, how \
    long, hit or run, by which code. A build in which nothing had moved is the one that it repeats, and has no line of \
    its own.")]
pub(crate) struct HistoryArgs {
    #[command(flatten)]
    pub(crate) goal: GoalArgs,
    /// List at most so many
    #[arg(short = 'n', long, default_value_t = 20, value_name = "N")]
    pub(crate) most: usize,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, Args)]
pub(crate) struct DebugArgs {
    #[command(flatten)]
    pub(crate) goal: GoalArgs,
    /// Folder for what it read and left
    #[arg(short, long, value_name = "DIR", default_value = "debug")]
    pub(crate) output: PathBuf,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

const COMPLETIONS_HELP: &str = "bash:  source <(wrun completions bash)     in ~/.bashrc
zsh:   source <(wrun completions zsh)      in ~/.zshrc, after compinit
fish:  wrun completions fish > ~/.config/fish/completions/wrun.fish";

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// Which shell
    #[arg(value_enum)]
    pub(crate) shell: ShellName,
}

/// A shell that can be taught.
#[derive(Copy, Clone, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ShellName {
    /// GNU Bash, 4.4 or newer
    Bash,
    /// Z shell
    Zsh,
    /// Fish
    Fish,
}

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Command, such as `plugin build` [default: wrun itself]
    pub(crate) command: Vec<String>,
    /// Write the pages of all commands into a folder
    #[arg(short, long, value_name = "DIR", conflicts_with = "command")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// Code, such as `unknown-task`
    pub(crate) code: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct NewArgs {
    /// Folder of the package; its last part is the package's name
    #[arg(value_name = "NAME")]
    pub(crate) dir: PathBuf,
    /// What it shall be written in
    #[arg(long, value_enum, default_value = "rust")]
    pub(crate) lang: Language,
}

#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    /// Folder of the package [default: the working directory]
    pub(crate) dir: Option<PathBuf>,
    /// Give a param of those tasks that have it
    #[arg(short, long = "param", value_name = "NAME=VALUE")]
    pub(crate) params: Vec<String>,
    /// Arguments of `cargo test`
    #[arg(last = true, value_name = "ARGS")]
    pub(crate) cargo: Vec<String>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "The last word is FROM: a file, a folder, or s3://BUCKET/PATH (all below it, where it ends \
    with `/`). What is there must be what the task declares as its outputs. What the task requires must be there \
    already, made or adopted."
)]
pub(crate) struct AdoptArgs {
    #[command(flatten)]
    pub(crate) goal: GoalArgs,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    #[command(flatten)]
    pub(crate) session: SessionArgs,
}

#[derive(Debug, Args)]
#[command(
    after_help = "In the place of PLUGIN there may be the KEY of a result, or KEY.GENERATION. Whoever has a \
    link may read the file until it expires. Only a store on S3 has links."
)]
pub(crate) struct UrlArgs {
    #[command(flatten)]
    pub(crate) goal: GoalArgs,
    /// For how long: such as `30s`, `15m`, `12h`, `7d`, which is the most
    #[arg(long, value_name = "TIME", default_value = "1h")]
    pub(crate) expires: String,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PluginCommand {
    /// Compile a Rust package to a component, reproducibly
    Build(PluginBuildArgs),
}

#[derive(Debug, Args)]
pub(crate) struct PluginBuildArgs {
    /// Folder of the package
    pub(crate) dir: PathBuf,
    /// Where to put the component [default: the package's name with `.wasm`]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

impl Command {
    /// Returns the name of a command whose help depends on what is named, and its goal.
    pub(crate) fn goal(&self) -> Option<(&'static str, &GoalArgs)> {
        Some(match self {
            Self::Build(args) => ("build", &args.goal),
            Self::Plan(args) => ("plan", &args.goal),
            Self::Get(args) => ("get", &args.goal),
            Self::Cat(args) => ("cat", &args.goal),
            Self::Ls(args) => ("ls", &args.goal),
            Self::Log(args) => ("log", &args.goal),
            Self::Debug(args) => ("debug", &args.goal),
            Self::History(args) => ("history", &args.goal),
            Self::Why(args) => ("why", &args.goal),
            Self::Verify(args) => ("verify", &args.goal),
            Self::Graph(args) => ("graph", &args.goal),
            Self::Lineage(args) => ("lineage", &args.goal),
            Self::Adopt(args) => ("adopt", &args.goal),
            Self::Url(args) => ("url", &args.goal),
            _ => return None,
        })
    }

    /// Tells whether what it prints is for reading, and may be long.
    pub(crate) fn is_long(&self) -> bool {
        let help = self.goal().is_some_and(|(_, goal)| goal.help);
        help || matches!(
            self,
            Self::Plan(_)
                | Self::List(_)
                | Self::Describe(_)
                | Self::Log(_)
                | Self::Why(_)
                | Self::History(_)
                | Self::Explain(_)
        )
    }

    /// Returns what was said about the store.
    pub(crate) fn store(&self) -> Option<&StoreArgs> {
        Some(match self {
            Self::Build(args) => &args.store,
            Self::Plan(args) => &args.store,
            Self::List(args) => &args.store,
            Self::Describe(args) => &args.store,
            Self::Get(args) => &args.store,
            Self::Cat(args) => &args.store,
            Self::Ls(args) => &args.store,
            Self::Diff(args) => &args.store,
            Self::Log(args) => &args.store,
            Self::Why(args) => &args.store,
            Self::Verify(args) => &args.store,
            Self::History(args) => &args.store,
            Self::Status(args) => &args.store,
            Self::Debug(args) => &args.store,
            Self::Doctor(args) => &args.store,
            Self::Graph(args) => &args.store,
            Self::Invalidate(args) => &args.store,
            Self::Store(StoreCommand::Check(args)) => &args.store,
            Self::Store(StoreCommand::Gc(args)) => &args.store,
            Self::Store(StoreCommand::Du(args)) => &args.store,
            Self::Store(StoreCommand::Pin(args)) => &args.store,
            Self::Lineage(args) => &args.store,
            Self::Rerun(args) => &args.store,
            Self::Adopt(args) => &args.store,
            Self::Url(args) => &args.store,
            Self::Images(args) => &args.store,
            Self::Store(StoreCommand::Push(args) | StoreCommand::Pull(args)) => &args.store,
            Self::New(_)
            | Self::Test(_)
            | Self::Report(_)
            | Self::Plugin(_)
            | Self::Explain(_)
            | Self::Completions(_)
            | Self::Man(_)
            | Self::ExitCodes => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_is_sound() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn force_takes_a_task_only_after_an_equals_sign() {
        let parse = |args: &[&str]| match Cli::try_parse_from(args).map(|cli| cli.command) {
            Ok(Command::Build(args)) => args,
            other => panic!("{other:?}"),
        };
        let args = parse(&["wrun", "build", "--force", "x.wasm", "delays"]);
        assert_eq!((args.session.force, args.goal.words), (vec![String::new()], vec!["delays".to_owned()]));
        let args = parse(&["wrun", "build", "x.wasm", "--force=delays", "--force=week"]);
        assert_eq!(args.session.force, ["delays", "week"]);
    }
}
