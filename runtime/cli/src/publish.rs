//! Where outputs go after a build: `--publish DEST`, and `[publish]` of wrun.toml.
//!
//! Every destination is known, and held against the others and the store, before anything is written.

use crate::commands::Prepared;
use crate::config::Published;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::explain::Code;
use crate::text::{bytes, counted, plain};
use crate::workspace::Workspace;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use wrun_build::Outcome;
use wrun_build::lineage::live;
use wrun_build::publish::{Fate, Layout, Publication, PublishError};
use wrun_build::rerun::read;
use wrun_core::param::{Params, Visibility};
use wrun_core::report::State;
use wrun_core::result::Address;
use wrun_store::objects::Objects;
use wrun_store::objects::folder::FolderObjects;
use wrun_store::objects::s3::{S3Objects, split_uri};

/// What is published after this build.
pub(crate) struct Rules {
    /// Where the goals go.
    goals: Option<String>,
    /// Where task types go: plugin id, task, destination.
    types: Vec<(String, String, Published)>,
}

/// One output, and where it goes.
struct Due {
    name: String,
    address: Address,
    params: Params,
    to: Destination,
    layout: Layout,
}

impl Rules {
    /// Reads the rules.
    pub(crate) fn new(prepared: &Prepared, goals: Option<&str>) -> Result<Self> {
        let mut types = Vec::new();
        for (name, rule) in &prepared.workspace.config.publish {
            let (alias, task) = name.split_once(':').unwrap_or(("", name));
            let Some(plugin) = prepared.plugins.iter().find(|plugin| plugin.alias == alias) else {
                let error = CliError::usage(format!("[publish] names `{name}`, and there is no alias `{alias}`"));
                return Err(error.code(Code::BadConfig).hint("add it under [plugins]"));
            };
            let description = plugin.planner.description();
            // A rule without alias may be meant for another plugin.
            if description.task(task).is_some() {
                types.push((description.id.clone(), task.to_owned(), rule.clone()));
            } else if !alias.is_empty() {
                let error =
                    CliError::usage(format!("[publish] names `{name}`, which `{}` does not have", description.id));
                return Err(error.code(Code::BadConfig).hint("`wrun list` shows the tasks of a plugin"));
            }
        }
        Ok(Self { goals: goals.map(str::to_owned), types })
    }

    /// Tells whether the tasks of the report are needed.
    pub(crate) fn want_tasks(&self) -> bool {
        !self.types.is_empty()
    }

    /// Publishes what a build that succeeded made, or found.
    pub(crate) fn publish(&self, prepared: &Prepared, outcome: &Outcome) -> Result<()> {
        let due = self.due(prepared, outcome)?;
        if due.is_empty() {
            return Ok(());
        }
        let workspace = &prepared.workspace;
        overlaps(workspace, &due)?;
        let (store, runtime, shell) = (&workspace.store, &workspace.runtime, &workspace.shell);
        for due in due {
            let result = runtime.block_on(read(&**store, due.address))?;
            let publication = Publication {
                to: due.to.folder(workspace),
                file: due.to.file(workspace),
                layout: due.layout,
                address: due.address,
                result: Box::new(result),
                params: due.params,
                started: prepared.options.now.as_millisecond(),
                check: prepared.options.check,
            };
            let fate = runtime.block_on(publication.publish(store))?;
            let to = due.to.shown();
            if shell.json {
                let (state, files, size) = match &fate {
                    Fate::Written(files, size) => ("published", *files, *size),
                    Fate::There => ("there", 0, 0),
                    Fate::Newer(_) => ("newer", 0, 0),
                };
                shell.json_line(&serde_json::json!({
                    "event": "published", "task": due.name, "to": to, "state": state, "files": files, "bytes": size,
                    "key": due.address.key, "generation": due.address.generation,
                }));
            } else if !shell.quiet {
                let (name, to) = (plain(&due.name), plain(&to));
                shell.say(&match fate {
                    Fate::Written(files, size) => {
                        format!("published {name} to {to}: {}, {}\n", counted(files, "file"), bytes(size))
                    }
                    Fate::There => format!("{to} has {name} already\n"),
                    Fate::Newer(_) => format!("{to} keeps what a build that started later has published there\n"),
                });
            }
        }
        Ok(())
    }

