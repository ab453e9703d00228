//! `wrun build --watch`: builds again when the source, wrun.toml or an external changes.
//!
//! Files are looked at a few times a second, by `stat`. That costs little for as many files as a build looks
//! at anyhow, works on every file system (network mounts and containers, where notifications get lost), has
//! no limit of watches, and takes what the build itself calls a change. A change counts once nothing has
//! moved for a moment, so that an editor which writes in two steps, or a checkout, starts one build.

use crate::args::BuildArgs;
use crate::commands::build;
use crate::commands::plugin_of;
use crate::config;
use crate::env;
use crate::error::Result;
use crate::exit::Exit;
use crate::explain::Code;
use crate::interrupt;
use crate::shell::Shell;
use crate::source;
use crate::source::stamp::{Quick, quick};
use crate::text::{counted, visible};
use globset::{GlobBuilder, GlobMatcher};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use wrun_build::Interrupt;
use wrun_core::event::Ignore;

/// How long nothing may move before a change counts, and the least time between two looks.
const SETTLED: Duration = Duration::from_millis(100);

/// Looking takes at most this part of the time.
const SHARE: u32 = 20;

/// Folders in which nobody edits.
const SKIPPED: &[&str] = &[".git", ".wrun", "target"];

/// What makes a path a glob, where nothing has that very name.
const MAGIC: [char; 4] = ['*', '?', '[', '{'];

/// Files and what `stat` said of each.
type Snapshot = BTreeMap<PathBuf, Option<Quick>>;

/// Builds, waits for a change, and again, until Ctrl-C.
pub(crate) fn run(shell: &Shell, args: &BuildArgs) -> Result<Exit> {
    let named = plugin_of(&args.goal)?;
    let stop = interrupt::watch(shell, Arc::new(Ignore));
    let mut roots = sources(named)?;
    let mut externals = BTreeSet::new();
    let mut first = true;
    loop {
        let began = SystemTime::now();
        let before = snapshot(roots.union(&externals));
        let built = build::once(shell, args, Some(&stop));
        if stop.stopped() {
            return Ok(Exit::Interrupted);
        }
        let known = externals.clone();
        match built {
            Ok((_, found)) => externals = found.into_iter().collect(),
            // What is wrong with the command line stays wrong; a source is about to be mended.
            Err(error) if first && error.code != Code::CompileFailed => return Err(error),
            Err(error) => crate::report(shell, &error),
        }
        first = false;
        // Of what was looked at before the build, what changed since then counts; of other files, what they
        // are now. An external that was first seen by this build may have changed after it was read.
        roots = sources(named).unwrap_or(roots);
        let mut baseline = snapshot(roots.union(&externals));
        let unsettled = externals
            .difference(&known)
            .flat_map(|root| snapshot([root]))
            .any(|(_, quick)| quick.is_some_and(|quick| quick.since(began)));
        for (path, quick) in &before {
            baseline.entry(path.clone()).and_modify(|known| *known = *quick);
        }
        if unsettled {
            continue;
        }
        let watched = counted(baseline.len() as u64, "file");
        shell.say(&format!("{}\n", shell.err().dim(format!("watching {watched}; Ctrl-C ends it"))));
        let changed = wait(shell, named, &roots, &externals, &baseline, &stop);
        if stop.stopped() {
            return Ok(Exit::Interrupted);
        }
        if let Some(changed) = changed {
            shell.say(&format!("{} {}\n", shell.err().cyan("changed:"), visible(&changed)));
        }
    }
}

/// Waits until something differs from what it was and has settled, and the plugin is there; returns what.
fn wait(
    shell: &Shell,
    named: &Path,
    roots: &BTreeSet<PathBuf>,
    externals: &BTreeSet<PathBuf>,
    baseline: &Snapshot,
    stop: &Interrupt,
) -> Option<String> {
    let mut last = baseline.clone();
    let mut told = false;
    let mut pause = SETTLED;
    while !stop.stopped() {
        std::thread::sleep(pause);
        let started = Instant::now();
        let now = snapshot(roots.union(externals));
        // A slow file system is asked less often, but Ctrl-C is heard soon.
        pause = (started.elapsed() * SHARE).clamp(SETTLED, Duration::from_secs(2));
        if let Some(gone) = gone(named) {
            if !told {
                let name = visible(&shown(&gone));
                let style = shell.err();
                shell.say(&format!(
                    "{} `{name}` is gone; the build goes on when it is back\n",
                    style.yellow("waiting:")
                ));
                told = true;
            }
            // Whatever is there when it is back is built.
            last.clear();
            continue;
        }
        if now == last && (told || now != *baseline) {
            return Some(difference(baseline, &now));
        }
        last = now;
    }
    None
}

