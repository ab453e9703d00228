//! `wrun invalidate`: disowns results, so that the next build makes them again.

use crate::args::InvalidateArgs;
use crate::env;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::explain::Code;
use crate::shell::{Shell, warn};
use crate::text::{counted, plain};
use crate::workspace::{Need, Workspace, description};
use jiff::civil;
use jiff::tz::TimeZone;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::IsTerminal as _;
use wrun_build::care::{Catalog, choose, downstream};
use wrun_build::tombstones::{Decision, Entry, Pattern, Predicate, Tombstones, append};
use wrun_core::digest::{ActionKey, ComponentDigest, Digest, TreeDigest};
use wrun_core::result::Address;

/// So many addresses make one entry, at most.
const TOGETHER: usize = 1000;

/// Disowns, undoes, or lists.
pub(crate) fn run(shell: &Shell, args: &InvalidateArgs) -> Result<Exit> {
    if args.store.offline {
        return Err(CliError::usage("`--offline`: what is disowned has to be said where everybody reads it")
            .hint("leave `--offline` out"));
    }
    let named = args.plugin.as_deref();
    let workspace = Workspace::open_for(shell, &args.store, None, Need::Existing, named)?;
    if args.list {
        return list(shell, &workspace);
    }
    let decision = |reason: &str| Decision::new(reason, &author(args.author.as_deref()), now());
    if let Some(number) = args.undo {
        return undo(shell, &workspace, number, decision(args.reason.as_deref().unwrap_or_default()));
    }
    let predicate = predicate(args, &workspace)?;
    let Some(reason) = args.reason.as_deref().filter(|reason| !reason.trim().is_empty()) else {
        return Err(CliError::usage("no reason is given").hint("say why with `--reason TEXT`: others will ask"));
    };
    let (catalog, chosen) = workspace.runtime.block_on(choose(&workspace.store, &predicate))?;
    let more = if args.downstream { downstream(&catalog, &chosen) } else { BTreeSet::new() };
    show(shell, &workspace, &catalog, &chosen, "chosen");
    show(shell, &workspace, &catalog, &more, "downstream");
    if chosen.is_empty() && !args.yes {
        return Err(CliError::new(Exit::Failed, "no live result of this store is like that")
            .code(Code::NoneChosen)
            .hint(
                "with `--yes` it is written all the same, for results that are yet to come from other machines",
            ));
    }
    if !args.yes && !agreed(&chosen, &more)? {
        shell.say("nothing was written\n");
        return Ok(Exit::Ok);
    }
    let mut entries = vec![Decision { disown: Some(predicate), ..decision(reason) }];
    let more: Vec<Address> = more.into_iter().collect();
    let of = |part: &[Address]| Decision { results: part.to_vec(), ..decision(reason) };
    entries.extend(more.chunks(TOGETHER).map(of));
    let mut numbers = Vec::new();
    for entry in &entries {
        numbers.push(workspace.runtime.block_on(append(&*workspace.store, entry.encode()))?);
    }
    if shell.json {
        numbers.iter().for_each(|number| shell.json_line(&serde_json::json!({"tombstone": number})));
    }
    let undo = numbers.iter().map(|number| format!("`wrun invalidate --undo {number}`")).collect::<Vec<_>>();
    shell.say(&format!(
        "disowned {}: {} {} it back\n",
        counted((chosen.len() + more.len()) as u64, "result"),
        undo.join(", "),
        if undo.len() == 1 { "takes" } else { "take" },
    ));
    Ok(Exit::Ok)
}

fn now() -> i64 {
    env::now().as_millisecond()
}

/// Returns who says so.
pub(crate) fn author(given: Option<&str>) -> String {
    let user = env::var("USER").or_else(|| env::var("LOGNAME")).and_then(|name| name.into_string().ok());
    given.map(str::to_owned).or(user).unwrap_or_else(|| "unknown".into())
}

/// Reads `KEY` or `KEY.GENERATION`.
pub(crate) fn address(text: &str) -> Result<(ActionKey, Option<u32>)> {
    let (key, generation) = match text.split_once('.') {
        Some((key, generation)) => (key, Some(generation)),
        None => (text, None),
    };
    let number = generation.map(str::parse).transpose().map_err(|_| {
        CliError::usage(format!("`{}` is no generation of a key", plain(text))).hint("write KEY.0, or KEY alone")
    })?;
    Ok((ActionKey(digest("KEY", key)?), number))
}

fn digest(what: &str, text: &str) -> Result<Digest> {
    text.parse().map_err(|_| {
        CliError::usage(format!("`{}`, given as {what}, is no whole digest", plain(text)))
            .hint("`--json` prints all 64 digits")
    })
}

