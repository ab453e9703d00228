//! What tasks require: the types that [`Run::Requires`](crate::Run::Requires) can be.

use crate::bindings::wrun::task::types as wit;
use crate::declare::{At, Declaration};
use crate::param::{Param, json_of, read_text, write_text};
use crate::{Context, Input, Path, Run};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Something that a task can require.
///
/// Tasks are, [`Part`]s of their outputs, external files ([`File`], [`External`], [`Listing`]),
/// [`NotBefore`], [`Call`]s of other plugins' tasks, and tuples, `Vec`, `Option`, `BTreeMap<String, _>` and
/// structs with `#[derive(Requires)]` of these. What `run` is given has the same shape.
#[diagnostic::on_unimplemented(
    message = "a task cannot require `{Self}`",
    note = "it can require tasks, `Part<T>`, `File`, `External`, `Listing`, `NotBefore`, `Call`, `()`, and tuples, `Vec`, `Option`, `BTreeMap<String, _>` and structs with `#[derive(Requires)]` of these"
)]
pub trait Requires: Sized {
    /// What `run` is given for it.
    type Inputs;

    /// Adds it to what the task declares.
    #[doc(hidden)]
    fn declare(&self, at: At, to: &mut Declaration);

    /// Returns what `run` is given.
    #[doc(hidden)]
    fn inputs(&self, at: At, cx: &Context) -> Self::Inputs;
}

/// Something that [`Context::need`](crate::Context::need) can ask for: a task, a [`Part`] of one, or a [`Call`].
#[diagnostic::on_unimplemented(
    message = "`need` cannot ask for `{Self}`",
    note = "it asks for tasks, `Part<T>` and `Call`; an external file has to be required"
)]
pub trait Wanted: Requires {}

/// One path inside a task's output: only what is at it counts.
///
/// A file shows as that one file in the input's folder, a directory as the folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part<T> {
    /// The task.
    pub task: T,
    /// The path, such as `days/2013-01-07.csv`.
    pub path: String,
}

impl<T> Part<T> {
    /// Names a path inside a task's output.
    pub fn new(task: T, path: impl Into<String>) -> Self {
        Self { task, path: path.into() }
    }
}

impl<T: Run> Requires for Part<T> {
    type Inputs = Input<Self>;
    fn declare(&self, at: At, to: &mut Declaration) {
        to.task(at.or(T::NAME), &self.task, Some(&self.path));
    }
    fn inputs(&self, at: At, cx: &Context) -> Input<Self> {
        Input::new(at.or(T::NAME), cx)
    }
}
impl<T: Run> Wanted for Part<T> {}

/// Something that no task makes: a file, a folder or a glob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct External {
    uri: String,
    wait: bool,
}

impl External {
    /// Names it by a path or a URI; a relative path starts at the folder of `wrun.toml`.
    pub fn new(path: impl Into<Path>) -> Self {
        Self { uri: path.into().raw().to_owned(), wait: false }
    }

    /// Waits for it where it is missing, instead of failing.
    #[must_use]
    pub fn wait(mut self) -> Self {
        self.wait = true;
        self
    }

    fn declare_as(&self, mode: wit::ExternalMode, at: &At, label: &str, to: &mut Declaration) {
        let external = wit::External { uri: self.uri.clone(), mode, wait: self.wait };
        to.push(at.or(label), wit::Source::External(external));
    }
}

impl Requires for External {
    type Inputs = Input<Self>;
    fn declare(&self, at: At, to: &mut Declaration) {
        self.declare_as(wit::ExternalMode::Content, &at, "external", to);
    }
    fn inputs(&self, at: At, cx: &Context) -> Input<Self> {
        Input::new(at.or("external"), cx)
    }
}

/// One external file; [`Input::bytes`], [`Input::text`] and [`Input::file`] are for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File(External);

impl File {
    /// Names it; a relative path starts at the folder of `wrun.toml`.
    pub fn new(path: impl Into<Path>) -> Self {
        Self(External::new(path))
    }

    /// Waits for it where it is missing, instead of failing.
    #[must_use]
    pub fn wait(self) -> Self {
        Self(self.0.wait())
    }
}

impl Requires for File {
    type Inputs = Input<Self>;
    fn declare(&self, at: At, to: &mut Declaration) {
        self.0.declare_as(wit::ExternalMode::Content, &at, "file", to);
    }
    fn inputs(&self, at: At, cx: &Context) -> Input<Self> {
        Input::new(at.or("file"), cx)
    }
}

/// The names and sizes of an external folder or glob, and not the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing(External);

impl Listing {
    /// Names it; a relative path starts at the folder of `wrun.toml`.
    pub fn new(path: impl Into<Path>) -> Self {
        Self(External::new(path))
    }

    /// Waits for it where it is missing, instead of failing.
    #[must_use]
    pub fn wait(self) -> Self {
        Self(self.0.wait())
    }
}

impl Requires for Listing {
    type Inputs = Input<Self>;
    fn declare(&self, at: At, to: &mut Declaration) {
        self.0.declare_as(wit::ExternalMode::Listing, &at, "listing", to);
    }
    fn inputs(&self, at: At, cx: &Context) -> Input<Self> {
        Input::new(at.or("listing"), cx)
    }
}

/// An instant before which the task waits. It is in no key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotBefore(String);

impl NotBefore {
    /// Names an instant of RFC 3339, such as `2013-01-08T06:00:00Z`.
    pub fn instant(instant: impl Into<String>) -> Self {
        Self(instant.into())
    }

    /// Names the end of a day, in UTC.
    pub fn end_of(date: crate::Date) -> Self {
        Self(format!("{}T00:00:00Z", date.tomorrow()))
    }
}