/// Says which file changed, and how many others.
fn difference(old: &Snapshot, new: &Snapshot) -> String {
    let changed = |(path, quick): &(&PathBuf, &Option<Quick>)| new.get(*path) != Some(*quick);
    let mut paths: BTreeSet<&PathBuf> = old.iter().filter(changed).map(|(path, _)| path).collect();
    paths.extend(new.keys().filter(|path| !old.contains_key(*path)));
    let first = paths.first().map(|path| shown(path)).unwrap_or_default();
    match paths.len() {
        0 => "gone for a while, and back as it was".to_owned(),
        1 => first,
        n => format!("{first} and {}", counted(n as u64 - 1, "other file")),
    }
}

fn shown(path: &Path) -> String {
    let here = env::cwd().unwrap_or_default();
    path.strip_prefix(&here).unwrap_or(path).display().to_string()
}

/// The paths of the plugin that is named, and of all that wrun.toml names.
fn plugins(named: &Path) -> Result<(Vec<PathBuf>, Option<PathBuf>)> {
    let found = config::find_for(&env::cwd()?, Some(named))?;
    let root = found.folder.clone().map_or_else(env::cwd, Ok)?;
    let aliases = &found.config.plugins;
    let own = match named.to_str().and_then(|name| aliases.get(name)) {
        Some(path) => root.join(path),
        None => env::cwd()?.join(named),
    };
    let mut all = vec![own];
    all.extend(aliases.values().map(|path| root.join(path)));
    Ok((all, found.folder.map(|folder| folder.join(config::NAME))))
}

/// Returns the plugin if it is not there.
fn gone(named: &Path) -> Option<PathBuf> {
    let (plugins, _) = plugins(named).ok()?;
    plugins.into_iter().next().filter(|path| !path.exists())
}

/// Lists what plugins are made of: components, or the files that they were compiled of and those that an
/// author would add.
fn sources(named: &Path) -> Result<BTreeSet<PathBuf>> {
    let (plugins, config) = plugins(named)?;
    let mut all: BTreeSet<PathBuf> = config.into_iter().collect();
    for plugin in plugins {
        if !plugin.is_dir() {
            all.insert(plugin);
            continue;
        }
        all.extend(source::inputs(&plugin));
        let plugin = plugin.canonicalize().unwrap_or(plugin);
        all.extend(["Cargo.toml", "build.rs", "src"].map(|name| plugin.join(name)));
    }
    Ok(all)
}

/// Looks at files, at all below folders, and at what globs match.
fn snapshot<'a>(roots: impl IntoIterator<Item = &'a PathBuf>) -> Snapshot {
    let mut all = Snapshot::new();
    for root in roots {
        let text = root.to_string_lossy();
        if root.is_dir() {
            walk(root, None, &mut all);
        } else if let Some(at) = text.find(MAGIC).filter(|_| !root.exists()) {
            let folder = Path::new(&text[..text[..at].rfind('/').map_or(0, |slash| slash + 1)]);
            if let Ok(glob) = GlobBuilder::new(&text).literal_separator(true).build() {
                walk(folder, Some(&glob.compile_matcher()), &mut all);
            }
        } else {
            all.insert(root.clone(), quick(root));
        }
    }
    all
}

fn walk(folder: &Path, glob: Option<&GlobMatcher>, all: &mut Snapshot) {
    // What cannot be read is for the build to say.
    let Ok(entries) = folder.read_dir() else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        // A link to a folder may lead back to where it is.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            if !SKIPPED.iter().any(|skipped| path.ends_with(skipped)) {
                walk(&path, glob, all);
            }
        } else if glob.is_none_or(|glob| glob.is_match(&path)) {
            let quick = quick(&path);
            all.insert(path, quick);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn files_folders_and_globs_are_looked_at() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for name in ["a/one.csv", "a/b/two.csv", "a/two.txt", "target/x.csv", "file"] {
            std::fs::create_dir_all(at(name).parent().unwrap()).unwrap();
            std::fs::write(at(name), name).unwrap();
        }
        let names = |roots: &[&str]| -> Vec<String> {
            let roots: Vec<PathBuf> = roots.iter().map(|root| at(root)).collect();
            let all = snapshot(&roots);
            all.keys().map(|path| path.strip_prefix(dir.path()).unwrap().display().to_string()).collect()
        };
        assert_eq!(names(&["a"]), ["a/b/two.csv", "a/one.csv", "a/two.txt"]);
        assert_eq!(names(&["a/*.csv"]), ["a/one.csv"]);
        assert_eq!(names(&["**/*.csv"]), ["a/b/two.csv", "a/one.csv"]);
        assert_eq!(names(&["file", "none"]), ["file", "none"]);
        let roots = [at("a"), at("file"), at("none")];
        let old = snapshot(&roots);
        std::fs::write(at("a/three.csv"), "").unwrap();
        std::fs::write(at("none"), "").unwrap();
        let new = snapshot(&roots);
        assert!(old != new && difference(&old, &new).ends_with("three.csv and 1 other file"));
    }
}
