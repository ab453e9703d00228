//! `wrun`: arguments, rendering, exit codes.
//!
//! The only crate that prints, reads the environment, knows the time or ends the process.
//!
//! | module | holds |
//! |---|---|
//! | [`args`] | the grammar of the command line |
//! | [`commands`] | one module a command |
//! | [`config`] | wrun.toml |
//! | [`params`] | params of goals and where they come from |
//! | [`workspace`] | wrun.toml, store and plugins, opened |
//! | [`source`] | source folders in the place of components: compiled when they change |
//! | [`progress`] | events, shown: bars, lines, JSON |
//! | [`summary`] | the skip report for people |
//! | [`text`] | numbers and params as people read them |
//! | [`shell`], [`pager`] | stdout and stderr |
//! | [`complete`], [`man`], [`doctor`] | comfort: completions, man pages, what is missing |
//! | [`error`], [`exit`], [`explain`] | what goes wrong, the table of exit codes, codes and their pages |
//! | [`place`], [`publish`] | where results are; where outputs go |
//! | [`watch`] | builds again when something changes |
//! | [`env`], [`interrupt`] | the environment and the clock; Ctrl-C |

mod args;
mod commands;
mod complete;
mod config;
mod containers;
mod doctor;
mod env;
mod error;
mod exit;
mod explain;
mod interrupt;
mod man;
#[cfg(test)]
mod messages;
mod pager;
mod params;
mod place;
mod progress;
mod publish;
#[cfg(test)]
mod reference;
mod shell;
mod source;
mod summary;
mod text;
mod view;
mod watch;
mod workspace;

use args::{Cli, Command, PluginCommand, StoreCommand};
use clap::{CommandFactory as _, FromArgMatches as _};
use error::{CliError, Result};
use exit::Exit;
use explain::Code;
use shell::{Shell, warn};

/// Most of a walk is small allocations on several threads, of which the system's allocator makes twice the work.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let given: Vec<std::ffi::OsString> = std::env::args_os().collect();
    if let Some(error) = source::compile::as_rustc(&given) {
        report(&plain_shell(), &error);
        end(error.exit);
    }
    if let Some(candidates) = complete::asked(&given) {
        plain_shell().bytes(candidates.as_bytes());
        end(Exit::Ok);
    }
    let cli = match parse(&given) {
        Ok(cli) => cli,
        Err(error) => end(refuse(&plain_shell(), &error, &given)),
    };
    let shell = Shell::new(&cli.output, shell::Surroundings::read(env::var));
    match run(&shell, &cli) {
        Ok(exit) => end(exit),
        Err(error) => {
            report(&shell, &error);
            end(error.exit)
        }
    }
}

/// Understands the command line. Help is as wide as the terminal.
fn parse(given: &[std::ffi::OsString]) -> Result<Cli, clap::Error> {
    let mut command = Cli::command().term_width(plain_shell().help_width());
    Cli::from_arg_matches(&command.try_get_matches_from_mut(given)?).map_err(|error| error.format(&mut command))
}

fn run(shell: &Shell, cli: &Cli) -> Result<Exit> {
    if cli.command.is_long() {
        pager::start(shell);
    }
    if let Some((name, goal)) = cli.command.goal().filter(|(_, goal)| goal.help) {
        return match (&goal.plugin, cli.command.store()) {
            (Some(_), Some(store)) => commands::describe::help(shell, name, goal, store),
            _ => command_help(shell, name),
        };
    }
    match &cli.command {
        Command::Build(args) => commands::build::run(shell, args),
        Command::Plan(args) => commands::plan::run(shell, args),
        Command::List(args) => commands::list::run(shell, args),
        Command::Describe(args) => commands::describe::run(shell, args),
        Command::Get(args) => commands::get::run(shell, args),
        Command::Cat(args) => commands::cat::run(shell, args),
        Command::Ls(args) => commands::ls::run(shell, args),
        Command::Diff(args) => commands::diff::run(shell, args),
        Command::Log(args) => commands::log::run(shell, args),
        Command::Why(args) => commands::why::run(shell, args),
        Command::Verify(args) => commands::verify::run(shell, args),
        Command::Graph(args) => commands::graph::run(shell, args),
        Command::Lineage(args) => commands::lineage::run(shell, args),
        Command::Rerun(args) => commands::rerun::run(shell, args),
        Command::Adopt(args) => commands::adopt::run(shell, args),
        Command::Url(args) => commands::url::run(shell, args),
        Command::Report(args) => commands::report::run(shell, args),
        Command::History(args) => commands::history::run(shell, args),
        Command::Debug(args) => commands::debug::run(shell, args),
        Command::Status(args) => commands::status::run(shell, args),
        Command::New(args) => commands::new::run(shell, args),
        Command::Test(args) => commands::test::run(shell, args),
        Command::Invalidate(args) => commands::invalidate::run(shell, args),
        Command::Store(StoreCommand::Check(args)) => commands::care::check(shell, args),
        Command::Store(StoreCommand::Gc(args)) => commands::care::gc(shell, args),
        Command::Store(StoreCommand::Du(args)) => commands::care::du(shell, args),
        Command::Store(StoreCommand::Pin(args)) => commands::pin::run(shell, args),
        Command::Store(StoreCommand::Push(args)) => commands::transfer::push(shell, args),
        Command::Store(StoreCommand::Pull(args)) => commands::transfer::pull(shell, args),
        Command::Images(args) => commands::images::run(shell, args),
        Command::Plugin(PluginCommand::Build(args)) => commands::plugin::build(shell, args),
        Command::Doctor(args) => doctor::run(shell, args),
        Command::Completions(args) => complete::run(shell, args),
        Command::Man(args) => man::run(shell, args),
        Command::Explain(args) => explain::run(shell, args),
        Command::ExitCodes => {
            shell.text(&exit::table());
            Ok(Exit::Ok)
        }
    }
}

