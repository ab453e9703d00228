//! Shell completions: `wrun completions SHELL` prints a script, which asks `wrun __complete` at each TAB.
//!
//! What is asked is never an error: where nothing is known, nothing is offered. It has to be over before a
//! person notices, so what a component says of itself is kept by the component's digest in the user's cache
//! folder, beside the compiled code; no store is opened.
//!
//! - `line.rs`: the words of a line, and how the three shells want their answers
//! - `values.rs`: what may stand where: tasks, params and their values, aliases, files

mod line;
mod values;

use crate::args::{Cli, CompletionsArgs, ShellName};
use crate::error::Result;
use crate::exit::Exit;
use crate::shell::Shell;
use crate::text::{clip, plain};
use clap::{Arg, ArgAction, Command, CommandFactory as _};
use std::ffi::OsString;
use values::{Known, Plugin};

/// One thing that may stand at the cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) value: String,
    pub(crate) about: String,
}

impl Candidate {
    fn new(value: impl Into<String>, about: impl Into<String>) -> Self {
        Self { value: value.into(), about: about.into() }
    }
}

/// Prints a script.
pub(crate) fn run(shell: &Shell, args: &CompletionsArgs) -> Result<Exit> {
    shell.data(match args.shell {
        ShellName::Bash => include_str!("wrun.bash"),
        ShellName::Zsh => include_str!("wrun.zsh"),
        ShellName::Fish => include_str!("wrun.fish"),
    });
    Ok(Exit::Ok)
}

/// Answers a script, if one asks: `wrun __complete SHELL …`.
pub(crate) fn asked(given: &[OsString]) -> Option<String> {
    let mut given = given.iter().skip(1).map(|word| word.to_string_lossy().into_owned());
    if given.next()? != "__complete" {
        return None;
    }
    let (shell, rest) = (given.next().unwrap_or_default(), given.collect::<Vec<_>>());
    let mut out = String::new();
    if shell == "bash" {
        let (breaks, text) = (rest.first().map_or("", String::as_str), rest.get(1).map_or("", String::as_str));
        let line = line::Line::parse(text);
        for candidate in candidates(&line.words, &line.current) {
            out += &line.for_bash(&candidate.value, breaks);
            out.push('\n');
        }
        return Some(out);
    }
    let (current, words) =
        rest.split_last().map_or((String::new(), Vec::new()), |(last, words)| (last.clone(), words.to_vec()));
    for candidate in candidates(&words, &current) {
        out += &plain(&candidate.value);
        if !candidate.about.is_empty() {
            out.push('\t');
            out += &clip(&plain(&candidate.about), 70);
        }
        out.push('\n');
    }
    Some(out)
}

/// What stands before the cursor, understood as far as it goes.
struct Before<'a> {
    root: &'a Command,
    command: &'a Command,
    /// Words that are no options.
    words: Vec<String>,
    /// Values of options, by id.
    options: Vec<(String, String)>,
    /// An option whose value stands at the cursor.
    open: Option<&'a Arg>,
    /// After `--` nothing is an option.
    plain: bool,
}

impl<'a> Before<'a> {
    fn new(root: &'a Command, words: &[String]) -> Self {
        let mut it =
            Self { root, command: root, words: Vec::new(), options: Vec::new(), open: None, plain: false };
        for word in words.iter().skip(1) {
            it.take(word);
        }
        it
    }

    fn take(&mut self, word: &str) {
        if let Some(arg) = self.open.take() {
            self.options.push((arg.get_id().to_string(), word.to_owned()));
        } else if self.plain {
            self.words.push(word.to_owned());
        } else if word == "--" {
            self.plain = true;
        } else if let Some(long) = word.strip_prefix("--") {
            let (name, value) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
            let subcommand = self
                .command
                .get_subcommands()
                .find(|command| command.get_long_flag().is_some_and(|flag| flag == name));
            if let Some(command) = subcommand {
                self.command = command;
            }
            let Some(arg) = self.command.get_arguments().find(|arg| arg.get_long() == Some(name)) else { return };
            match value {
                Some(value) => self.options.push((arg.get_id().to_string(), value.to_owned())),
                None if takes_value(arg) && !arg.is_require_equals_set() => self.open = Some(arg),
                None => {}
            }
        } else if let Some(shorts) = word.strip_prefix('-').filter(|shorts| !shorts.is_empty()) {
            for (at, short) in shorts.char_indices() {
                let Some(arg) = self.command.get_arguments().find(|arg| arg.get_short() == Some(short)) else {
                    return;
                };
                if takes_value(arg) {
                    match &shorts[at + short.len_utf8()..] {
                        "" => self.open = Some(arg),
                        value => {
                            let value = value.strip_prefix('=').unwrap_or(value);
                            self.options.push((arg.get_id().to_string(), value.to_owned()));
                        }
                    }
                    return;
                }
            }
        } else {
            match self.command.find_subcommand(word).filter(|_| self.words.is_empty()) {
                Some(command) => self.command = command,
                None => self.words.push(word.to_owned()),
            }
        }
    }