fn predicate(args: &InvalidateArgs, workspace: &Workspace) -> Result<Predicate> {
    let zone = workspace.now().time_zone().clone();
    let mut out = Predicate {
        plugin: args.plugin.as_deref().map(|plugin| plugin_id(args, workspace, plugin)).transpose()?,
        task: args.task.clone(),
        component: args.component.as_deref().map(|it| digest("--component", it)).transpose()?.map(ComponentDigest),
        input: args.input.as_deref().map(|it| digest("--input", it)).transpose()?.map(TreeDigest),
        key: args.key.as_deref().map(|it| digest("--key", it)).transpose()?.map(ActionKey),
        since: args.since.as_deref().map(|it| time(it, &zone, false)).transpose()?,
        until: args.until.as_deref().map(|it| time(it, &zone, true)).transpose()?,
        ..Predicate::default()
    };
    for given in &args.params {
        let Some((name, value)) = given.split_once('=') else {
            return Err(CliError::usage(format!("`--param {}` has no value", plain(given)))
                .code(Code::BadParams)
                .hint("write `--param NAME=VALUE`"));
        };
        let pattern = match value.split_once("..") {
            Some((from, to)) if !from.is_empty() && !to.is_empty() => Pattern::Range(from.into(), to.into()),
            _ if value.contains(['*', '?', '[', '{']) => Pattern::Glob(value.to_owned()),
            _ => Pattern::Is(value.to_owned()),
        };
        out.params.insert(name.to_owned(), pattern);
    }
    if out == Predicate::default() {
        return Err(CliError::usage("nothing says which results are meant").hint(
            "name a PLUGIN and a TASK, or give `--param`, `--component`, `--input`, `--key`, `--since`, `--until`",
        ));
    }
    if !out.is_sound() {
        let bad = out.params.values().find(|pattern| matches!(pattern, Pattern::Glob(_)));
        let bad = bad.map(ToString::to_string).unwrap_or_default();
        return Err(CliError::usage(format!("`{}` is not a glob", plain(&bad)))
            .code(Code::BadGlob)
            .hint("close every bracket"));
    }
    Ok(out)
}

/// Returns the id of a plugin that is named by a path, an alias, or its id.
fn plugin_id(args: &InvalidateArgs, workspace: &Workspace, plugin: &std::path::Path) -> Result<String> {
    let text = plugin.to_str().unwrap_or_default();
    let alias = workspace.config.plugins.contains_key(text);
    if !alias && !workspace.cwd.join(plugin).exists() && !text.contains(['/', '.']) {
        return Ok(text.to_owned());
    }
    let plugins = workspace.plugins(plugin)?;
    let described = description(&plugins)?;
    match &args.task {
        Some(task) if described.task(task).is_none() => Err(super::unknown_task(described, task, plugin)),
        _ => Ok(described.id.clone()),
    }
}

/// Reads a time; the end of a date is the end of its day.
fn time(text: &str, zone: &TimeZone, end: bool) -> Result<i64> {
    let wrong = || {
        CliError::usage(format!("`{}` is not a time", plain(text)))
            .code(Code::BadValue)
            .hint("write `2013-01-07`, `2013-01-07T05:30`, or with a zone `2013-01-07T05:30:00Z`")
    };
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        return Ok(instant.as_millisecond());
    }
    let civil = match text.parse::<civil::Date>() {
        Ok(date) if !text.contains('T') && end => {
            let next =
                date.tomorrow().map_err(|_| wrong())?.to_zoned_datetime(zone.clone()).map_err(|_| wrong())?;
            return Ok(next.timestamp().as_millisecond() - 1);
        }
        Ok(date) if !text.contains('T') => date.to_datetime(civil::Time::midnight()),
        _ => text.parse::<civil::DateTime>().map_err(|_| wrong())?,
    };
    Ok(civil.to_zoned_datetime(zone.clone()).map_err(|_| wrong())?.timestamp().as_millisecond())
}

fn when(milliseconds: i64, zone: &TimeZone) -> String {
    let then = jiff::Timestamp::from_millisecond(milliseconds).unwrap_or_default().to_zoned_datetime(zone.clone());
    then.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// Lists results.
fn show(shell: &Shell, workspace: &Workspace, catalog: &Catalog, which: &BTreeSet<Address>, why: &str) {
    let mut all: Vec<_> = which.iter().filter_map(|address| catalog.results.get(address)).collect();
    all.sort_by_key(|known| (&known.plugin, &known.task, known.params.display(&[]), known.address));
    let zone = workspace.now().time_zone().clone();
    let mut out = String::new();
    for known in all {
        if shell.json {
            shell.json_line(&serde_json::json!({
                "result": why, "address": known.address, "plugin": known.plugin, "task": known.task,
                "params": known.params, "started": known.started,
            }));
            continue;
        }
        let params = known.params.display(&[]);
        let name = format!("{}:{} {params}", known.plugin, known.task);
        let style = shell.out();
        let mark = if why == "chosen" { String::new() } else { format!("  {why}") };
        let made = style.dim(when(known.started, &zone));
        _ = writeln!(out, "{made}  {}{}", plain(name.trim_end()), style.yellow(mark));
    }
    shell.text(&out);
}

/// Asks.
fn agreed(chosen: &BTreeSet<Address>, more: &BTreeSet<Address>) -> Result<bool> {
    if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
        return Err(CliError::usage("nobody can be asked here whether that is meant")
            .hint("look at the list, then say `--yes`"));
    }
    let below = if more.is_empty() { String::new() } else { format!(", and {} made of them", more.len()) };
    warn(&format!("disown {}{below}? [y/N] ", counted(chosen.len() as u64, "result")));
    let mut line = String::new();
    let read = std::io::stdin().read_line(&mut line);
    Ok(read.is_ok() && matches!(line.trim(), "y" | "Y" | "yes"))
}