impl Requires for NotBefore {
    type Inputs = ();
    fn declare(&self, at: At, to: &mut Declaration) {
        to.push(at.or("clock"), wit::Source::Clock(self.0.clone()));
    }
    fn inputs(&self, _at: At, _cx: &Context) {}
}

/// A task that is named by a text, such as one of another plugin.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    plugin: Option<String>,
    task: String,
    params: BTreeMap<String, String>,
}

impl Call {
    /// Names a task of the plugin that `wrun.toml` calls `alias`.
    pub fn other(alias: impl Into<String>, task: impl Into<String>) -> Self {
        Self { plugin: Some(alias.into()), task: task.into(), params: BTreeMap::new() }
    }

    /// Names a task of this plugin.
    pub fn own(task: impl Into<String>) -> Self {
        Self { plugin: None, task: task.into(), params: BTreeMap::new() }
    }

    /// Sets a param.
    #[must_use]
    pub fn param<P: Param>(mut self, name: impl Into<String>, value: &P) -> Self {
        self.params.insert(name.into(), json_of(value));
        self
    }

    pub(crate) fn to_wit(&self) -> wit::Call {
        let mut params = String::from("{");
        for (name, json) in &self.params {
            if params.len() > 1 {
                params.push(',');
            }
            write_text(&mut params, name);
            params.push(':');
            params.push_str(json);
        }
        params.push('}');
        wit::Call { plugin: self.plugin.clone(), task: self.task.clone(), params }
    }
}

impl Requires for Call {
    type Inputs = Input<Self>;
    fn declare(&self, at: At, to: &mut Declaration) {
        to.call(at.or(&self.task), self, None);
    }
    fn inputs(&self, at: At, cx: &Context) -> Input<Self> {
        Input::new(at.or(&self.task), cx)
    }
}
impl Wanted for Call {}

impl Requires for Part<Call> {
    type Inputs = Input<Self>;
    fn declare(&self, at: At, to: &mut Declaration) {
        to.call(at.or(&self.task.task), &self.task, Some(&self.path));
    }
    fn inputs(&self, at: At, cx: &Context) -> Input<Self> {
        Input::new(at.or(&self.task.task), cx)
    }
}
impl Wanted for Part<Call> {}

/// A param that is a task: `{"task": "delays", "params": {"date": "2013-01-07"}}`.
impl Param for Call {
    type Plain = Self;
    fn kind() -> String {
        "task".to_owned()
    }
    fn read(json: &RawValue) -> Option<Self> {
        let fields: BTreeMap<String, &RawValue> = serde_json::from_str(json.get()).ok()?;
        let params: BTreeMap<String, &RawValue> = match fields.get("params") {
            Some(params) => serde_json::from_str(params.get()).ok()?,
            None => BTreeMap::new(),
        };
        Some(Self {
            plugin: fields.get("plugin").and_then(|plugin| read_text(plugin)),
            task: read_text(fields.get("task")?)?,
            params: params.into_iter().map(|(name, json)| (name, json.get().to_owned())).collect(),
        })
    }
    fn write(&self, out: &mut String) {
        let call = self.to_wit();
        out.push('{');
        out.push_str("\"params\":");
        out.push_str(&call.params);
        let text = |out: &mut String, name: &str, value: &str| {
            out.push_str(name);
            write_text(out, value);
        };
        if let Some(plugin) = &self.plugin {
            text(out, ",\"plugin\":", plugin);
        }
        text(out, ",\"task\":", &self.task);
        out.push('}');
    }
    fn from_plain(plain: Self) -> Self {
        plain
    }
}

impl Requires for () {
    type Inputs = ();
    fn declare(&self, _at: At, _to: &mut Declaration) {}
    fn inputs(&self, _at: At, _cx: &Context) {}
}

impl<R: Requires> Requires for Option<R> {
    type Inputs = Option<R::Inputs>;
    fn declare(&self, at: At, to: &mut Declaration) {
        if let Some(inner) = self {
            inner.declare(at, to);
        }
    }
    fn inputs(&self, at: At, cx: &Context) -> Self::Inputs {
        self.as_ref().map(|inner| inner.inputs(at, cx))
    }
}

impl<R: Requires> Requires for Vec<R> {
    type Inputs = Vec<R::Inputs>;
    fn declare(&self, at: At, to: &mut Declaration) {
        for (i, item) in self.iter().enumerate() {
            item.declare(at.part(i), to);
        }
    }
    fn inputs(&self, at: At, cx: &Context) -> Self::Inputs {
        self.iter().enumerate().map(|(i, item)| item.inputs(at.part(i), cx)).collect()
    }
}

impl<R: Requires> Requires for BTreeMap<String, R> {
    type Inputs = BTreeMap<String, R::Inputs>;
    fn declare(&self, at: At, to: &mut Declaration) {
        for (key, item) in self {
            item.declare(at.key(key), to);
        }
    }
    fn inputs(&self, at: At, cx: &Context) -> Self::Inputs {
        self.iter().map(|(key, item)| (key.clone(), item.inputs(at.key(key), cx))).collect()
    }
}

macro_rules! tuples {
    ($($name:ident $index:tt),+) => {
        impl<$($name: Requires),+> Requires for ($($name,)+) {
            type Inputs = ($($name::Inputs,)+);
            fn declare(&self, at: At, to: &mut Declaration) {
                $(self.$index.declare(at.part($index), to);)+
            }
            fn inputs(&self, at: At, cx: &Context) -> Self::Inputs {
                ($(self.$index.inputs(at.part($index), cx),)+)
            }
        }
    };
}
tuples!(A 0);
tuples!(A 0, B 1);
tuples!(A 0, B 1, C 2);
tuples!(A 0, B 1, C 2, D 3);
tuples!(A 0, B 1, C 2, D 3, E 4);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5);
