//! The contract's types to wrun's nouns.

use crate::bindings::wrun::task::{host, types};
use crate::run::PlanError;
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

/// What `declare` answered: a Plan, or a refusal in words.
type Answer = Result<types::Plan, String>;

/// Takes two answers to one question, which must be the same.
pub(crate) fn agreed(one: Answer, two: Answer) -> Result<Plan, PlanError> {
    let what = match (one, two) {
        (Ok(one), Ok(two)) => {
            let (one, two) = (plan(one)?, plan(two)?);
            if one == two {
                return Ok(one);
            }
            difference(&one, &two)
        }
        (Err(one), Err(two)) if one == two => return Err(PlanError::Refused(one)),
        (Err(one), Err(two)) => format!("first the error `{one}`, then `{two}`"),
        (Ok(_), Err(error)) => format!("first a plan, then the error `{error}`"),
        (Err(error), Ok(_)) => format!("first the error `{error}`, then a plan"),
    };
    Err(PlanError::Unstable(what))
}

/// Says where two Plans differ, for people.
fn difference(one: &Plan, two: &Plan) -> String {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, reason = "a test fails by panicking")]
    use super::*;

    fn answer(input: &str, path: Option<&str>) -> types::Plan {
        let call = types::Call { plugin: None, task: "day".into(), params: "{}".into() };
        let source = types::TaskSource { call, path: path.map(str::to_owned) };
        let limits =
            types::Limits { memory: None, cpu_ms: None, output_bytes: None, output_files: None, log_bytes: None };
        types::Plan {
            inputs: vec![types::Input { name: input.into(), source: types::Source::Task(source) }],
            outputs: vec![types::Output { name: "out".into(), kind: types::OutputKind::File }],
            limits,
            container: None,
            policy: vec![],
        }
    }

    /// A sandboxed guest has nothing to answer differently from, so no component can show this.
    #[test]
    fn two_answers_that_differ_are_an_error_that_says_where() {
        let one = || answer("day", None);
        let mut capped = one();
        capped.limits.memory = Some(1);
        let mut more = one();
        more.inputs.push(answer("week", None).inputs.remove(0));
        let mut renamed = one();
        renamed.outputs[0].name = "other".into();
        let mut policy = one();
        policy.policy.push(("pool".into(), "1".into()));
        let no = |why: &str| Err(why.to_owned());
        for (one, two, due) in [
            (Ok(one()), Ok(answer("week", None)), "an input is first `day`, then `week`"),
            (Ok(one()), Ok(answer("day", Some("a"))), "input `day` is first "),
            (Ok(one()), Ok(more), "first 1 inputs, then 2"),
            (Ok(one()), Ok(renamed), "the outputs are first `out`, then `other`"),
            (Ok(one()), Ok(capped), "the limits are first "),
            (Ok(one()), Ok(policy), "the policy differs"),
            (Ok(one()), no("odd"), "first a plan, then the error `odd`"),
            (no("odd"), Ok(one()), "first the error `odd`, then a plan"),
            (no("odd"), no("even"), "first the error `odd`, then `even`"),
        ] {
            match agreed(one, two) {
                Err(PlanError::Unstable(said)) => assert!(said.starts_with(due), "{said} is not {due}"),
                other => panic!("{due}: {other:?}"),
            }
        }
        assert!(matches!(agreed(no("odd"), no("odd")), Err(PlanError::Refused(why)) if why == "odd"));
        assert!(agreed(Ok(one()), Ok(one())).is_ok());
    }
}