    fn due(&self, prepared: &Prepared, outcome: &Outcome) -> Result<Vec<Due>> {
        let workspace = &prepared.workspace;
        let mut all = Vec::new();
        if let Some(to) = &self.goals {
            let task = prepared.task()?;
            let plugin = &crate::workspace::description(&prepared.plugins)?.id;
            for (call, goal) in prepared.goals.calls.iter().zip(&outcome.goals) {
                let Some(goal) = goal else { continue };
                let mut params = call.params.clone();
                let public = |name: &str| {
                    task.params.iter().any(|spec| spec.name == name && spec.visibility == Visibility::Public)
                };
                params.0.retain(|name, _| public(name));
                let to = filled(to, plugin, &call.task, &params)?;
                all.push(Due {
                    name: format!("{} {}", call.task, call.params.display(&task.params)).trim_end().to_owned(),
                    address: goal.address,
                    params,
                    to: Destination::read(&to, &workspace.cwd)?,
                    layout: Layout::default(),
                });
            }
        }
        for task in &outcome.report.tasks {
            let rule = self.types.iter().find(|(plugin, name, _)| *plugin == task.plugin && *name == task.task);
            let (Some((_, _, rule)), State::Ran | State::Cached, Some(key)) = (rule, task.state, task.key) else {
                continue;
            };
            let Some(address) = workspace.runtime.block_on(live(&*workspace.store, key))? else { continue };
            let to = filled(&rule.to, &task.plugin, &task.task, &task.params)?;
            all.push(Due {
                name: format!("{} {}", task.task, task.params.display(&[])).trim_end().to_owned(),
                address,
                params: task.params.clone(),
                to: Destination::read(&to, &workspace.root)?,
                layout: rule.layout,
            });
        }
        Ok(all)
    }
}

fn refuse(message: String) -> CliError {
    CliError::usage(message).code(Code::CannotPublish)
}

/// Puts values in the place of `{NAME}`.
fn filled(template: &str, plugin: &str, task: &str, params: &Params) -> Result<String> {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        out += before;
        let Some((name, after)) = after.split_once('}') else {
            return Err(refuse(format!("the destination `{template}` has a `{{` without `}}`"))
                .hint("write a param as `{NAME}`"));
        };
        match (name, params.0.get(name)) {
            // A value is one part of a path, and leads nowhere else.
            (_, Some(value)) => match value.to_text().replace(['/', '\0'], "_") {
                dots if dots == "." || dots == ".." || dots.is_empty() => {
                    return Err(refuse(format!("the param `{name}` is `{dots}`, which is no part of a path"))
                        .hint("leave it out of the destination"));
                }
                text => out += &text,
            },
            ("task", None) => out += task,
            ("plugin", None) => out += plugin,
            (_, None) => {
                return Err(refuse(format!(
                    "the destination `{template}` names `{name}`, which is no public param of `{task}`"
                ))
                .hint("`{task}`, `{plugin}` and public params can stand there"));
            }
        }
        rest = after;
    }
    Ok(out + rest)
}

/// A place that is published to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Destination {
    /// A path, and whether it is certainly a folder.
    File(PathBuf, bool),
    S3 {
        bucket: String,
        key: String,
        folder: bool,
    },
}

impl Destination {
    fn read(text: &str, from: &Path) -> Result<Self> {
        let folder = text.ends_with('/');
        let path = text.strip_prefix("file:").unwrap_or(text);
        if let Some((bucket, key)) = split_uri(text) {
            if key.is_empty() || key.split('/').any(|part| matches!(part, "" | "." | "..")) {
                return Err(refuse(format!("the destination `{text}` is no place in a bucket of its own"))
                    .hint("name one such as s3://BUCKET/reports/"));
            }
            return Ok(Self::S3 { bucket: bucket.to_owned(), key: key.to_owned(), folder });
        }
        if path.is_empty() || path.contains("://") {
            return Err(
                refuse(format!("`{text}` is nowhere to publish to")).hint("name s3://BUCKET/PATH or file:PATH")
            );
        }
        Ok(Self::File(real(&from.join(path)), folder))
    }

    fn shown(&self) -> String {
        match self {
            Self::File(path, _) => path.display().to_string(),
            Self::S3 { bucket, key, .. } => format!("s3://{bucket}/{key}"),
        }
    }

    /// Splits into what can be compared: two places overlap where one is the beginning of the other.
    fn parts(&self) -> Vec<String> {
        match self {
            Self::File(path, _) => path_parts(path),
            Self::S3 { bucket, key, .. } => s3_parts(bucket, key),
        }
    }

    fn folder(&self, workspace: &Workspace) -> Arc<dyn Objects> {
        match self {
            Self::File(path, _) => Arc::new(FolderObjects::new(path)),
            Self::S3 { bucket, key, .. } => s3(workspace, bucket, key),
        }
    }