/// Prints the help of a command that names no plugin.
fn command_help(shell: &Shell, name: &str) -> Result<Exit> {
    let mut all = Cli::command().term_width(shell.help_width());
    all.build();
    if let Some(command) = all.find_subcommand_mut(name) {
        let help = command.render_help();
        shell.text(&if shell.out().0 { help.ansi().to_string() } else { help.to_string() });
    }
    Ok(Exit::Ok)
}

/// How to speak before the command line is understood.
fn plain_shell() -> Shell {
    let output = args::OutputArgs { json: false, quiet: false, verbose: false, color: args::Color::Auto };
    Shell::new(&output, shell::Surroundings::read(env::var))
}

/// Prints what the grammar refuses, or the help that was asked for.
fn refuse(shell: &Shell, error: &clap::Error, given: &[std::ffi::OsString]) -> Exit {
    use clap::error::ErrorKind as K;
    match error.kind() {
        K::DisplayHelp | K::DisplayVersion => match error.print() {
            Ok(()) => Exit::Ok,
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Exit::Ok,
            Err(_) => Exit::Store,
        },
        K::DisplayHelpOnMissingArgumentOrSubcommand => {
            warn(&error.render().to_string());
            Exit::Usage
        }
        K::InvalidUtf8 => {
            let bad = given.iter().find(|arg| arg.to_str().is_none());
            let shown = bad.map(|arg| arg.to_string_lossy().into_owned()).unwrap_or_default();
            let error = CliError::usage(format!("the argument `{}` is not UTF-8", text::plain(&shown)))
                .code(Code::NotUtf8)
                .hint("params are text; name a file of other bytes with a `path` param whose own name is UTF-8");
            report(shell, &error);
            Exit::Usage
        }
        _ => {
            report(shell, &grammar(error, given));
            Exit::Usage
        }
    }
}

/// What the grammar refuses, in the form of all other errors.
fn grammar(error: &clap::Error, given: &[std::ffi::OsString]) -> CliError {
    use clap::error::{ContextKind as C, ContextValue as V, ErrorKind as K};
    let text = error.render().to_string();
    let mut parts = text.split("\n\n");
    let first = parts.next().unwrap_or_default();
    let lines = first.trim_start_matches("error: ").lines().map(|line| text::plain(line.trim_end()));
    let mut out = CliError::usage(lines.collect::<Vec<_>>().join("\n"));
    let word = |kind| match error.get(kind) {
        Some(V::String(word)) => Some(word.clone()),
        // The likeliest is the last.
        Some(V::Strings(words)) => words.last().cloned(),
        _ => None,
    };
    // Only words of ours are shown: what else stands there may be anything.
    let command = Cli::command();
    let named = given.iter().skip(1).filter_map(|arg| arg.to_str()).find_map(|arg| command.find_subcommand(arg));
    if error.kind() == K::MissingSubcommand {
        out.message = "no command is given".to_owned();
    }
    if let (K::InvalidSubcommand, Some(wrong)) = (error.kind(), word(C::InvalidSubcommand)) {
        let there = named.unwrap_or(&command).get_subcommands().filter(|it| !it.is_hide_set());
        if let Some(near) = wrun_core::suggest::nearest(&wrong, there.map(clap::Command::get_name)) {
            return out.hint(format!("did you mean `{near}`?"));
        }
    } else if let Some(near) =
        [C::SuggestedSubcommand, C::SuggestedArg, C::SuggestedValue].into_iter().find_map(word)
    {
        return out.hint(format!("did you mean `{near}`?"));
    }
    let flag = word(C::InvalidArg).filter(|arg| error.kind() == K::UnknownArgument && arg.starts_with("--"));
    if let Some(flag) = flag {
        let name = flag.trim_start_matches('-').split('=').next().unwrap_or_default();
        return out.hint(format!("a param of a task is given with `--param {name}=VALUE`"));
    }
    let named = named.map(|command| format!(" {}", command.get_name())).unwrap_or_default();
    out = out.hint(format!("`wrun{named} --help` shows what it takes"));
    out
}

/// Prints an error: what, why, one hint. With `--json` also as a line of the data, for programs.
pub(crate) fn report(shell: &Shell, error: &CliError) {
    // Whoever wrote a command that is not understood can write another.
    let page = || format!("`wrun --explain {}` says more", error.code.word());
    let hint = error.hint.clone().or_else(|| (error.exit == Exit::Usage).then(page));
    if shell.json {
        shell.json_line(&serde_json::json!({
            "event": "error",
            "code": error.code.word(),
            "message": error.message,
            "because": error.causes,
            "hint": hint,
        }));
    }
    let style = shell.err();
    let mut out = format!("{} {}\n", style.red(format!("error[{}]:", error.code.word())), indent(&error.message));
    for cause in &error.causes {
        out += &format!("  because: {}\n", indent(cause));
    }
    if let Some(hint) = &hint {
        out += &format!("{} {}\n", style.cyan("hint:"), indent(hint));
    }
    warn(&shell.fit(&out));
}

/// Text of many lines stays below its first. Names in it may hold what a terminal would obey.
pub(crate) fn indent(text: &str) -> String {
    text::visible_lines(text.trim_end()).replace('\n', "\n    ")
}

/// Ends the process. Nothing has to be put away: what is durable is on disk, and freeing memory takes longer
/// than letting go of it.
#[expect(clippy::disallowed_methods, reason = "the one place that ends the process")]
pub(crate) fn end(exit: Exit) -> ! {
    pager::finish();
    std::process::exit(exit.code())
}
