//! One task type for each misbehaviour, written against the raw contract.
//!
//! - this file: `describe`, whose lies are chosen by a byte that a test patches in the component;
//! - `declare`: Plans, good and bad;
//! - `run`: runs, good and bad;
//! - `files`: what a well-behaved program does with files.

#![allow(clippy::eq_op, clippy::disallowed_methods, reason = "misbehaving is the point")]

mod declare;
mod files;
mod run;

wit_bindgen::generate!({ path: "../../../sdk/wit", world: "task" });

use wrun::task::types::{Limits, Output, OutputKind, ParamSpec, TaskType, Visibility};

/// A test replaces the two digits to get a component that describes itself otherwise.
#[used]
static VARIANT: [u8; 24] = *b"hostile guest variant 00";

fn variant() -> u8 {
    let text = std::hint::black_box(&VARIANT);
    (text[22] - b'0') * 10 + text[23] - b'0'
}

struct Hostile;

export!(Hostile);

impl Guest for Hostile {
    fn describe() -> Description {
        describe()
    }

    fn declare(task: String, params: String) -> Result<Plan, String> {
        declare::declare(&task, &params)
    }

    fn run(task: String, params: String) -> Result<(), String> {
        run::run(&task, &params)
    }
}

const NO_LIMITS: Limits =
    Limits { memory: None, cpu_ms: None, output_bytes: None, output_files: None, log_bytes: None };

fn output(name: &str, kind: OutputKind) -> Output {
    Output { name: name.to_owned(), kind }
}

fn task(name: &str, dynamic: bool) -> TaskType {
    TaskType {
        name: name.to_owned(),
        doc: format!("Does {name}"),
        params: vec![param("n", "int", Some("0"))],
        outputs: vec![],
        limits: NO_LIMITS,
        version: None,
        dynamic,
        native_nan: false,
        retries: 0,
        policy: vec![],
    }
}

fn param(name: &str, kind: &str, default: Option<&str>) -> ParamSpec {
    ParamSpec {
        name: name.to_owned(),
        doc: "A number".to_owned(),
        kind: kind.to_owned(),
        default: default.map(str::to_owned),
        significant: true,
        visibility: Visibility::Public,
        positional: false,
    }
}

fn describe() -> Description {
    let tasks = declare::TASKS.iter().chain(run::TASKS).map(|name| {
        let mut task = task(name, name.starts_with("dynamic"));
        // A promise that the variants of this guest break.
        task.version = name.starts_with("versioned").then(|| "1".to_owned());
        task
    });
    let mut it = Description {
        id: "hostile".to_owned(),
        doc: "Misbehaves in every way".to_owned(),
        tasks: tasks.collect(),
        default_goal: Some("fine".to_owned()),
        policy: vec![],
    };
    match variant() {
        0 => {}
        1 => it.id = "Not A Word".to_owned(),
        2 => it.tasks.clear(),
        3 => it.tasks.push(task("fine", false)),
        4 => it.default_goal = Some("missing".to_owned()),
        5 => it.tasks[0].params = vec![param("n", "number", None)],
        6 => it.tasks[0].params = vec![param("n", "int", Some("\"x\""))],
        7 => it.tasks[0].params = vec![param("n", "int", None), param("n", "int", None)],
        8 => it.tasks[0].outputs = vec![output("../out", OutputKind::File)],
        9 => it.policy = vec![("pool".to_owned(), "not json".to_owned())],
        12 => it.default_goal = None,
        10 => panic!("no description today"),
        11 => loop {
            std::hint::black_box(0);
        },
        // Other code, which says the same of itself.
        20..30 => {}
        _ => it.id = String::new(),
    }
    it
}
