//! The reference in `docs/reference/`, made from the grammar of the command line, the table of exit codes and
//! the keys of wrun.toml. A test holds the committed pages to what the code says.
//!
//! Only tests see this module: the pages are for readers of the docs, `wrun --help` is for users.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a test is told by its environment to write the pages anew")]

use crate::args::Cli;
use clap::{Arg, ArgAction, Command, CommandFactory as _};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// What writes the pages anew.
const RENEW: &str = "WRUN_RENEW=1 cargo test --release -p wrun reference";

/// Keys of wrun.toml: type, default, meaning.
const KEYS: &[(&str, &str, &str, &str)] = &[
    (
        "store",
        "path",
        "`.wrun/store` beside wrun.toml",
        "folder of the store, or `s3://BUCKET/PREFIX`; `--store` and `WRUN_STORE` are stronger",
    ),
    ("cache", "path", "in the user's cache folder", "folder in front of a store on S3; `--cache` is stronger"),
    (
        "cache-size",
        "size",
        "no limit",
        "how much of the cache is kept after a build, such as `50 GiB`; `--cache-size` is stronger",
    ),
    (
        "s3",
        "table",
        "empty",
        "how to reach buckets, of the store and of externals: `region`, `profile`, `endpoint`, `path-style`; how to write \
         into the store's: `sse`, `kms-key`, `storage-class`, `conditional`",
    ),
    ("slots", "integer", "one a core", "how many tasks run at once; `-j` is stronger"),
    (
        "suspended",
        "integer",
        "5000",
        "how many tasks may wait for what they need and stay in memory; those above are run again up to where they were",
    ),
    ("salt", "string", "empty", "goes into every key: another text starts afresh; `--salt` is stronger"),
    ("timezone", "string", "the machine's", "where `today` is, such as `Europe/Berlin`"),
    (
        "roots",
        "list of paths and addresses",
        "none",
        "folders, besides that of wrun.toml, and addresses such as `s3://bucket/in/` under which plugins may name externals",
    ),
    (
        "staging",
        "address",
        "`staging` below a store on S3",
        "where containers write that are given `{out-url}`: `s3://BUCKET/PREFIX`",
    ),
    (
        "externals",
        "table of tables",
        "none",
        "by address, of all below where it ends in `/`: `digest` pins content, `pin` (`version-id`, `etag`) is what it is \
         known by instead, `by = \"reference\"` gives a task its addresses in place of bytes, `marker` names a file without \
         which it counts as missing",
    ),
    ("disabled", "list of strings", "none", "task types that are left out: *skipped by you*"),
    (
        "publish",
        "table of destinations",
        "none",
        "where the outputs of task types go after a build that succeeded: `TASK = \"DEST\"`, or `{ to = \"DEST\", layout = \
         \"flat\" }`; `\"ALIAS:TASK\"` of a plugin that is an alias. DEST is `s3://BUCKET/PATH` or `file:PATH`, with `{PARAM}`, \
         `{task}` and `{plugin}` in it",
    ),
    (
        "secrets",
        "table of sources",
        "none",
        "what containers are given as files: `NAME = { env = \"VARIABLE\" }` or `NAME = { file = \"PATH\" }`",
    ),
    (
        "plugins",
        "table of paths",
        "none",
        "aliases: a name in place of the path of a component or of a source folder",
    ),
    (
        "params",
        "table of tables",
        "none",
        "defaults of params: `[params.TASK]` of the plugin that is named, `[params.\"ALIAS:TASK\"]` of one that is an \
         alias",
    ),
];

