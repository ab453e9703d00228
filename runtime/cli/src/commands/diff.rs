//! `wrun diff`: which files of two results differ, and in which lines. Nothing is built.
//!
//! What it prints of text files is a unified diff, which `patch` reads. Other files are told by size and
//! digest.

use super::{Last, Prepared, prepare};
use crate::args::{DiffArgs, GoalArgs};
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::explain::Code;
use crate::shell::Shell;
use crate::text::{bytes, counted, visible, visible_lines};
use crate::workspace::{Need, Workspace, description};
use similar::TextDiff;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::time::Duration;
use wrun_core::digest::{ActionKey, Digest, TreeDigest};
use wrun_core::report::TaskReport;
use wrun_core::result::{ActionResult, Address};
use wrun_core::session::SessionRecord;
use wrun_core::task::task_id;
use wrun_core::tree::{Entry, EntryKind};
use wrun_store::files::{Dir, FilesError};
use wrun_store::{Blob, BlobKind, Record};

/// Larger files are told by size and digest.
const MOST_TEXT: u64 = 16 << 20;

/// After this long a diff may be longer than it has to be.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many builds are looked through for an earlier result.
const MOST_RUNS: usize = 200;

/// One of two results.
struct Side {
    /// What it is, for people.
    name: String,
    dir: Dir,
}

/// Compares.
pub(crate) fn run(shell: &Shell, args: &DiffArgs) -> Result<Exit> {
    let goal = |words: Vec<String>, params: Vec<String>| GoalArgs {
        plugin: Some(args.plugin.clone()),
        words,
        params,
        params_file: None,
        help: false,
    };
    let open = |text: Option<&str>| {
        let (task, mut params) = text.map(split).unwrap_or_default();
        params.extend(args.params.iter().cloned());
        prepare(shell, &goal(task.into_iter().collect(), params), &args.store, None, (Need::Existing, Last::Param))
    };
    let sides = match (args.a.as_deref(), args.b.as_deref()) {
        (Some(a), Some(b)) => {
            let one = |text: &str| match digest(text)? {
                Some(digest) => by_digest(&any(shell, args)?, digest),
                None => latest(&open(Some(text))?, 0),
            };
            (one(a)?, one(b)?)
        }
        (a, _) => match a.map(digest).transpose()?.flatten() {
            Some(digest) => generations(&any(shell, args)?, digest)?,
            None => {
                let prepared = open(a)?;
                match prepared.goals.calls.len() {
                    1 => with_previous(&prepared)?,
                    2 => (latest(&prepared, 0)?, latest(&prepared, 1)?),
                    n => {
                        return Err(CliError::usage(format!(
                            "a range makes {n} goals: `diff` compares two results"
                        ))
                        .hint("give a range of two, or A and B"));
                    }
                }
            }
        },
    };
    compare(shell, args, &sides.0, &sides.1)
}

/// Splits `task name=value …`. A word without `=` belongs to the value before it.
fn split(text: &str) -> (Option<String>, Vec<String>) {
    let mut task = None;
    let mut params: Vec<String> = Vec::new();
    for (i, word) in text.split(' ').enumerate() {
        let named = word.split_once('=').is_some_and(|(name, _)| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        });
        match params.last_mut() {
            _ if i == 0 && !named => task = Some(word.to_owned()).filter(|word| !word.is_empty()),
            Some(last) if !named => {
                last.push(' ');
                last.push_str(word);
            }
            _ if word.is_empty() => {}
            _ => params.push(word.to_owned()),
        }
    }
    (task, params)
}

/// Reads a whole digest; short ones are only for people.
fn digest(text: &str) -> Result<Option<Digest>> {
    if !text.starts_with("b3:") {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| {
        CliError::usage(format!("`{text}` is no whole digest"))
            .hint("`--json`, and `wrun ls -v`, print all 64 digits")
    })
}

