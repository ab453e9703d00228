//! From a symbolic call to a canonical one: aliases, defaults, tokens.

use crate::api::{Options, Plugin};
use rustc_hash::FxHashMap;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::sync::Arc;
use wrun_core::digest::PlanKey;
use wrun_core::param::{Fields, ParamError, Params, Value, is_token};
use wrun_core::suggest::nearest;
use wrun_core::task::{Call, Need, TaskType, plan_key};

/// A call with its plugin found and its params complete and canonical.
#[derive(Debug, Clone)]
pub struct TaskCall {
    /// Which plugin of the [`Setup`](crate::Setup).
    pub plugin: usize,
    /// Which task type of the plugin.
    pub task: usize,
    /// Complete params.
    pub params: Params,
    /// Names the call within a session.
    pub key: PlanKey,
}

/// Why a call means nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// An alias that wrun.toml does not have.
    #[error("there is no plugin `{alias}`")]
    Alias {
        /// The alias.
        alias: String,
        /// The nearest there is.
        near: Option<String>,
    },
    /// A task that the plugin does not have.
    #[error("plugin `{plugin}` has no task `{task}`")]
    Task {
        /// The plugin's id.
        plugin: String,
        /// The task.
        task: String,
        /// The nearest there is.
        near: Option<String>,
    },
    /// Params that the task does not take.
    #[error("{task}: {error}")]
    Param {
        /// The task.
        task: String,
        /// What is wrong.
        error: ParamError,
    },
}

impl ResolveError {
    /// Returns one thing to try.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Alias { near: Some(near), .. } | Self::Task { near: Some(near), .. } => {
                Some(format!("did you mean `{near}`?"))
            }
            Self::Alias { alias, .. } => {
                Some(format!("add `{alias} = \"PATH.wasm\"` under [plugins] in wrun.toml"))
            }
            Self::Task { plugin, .. } => Some(format!("`wrun list` shows the tasks of `{plugin}`")),
            Self::Param { error, .. } => error.hint(),
        }
    }
}

/// Resolves calls. Shared by everything that plans.
pub(crate) struct Resolver {
    plugins: Vec<Plugin>,
    tasks: Vec<FxHashMap<String, usize>>,
    defaults: BTreeMap<(String, String), BTreeMap<String, Value>>,
}

impl Resolver {
    pub(crate) fn new(plugins: &[Plugin], options: &Options) -> Self {
        let index = |plugin: &Plugin| {
            let tasks = plugin.planner.description().tasks.iter().enumerate();
            tasks.map(|(i, task)| (task.name.clone(), i)).collect()
        };
        Self {
            plugins: plugins.to_vec(),
            tasks: plugins.iter().map(index).collect(),
            defaults: options.defaults.clone(),
        }
    }

    pub(crate) fn plugin(&self, call: &TaskCall) -> &Plugin {
        &self.plugins[call.plugin]
    }

    pub(crate) fn task_type(&self, call: &TaskCall) -> &TaskType {
        &self.plugins[call.plugin].planner.description().tasks[call.task]
    }

    /// Names a call for people, without private params.
    pub(crate) fn display(&self, call: &TaskCall) -> String {
        let task = self.task_type(call);
        let params = call.params.display(&task.params);
        let name = match self.plugins[call.plugin].alias.as_str() {
            "" => task.name.clone(),
            alias => format!("{alias}:{}", task.name),
        };
        if params.is_empty() { name } else { format!("{name} {params}") }
    }

    /// Resolves a call that plugin `from` wrote.
    pub(crate) fn call(&self, from: usize, call: &Call) -> Result<TaskCall, ResolveError> {
        let plugin = match &call.plugin {
            None => from,
            Some(alias) => self.alias(alias)?,
        };
        let task = self.find(plugin, &call.task)?;
        let raw: Fields<&RawValue> = serde_json::from_str(&call.params).map_err(|error| ResolveError::Param {
            task: call.task.clone(),
            error: ParamError::Json(error.to_string()),
        })?;
        let specs = &self.plugins[plugin].planner.description().tasks[task].params;
        let mut given = Fields::default();
        for (name, json) in raw {
            let parsed = specs.iter().find(|spec| spec.name == name).map(|spec| spec.kind.parse_json(json));
            match parsed {
                Some(Some(value)) => _ = given.insert(name, value),
                // The core's own words for what is wrong.
                _ => {
                    let json = format!("{{{}:{}}}", serde_json::Value::from(name), json.get());
                    let error = Params::from_json(&call.task, specs, &json)
                        .err()
                        .unwrap_or_else(|| ParamError::Json("a param that parses only alone".into()));
                    return Err(ResolveError::Param { task: call.task.clone(), error });
                }
            }
        }
        self.complete(plugin, task, given)
    }

