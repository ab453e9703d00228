use crate::support::{config, hostile, hostile_bytes, params};
use wrun_core::plan::{ExternalMode, OutputKind, Source};
use wrun_plugin::{Host, HostConfig, PlanError, Plugin};

#[test]
fn plans_that_break_the_contract_are_refused() {
    let plugin = hostile();
    for (task, due) in [
        (
            "declare-dotdot",
            "the plugin breaks the contract: the path inside an output `../secret` is not a relative path",
        ),
        ("declare-twice", "the plugin breaks the contract: the input `day` is there twice"),
        ("declare-no-output", "the plugin breaks the contract: the plan declares no output"),
        (
            "declare-out-dotdot",
            "the plugin breaks the contract: the name of an output `..` is not a relative path",
        ),
        (
            "declare-clock",
            "the plugin breaks the contract: a clock's instant `tomorrow` is not an RFC 3339 instant",
        ),
        ("declare-policy", "the plugin breaks the contract: a policy `{` is not JSON"),
        ("declare-refuses", "these params are odd: {}"),
        ("declare-traps", "`declare of declare-traps` panicked at hostile/src/declare.rs:"),
        ("declare-loops", "`declare of declare-loops` used more than its CPU-time cap of 0.2 s"),
        ("declare-memory", "`declare of declare-memory` needs more than its memory cap of 64 MiB"),
        ("declare-needs", "`declare of declare-needs` breaks the contract: it called `need` outside of `run`"),
        ("nothing", "`hostile.wasm` has no task type `nothing`"),
    ] {
        let said = plugin.declare(task, &params()).unwrap_err().to_string();
        assert!(said.starts_with(due), "{task}: {said}");
    }
}

#[test]
fn a_guest_that_counts_its_calls_gives_equal_plans() {
    let plugin = hostile();
    let one = plugin.declare("declare-counts", &params()).unwrap();
    assert_eq!(one.limits.memory, Some(0));
    assert_eq!(plugin.declare("declare-counts", &params()).unwrap(), one);
}

#[test]
fn declare_sees_nothing_and_may_ask_for_anything_well_formed() {
    let plugin = hostile();
    plugin.declare("declare-looks", &params()).unwrap();
    assert!(plugin.declare("declare-container", &params()).unwrap().container.is_some());
    let itself = plugin.declare("declare-itself", &params()).unwrap();
    assert!(matches!(&itself.inputs[0].source, Source::Task { call, .. } if call.task == "declare-itself"));
    let rich = plugin.declare("declare-rich", &params()).unwrap();
    let names: Vec<&str> = rich.inputs.iter().map(|input| input.name.as_str()).collect();
    assert_eq!(names, ["after", "day", "raw"]);
    let Source::External(external) = &rich.inputs[2].source else { panic!("{rich:?}") };
    assert_eq!((external.mode, external.wait), (ExternalMode::Listing, true));
    assert_eq!((rich.outputs[0].name.as_str(), rich.outputs[1].kind), ("a", OutputKind::Directory));
    assert_eq!((rich.limits.memory, rich.limits.log_bytes), (Some(1), Some(5)));
    assert_eq!(rich.policy, [("priority".to_owned(), "7".to_owned())]);
}

#[test]
fn errors_are_of_their_kind() {
    let plugin = hostile();
    let kind = |task: &str| plugin.declare(task, &params()).unwrap_err();
    assert!(matches!(kind("declare-refuses"), PlanError::Refused(_)));
    assert!(matches!(kind("declare-traps"), PlanError::Trapped(_)));
    assert!(matches!(kind("declare-twice"), PlanError::Contract(_)));
}

#[test]
fn a_million_inputs_are_counted_and_refused() {
    let config = HostConfig { compiled_dir: config().compiled_dir, ..HostConfig::default() };
    let plugin = Plugin::open(&Host::new(config), hostile_bytes(), "hostile.wasm").unwrap();
    let error = plugin.declare("declare-many", &params()).unwrap_err();
    assert_eq!(error.to_string(), "the plugin breaks the contract: 1000000 inputs: at most 100000 are allowed");
}