/// The plugin and its store, where no goal is named.
fn any(shell: &Shell, args: &DiffArgs) -> Result<Workspace> {
    Workspace::open_for(shell, &args.store, None, Need::Existing, Some(&args.plugin))
}

fn records(workspace: &Workspace, key: ActionKey) -> Result<Vec<Record>> {
    Ok(workspace.runtime.block_on(workspace.store.results(&[key]))?.into_iter().next().unwrap_or_default())
}

/// Finds an output by the key of its result, else by its own digest.
fn by_digest(workspace: &Workspace, digest: Digest) -> Result<Side> {
    if let Some(record) = records(workspace, ActionKey(digest))?.pop() {
        return side(workspace, &record, digest.short().to_string());
    }
    stored(workspace, TreeDigest(digest), digest.short().to_string())
}

/// All generations of one key are of the same action: that they differ is what `verify` looks for.
fn generations(workspace: &Workspace, digest: Digest) -> Result<(Side, Side)> {
    let records = records(workspace, ActionKey(digest))?;
    let (Some(first), Some(last)) = (records.first(), records.last().filter(|_| records.len() > 1)) else {
        return Err(CliError::usage(format!(
            "there is one result of {}, and no B to compare it with",
            digest.short()
        ))
        .hint("name another key or task"));
    };
    let name = |record: &Record| format!("{} generation {}", digest.short(), record.generation);
    Ok((side(workspace, first, name(first))?, side(workspace, last, name(last))?))
}

fn side(workspace: &Workspace, record: &Record, name: String) -> Result<Side> {
    let result: ActionResult = serde_json::from_slice(&record.body).map_err(|error| {
        CliError::new(Exit::Store, format!("the result {name} cannot be read"))
            .cause(error)
            .hint("was it written by a newer wrun?")
    })?;
    match &result.inline {
        Some(inline) => Ok(Side { name, dir: Dir::inlined(inline, result.tree)? }),
        None => stored(workspace, result.tree, name),
    }
}

fn stored(workspace: &Workspace, tree: TreeDigest, name: String) -> Result<Side> {
    let dir = Dir::stored(tree, workspace.store.clone());
    match workspace.runtime.block_on(dir.fetch()) {
        Ok(()) => Ok(Side { name, dir }),
        Err(FilesError::Lost(digest)) if digest == tree.0 => {
            Err(CliError::usage(format!("the store has no result and no output {}", tree.0.short()))
                .code(Code::NoResult)
                .hint("`wrun build --json` prints the keys and outputs of goals"))
        }
        Err(error) => Err(error.into()),
    }
}

/// `task param=value …`
fn name_of(prepared: &Prepared, place: usize) -> Result<String> {
    let task = prepared.task()?;
    let params = prepared.goals.calls[place].params.display(&task.params);
    Ok(format!("{} {params}", task.name).trim_end().to_owned())
}

/// Returns the address and record of a goal's latest result.
fn latest_record(prepared: &Prepared, place: usize) -> Result<(Address, Record)> {
    let task = prepared.task()?;
    let call = &prepared.goals.calls[place];
    let plugin = &description(&prepared.plugins)?.id;
    let id = task_id(plugin, &task.name, &call.params.significant(&task.params));
    let workspace = &prepared.workspace;
    let address = workspace.runtime.block_on(workspace.store.latest(&[id]))?.into_iter().next().flatten();
    let record = match address {
        Some(address) => {
            let all = records(workspace, address.key)?;
            all.into_iter().find(|record| record.generation == address.generation).map(|record| (address, record))
        }
        None => None,
    };
    let name = name_of(prepared, place)?;
    record.ok_or_else(|| {
        CliError::new(Exit::Failed, format!("there is no result of `{name}`"))
            .code(Code::NoResult)
            .hint("`wrun build` makes one")
    })
}

fn latest(prepared: &Prepared, place: usize) -> Result<Side> {
    let (_, record) = latest_record(prepared, place)?;
    side(&prepared.workspace, &record, name_of(prepared, place)?)
}

