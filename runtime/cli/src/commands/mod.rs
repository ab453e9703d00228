//! One module a command; what they share is here: from arguments to goals, options and a session's setup.

pub(crate) mod adopt;
pub(crate) mod build;
pub(crate) mod care;
pub(crate) mod cat;
pub(crate) mod debug;
pub(crate) mod describe;
pub(crate) mod diff;
pub(crate) mod get;
pub(crate) mod graph;
pub(crate) mod history;
pub(crate) mod images;
pub(crate) mod invalidate;
pub(crate) mod lineage;
pub(crate) mod list;
pub(crate) mod log;
pub(crate) mod ls;
pub(crate) mod new;
pub(crate) mod pin;
pub(crate) mod plan;
pub(crate) mod plugin;
pub(crate) mod report;
pub(crate) mod rerun;
pub(crate) mod results;
pub(crate) mod status;
pub(crate) mod test;
pub(crate) mod transfer;
pub(crate) mod url;
pub(crate) mod verify;
pub(crate) mod why;

use crate::args::{GoalArgs, SessionArgs, StoreArgs};
use crate::env;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::explain::Code;
use crate::params::{self, Goals, Sources};
use crate::shell::Shell;
use crate::workspace::{Need, Workspace, description};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use wrun_build::{Force, Options, Outcome, Plugin, Setup};
use wrun_core::event::Sink;
use wrun_core::param::Value;
use wrun_core::suggest::nearest;
use wrun_core::task::{PluginDescription, TaskType};
use wrun_store::lock::Locks;

/// A command that knows its goals.
pub(crate) struct Prepared {
    pub(crate) workspace: Workspace,
    pub(crate) plugins: Vec<Plugin>,
    pub(crate) goals: Goals,
    pub(crate) options: Options,
    /// Words that are no params, for a command that takes one.
    pub(crate) rest: Vec<String>,
}

/// Whether a command takes one more word than params.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Last {
    Param,
    Path,
}

/// Resolves what a command is about.
pub(crate) fn prepare(
    shell: &Shell,
    goal: &GoalArgs,
    store: &StoreArgs,
    session: Option<&SessionArgs>,
    (need, last): (Need, Last),
) -> Result<Prepared> {
    let named = plugin_of(goal)?;
    let workspace =
        Workspace::open_for(shell, store, session.and_then(|session| session.slots), need, Some(named))?;
    let plugins = workspace.plugins(named)?;
    let description = description(&plugins)?;
    let (task, mut words) = task_of(description, &goal.words, named)?;
    let mut rest = Vec::new();
    if last == Last::Path {
        let due = params::words_due(task, &goal.params, goal.params_file.as_deref())?;
        rest = words.split_off(due.min(words.len()));
    }
    let now = workspace.now();
    let mut notes = Vec::new();
    let defaults = defaults(&workspace, &plugins, &now, &mut notes)?;
    let none = BTreeMap::new();
    let sources = Sources {
        words: &words,
        flags: &goal.params,
        file: goal.params_file.as_deref(),
        env: &env::var,
        config: defaults.get(&(String::new(), task.name.clone())).unwrap_or(&none),
        now: &now,
    };
    let goals = params::goals(task, &sources)?;
    notes.iter().chain(&goals.notes).for_each(|note| shell.note(note));
    let mut options = Options::new(workspace.slots, now.timestamp());
    options.most_suspended = workspace.config.suspended.unwrap_or(options.most_suspended);
    options.salt = workspace.config.salt.clone().unwrap_or_default();
    options.disabled = workspace.config.disabled.clone();
    options.defaults = defaults;
    options.given_paths = goals.paths.clone();
    options.externals = workspace.config.externals.clone();
    if let Some(session) = session {
        options.except = session.except.clone();
        if let Some(salt) = &session.salt {
            options.salt.clone_from(salt);
        }
        options.force = force(&session.force, &plugins)?;
    }
    Ok(Prepared { workspace, plugins, goals, options, rest })
}

