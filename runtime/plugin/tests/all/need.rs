use crate::support::{TestContext, TestStore, a_run, dir, hostile, listing, run_with};
use std::sync::Arc;
use wrun_plugin::{FailureKind, Run, RunError};

fn context() -> Arc<TestContext> {
    let answers = [("fine".to_owned(), dir(&[("out", b"1")])), ("whole".to_owned(), dir(&[("a/b", b"22")]))];
    Arc::new(TestContext { answers: answers.into(), ..TestContext::default() })
}

#[test]
fn what_is_needed_appears_under_in() {
    let context = context();
    let run = Run { inputs: vec![("day".into(), dir(&[]))], ..a_run("dynamic") };
    let made = run_with(&hostile(), run, &context, &TestStore::new()).unwrap();
    assert_eq!(
        listing(&made.output),
        "out /in/day/\n--\n\
         /in/a/\n/in/a/out 1 1\n/in/b/\n/in/b/out 1 1\n/in/day/\n--\n\
         /in/a/\n/in/a/out 1 1\n/in/b/\n/in/b/out 1 1\n/in/c/\n/in/c/a/\n/in/c/a/b 2 22\n/in/day/\n--\n"
    );
    let asked = context.asked.lock().unwrap();
    let names: Vec<Vec<&str>> =
        asked.iter().map(|needs| needs.iter().map(|need| need.name.as_str()).collect()).collect();
    // In the order asked; an empty need asks nobody.
    assert_eq!(names, [vec!["b", "a"], vec!["c"]]);
}

#[test]
fn a_name_may_come_again_with_the_same_content_alone() {
    let plugin = hostile();
    run_with(&plugin, a_run("dynamic-same"), &context(), &TestStore::new()).unwrap();
    for (task, due) in [
        (
            "dynamic-other",
            "`dynamic-other` breaks the contract: `need` names `/in/x`, which is there with other content",
        ),
        ("dynamic-bad-name", "`dynamic-bad-name` breaks the contract: the name of an input `a/b` is not"),
        ("dynamic-dotdot", "`dynamic-dotdot` breaks the contract: the path inside an output `../y` is not"),
    ] {
        match run_with(&plugin, a_run(task), &context(), &TestStore::new()) {
            Err(RunError::Failed { kind: FailureKind::Contract, message, .. }) => {
                assert!(message.starts_with(due), "{message}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_need_that_fails_ends_the_guest() {
    let run = run_with(&hostile(), a_run("dynamic"), &Arc::default(), &TestStore::new());
    assert!(matches!(run, Err(RunError::NeedEnded)), "{run:?}");
}

#[test]
fn a_run_that_is_dropped_while_it_waits_leaves_nothing_behind() {
    struct Never;
    #[async_trait::async_trait]
    impl wrun_plugin::RunContext for Never {
        async fn need(
            &self,
            _: Vec<wrun_core::task::Need>,
        ) -> Result<Vec<wrun_store::files::Dir>, wrun_plugin::NeedEnded> {
            std::future::pending().await
        }
        fn progress(&self, _: Option<f64>, _: &str) {}
        fn log(&self, _: &[u8]) {}
    }
    let host = wrun_plugin::Host::new(crate::support::config());
    let plugin = wrun_plugin::Plugin::open(&host, crate::support::hostile_bytes(), "x.wasm").unwrap();
    let store: Arc<dyn wrun_store::Store> = Arc::new(crate::support::Shared(TestStore::new()));
    let mut run = Box::pin(plugin.run(a_run("dynamic-waits"), Arc::new(Never), store));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    // Until it is suspended for good: a tick may make it yield before.
    while host.live() == 0 {
        assert!(run.as_mut().poll(&mut context).is_pending());
    }
    assert_eq!(host.live(), 1);
    drop(run);
    assert_eq!(host.live(), 0);
}