/// Returns the last result of a task before its latest that has another output, and the latest.
fn with_previous(prepared: &Prepared) -> Result<(Side, Side)> {
    let (address, record) = latest_record(prepared, 0)?;
    let name = name_of(prepared, 0)?;
    let workspace = &prepared.workspace;
    let now = side(workspace, &record, format!("{name}, now"))?;
    let (store, runtime) = (&workspace.store, &workspace.runtime);
    let task = prepared.task()?;
    let plugin = &description(&prepared.plugins)?.id;
    let wanted = &prepared.goals.calls[0].params;
    let is_it = |report: &TaskReport| {
        report.task == task.name
            && report.plugin == *plugin
            && report.key != Some(address.key)
            && report.output.is_some_and(|output| output != now.dir.digest())
            && report.params.0.iter().all(|(name, value)| wanted.0.get(name) == Some(value))
    };
    for (_, header) in runtime.block_on(store.everyones_runs(MOST_RUNS))? {
        // A run of another version of wrun, or one whose listing is gone, has nothing to tell.
        let Ok(run) = serde_json::from_slice::<SessionRecord>(&header) else { continue };
        if !matches!(runtime.block_on(store.fetch(&[(BlobKind::Blob, run.listing)])).as_deref(), Ok([true])) {
            continue;
        }
        let listing =
            store.get(BlobKind::Blob, run.listing)?.and_then(|blob| blob.to_vec().ok()).unwrap_or_default();
        for line in listing.split(|byte| *byte == b'\n') {
            let Ok(report) = serde_json::from_slice::<TaskReport>(line) else { continue };
            let Some(key) = report.key.filter(|_| is_it(&report)) else { continue };
            let records = records(workspace, key)?;
            let Some(record) = records.last() else { continue };
            return Ok((side(workspace, record, format!("{name}, before"))?, now));
        }
    }
    Err(CliError::new(Exit::Failed, format!("the store has no other result of `{name}`"))
        .code(Code::NoResult)
        .hint("name another task, or a key, to compare it with"))
}

/// Shows how two results differ.
fn compare(shell: &Shell, args: &DiffArgs, a: &Side, b: &Side) -> Result<Exit> {
    let (old, new) = (files(&a.dir)?, files(&b.dir)?);
    let mut paths: Vec<&String> = old.keys().chain(new.keys()).collect();
    paths.sort();
    paths.dedup();
    let terminal = std::io::stdout().is_terminal();
    let (mut differ, mut same) = (0_u64, 0_u64);
    let mut out = String::new();
    if !shell.json {
        let style = shell.err();
        shell.say(&format!(
            "{} {}\n{} {}\n",
            style.red("-"),
            visible(&a.name),
            style.green("+"),
            visible(&b.name)
        ));
    }
    for path in paths {
        let (one, two) = (old.get(path), new.get(path));
        if one.map(|(_, entry)| (entry.digest, entry.kind)) == two.map(|(_, entry)| (entry.digest, entry.kind)) {
            same += 1;
            continue;
        }
        differ += 1;
        if shell.json {
            shell.json_line(&json(path, one, two));
        } else if args.stat {
            out += &stat(shell, path, one, two);
        } else {
            out += &lines(shell, args, terminal, path, one, two)?;
        }
    }
    shell.data(&out);
    if !shell.json {
        let verb = if differ == 1 { "differs" } else { "differ" };
        let rest = if same > 0 { format!(", {} the same", counted(same, "other")) } else { String::new() };
        shell.say(&format!("{} {verb}{rest}\n", counted(differ, "file")));
    }
    Ok(Exit::Ok)
}

type File = (Dir, Entry);

fn files(dir: &Dir) -> Result<BTreeMap<String, File>> {
    let mut files = BTreeMap::new();
    dir.walk(&mut |path, entry, at| {
        if entry.kind != EntryKind::Directory {
            files.insert(path.to_owned(), (at.clone(), entry.clone()));
        }
        Ok::<(), FilesError>(())
    })?;
    Ok(files)
}