impl Prepared {
    /// Makes what sessions share.
    pub(crate) fn setup(&self, sink: Arc<dyn Sink>) -> Result<Setup> {
        let root = self.workspace.store.local_root();
        let containers = crate::containers::docker(&self.workspace, &sink)?;
        Ok(Setup {
            containers: Some(containers),
            plugins: self.plugins.clone(),
            store: self.workspace.store.clone(),
            locks: root.map(|root| Locks::open(&root)).transpose()?,
            root: self.workspace.root.clone(),
            roots: self.workspace.config.roots.clone(),
            sources: self.workspace.sources.clone(),
            sink,
            machine: wrun_plugin::machine(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        })
    }

    /// Returns the task type of the goals.
    pub(crate) fn task(&self) -> Result<&TaskType> {
        let name = self.goals.calls.first().map(|call| call.task.as_str()).unwrap_or_default();
        let task = description(&self.plugins)?.task(name);
        task.ok_or_else(|| CliError::new(Exit::Internal, format!("the task `{name}` is gone")))
    }
}

/// Returns the plugin that was named.
pub(crate) fn plugin_of(goal: &GoalArgs) -> Result<&Path> {
    goal.plugin.as_deref().ok_or_else(|| {
        CliError::usage("no PLUGIN is named").code(Code::NoPlugin).hint(
            if Path::new("src/lib.rs").is_file() && Path::new("Cargo.toml").is_file() {
                "`.` is the plugin whose source this folder is"
            } else {
                "name a component file, a source folder, or an alias under [plugins] of wrun.toml"
            },
        )
    })
}

/// Splits words into the task and what is given by position. Where the plugin has a default goal, a first
/// word that is no task but a value of that goal's first positional param is one.
pub(crate) fn task_of<'a>(
    plugin: &'a PluginDescription,
    words: &[String],
    named: &Path,
) -> Result<(&'a TaskType, Vec<String>)> {
    let default = plugin.default_goal.as_deref().and_then(|goal| plugin.task(goal));
    let Some(first) = words.first() else {
        let listed = || format!("`wrun list {}` shows its tasks", named.display());
        return default.map(|task| (task, Vec::new())).ok_or_else(|| {
            CliError::usage(format!("`{}` has no default goal, and no TASK is named", plugin.id))
                .code(Code::NoTask)
                .hint(listed())
        });
    };
    if let Some(task) = plugin.task(first) {
        return Ok((task, words[1..].to_vec()));
    }
    if let Some(task) = default
        && let Some(spec) = task.params.iter().find(|spec| spec.positional)
        && !matches!(spec.kind, wrun_core::param::ParamType::String | wrun_core::param::ParamType::Path)
        && (spec.kind.parse_text(first).is_some() || first.contains("..") || first.starts_with("today"))
    {
        return Ok((task, words.to_vec()));
    }
    Err(unknown_task(plugin, first, named))
}

/// A task that a plugin does not have.
pub(crate) fn unknown_task(plugin: &PluginDescription, task: &str, named: &Path) -> CliError {
    let error = CliError::usage(format!("`{}` has no task `{task}`", plugin.id)).code(Code::UnknownTask);
    match nearest(task, plugin.tasks.iter().map(|task| task.name.as_str())) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None if task.contains('=') => error.hint(format!("did you mean `--param {task}`?")),
        None => error.hint(format!("`wrun list {}` shows its tasks", named.display())),
    }
}