    /// Returns the argument that the next word is.
    fn next(&self) -> Option<&'a Arg> {
        let mut positionals = self.command.get_positionals();
        positionals.nth(self.words.len()).or_else(|| {
            let last = self.command.get_positionals().last()?;
            many(last).then_some(last)
        })
    }

    /// Returns the plugin that is named, and the words after it.
    fn plugin(&self) -> Option<(&str, &[String])> {
        let first = self.command.get_positionals().next()?;
        let (plugin, rest) = self.words.split_first()?;
        (first.get_id() == "plugin").then_some((plugin.as_str(), rest))
    }
}

fn takes_value(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Set | ArgAction::Append)
}

fn many(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Append) || arg.get_num_args().is_some_and(|n| n.max_values() > 1)
}

/// Returns what may stand at the cursor.
pub(crate) fn candidates(words: &[String], current: &str) -> Vec<Candidate> {
    let mut root = Cli::command();
    root.build();
    let before = Before::new(&root, words);
    let known = Known::here();
    let mut out = match (before.open, current.strip_prefix("--").filter(|_| !before.plain)) {
        (Some(arg), _) => of_arg(arg, &before, &known, current),
        (None, Some(long)) => match long.split_once('=') {
            Some((name, value)) => {
                let arg = before.command.get_arguments().find(|arg| arg.get_long() == Some(name));
                let mut found = arg.map(|arg| of_arg(arg, &before, &known, value)).unwrap_or_default();
                found.iter_mut().for_each(|found| found.value = format!("--{name}={}", found.value));
                found
            }
            None => options(before.command),
        },
        (None, None) if current == "-" && !before.plain => options(before.command),
        (None, None) => {
            let mut found = Vec::new();
            if before.words.is_empty() {
                let shown = before.command.get_subcommands().filter(|command| !command.is_hide_set());
                found.extend(shown.map(|command| Candidate::new(command.get_name(), about(command.get_about()))));
            }
            if let Some(arg) = before.next() {
                found.extend(of_arg(arg, &before, &known, current));
            }
            found
        }
    };
    out.retain(|candidate| candidate.value.starts_with(current));
    out
}

fn options(command: &Command) -> Vec<Candidate> {
    let shown = command.get_arguments().filter(|arg| !arg.is_hide_set());
    let long = |arg: &Arg| {
        let name = arg.get_long()?;
        let equals = if arg.is_require_equals_set() && arg.get_num_args().is_some_and(|n| n.min_values() > 0) {
            "="
        } else {
            ""
        };
        Some(Candidate::new(format!("--{name}{equals}"), about(arg.get_help())))
    };
    let mut out: Vec<Candidate> = shown.filter_map(long).collect();
    let flags = command.get_subcommands().filter_map(|sub| Some((sub.get_long_flag()?, sub)));
    out.extend(flags.map(|(flag, sub)| Candidate::new(format!("--{flag}"), about(sub.get_about()))));
    out.sort_by(|a, b| a.value.cmp(&b.value));
    out
}

fn about(text: Option<&clap::builder::StyledStr>) -> String {
    text.map(ToString::to_string).unwrap_or_default()
}

/// Returns what an argument may be.
fn of_arg(arg: &Arg, before: &Before<'_>, known: &Known, current: &str) -> Vec<Candidate> {
    let possible = arg.get_possible_values();
    if !possible.is_empty() && takes_value(arg) {
        let shown = possible.iter().filter(|value| !value.is_hide_set());
        return shown.map(|value| Candidate::new(value.get_name(), about(value.get_help()))).collect();
    }
    let name = arg.get_value_names().and_then(|names| names.first()).map_or("", |name| name.as_str());
    let plugin = || before.plugin().and_then(|(named, words)| Some((known.plugin(named)?, words)));
    match (arg.get_id().as_str(), name) {
        ("plugin", _) => known.plugins(current),
        // `wrun man`, and the help of a command.
        ("command", _) => {
            let found = before.words.iter().try_fold(before.root, |at, word| at.find_subcommand(word));
            let shown = found.into_iter().flat_map(Command::get_subcommands).filter(|sub| !sub.is_hide_set());
            shown.map(|sub| Candidate::new(sub.get_name(), about(sub.get_about()))).collect()
        }
        ("code", _) => {
            let codes = crate::explain::Code::ALL.iter();
            codes.map(|code| Candidate::new(code.word(), code.summary())).collect()
        }
        ("help", _) => Vec::new(),
        (_, "NAME=VALUE") => match plugin() {
            Some((plugin, words)) => {
                let given = before.options.iter().filter(|(option, _)| option == "params");
                plugin.params(words, &given.map(|(_, value)| value.clone()).collect::<Vec<_>>(), current)
            }
            None => Vec::new(),
        },
        ("words", _) => match plugin() {
            Some((plugin, words)) => plugin.word(words, current),
            None => Vec::new(),
        },
        (_, "TASK") | ("task" | "except" | "a" | "b", _) => match plugin() {
            Some((plugin, _)) => plugin.tasks(),
            None => Vec::new(),
        },
        (_, "DIR") | ("dir" | "store", _) => values::files(current, |_| false),
        (_, "FILE" | "PATH") => values::files(current, |_| true),
        _ => Vec::new(),
    }
}