/// Environment variables that are read. A name that ends in `_` is the start of many.
const VARIABLES: &[(&str, &str)] = &[
    ("WRUN_STORE", "folder of the store, or `s3://BUCKET/PREFIX`; `--store` is stronger"),
    ("WRUN_PARAM_", "`WRUN_PARAM_DATE=2013-01-07` gives the param `date`; `--param` and `--params` are stronger"),
    ("WRUN_PAGER", "what shows long output on a terminal, before `PAGER`; `cat` is none"),
    ("PAGER", "what shows long output on a terminal; else `less` where it is there"),
    ("http_proxy", "proxy for externals at `http://`"),
    ("HTTPS_PROXY", "proxy for externals at `https://`; `https_proxy` is stronger"),
    ("ALL_PROXY", "proxy for both, where those are not set; `all_proxy` is stronger"),
    ("NO_PROXY", "hosts between commas that are reached without a proxy; `no_proxy` is stronger"),
    ("NO_COLOR", "no colour, whatever its value; `--color` is stronger, as it is than all below"),
    ("CLICOLOR_FORCE", "anything but `0`: colour also where there is no terminal"),
    ("CLICOLOR", "`0`: no colour"),
    ("TERM", "`dumb`: no colour, no bars, no links"),
    ("CI", "no bars, no links"),
    ("GITHUB_ACTIONS", "`true`: as `CI`, and logs in groups that fold"),
    ("FORCE_HYPERLINK", "`0`: no links on a terminal; anything else: links, even if it is not known to have them"),
    ("TERM_PROGRAM", "with `VTE_VERSION` and the like: whether the terminal is known to have links"),
    ("VTE_VERSION", "as `TERM_PROGRAM`"),
    ("LC_ALL", "before `LC_CTYPE` and `LANG`: a locale without UTF-8 has ASCII in place of bars, arrows and dots"),
    ("XDG_CACHE_HOME", "the user's cache folder, before `.cache` in `HOME`"),
    ("HOME", "where the user's cache folder is"),
    ("USER", "who disowns or pins results; `--author` is stronger"),
    ("LOGNAME", "as `USER`, where that is not set"),
    ("PATH", "where tools are found"),
    ("TMPDIR", "where `wrun test` has its throw-away store; else `/tmp`"),
    ("CARGO", "the cargo that compiles source folders; else the first of `PATH`"),
    ("CARGO_HOME", "as cargo has it"),
    ("RUSTUP_HOME", "as rustup has it"),
    ("AWS_", "credentials, profile and region for a store on S3, as every AWS program has them"),
    (
        "DOCKER_",
        "`DOCKER_HOST`, `DOCKER_CONTEXT`, `DOCKER_CONFIG`: the container engine and credentials, as Docker has them",
    ),
    ("XDG_RUNTIME_DIR", "where rootless engines have their sockets"),
    ("CARGO_MANIFEST_DIR", "where wrun stands in for rustc: set by cargo"),
];

fn page(title: &str, text: &str) -> String {
    format!(
        "<!-- Made by a test from the source; `{RENEW}` writes it anew. -->\n\n# {title}\n\n{}\n",
        text.trim_end()
    )
}

fn config() -> String {
    let mut out = String::from(
        "wrun.toml is looked for from the working directory upwards. What it says is a default: the command line and \
         the environment are stronger. Relative paths start at its folder. A key that is not in this table is an \
         error.\n\n| key | type | default | meaning |\n|---|---|---|---|\n",
    );
    for (key, kind, default, meaning) in KEYS {
        _ = writeln!(out, "| `{key}` | {kind} | {default} | {meaning} |");
    }
    let doc = include_str!("config.rs");
    let lines = doc.lines().skip_while(|line| !line.contains("```toml")).skip(1);
    let example: Vec<&str> = lines
        .take_while(|line| !line.contains("```"))
        .map(|line| line.trim_start_matches("//!").strip_prefix(' ').unwrap_or_default())
        .collect();
    _ = writeln!(
        out,
        "\n```toml\n{}\n```\n\n## Environment\n\n| variable | meaning |\n|---|---|",
        example.join("\n")
    );
    for (name, meaning) in VARIABLES {
        let name = if name.ends_with('_') { format!("{name}…") } else { (*name).to_owned() };
        _ = writeln!(out, "| `{name}` | {meaning} |");
    }
    page("Configuration", &out)
}

fn exit_codes() -> String {
    let mut out = String::from("| code | name | when |\n|--:|---|---|\n");
    for (code, name, when) in crate::exit::TABLE {
        _ = writeln!(out, "| {code} | {name} | {when} |");
    }
    out += "\nThe same numbers for every command. `wrun exit-codes` prints this table.\n";
    page("Exit codes", &out)
}

fn commands() -> String {
    let mut all = Cli::command();
    all.build();
    let mut out = String::from("Every command takes these:\n\n");
    options(&all, &mut out, |arg| arg.is_global_set());
    let (mut list, mut rest) = (String::new(), String::new());
    for command in all.get_subcommands_mut() {
        section(command, "wrun", &mut list, &mut rest);
    }
    page("Commands", &format!("{list}\n{out}{rest}"))
}