/// Makes canonical what wrun.toml says of task types, by alias and task.
fn defaults(
    workspace: &Workspace,
    plugins: &[Plugin],
    now: &jiff::ZonedDateTime,
    notes: &mut Vec<String>,
) -> Result<BTreeMap<(String, String), BTreeMap<String, Value>>> {
    let mut out: BTreeMap<(String, String), BTreeMap<String, Value>> = BTreeMap::new();
    for (section, table) in &workspace.config.params {
        let (alias, name) = section.split_once(':').unwrap_or(("", section));
        let Some(plugin) = plugins.iter().find(|plugin| plugin.alias == alias) else { continue };
        let description = plugin.planner.description();
        let Some(task) = description.task(name) else {
            // A section without alias may be meant for another plugin; one that is nearly right is not.
            let near = nearest(name, description.tasks.iter().map(|task| task.name.as_str()));
            if alias.is_empty() && near.is_none() {
                continue;
            }
            let elsewhere = plugins.iter().any(|plugin| plugin.planner.description().task(name).is_some());
            if alias.is_empty() && elsewhere {
                continue;
            }
            let error = CliError::usage(format!(
                "wrun.toml has [params.\"{section}\"], but `{}` has no task `{name}`",
                description.id
            ))
            .code(Code::BadConfig);
            let listed = description.tasks.iter().map(|task| task.name.as_str()).collect::<Vec<_>>();
            return Err(error.hint(near.map_or_else(
                || format!("it has {}", crate::config::list(&listed)),
                |near| format!("did you mean `{near}`?"),
            )));
        };
        let values = params::config_values(task, section, table, now, notes)?;
        out.insert((alias.to_owned(), name.to_owned()), values);
    }
    // What is said of an alias holds for the plugin too that is named by its path.
    let own: Vec<_> = plugins.iter().skip(1).filter(|plugin| plugin.component == plugins[0].component).collect();
    for plugin in own {
        let said: Vec<_> = out
            .iter()
            .filter(|((alias, _), _)| *alias == plugin.alias)
            .map(|((_, task), values)| (task.clone(), values.clone()))
            .collect();
        for (task, values) in said {
            let known = out.entry((String::new(), task)).or_default();
            for (name, value) in values {
                known.entry(name).or_insert(value);
            }
        }
    }
    Ok(out)
}

fn force(given: &[String], plugins: &[Plugin]) -> Result<Force> {
    if given.is_empty() {
        return Ok(Force::Nothing);
    }
    let tasks: Vec<String> = given.iter().filter(|task| !task.is_empty()).cloned().collect();
    if tasks.is_empty() {
        return Ok(Force::Goals);
    }
    if tasks.len() < given.len() {
        return Err(CliError::usage("`--force` is given both with and without a TASK")
            .hint("without one it means the goals; name their task instead"));
    }
    for task in &tasks {
        known_task(plugins, "--force", task)?;
    }
    Ok(Force::Tasks(tasks))
}

/// Checks that a task type which a flag names is one.
pub(crate) fn known_task(plugins: &[Plugin], flag: &str, task: &str) -> Result<()> {
    if plugins.iter().any(|plugin| plugin.planner.description().task(task).is_some()) {
        return Ok(());
    }
    let error =
        CliError::usage(format!("`{flag}={task}`: no plugin has the task `{task}`")).code(Code::UnknownTask);
    let all = plugins.iter().flat_map(|plugin| &plugin.planner.description().tasks);
    let near = nearest(task, all.map(|task| task.name.as_str()));
    Err(match near {
        Some(near) => error.hint(format!("did you mean `{flag}={near}`?")),
        None => error.hint("`wrun list PLUGIN` shows the tasks of a plugin"),
    })
}

/// Says how a build ends the process.
pub(crate) fn exit_of(outcome: &Outcome) -> Exit {
    let totals = &outcome.report.totals;
    if outcome.interrupted {
        Exit::Interrupted
    } else if totals.failed > 0 {
        Exit::Failed
    } else if totals.waiting > 0 {
        Exit::Waiting
    } else if totals.blocked > 0 {
        Exit::Failed
    } else {
        Exit::Ok
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wrun_core::report::{AnsweredBy, FORMAT, Report, State, Totals};

    #[test]
    fn a_failure_outweighs_waiting_and_waiting_what_is_blocked_by_it() {
        let exit = |states: &[State], interrupted| {
            let mut totals = Totals::default();
            states.iter().for_each(|state| totals.count(*state));
            let report = Report { format: FORMAT, answered_by: AnsweredBy::Walk, totals, ..Report::default() };
            exit_of(&Outcome {
                report,
                goals: Vec::new(),
                interrupted,
                failures: Vec::new(),
                same_bytes: BTreeMap::new(),
                externals: Vec::new(),
            })
        };
        use State::{Blocked, Cached, Failed, Ran, Skipped, Waiting};
        assert_eq!(exit(&[Cached, Ran, Skipped], false), Exit::Ok);
        assert_eq!(exit(&[Failed, Blocked, Waiting], false), Exit::Failed);
        assert_eq!(exit(&[Waiting, Blocked], false), Exit::Waiting);
        assert_eq!(exit(&[Blocked], false), Exit::Failed);
        assert_eq!(exit(&[Ran, Blocked], true), Exit::Interrupted);
    }
}