fn json(path: &str, one: Option<&File>, two: Option<&File>) -> serde_json::Value {
    let side = |file: &File| serde_json::json!({"size": file.1.size, "digest": file.1.digest});
    serde_json::json!({"path": path, "a": one.map(side), "b": two.map(side)})
}

/// One line a file: what it was, and what it is.
fn stat(shell: &Shell, path: &str, one: Option<&File>, two: Option<&File>) -> String {
    let path = visible(path);
    let told = |file: &File| format!("{} {}", bytes(file.1.size), file.1.digest.short());
    let style = shell.out();
    match (one, two) {
        (Some(one), None) => format!("{} {path}  {}\n", style.red("-"), told(one)),
        (None, Some(two)) => format!("{} {path}  {}\n", style.green("+"), told(two)),
        (Some(one), Some(two)) if one.1.digest == two.1.digest => {
            let exec = matches!(two.1.kind, EntryKind::File { exec: true });
            format!("{} {path}  {} executable\n", style.yellow("~"), if exec { "now" } else { "no longer" })
        }
        (Some(one), Some(two)) => format!("{} {path}  {} → {}\n", style.yellow("~"), told(one), told(two)),
        (None, None) => String::new(),
    }
}

/// A unified diff, where both are text.
fn lines(
    shell: &Shell,
    args: &DiffArgs,
    terminal: bool,
    path: &str,
    one: Option<&File>,
    two: Option<&File>,
) -> Result<String> {
    let (Some(old), Some(new)) = (text(one)?, text(two)?) else { return Ok(stat(shell, path, one, two)) };
    if old == new {
        return Ok(stat(shell, path, one, two));
    }
    let style = shell.out();
    let path = visible(path);
    let name = |side: &str, file: Option<&File>| file.map_or("/dev/null".to_owned(), |_| format!("{side}/{path}"));
    let mut out = String::new();
    _ = writeln!(out, "{}", style.bold(format!("--- {}", name("a", one))));
    _ = writeln!(out, "{}", style.bold(format!("+++ {}", name("b", two))));
    let diff = TextDiff::configure().timeout(PATIENCE).diff_lines(old.as_str(), new.as_str());
    let unified = diff.unified_diff().context_radius(args.unified).to_string();
    for line in unified.split_inclusive('\n') {
        let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
        // A file may hold what a terminal would obey.
        let line = match terminal {
            true => visible_lines(line),
            false => line.to_owned(),
        };
        out += &match line.as_bytes().first() {
            Some(b'-') => style.red(line),
            Some(b'+') => style.green(line),
            Some(b'@') => style.cyan(line),
            _ => line,
        };
        out += end;
    }
    if !out.ends_with('\n') {
        out.push('\n');
    }
    Ok(out)
}

/// Reads a file if it is text; a file that is not there has none.
fn text(file: Option<&File>) -> Result<Option<String>> {
    let Some((dir, entry)) = file else { return Ok(Some(String::new())) };
    if entry.size > MOST_TEXT {
        return Ok(None);
    }
    let blob: Blob = dir.file(entry)?;
    let bytes = blob.to_vec().map_err(|error| {
        CliError::new(Exit::Store, format!("cannot read {} from the store", entry.digest)).cause(error)
    })?;
    Ok(String::from_utf8(bytes).ok().filter(|text| !text.contains('\0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_written_as_wrun_shows_it() {
        let words = |text: &str| {
            let (task, params) = split(text);
            (task.unwrap_or_default(), params)
        };
        let due = |task: &str, params: &[&str]| (task.to_owned(), params.iter().map(|&p| p.to_owned()).collect());
        assert_eq!(words("delays"), due("delays", &[]));
        assert_eq!(
            words("delays date=2013-01-01 source=a b.csv"),
            due("delays", &["date=2013-01-01", "source=a b.csv"])
        );
        assert_eq!(words("date=2013-01-01"), due("", &["date=2013-01-01"]));
        assert_eq!(words(""), due("", &[]));
    }
}
