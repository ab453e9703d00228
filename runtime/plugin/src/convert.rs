//! The contract's types to wrun's nouns.

use crate::bindings::wrun::task::{host, types};
use wrun_core::param::{ParamSpec, Visibility};
use wrun_core::plan::{
    ContainerSpec, External, ExternalMode, Input, Limits, MOST_INPUTS, OutputKind, OutputSpec, Plan, Source,
    inner_path, input_name,
};
use wrun_core::task::{Call, ContractError, Need, PluginDescription, TaskType};

pub(crate) fn description(from: types::Description) -> Result<PluginDescription, ContractError> {
    Ok(PluginDescription {
        id: from.id,
        doc: from.doc,
        tasks: from.tasks.into_iter().map(task_type).collect::<Result<_, _>>()?,
        default_goal: from.default_goal,
        policy: policy(from.policy)?,
    })
}

fn task_type(from: types::TaskType) -> Result<TaskType, ContractError> {
    let params = from.params.into_iter().map(|param| param_spec(&from.name, param)).collect::<Result<_, _>>()?;
    Ok(TaskType {
        name: from.name,
        doc: from.doc,
        params,
        outputs: from.outputs.into_iter().map(output).collect(),
        limits: limits(from.limits),
        version: from.version,
        dynamic: from.dynamic,
        native_nan: from.native_nan,
        retries: from.retries,
        policy: policy(from.policy)?,
    })
}

fn param_spec(task: &str, from: types::ParamSpec) -> Result<ParamSpec, ContractError> {
    let kind = from.kind.parse().map_err(|_| ContractError::BadType {
        task: task.to_owned(),
        param: from.name.clone(),
        kind: from.kind.clone(),
    })?;
    Ok(ParamSpec {
        name: from.name,
        doc: from.doc,
        kind,
        default: from.default,
        significant: from.significant,
        visibility: match from.visibility {
            types::Visibility::Public => Visibility::Public,
            types::Visibility::Hidden => Visibility::Hidden,
            types::Visibility::Private => Visibility::Private,
        },
        positional: from.positional,
    })
}

pub(crate) fn plan(from: types::Plan) -> Result<Plan, ContractError> {
    if from.inputs.len() > MOST_INPUTS {
        return Err(ContractError::TooMany { what: "inputs", count: from.inputs.len(), most: MOST_INPUTS });
    }
    Ok(Plan {
        inputs: from.inputs.into_iter().map(input).collect(),
        outputs: from.outputs.into_iter().map(output).collect(),
        limits: limits(from.limits),
        container: from.container.map(container),
        policy: policy(from.policy)?,
    })
}

fn input(from: types::Input) -> Input {
    let source = match from.source {
        types::Source::Task(from) => Source::Task { call: call(from.call), path: from.path },
        types::Source::External(from) => Source::External(External {
            uri: from.uri,
            mode: match from.mode {
                types::ExternalMode::Content => ExternalMode::Content,
                types::ExternalMode::Listing => ExternalMode::Listing,
            },
            wait: from.wait,
        }),
        types::Source::Clock(not_before) => Source::Clock { not_before },
    };
    Input { name: from.name, source }
}

fn call(from: types::Call) -> Call {
    Call { plugin: from.plugin, task: from.task, params: from.params }
}

fn output(from: types::Output) -> OutputSpec {
    let kind = match from.kind {
        types::OutputKind::File => OutputKind::File,
        types::OutputKind::Directory => OutputKind::Directory,
    };
    OutputSpec { name: from.name, kind }
}

fn limits(from: types::Limits) -> Limits {
    Limits {
        memory: from.memory,
        cpu_ms: from.cpu_ms,
        output_bytes: from.output_bytes,
        output_files: from.output_files,
        log_bytes: from.log_bytes,
    }
}

fn policy(from: Vec<(String, String)>) -> Result<Vec<(String, String)>, ContractError> {
    for (_, json) in &from {
        if serde_json::from_str::<serde::de::IgnoredAny>(json).is_err() {
            return Err(ContractError::BadText { what: "a policy", text: json.clone(), expected: "JSON" });
        }
    }
    Ok(from)
}

fn container(from: types::Container) -> ContainerSpec {
    ContainerSpec {
        image: from.image,
        entrypoint: from.entrypoint,
        argv: from.argv,
        workdir: from.workdir,
        env: from.env,
        user: from.user,
        network: from.network == types::Network::Full,
        cpu_millis: from.cpu_millis,
        memory: from.memory,
        gpus: from.gpus,
        timeout: from.timeout_seconds,
        tmpfs: from.tmpfs,
        accepted: from.accepted_exit_codes,
        secrets: from.secrets,
        labels: from.labels,
        effect: from.effect,
    }
}

/// Converts and checks what a running guest asks for.
pub(crate) fn needs(from: Vec<host::NeedItem>) -> Result<Vec<Need>, ContractError> {
    if from.len() > MOST_INPUTS {
        return Err(ContractError::TooMany { what: "tasks in one `need`", count: from.len(), most: MOST_INPUTS });
    }
    let convert = |item: host::NeedItem| {
        input_name(&item.name)?;
        inner_path(item.source.path.as_deref())?;
        Ok(Need { name: item.name, call: call(item.source.call), path: item.source.path })
    };
    from.into_iter().map(convert).collect()
}

/// Says where two Plans differ, for people.
pub(crate) fn difference(one: &Plan, two: &Plan) -> String {
    if one.inputs.len() != two.inputs.len() {
        return format!("first {} inputs, then {}", one.inputs.len(), two.inputs.len());
    }
    if let Some((a, b)) = one.inputs.iter().zip(&two.inputs).find(|(a, b)| a != b) {
        return if a.name == b.name {
            format!("input `{}` is first {:?}, then {:?}", a.name, a.source, b.source)
        } else {
            format!("an input is first `{}`, then `{}`", a.name, b.name)
        };
    }
    if one.outputs != two.outputs {
        let names = |plan: &Plan| {
            let names: Vec<String> = plan.outputs.iter().map(|spec| format!("`{}`", spec.name)).collect();
            names.join(", ")
        };
        return format!("the outputs are first {}, then {}", names(one), names(two));
    }
    if one.limits != two.limits {
        return format!("the limits are first {:?}, then {:?}", one.limits, two.limits);
    }
    let what = if one.container == two.container { "the policy" } else { "the container" };
    format!("{what} differs")
}