    fn file(&self, workspace: &Workspace) -> Option<(Arc<dyn Objects>, String)> {
        match self {
            Self::File(path, false) => {
                let name = path.file_name()?.to_str()?.to_owned();
                Some((Arc::new(FolderObjects::new(path.parent()?)), name))
            }
            Self::S3 { bucket, key, folder: false } => {
                let (prefix, name) = key.rsplit_once('/').unwrap_or(("", key));
                Some((s3(workspace, bucket, prefix), name.to_owned()))
            }
            _ => None,
        }
    }
}

fn s3(workspace: &Workspace, bucket: &str, prefix: &str) -> Arc<dyn Objects> {
    Arc::new(workspace.runtime.block_on(S3Objects::open(bucket, prefix, &workspace.config.s3)))
}

fn path_parts(path: &Path) -> Vec<String> {
    let part = |part: Component<'_>| part.as_os_str().to_string_lossy().into_owned();
    std::iter::once("file".to_owned()).chain(path.components().map(part)).collect()
}

fn s3_parts(bucket: &str, key: &str) -> Vec<String> {
    let parts = ["s3", bucket].into_iter().chain(key.split('/').filter(|part| !part.is_empty()));
    parts.map(str::to_owned).collect()
}

/// Follows links as far as the path is there, and removes `.` and `..` from the rest.
fn real(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => _ = out.pop(),
            part => out.push(part),
        }
        if let Ok(found) = out.canonicalize() {
            out = found;
        }
    }
    out
}

/// Refuses destinations that overlap one another or the store.
fn overlaps(workspace: &Workspace, due: &[Due]) -> Result<()> {
    let mut places: Vec<(Vec<String>, &Due)> = due.iter().map(|due| (due.to.parts(), due)).collect();
    places.sort_by(|a, b| a.0.cmp(&b.0));
    for pair in places.windows(2) {
        let ((one, first), (two, second)) = (&pair[0], &pair[1]);
        if two.starts_with(one) && first.address != second.address {
            return Err(refuse(format!(
                "`{}`, where `{}` is published, overlaps `{}`, where `{}` is",
                first.to.shown(),
                first.name,
                second.to.shown(),
                second.name
            ))
            .hint("put what tells them apart into the destination, such as `{task}` or a param in braces"));
        }
    }
    let store = workspace.store.describe();
    let mut own: Vec<Vec<String>> =
        workspace.store.local_root().iter().map(|root| path_parts(&real(root))).collect();
    own.extend(split_uri(&store).map(|(bucket, prefix)| s3_parts(bucket, prefix)));
    for (place, due) in &places {
        if own.iter().any(|own| own.starts_with(place) || place.starts_with(own)) {
            return Err(refuse(format!("`{}` overlaps the store, `{store}`", due.to.shown()))
                .hint("publish beside the store, not into it"));
        }
    }
    Ok(())
}

impl From<PublishError> for CliError {
    fn from(error: PublishError) -> Self {
        let hint = error.hint();
        match error {
            PublishError::Object(error) => {
                let error: CliError = wrun_store::StoreError::from(error).into();
                error.code(Code::CannotPublish)
            }
            PublishError::Files(error) => error.into(),
            error => Self { hint, ..Self::new(Exit::Store, error.to_string()).code(Code::CannotPublish) },
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use wrun_core::param::Value;

    #[test]
    fn a_destination_is_filled_with_params() {
        let params = Params(
            [
                ("date".to_owned(), Value::Text("2013-01-07".into())),
                ("path".to_owned(), Value::Text("a/../b".into())),
            ]
            .into(),
        );
        let fill = |template: &str| filled(template, "report", "delays", &params).map_err(|error| error.message);
        assert_eq!(fill("s3://b/{plugin}/{task}/{date}.csv").unwrap(), "s3://b/report/delays/2013-01-07.csv");
        assert_eq!(fill("x/{path}").unwrap(), "x/a_.._b");
        assert!(fill("x/{day}").is_err() && fill("x/{date").is_err());
    }

    #[test]
    fn a_destination_is_a_place() {
        let read = |text: &str| Destination::read(text, Path::new("/nowhere")).map_err(|error| error.message);
        assert_eq!(read("file:a/../b/").unwrap(), Destination::File("/nowhere/b".into(), true));
        let place = read("s3://b/c/d.csv").unwrap();
        assert_eq!(place, Destination::S3 { bucket: "b".into(), key: "c/d.csv".into(), folder: false });
        assert_eq!(place.parts(), ["s3", "b", "c", "d.csv"]);
        for text in ["s3://b", "s3://b/../c", "http://x/y", "", "file:"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
