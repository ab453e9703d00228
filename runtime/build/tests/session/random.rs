//! Random graphs with random edits: what `plan` says is what happens, and a build after edits equals a build
//! into an empty store, byte for byte.

use crate::fake::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use wrun_build::Fate;
use wrun_core::plan::{External, ExternalMode, Input, Source};
use wrun_core::report::{State, TaskReport};

/// One task of a random graph; it depends on lower ones alone.
#[derive(Clone, Debug)]
struct Spec {
    text: u8,
    requires: Vec<usize>,
    needs: Vec<usize>,
    /// Needs one more task, which its first input or need decides.
    chooses: bool,
    /// Forgets most of what it read, so that early cutoff fires.
    lossy: bool,
    reads: bool,
}

#[derive(Clone, Debug)]
enum Edit {
    Text(usize, u8),
    Requires(usize, Vec<usize>),
    Needs(usize, Vec<usize>),
    File(usize, u8),
    Nothing,
}

fn spec() -> impl Strategy<Value = Spec> {
    let few = || prop::collection::vec(0usize..12, 0..3);
    (any::<u8>(), few(), few(), any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(text, requires, needs, chooses, lossy, reads)| Spec { text, requires, needs, chooses, lossy, reads },
    )
}

fn edit() -> impl Strategy<Value = Edit> {
    let few = || prop::collection::vec(0usize..12, 0..3);
    prop_oneof![
        (0usize..12, any::<u8>()).prop_map(|(i, text)| Edit::Text(i, text)),
        (0usize..12, few()).prop_map(|(i, r)| Edit::Requires(i, r)),
        (0usize..12, few()).prop_map(|(i, r)| Edit::Needs(i, r)),
        (0usize..12, any::<u8>()).prop_map(|(i, text)| Edit::File(i, text)),
        Just(Edit::Nothing),
    ]
}

fn below(list: &[usize], i: usize) -> Vec<usize> {
    let mut list: Vec<usize> = list.iter().filter(|_| i > 0).map(|n| n % i.max(1)).collect();
    list.sort_unstable();
    list.dedup();
    list
}

fn plugin_of(specs: &[Spec]) -> Arc<Fake> {
    let tasks = specs.iter().enumerate().map(|(i, spec)| {
        let (requires, reads) = (below(&spec.requires, i), spec.reads);
        let wanted = below(&spec.needs, i);
        let shared = spec.clone();
        let mut made = make(
            move |_| {
                let mut inputs: Vec<Input> =
                    requires.iter().map(|n| task(&format!("r{n}"), &format!("t{n}"), 0)).collect();
                if reads {
                    let external = External { uri: format!("f{i}"), mode: ExternalMode::Content, wait: false };
                    inputs.push(Input { name: "file".into(), source: Source::External(external) });
                }
                inputs
            },
            move |guest| {
                let (spec, wanted) = (shared.clone(), wanted.clone());
                async move {
                    let mut all = vec![guest.all()];
                    let names: Vec<String> = wanted.iter().map(|n| format!("t{n}")).collect();
                    if !names.is_empty() {
                        let asked: Vec<(&str, i64)> = names.iter().map(|name| (name.as_str(), 0)).collect();
                        all.extend(guest.needs(&asked).await?);
                    }
                    if spec.chooses && i > 0 {
                        let sum: usize = all.join("").bytes().map(usize::from).sum();
                        all.push(guest.need(&format!("t{}", sum % i), 0).await?);
                    }
                    let all = all.join("|");
                    let text = if spec.lossy { format!("{}", all.len() % 2) } else { format!("{:x}", md(&all)) };
                    Ok(Ok(format!("{}:{text}", spec.text)))
                }
            },
        );
        made.version = Some(format!("{spec:?}"));
        (format!("t{i}"), made)
    });
    let tasks: Vec<(String, Task)> = tasks.collect();
    plugin(tasks.iter().map(|(name, task)| (name.as_str(), task.clone())).collect())
}

