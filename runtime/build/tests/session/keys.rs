//! From a plugin's answers and a user's options to the key: what the table of `wrun_core::action` calls "in"
//! changes it, and what it calls "out" does not.

use crate::fake::*;
use jiff::ToSpan as _;
use std::sync::Arc;
use wrun_build::GoalCall;
use wrun_core::digest::ActionKey;
use wrun_core::param::{ParamSpec, Params, Value, Visibility};
use wrun_core::plan::{External, ExternalMode, Input, Limits, OutputKind, Plan, Source};
use wrun_core::report::State;
use wrun_core::task::PluginDescription;

/// One task that reads a file, with a param of each standing, in a world of its own.
struct Case {
    world: World,
    fake: Arc<Fake>,
    code: &'static str,
    task: &'static str,
    params: Vec<(&'static str, Value)>,
    /// Alias, machine and version of wrun.
    around: (&'static str, &'static str, &'static str),
}

const PLENTY: Limits = Limits {
    memory: Some(1 << 20),
    cpu_ms: Some(5),
    output_bytes: Some(1 << 10),
    output_files: Some(7),
    log_bytes: Some(3),
};

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

fn int(digits: &str) -> Value {
    Value::Int(digits.into())
}

fn data(mode: ExternalMode, wait: bool) -> Input {
    let external = External { uri: "data.txt".into(), mode, wait };
    Input { name: "data".into(), source: Source::External(external) }
}

fn param(name: &str, kind: &str, significant: bool) -> ParamSpec {
    ParamSpec {
        name: name.into(),
        doc: String::new(),
        kind: kind.parse().unwrap(),
        default: Some(if kind == "int" { "0" } else { "\"x\"" }.into()),
        significant,
        visibility: Visibility::Public,
        positional: false,
    }
}

fn case() -> Case {
    let same = || pure(|_| vec![data(ExternalMode::Content, false)], |_, all| all.len().to_string());
    let fake = plugin(vec![("task", same()), ("other", same())]);
    let describe = |it: &mut PluginDescription| {
        for task in &mut it.tasks {
            task.dynamic = false;
            task.params.push(param("source", "path", true));
            task.params.push(param("verbose", "int", false));
        }
    };
    let world = World::new(1);
    std::fs::write(world.root.path().join("data.txt"), "one").unwrap();
    let params = vec![("n", int("7")), ("source", text("a.csv")), ("verbose", int("1"))];
    let fake = fake.changed(describe, |_| ());
    Case { world, fake, code: "code", task: "task", params, around: ("", "machine", "1") }
}

impl Case {
    /// The key that the task is built under.
    fn key(&self, what: &str) -> ActionKey {
        let mut setup = self.world.setup(&self.fake, self.code);
        setup.plugins[0].alias = self.around.0.into();
        setup.machine = self.around.1.into();
        setup.version = self.around.2.into();
        let params = self.params.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        let goal = GoalCall { task: self.task.into(), params: Params(params.collect()) };
        let mut options = self.world.options.clone();
        options.list = wrun_build::Listed::All;
        let interrupt = wrun_build::Interrupt::default();
        let work =
            wrun_build::build(&setup, &options, std::slice::from_ref(&goal), self.world.handle(), &interrupt);
        let outcome = self.world.block_on(work).unwrap();
        let task = &outcome.report.tasks[0];
        assert_eq!(task.state, State::Ran, "{what}: {:?}", outcome.failures);
        task.key.unwrap()
    }

    fn set(&mut self, name: &str, value: Value) {
        self.params.iter_mut().find(|param| param.0 == name).unwrap().1 = value;
    }

    fn describe(&mut self, describe: fn(&mut PluginDescription)) {
        self.fake = self.fake.changed(describe, |_| ());
    }

    fn plan(&mut self, edit: fn(&mut Plan)) {
        self.fake = self.fake.changed(|_| (), edit);
    }

    fn file(&self, name: &str, bytes: &str) {
        std::fs::write(self.world.root.path().join(name), bytes).unwrap();
    }
}

type Change = (&'static str, fn(&mut Case));

#[test]
fn what_is_in_the_key_changes_it() {
    let changes: &[Change] = &[
        ("component", |c| c.code = "other code"),
        ("version", |c| c.describe(|it| it.tasks[0].version = Some("1".into()))),
        ("another version", |c| c.describe(|it| it.tasks[0].version = Some("2".into()))),
        ("version of another plugin", |c| {
            c.describe(|it| {
                it.tasks[0].version = Some("1".into());
                it.id = "another".into();
            });
        }),
        ("task", |c| c.task = "other"),
        ("param", |c| c.set("n", int("8"))),
        ("type of a param", |c| {
            c.describe(|it| it.tasks[0].params[2] = param("verbose", "string", true));
            c.set("verbose", text("1"));
        }),
        ("a param that became significant", |c| c.describe(|it| it.tasks[0].params[2].significant = true)),
        ("content of an input", |c| c.file("data.txt", "two")),
        ("kind of an input", |c| c.plan(|plan| plan.inputs = vec![data(ExternalMode::Listing, false)])),
        ("name of an input", |c| c.plan(|plan| plan.inputs[0].name = "other".into())),
        ("name of a file", |c| {
            c.file("named.txt", "one");
            c.plan(|plan| {
                let external = External { uri: "named.txt".into(), mode: ExternalMode::Content, wait: false };
                plan.inputs[0].source = Source::External(external);
            });
        }),
        ("one more input", |c| {
            c.plan(|plan| plan.inputs.push(Input { name: "more".into(), ..plan.inputs[0].clone() }));
        }),
        ("kind of an output", |c| {
            c.plan(|plan| {
                plan.outputs[0].kind = OutputKind::Directory;
                plan.outputs[0].name = ".".into();
            });
        }),
        ("native NaNs", |c| c.describe(|it| it.tasks[0].native_nan = true)),
        ("native NaNs of another machine", |c| {
            c.describe(|it| it.tasks[0].native_nan = true);
            c.around.1 = "another machine";
        }),
        ("salt", |c| c.world.options.salt = "salt".into()),
    ];
    let mut keys = std::collections::BTreeMap::from([(case().key("nothing"), "nothing")]);
    for (what, change) in changes {
        let mut changed = case();
        change(&mut changed);
        if let Some(same) = keys.insert(changed.key(what), what) {
            panic!("{what} has the key of {same}");
        }
    }
}

#[test]
fn what_is_out_of_the_key_does_not_change_it() {
    let changes: &[Change] = &[
        ("nothing", |_| ()),
        ("insignificant param", |c| c.set("verbose", int("2"))),
        ("an insignificant param more", |c| {
            c.describe(|it| it.tasks[0].params.push(param("more", "int", false)));
        }),
        ("text of a path", |c| c.set("source", text("/elsewhere/b.csv"))),
        ("limits of the type", |c| c.describe(|it| it.tasks[0].limits = PLENTY)),
        ("limits of the plan", |c| c.plan(|plan| plan.limits = PLENTY)),
        ("retries", |c| c.describe(|it| it.tasks[0].retries = 3)),
        ("whether it may need", |c| c.describe(|it| it.tasks[0].dynamic = true)),
        ("policy of the plugin", |c| c.describe(|it| it.policy = vec![("pool".into(), "1".into())])),
        ("policy of the type", |c| c.describe(|it| it.tasks[0].policy = vec![("priority".into(), "7".into())])),
        ("policy of the plan", |c| c.plan(|plan| plan.policy = vec![("priority".into(), "7".into())])),
        ("docs", |c| {
            c.describe(|it| {
                it.doc = "Some words".into();
                it.tasks[0].doc = "Others".into();
                it.tasks[0].params[0].doc = "More".into();
            });
        }),
        ("default goal", |c| c.describe(|it| it.default_goal = Some("task".into()))),
        ("default of a param", |c| c.describe(|it| it.tasks[0].params[0].default = Some("3".into()))),
        ("visibility", |c| c.describe(|it| it.tasks[0].params[0].visibility = Visibility::Private)),
        ("position", |c| c.describe(|it| it.tasks[0].params[0].positional = true)),
        ("another task type's version", |c| c.describe(|it| it.tasks[1].version = Some("9".into()))),
        ("plugin id", |c| c.describe(|it| it.id = "another".into())),
        ("alias", |c| c.around.0 = "alias"),
        ("machine", |c| c.around.1 = "another machine"),
        ("version of wrun", |c| c.around.2 = "2"),
        ("a clock that has struck", |c| {
            c.plan(|plan| {
                let source = Source::Clock { not_before: "2013-01-01T00:00:00Z".into() };
                plan.inputs.push(Input { name: "after".into(), source });
            });
        }),
        ("whether it waits for its external", |c| {
            c.plan(|plan| plan.inputs = vec![data(ExternalMode::Content, true)]);
        }),
        ("mtime and inode of an external", |c| {
            let path = c.world.root.path().join("data.txt");
            std::fs::rename(&path, c.world.root.path().join("old")).unwrap();
            c.file("data.txt", "one");
            let file = std::fs::File::options().append(true).open(&path).unwrap();
            file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        }),
        ("time", |c| c.world.options.now += 1000.hours()),
        ("slots", |c| c.world.options.slots = 8),
        ("--fail-fast", |c| c.world.options.fail_fast = true),
        ("--force", |c| c.world.force(wrun_build::Force::Goals)),
        ("what is left out", |c| c.world.options.except = vec!["other*".into()]),
    ];
    let due = case().key("nothing");
    for (what, change) in changes {
        let mut changed = case();
        change(&mut changed);
        assert_eq!(changed.key(what), due, "{what} is in the key");
    }
}

#[test]
fn the_attempt_is_in_no_key() {
    let case = |fails: u32| {
        let left = Arc::new(std::sync::atomic::AtomicU32::new(fails));
        let mut shaky = make(
            |_| vec![],
            move |_| {
                let fails = left.fetch_update(
                    std::sync::atomic::Ordering::Relaxed,
                    std::sync::atomic::Ordering::Relaxed,
                    |left| left.checked_sub(1),
                );
                async move { Ok(if fails.is_ok() { Err("not yet".into()) } else { Ok("done".into()) }) }
            },
        );
        shaky.retries = 3;
        let outcome = World::new(1).build(&plugin(vec![("shaky", shaky)]), &[("shaky", 1)]);
        assert_eq!(outcome.report.totals.ran, 1);
        outcome.report.tasks[0].key
    };
    assert_eq!(case(0), case(2));
}
