use crate::support::{TestContext, TestStore, a_run, free_run, hostile, run, run_with};
use std::sync::Arc;
use wrun_core::plan::Limits;
use wrun_plugin::{FailureKind, Run, RunError};

fn failure(run: Result<wrun_plugin::Made, RunError>) -> (FailureKind, String, String) {
    match run {
        Err(RunError::Failed { kind, message, log }) => (kind, message, String::from_utf8(log).unwrap()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn failures_are_told_apart() {
    use FailureKind::{Contract, Error, Exit, Panic, StackOverflow, Trap};
    let plugin = hostile();
    for (task, kind, due) in [
        ("errs", Error, "there is no such day"),
        ("panics", Panic, "`panics` panicked at hostile/src/run.rs:"),
        ("traps", Trap, "`traps` trapped: wasm trap: out of bounds memory access\n  at "),
        ("exits", Exit, "`exits` called exit with a failure instead of returning"),
        ("exits-well", Exit, "`exits-well` called exit(0) instead of returning"),
        ("recurses", StackOverflow, "`recurses` overflowed its stack\n  at "),
        ("recurses-small", StackOverflow, "`recurses-small` overflowed its stack\n  at "),
        ("static-need", Contract, "`static-need` breaks the contract: it called `need`, but its task type is not"),
    ] {
        let (got, message, log) = failure(run(&plugin, a_run(task)));
        assert!(got == kind && message.starts_with(due), "{task}: {got:?} {message:?}");
        assert!(kind != Panic || (message.ends_with(": this task always panics") && log.contains("panicked at")));
        assert!(kind == Error || kind.hint().is_some());
    }
}

#[test]
fn limits_end_a_guest_that_would_catch_them() {
    use FailureKind::{Deadline, Memory, OutputLimit};
    let plugin = hostile();
    let limits = Limits {
        memory: Some(32 << 20),
        cpu_ms: Some(100),
        output_bytes: Some(8 << 20),
        output_files: Some(1000),
        log_bytes: None,
    };
    for (task, kind, due) in [
        ("loops", Deadline, "`loops` used more than its CPU-time cap of 0.1 s"),
        ("memory", Memory, "`memory` needs more than its memory cap of 32 MiB"),
        ("fills", OutputLimit, "`fills` wrote more than its output cap of 8 MiB"),
        ("fills-files", OutputLimit, "`fills-files` made more than its output cap of 1000 files and directories"),
        ("truncates", OutputLimit, "`truncates` wrote more than its output cap of 8 MiB"),
    ] {
        let (got, message, _) = failure(run(&plugin, Run { limits, ..free_run(task) }));
        assert_eq!((got, message.as_str()), (kind, due), "{task}");
    }
}

#[test]
fn a_hole_of_petabytes_is_refused_by_the_default_cap() {
    let limits = Limits::default();
    let (kind, message, _) = failure(run(&hostile(), Run { limits, ..a_run("truncates") }));
    assert_eq!(
        (kind, message.as_str()),
        (FailureKind::OutputLimit, "`truncates` wrote more than its output cap of 4 GiB")
    );
}

#[test]
fn what_a_task_says_is_kept_in_order_and_forwarded() {
    let context = Arc::new(TestContext::default());
    let made = run_with(&hostile(), a_run("talks"), &context, &TestStore::new()).unwrap();
    assert_eq!(String::from_utf8_lossy(&made.log), "one\ntwo\nthree\n");
    assert_eq!(*context.log.lock().unwrap(), made.log);
    assert_eq!(*context.progress.lock().unwrap(), [(Some(0.5), "half".into()), (None, "odd".into())]);
}

#[test]
fn a_flood_of_log_is_capped_and_accepted() {
    let limits = Limits { log_bytes: Some(100), ..a_run("floods").limits };
    let made = run(&hostile(), Run { limits, ..a_run("floods") }).unwrap();
    let log = String::from_utf8(made.log).unwrap();
    assert!(log.starts_with("line 0 of a flood"), "{log}");
    assert!(log.contains("\nwrun: the log cap of 100 bytes is reached; "), "{log}");
    assert!(log.len() < 250);
}

#[test]
fn a_full_pool_is_not_the_end() {
    let mut config = crate::support::config();
    config.pool = 1;
    let host = wrun_plugin::Host::new(config);
    let plugin = wrun_plugin::Plugin::open(&host, crate::support::hostile_bytes(), "x.wasm").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let context = Arc::new(TestContext {
        answers: [("fine".to_owned(), crate::support::dir(&[]))].into(),
        ..TestContext::default()
    });
    let store: Arc<dyn wrun_store::Store> = Arc::new(crate::support::Shared(TestStore::new()));
    let one = || plugin.run(a_run("dynamic-waits"), context.clone(), store.clone());
    // All suspend at their need before the first goes on.
    let (a, b, c) = runtime.block_on(async { tokio::join!(one(), one(), one()) });
    assert_eq!(a.unwrap().output.digest(), b.unwrap().output.digest());
    c.unwrap();
    assert_eq!(host.live(), 0);
}