/// Adds a command to the list, and what there is to say of it to the rest.
fn section(command: &mut Command, above: &str, list: &mut String, out: &mut String) {
    if command.is_hide_set() || command.get_name() == "help" {
        return;
    }
    let name = format!("{above} {}", command.get_name());
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    if command.has_subcommands() {
        return command.get_subcommands_mut().for_each(|inner| section(inner, &name, list, out));
    }
    _ = writeln!(list, "- [`{name}`](#{}): {about}", name.replace(' ', "-"));
    let about = command.get_long_about().map_or(about, ToString::to_string);
    let usage = command.render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").trim();
    _ = writeln!(out, "\n## {name}\n\n{}.\n\n```text\n{usage}\n```\n", about.trim_end_matches('.'));
    for arg in command.get_positionals().filter(|arg| !arg.is_hide_set()) {
        _ = writeln!(out, "- `{}`: {}", names(arg), help(arg));
    }
    options(command, out, |arg| !arg.is_global_set());
    if let Some(after) = command.get_after_help() {
        _ = writeln!(out, "\n{}", after.to_string().trim_end());
    }
}

fn options(command: &Command, out: &mut String, wanted: impl Fn(&Arg) -> bool) {
    let shown = command.get_arguments().filter(|arg| !arg.is_positional() && !arg.is_hide_set() && wanted(arg));
    for arg in shown.filter(|arg| !matches!(arg.get_id().as_str(), "help" | "version")) {
        _ = writeln!(out, "- `{}`: {}", names(arg), help(arg));
    }
}

fn names(arg: &Arg) -> String {
    let value = arg.get_value_names().and_then(|names| names.first()).map(ToString::to_string).unwrap_or_default();
    if arg.is_positional() {
        return value;
    }
    let short = arg.get_short().map(|short| format!("-{short}"));
    let long = arg.get_long().map(|long| format!("--{long}"));
    let mut text = [short, long].into_iter().flatten().collect::<Vec<_>>().join(", ");
    if matches!(arg.get_action(), ArgAction::Set | ArgAction::Append) {
        let optional = arg.get_num_args().is_some_and(|range| range.min_values() == 0);
        text += &if optional { format!("[={value}]") } else { format!(" {value}") };
    }
    text
}

fn help(arg: &Arg) -> String {
    let text = arg.get_long_help().or(arg.get_help()).map(ToString::to_string).unwrap_or_default();
    let mut text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let takes_value = matches!(arg.get_action(), ArgAction::Set | ArgAction::Append);
    let values: Vec<String> = arg
        .get_possible_values()
        .iter()
        .filter(|v| !v.is_hide_set())
        .map(|v| format!("`{}`", v.get_name()))
        .collect();
    if takes_value && !values.is_empty() {
        _ = write!(text, " ({})", values.join(", "));
    }
    let default: Vec<String> = arg.get_default_values().iter().map(|v| v.to_string_lossy().into_owned()).collect();
    if takes_value && !default.is_empty() && !arg.is_hide_default_value_set() {
        _ = write!(text, " [default: `{}`]", default.join(" "));
    }
    text
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference")
}

/// Holds a committed page to what the code says.
#[track_caller]
fn holds(name: &str, due: &str) {
    let path = folder().join(name);
    if std::env::var_os("WRUN_RENEW").is_some() {
        std::fs::create_dir_all(folder()).unwrap();
        return std::fs::write(&path, due).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    if there == due {
        return;
    }
    let at = there.lines().zip(due.lines()).take_while(|(there, due)| there == due).count();
    let line = |text: &str| text.lines().nth(at).unwrap_or("(the end)").to_owned();
    panic!(
        "docs/reference/{name} is stale, from line {}:\n  there: {}\n  due:   {}\nhint: `{RENEW}` writes it anew",
        at + 1,
        line(&there),
        line(due)
    );
}

#[test]
fn commands_are_what_the_grammar_says() {
    holds("commands.md", &commands());
}

#[test]
fn exit_codes_are_those_of_the_table() {
    holds("exit-codes.md", &exit_codes());
}

#[test]
fn configuration_has_every_key_and_every_variable() {
    let named: Vec<&str> = KEYS.iter().map(|key| key.0).collect();
    assert_eq!(named, crate::config::KEYS);
    let mut read = Vec::new();
    variables(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut read);
    for name in read {
        let known =
            VARIABLES.iter().any(|(known, _)| *known == name || known.ends_with('_') && name.starts_with(known));
        assert!(known, "`{name}` is read and is not in VARIABLES of runtime/cli/src/reference.rs");
    }
    holds("config.md", &config());
}

/// Lists the variables that the source reads by name.
fn variables(folder: &Path, out: &mut Vec<String>) {
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            variables(&path, out);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            for (at, _) in text.match_indices("(\"") {
                let reads = ["var", "text", "is", "on"].iter().any(|call| text[..at].ends_with(call));
                let name = text[at + 2..].split('"').next().unwrap_or_default();
                let shouted = name.len() > 1 && name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
                out.extend((reads && shouted).then(|| name.to_owned()));
            }
        }
    }
}