/// Any function of the text will do.
fn md(text: &str) -> u64 {
    text.bytes().fold(7, |sum: u64, byte| sum.wrapping_mul(1_000_003).wrapping_add(u64::from(byte)))
}

fn write(world: &World, files: &[u8]) {
    for (i, text) in files.iter().enumerate() {
        let path = world.root.path().join(format!("f{i}"));
        match i % 2 {
            0 => std::fs::write(path, text.to_string()).unwrap(),
            _ => link_old(&path, usize::from(*text)),
        }
    }
}

fn check(specs: &mut [Spec], edits: &[Edit], slots: usize, all: bool) {
    let mut files = vec![0u8; specs.len()];
    let mut world = World::new(slots);
    world.options.check = all;
    world.options.list = wrun_build::Listed::All;
    let top = format!("t{}", specs.len() - 1);
    for edit in edits {
        match edit {
            Edit::Text(i, text) => specs[i % 12 % specs.len()].text = *text,
            Edit::Requires(i, list) => {
                let i = i % specs.len();
                specs[i].requires.clone_from(list);
            }
            Edit::Needs(i, list) => {
                let i = i % specs.len();
                specs[i].needs.clone_from(list);
            }
            Edit::File(i, text) => {
                let i = i % files.len();
                files[i] = *text;
            }
            Edit::Nothing => {}
        }
        write(&world, &files);
        let fake = plugin_of(specs);
        let code = format!("{specs:?}");
        let preview = world.plan(&fake, &code, &[(&top, 0)]);
        assert_eq!(fake.ran(), names(&[]), "plan ran something");
        let outcome = world.try_build(&fake, &code, &[(&top, 0)]).unwrap();
        let ran = fake.ran();
        let states: BTreeMap<&str, State> =
            outcome.report.tasks.iter().map(|task| (task.task.as_str(), task.state)).collect();
        let mut open = false;
        for task in &preview.tasks {
            let became = states.get(task.task.as_str());
            match &task.fate {
                Fate::Hit(_) => assert_eq!(became, Some(&State::Cached), "{} was planned as a hit", task.task),
                Fate::Run(_) => {
                    assert_eq!(became, Some(&State::Ran), "{} was planned to run", task.task);
                    open = true;
                }
                Fate::Unknown(_) => open = true,
                other => panic!("{}: {other:?}", task.task),
            }
        }
        for name in states.keys() {
            let listed = preview.tasks.iter().any(|task| task.task == *name);
            // What is not listed is needed by something whose needs could not be known.
            assert!(listed || open, "{name} came out of nowhere");
        }
        for name in &ran {
            let task = name.split(' ').next().unwrap();
            assert_eq!(states.get(task), Some(&State::Ran));
        }
        let mut fresh = World::new(slots);
        fresh.options.check = true;
        fresh.options.list = wrun_build::Listed::All;
        write(&fresh, &files);
        let again = fresh.try_build(&plugin_of(specs), &code, &[(&top, 0)]).unwrap();
        assert_eq!(output(&outcome, 0), output(&again, 0));
        let trees = |outcome: &wrun_build::Outcome| -> BTreeMap<String, _> {
            let tasks = &outcome.report.tasks;
            let needs = |task: &TaskReport| -> BTreeSet<String> {
                task.needs.iter().map(|need| tasks[*need as usize].task.clone()).collect()
            };
            tasks.iter().map(|task| (task.task.clone(), (task.key, task.output, needs(task)))).collect()
        };
        assert_eq!(trees(&outcome), trees(&again));
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: crate::cases(20, 200),
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(20_130_107),
        ..ProptestConfig::default()
    })]

    #[test]
    fn plan_says_what_build_does_and_edits_leave_no_trace(
        mut specs in prop::collection::vec(spec(), 2..12),
        edits in prop::collection::vec(edit(), 1..6),
        slots in 1usize..3,
        all in any::<bool>(),
    ) {
        check(&mut specs, &edits, slots, all);
    }
}
