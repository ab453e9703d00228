//! What may stand where: plugins, tasks, params and their values, files.

use super::Candidate;
use crate::config::{self, Config};
use crate::{env, source, workspace};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use wrun_core::param::{ParamSpec, ParamType, Visibility};
use wrun_core::task::{PluginDescription, TaskType};

/// What is known where the user is.
pub(super) struct Known {
    config: Config,
    root: PathBuf,
    cwd: PathBuf,
}

impl Known {
    /// Looks for wrun.toml; one that cannot be read counts as none.
    pub(super) fn here() -> Self {
        let cwd = env::cwd().unwrap_or_default();
        let found = config::find(&cwd).unwrap_or_default();
        Self { config: found.config, root: found.folder.unwrap_or_else(|| cwd.clone()), cwd }
    }

    /// Returns aliases, components and folders.
    pub(super) fn plugins(&self, current: &str) -> Vec<Candidate> {
        let aliases = self.config.plugins.iter();
        let mut out: Vec<Candidate> =
            aliases.map(|(alias, path)| Candidate::new(alias, path.display().to_string())).collect();
        out.extend(files(current, |path| path.extension().is_some_and(|extension| extension == "wasm")));
        out
    }

    /// Returns what a plugin says of itself. A source folder is not compiled: what was made of it last counts.
    pub(super) fn plugin(&self, named: &str) -> Option<PluginDescription> {
        let path = match self.config.plugins.get(named) {
            Some(path) => self.root.join(path),
            None => self.cwd.join(home(named)),
        };
        let path = if path.is_dir() { source::known(&path)? } else { path };
        workspace::described(&path)
    }
}

/// What may be said to a plugin.
pub(super) trait Plugin {
    /// Its tasks.
    fn tasks(&self) -> Vec<Candidate>;
    /// The next word after PLUGIN and `words`: a task, or a value by position.
    fn word(&self, words: &[String], current: &str) -> Vec<Candidate>;
    /// `NAME=VALUE`, where some are given already.
    fn params(&self, words: &[String], given: &[String], current: &str) -> Vec<Candidate>;
}

/// Returns the task that words name, and the rest of them.
fn task_of<'a, 'b>(plugin: &'a PluginDescription, words: &'b [String]) -> Option<(&'a TaskType, &'b [String])> {
    if let Some((first, rest)) = words.split_first()
        && let Some(task) = plugin.task(first)
    {
        return Some((task, rest));
    }
    Some((plugin.task(plugin.default_goal.as_deref()?)?, words))
}

impl Plugin for PluginDescription {
    fn tasks(&self) -> Vec<Candidate> {
        let doc = |task: &TaskType| task.doc.lines().next().unwrap_or_default().to_owned();
        self.tasks.iter().map(|task| Candidate::new(&task.name, doc(task))).collect()
    }

    fn word(&self, words: &[String], current: &str) -> Vec<Candidate> {
        let mut out = if words.is_empty() { self.tasks() } else { Vec::new() };
        if let Some((task, rest)) = task_of(self, words) {
            let mut positional = task.params.iter().filter(|spec| spec.positional);
            if let Some(spec) = positional.nth(rest.len()) {
                out.extend(values(spec, &spec.kind, current));
            }
        }
        out
    }

    fn params(&self, words: &[String], given: &[String], current: &str) -> Vec<Candidate> {
        let Some((task, rest)) = task_of(self, words) else { return Vec::new() };
        if let Some((name, value)) = current.split_once('=') {
            let Some(spec) = task.params.iter().find(|spec| spec.name == name) else { return Vec::new() };
            let mut found = values(spec, &spec.kind, value);
            found.iter_mut().for_each(|found| found.value = format!("{name}={}", found.value));
            return found;
        }
        let named: BTreeSet<&str> = given.iter().filter_map(|given| Some(given.split_once('=')?.0)).collect();
        let by_position: BTreeSet<&str> =
            task.params.iter().filter(|spec| spec.positional).take(rest.len()).map(|spec| &*spec.name).collect();
        let open = task.params.iter().filter(|spec| {
            let name = spec.name.as_str();
            spec.visibility == Visibility::Public && !named.contains(name) && !by_position.contains(name)
        });
        open.map(|spec| Candidate::new(format!("{}=", spec.name), about(spec))).collect()
    }
}

fn about(spec: &ParamSpec) -> String {
    let doc = spec.doc.lines().next().unwrap_or_default();
    let default = spec.default.as_ref().map(|default| format!(" [{}]", default.trim_matches('"')));
    format!("{}: {doc}{}", spec.kind, default.unwrap_or_default())
}

/// Returns values of a type that can be counted, the default first.
fn values(spec: &ParamSpec, kind: &ParamType, current: &str) -> Vec<Candidate> {
    let fixed = |values: &[&str]| values.iter().map(|value| Candidate::new(*value, "")).collect();
    let mut out: Vec<Candidate> = match kind {
        ParamType::Optional(inner) => return values(spec, inner, current),
        ParamType::Enum(choices) => choices.iter().map(|choice| Candidate::new(choice, "")).collect(),
        ParamType::Bool => fixed(&["true", "false"]),
        ParamType::Date => fixed(&["today", "yesterday"]),
        ParamType::Path => files(current, |_| true),
        _ => Vec::new(),
    };
    let default = spec.default.as_deref().and_then(|json| match serde_json::from_str(json).ok()? {
        serde_json::Value::String(text) => Some(text),
        value @ (serde_json::Value::Bool(_) | serde_json::Value::Number(_)) => Some(value.to_string()),
        _ => None,
    });
    if let Some(default) = default.filter(|default| !default.is_empty()) {
        out.retain(|candidate| candidate.value != default);
        out.insert(0, Candidate::new(default, "default"));
    }
    out
}

/// Returns folders, and those files that are wanted, which start as the text does.
pub(super) fn files(current: &str, wanted: impl Fn(&Path) -> bool) -> Vec<Candidate> {
    const MOST: usize = 1000;
    let (folder, name) = current.rsplit_once('/').map_or(("", current), |(folder, name)| (folder, name));
    let shown = if current.contains('/') { format!("{folder}/") } else { String::new() };
    let looked_at = if shown.is_empty() { PathBuf::from(".") } else { home(&shown) };
    let Ok(entries) = looked_at.read_dir() else { return Vec::new() };
    let mut out = Vec::new();
    for entry in entries.flatten() {
        let Ok(file) = entry.file_name().into_string() else { continue };
        if !file.starts_with(name) || (file.starts_with('.') && !name.starts_with('.')) {
            continue;
        }
        let path = entry.path();
        if path.is_dir() {
            out.push(Candidate::new(format!("{shown}{file}/"), ""));
        } else if wanted(&path) {
            out.push(Candidate::new(format!("{shown}{file}"), ""));
        }
        if out.len() == MOST {
            break;
        }
    }
    out.sort_by(|a, b| a.value.cmp(&b.value));
    out
}

/// Reads `~/` as a shell does.
fn home(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), env::var("HOME")) {
        (Some(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => PathBuf::from(path),
    }
}
