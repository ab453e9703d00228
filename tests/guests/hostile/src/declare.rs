//! Plans, good and bad.

use crate::wrun::task::host::need;
use crate::wrun::task::types::{
    Call, Container, External, ExternalMode, Input, Limits, NeedItem, Network, OutputKind, Plan, Source,
    TaskSource,
};
use crate::{NO_LIMITS, output};
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) const TASKS: &[&str] = &[
    "declare-traps",
    "declare-loops",
    "declare-memory",
    "declare-counts",
    "declare-refuses",
    "declare-dotdot",
    "declare-many",
    "declare-itself",
    "declare-twice",
    "declare-needs",
    "declare-no-output",
    "declare-out-dotdot",
    "declare-looks",
    "declare-container",
    "declare-clock",
    "declare-policy",
    "declare-rich",
    "declare-later",
    "declare-absent",
    "declare-outside",
];

static CALLS: AtomicU64 = AtomicU64::new(0);

pub(crate) fn declare(task: &str, params: &str) -> Result<Plan, String> {
    let mut plan = Plan {
        inputs: vec![],
        outputs: vec![output("out", OutputKind::File)],
        limits: NO_LIMITS,
        container: None,
        policy: vec![],
    };
    match task {
        "declare-traps" => panic!("no plan today"),
        "declare-loops" => loop {
            std::hint::black_box(0);
        },
        "declare-memory" => crate::run::eat_memory(),
        // A guest that counts its calls must still give equal Plans.
        "declare-counts" => {
            plan.limits.memory = Some(CALLS.fetch_add(1, Ordering::Relaxed));
        }
        "declare-refuses" => return Err(format!("these params are odd: {params}")),
        "declare-dotdot" => plan.inputs.push(self_input("day", "fine", Some("../secret"))),
        "declare-many" => plan.inputs = (0..1_000_000).map(|i| self_input(&i.to_string(), "fine", None)).collect(),
        "declare-itself" => plan.inputs.push(self_input("me", "declare-itself", None)),
        "versioned-twice" => plan.inputs.push(self_input("one", "versioned", None)),
        "declare-twice" => {
            plan.inputs = vec![self_input("day", "fine", None), self_input("day", "fine", Some("a"))];
        }
        "declare-needs" => need(&[NeedItem { name: "x".to_owned(), source: source("fine", None) }]),
        "declare-no-output" => plan.outputs.clear(),
        "declare-out-dotdot" => plan.outputs = vec![output("..", OutputKind::Directory)],
        "declare-looks" => {
            // There is nothing to see: no files, arguments or environment.
            let seen = [
                std::fs::read_dir("/in").is_ok(),
                std::fs::read_dir("/out").is_ok(),
                std::fs::write("/out/x", "x").is_ok(),
                std::env::vars().next().is_some(),
                std::env::args().next().is_some(),
            ];
            if seen.contains(&true) {
                return Err(format!("declare sees something: {seen:?}"));
            }
        }
        "declare-container" => plan.container = Some(container()),
        "declare-clock" => {
            plan.inputs.push(Input { name: "after".to_owned(), source: Source::Clock("tomorrow".to_owned()) });
        }
        "declare-policy" => plan.policy.push(("pool".to_owned(), "{".to_owned())),
        "declare-rich" => rich(&mut plan),
        "declare-later" => {
            let source = Source::Clock("2999-01-01T00:00:00Z".to_owned());
            plan.inputs.push(Input { name: "after".to_owned(), source });
        }
        "declare-absent" => plan.inputs.push(file("late.csv", true)),
        "declare-outside" => plan.inputs.push(file("/etc/hostname", false)),
        _ => {}
    }
    if task == "whole" || task == "files" || task == "many-files" {
        plan.outputs = vec![output(".", OutputKind::Directory)];
    }
    Ok(plan)
}

fn file(path: &str, wait: bool) -> Input {
    let external = External { uri: format!("file:{path}"), mode: ExternalMode::Content, wait };
    Input { name: "file".to_owned(), source: Source::External(external) }
}

fn rich(plan: &mut Plan) {
    let external = External { uri: "file:data.csv".to_owned(), mode: ExternalMode::Listing, wait: true };
    plan.inputs = vec![
        Input { name: "raw".to_owned(), source: Source::External(external) },
        Input { name: "after".to_owned(), source: Source::Clock("2013-01-02T00:00:00Z".to_owned()) },
        self_input("day", "fine", Some("days/2013-01-01.csv")),
    ];
    plan.outputs = vec![output("b", OutputKind::Directory), output("a", OutputKind::File)];
    plan.limits = Limits {
        memory: Some(1),
        cpu_ms: Some(2),
        output_bytes: Some(3),
        output_files: Some(4),
        log_bytes: Some(5),
    };
    plan.policy = vec![("priority".to_owned(), "7".to_owned())];
}

pub(crate) fn source(task: &str, path: Option<&str>) -> TaskSource {
    let call = Call { plugin: None, task: task.to_owned(), params: "{}".to_owned() };
    TaskSource { call, path: path.map(str::to_owned) }
}

fn self_input(name: &str, task: &str, path: Option<&str>) -> Input {
    Input { name: name.to_owned(), source: Source::Task(source(task, path)) }
}

fn container() -> Container {
    Container {
        image: "debian:12".to_owned(),
        entrypoint: None,
        argv: vec!["true".to_owned()],
        workdir: None,
        env: vec![],
        user: None,
        network: Network::Full,
        cpu_millis: None,
        memory: None,
        gpus: 0,
        timeout_seconds: Some(60),
        tmpfs: None,
        accepted_exit_codes: vec![0],
        secrets: vec![],
        labels: vec![],
        effect: false,
    }
}