/// Takes back an earlier entry.
fn undo(shell: &Shell, workspace: &Workspace, number: u64, decision: Decision) -> Result<Exit> {
    let mut tombstones = Tombstones::default();
    workspace.runtime.block_on(tombstones.refresh_unjudged(&*workspace.store))?;
    let Some((_, _, undone)) = tombstones.entries().find(|(known, ..)| *known == number) else {
        return Err(CliError::usage(format!("there is no entry {number}"))
            .code(Code::NoneChosen)
            .hint("`wrun invalidate --list` shows them"));
    };
    if undone {
        return Err(CliError::usage(format!("the entry {number} was undone already"))
            .code(Code::NoneChosen)
            .hint("to undo that, name the entry that undid it: `wrun invalidate --list` shows it"));
    }
    let body = Decision { undo: Some(number), ..decision }.encode();
    let own = workspace.runtime.block_on(append(&*workspace.store, body))?;
    if shell.json {
        shell.json_line(&serde_json::json!({"tombstone": own}));
    }
    shell.say(&format!("entry {number} is undone, by entry {own}\n"));
    Ok(Exit::Ok)
}

/// Lists all entries.
fn list(shell: &Shell, workspace: &Workspace) -> Result<Exit> {
    let mut tombstones = Tombstones::default();
    workspace.runtime.block_on(tombstones.refresh_unjudged(&*workspace.store))?;
    let zone = workspace.now().time_zone().clone();
    let mut out = String::new();
    for (number, entry, undone) in tombstones.entries() {
        if shell.json {
            let entry = match entry {
                Entry::One(one) => serde_json::json!(one),
                Entry::Decided(decided) => serde_json::json!(decided),
                Entry::Unknown => serde_json::Value::Null,
            };
            shell.json_line(&serde_json::json!({"tombstone": number, "undone": undone, "entry": entry}));
            continue;
        }
        let (time, what) = match entry {
            Entry::One(one) => {
                let why = serde_json::to_value(one.why).ok();
                let why = why.as_ref().and_then(|why| why.as_str()).unwrap_or_default().to_owned();
                (when(one.time, &zone), format!("{}.{}  {why}", one.address.key, one.address.generation))
            }
            Entry::Decided(it) => {
                let by = format!("  {}  by {}", it.reason, it.author);
                (when(it.time, &zone), decided(it, &zone) + &by)
            }
            Entry::Unknown => ("-".into(), "nothing that this wrun can judge: no build goes on".into()),
        };
        let undone = if undone { shell.out().yellow("  undone") } else { String::new() };
        _ = writeln!(out, "{number:>4}  {}  {}{undone}", shell.out().dim(time), plain(&what));
    }
    shell.text(&out);
    Ok(Exit::Ok)
}

/// Says what an entry is about.
fn decided(it: &Decision, zone: &TimeZone) -> String {
    if let Some(number) = it.undo {
        return format!("undoes {number}");
    }
    let Some(predicate) = &it.disown else { return counted(it.results.len() as u64, "result") };
    let mut parts = Vec::new();
    let of = match (&predicate.plugin, &predicate.task) {
        (Some(plugin), Some(task)) => format!("{plugin}:{task}"),
        (Some(plugin), None) => format!("{plugin}:*"),
        (None, Some(task)) => task.clone(),
        (None, None) => String::new(),
    };
    parts.extend(Some(of).filter(|of| !of.is_empty()));
    parts.extend(predicate.params.iter().map(|(name, pattern)| format!("{name}={pattern}")));
    parts.extend(predicate.component.map(|it| format!("component {}", it.0.short())));
    parts.extend(predicate.input.map(|it| format!("input {}", it.0.short())));
    parts.extend(predicate.key.map(|it| format!("key {}", it.0.short())));
    parts.extend(predicate.since.map(|it| format!("since {}", when(it, zone))));
    parts.extend(predicate.until.map(|it| format!("until {}", when(it, zone))));
    parts.join(", ")
}