    /// Adds the defaults of wrun.toml, then those of the plugin.
    pub(crate) fn complete(
        &self,
        plugin: usize,
        task: usize,
        mut given: Fields<Value>,
    ) -> Result<TaskCall, ResolveError> {
        let chosen = &self.plugins[plugin];
        let spec = &chosen.planner.description().tasks[task];
        if !self.defaults.is_empty()
            && let Some(defaults) = self.defaults.get(&(chosen.alias.clone(), spec.name.clone()))
        {
            for (name, value) in defaults {
                if !given.contains_key(name) {
                    given.insert(name.clone(), value.clone());
                }
            }
        }
        let params = Params::complete(&spec.name, &spec.params, given)
            .map_err(|error| ResolveError::Param { task: spec.name.clone(), error })?;
        let key = plan_key(chosen.component, &spec.name, &params);
        Ok(TaskCall { plugin, task, params, key })
    }

    /// Resolves what a running task needs: tokens first, then the call.
    pub(crate) fn need(&self, from: &TaskCall, need: &Need) -> Result<TaskCall, ResolveError> {
        if !need.call.params.contains("{{wrun:") {
            return self.call(from.plugin, &need.call);
        }
        let tokens = from.params.tokens(&self.task_type(from).params);
        let mut call = need.call.clone();
        call.params = replace_tokens(&call.params, &tokens);
        self.call(from.plugin, &call)
    }

    pub(crate) fn find(&self, plugin: usize, task: &str) -> Result<usize, ResolveError> {
        self.tasks[plugin].get(task).copied().ok_or_else(|| {
            let description = self.plugins[plugin].planner.description();
            ResolveError::Task {
                plugin: description.id.clone(),
                task: task.to_owned(),
                near: nearest(task, description.tasks.iter().map(|task| task.name.as_str())).map(str::to_owned),
            }
        })
    }

    fn alias(&self, alias: &str) -> Result<usize, ResolveError> {
        self.plugins.iter().position(|plugin| plugin.alias == alias).ok_or_else(|| ResolveError::Alias {
            alias: alias.to_owned(),
            near: nearest(alias, self.plugins.iter().map(|plugin| plugin.alias.as_str())).map(str::to_owned),
        })
    }
}

/// Puts the values back where a JSON text is exactly a token.
fn replace_tokens(json: &str, tokens: &BTreeMap<String, Value>) -> String {
    fn walk(raw: &RawValue, tokens: &BTreeMap<String, Value>, out: &mut String) {
        let text = raw.get();
        match text.as_bytes().first() {
            Some(b'"') => {
                let value = serde_json::from_str::<String>(text).ok().filter(|text| is_token(text));
                match value.and_then(|token| tokens.get(&token)) {
                    Some(value) => value.write_json(out),
                    None => out.push_str(text),
                }
            }
            Some(b'[') => {
                let items: Vec<&RawValue> = serde_json::from_str(text).unwrap_or_default();
                out.push('[');
                for (i, item) in items.into_iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    walk(item, tokens, out);
                }
                out.push(']');
            }
            Some(b'{') => {
                let pairs: BTreeMap<String, &RawValue> = serde_json::from_str(text).unwrap_or_default();
                out.push('{');
                for (i, (name, item)) in pairs.into_iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    out.push_str(&serde_json::Value::from(name).to_string());
                    out.push(':');
                    walk(item, tokens, out);
                }
                out.push('}');
            }
            _ => out.push_str(text),
        }
    }
    match serde_json::from_str::<&RawValue>(json) {
        Ok(raw) => {
            let mut out = String::with_capacity(json.len());
            walk(raw, tokens, &mut out);
            out
        }
        Err(_) => json.to_owned(),
    }
}

/// What the answers to several calls share.
pub(crate) type SharedCall = Arc<TaskCall>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_replaced_where_a_text_is_exactly_one() {
        let tokens = BTreeMap::from([("{{wrun:source}}".to_owned(), Value::Text("a\"b".into()))]);
        assert_eq!(
            replace_tokens(
                r#"{"s":"{{wrun:source}}","t":["x {{wrun:source}}","{{wrun:source}}"],"n":12345678901234567890123}"#,
                &tokens
            ),
            r#"{"n":12345678901234567890123,"s":"a\"b","t":["x {{wrun:source}}","a\"b"]}"#
        );
    }
}
