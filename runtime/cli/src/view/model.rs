//! Tasks and what they need, whether they were planned or built; and what is drawn of them.

use crate::summary::exact;
use crate::text::{count, fold, seconds, varying};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use wrun_build::{Fate, Preview};
use wrun_core::param::{ParamSpec, ParamType, Params, Value, Visibility};
use wrun_core::report::{Report, State};

/// A graph of more tasks is drawn by task types.
pub(crate) const MOST_TASKS: usize = 200;

/// How a task ended, or would.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Tone {
    Failed,
    Blocked,
    Waiting,
    Run,
    Unknown,
    Ran,
    Hit,
    Cached,
    Skipped,
    /// Of a lineage: a result that is disowned.
    Disowned,
    /// A record that is not in the store.
    Gone,
    /// A result that a run made.
    Made,
    /// One that another system made.
    Adopted,
    /// What no task made.
    External,
}

impl Tone {
    /// Returns the word that the terminal has for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Blocked => "blocked",
            Self::Waiting => "waiting",
            Self::Run => "run",
            Self::Unknown => "unknown",
            Self::Ran => "ran",
            Self::Hit => "hit",
            Self::Cached => "cached",
            Self::Skipped => "skipped",
            Self::Disowned => "disowned",
            Self::Gone => "gone",
            Self::Made => "made",
            Self::Adopted => "adopted",
            Self::External => "external",
        }
    }

    /// Returns the name of its colour: what will be looks like what was.
    pub(crate) fn colour(self) -> &'static str {
        match self {
            Self::Run => "ran",
            Self::Hit => "cached",
            Self::Disowned | Self::Gone => "failed",
            Self::Made => "ran",
            Self::Adopted => "waiting",
            Self::External => "skipped",
            other => other.word(),
        }
    }
}

impl From<State> for Tone {
    fn from(state: State) -> Self {
        match state {
            State::Cached => Self::Cached,
            State::Ran => Self::Ran,
            State::Failed => Self::Failed,
            State::Blocked => Self::Blocked,
            State::Waiting => Self::Waiting,
            State::Skipped => Self::Skipped,
        }
    }
}

impl From<&Fate> for Tone {
    fn from(fate: &Fate) -> Self {
        match fate {
            Fate::Hit(_) => Self::Hit,
            Fate::Run(_) => Self::Run,
            Fate::Unknown(_) => Self::Unknown,
            Fate::Waiting(_) => Self::Waiting,
            Fate::Failed(_) => Self::Failed,
            Fate::Blocked(_) => Self::Blocked,
            Fate::Skipped(_) => Self::Skipped,
        }
    }
}

/// One task.
#[derive(Debug)]
pub(crate) struct Task<'a> {
    pub(crate) plugin: &'a str,
    pub(crate) name: &'a str,
    pub(crate) params: &'a Params,
    pub(crate) tone: Tone,
    /// Places in the graph, each of them there.
    pub(crate) needs: &'a [u32],
    /// What is said beside its name: why it ran, what it waits for.
    pub(crate) why: String,
    pub(crate) seconds: Option<f64>,
}

/// All tasks of a plan or a report.
#[derive(Debug)]
pub(crate) struct Graph<'a> {
    pub(crate) tasks: Vec<Task<'a>>,
}

impl<'a> Graph<'a> {
    pub(crate) fn of_preview(preview: &'a Preview) -> Self {
        let task = |task: &'a wrun_build::PreviewTask| Task {
            plugin: &task.plugin,
            name: &task.task,
            params: &task.params,
            tone: (&task.fate).into(),
            needs: &task.needs,
            why: match &task.fate {
                Fate::Hit(_) => String::new(),
                Fate::Run(reasons) => exact(reasons),
                Fate::Unknown(until) => format!("until {until} has run"),
                Fate::Waiting(why) | Fate::Failed(why) | Fate::Blocked(why) | Fate::Skipped(why) => why.clone(),
            },
            seconds: task.usual_seconds,
        };
        Self { tasks: preview.tasks.iter().map(task).collect() }
    }

    /// The report's needs must be places in it.
    pub(crate) fn of_report(report: &'a Report) -> Self {
        let task = |task: &'a wrun_core::report::TaskReport| Task {
            plugin: &task.plugin,
            name: &task.task,
            params: &task.params,
            tone: task.state.into(),
            needs: &task.needs,
            why: match (&task.message, task.state) {
                (Some(message), _) => message.clone(),
                (None, State::Ran) => exact(&task.reason),
                _ => String::new(),
            },
            seconds: Some(task.seconds),
        };
        Self { tasks: report.tasks.iter().map(task).collect() }
    }

    /// Returns the task types in the order in which they first end, with a name each, and the type of each task.
    pub(crate) fn kinds(&self) -> (Vec<String>, Vec<usize>) {
        let mut index: HashMap<(&str, &str), usize> = HashMap::new();
        let mut order = Vec::new();
        let kinds = self.tasks.iter().map(|task| {
            *index.entry((task.plugin, task.name)).or_insert_with(|| {
                order.push((task.plugin, task.name));
                order.len() - 1
            })
        });
        let kinds = kinds.collect();
        let several = order.iter().any(|kind| kind.0 != order[0].0);
        let name = |(plugin, task): &(&str, &str)| match several {
            true => format!("{plugin}:{task}"),
            false => (*task).to_owned(),
        };
        (order.iter().map(name).collect(), kinds)
    }

    /// Says which tasks these are, in as few words as the terminal does.
    pub(crate) fn which(&self, tasks: &[usize], varying: &BTreeSet<&str>) -> String {
        let calls: Vec<&Params> = tasks.iter().map(|task| self.tasks[*task].params).collect();
        fold(&calls, &guessed(&calls), varying)
    }

    /// Returns the tasks that no other needs.
    pub(crate) fn goals(&self) -> Vec<usize> {
        let mut needed = vec![false; self.tasks.len()];
        for (at, task) in self.tasks.iter().enumerate() {
            task.needs.iter().filter(|need| **need as usize != at).for_each(|need| needed[*need as usize] = true);
        }
        (0..needed.len()).filter(|task| !needed[*task]).collect()
    }

    /// Returns what is drawn.
    pub(crate) fn drawing(&self) -> Drawing {
        let (names, kinds) = self.kinds();
        let mut members: Vec<Vec<usize>> = vec![Vec::new(); names.len()];
        kinds.iter().enumerate().for_each(|(task, kind)| members[*kind].push(task));
        let varies: Vec<BTreeSet<&str>> = members
            .iter()
            .map(|tasks| varying(&tasks.iter().map(|task| self.tasks[*task].params).collect::<Vec<_>>()))
            .collect();
        let grouped = self.tasks.len() > MOST_TASKS;
        let group = |tasks: &[usize], kind: usize| {
            let mut tones: BTreeMap<Tone, u64> = BTreeMap::new();
            tasks.iter().for_each(|task| *tones.entry(self.tasks[*task].tone).or_default() += 1);
            let lines: Vec<&str> = tasks.iter().map(|task| self.tasks[*task].why.as_str()).collect();
            let why = lines.first().filter(|first| lines.iter().all(|line| line == *first));
            let times = tasks.iter().filter_map(|task| self.tasks[*task].seconds);
            Boxed {
                name: names[kind].clone(),
                which: self.which(tasks, &varies[kind]),
                why: why.map(|why| (*why).to_owned()).unwrap_or_default(),
                tones: tones.into_iter().collect(),
                seconds: (times.clone().count() > 0).then(|| times.sum()),
                members: tasks.len() as u64,
                kind,
                task: (tasks.len() == 1).then(|| tasks[0]),
                itself: 0,
            }
        };
        let mut boxes: Vec<Boxed> = if grouped {
            members.iter().enumerate().map(|(kind, tasks)| group(tasks, kind)).collect()
        } else {
            kinds.iter().enumerate().map(|(task, kind)| group(&[task], *kind)).collect()
        };
        let place = |task: usize| if grouped { kinds[task] } else { task };
        let mut edges: BTreeMap<(usize, usize), u64> = BTreeMap::new();
        for (at, task) in self.tasks.iter().enumerate() {
            for need in task.needs {
                let (from, to) = (place(*need as usize), place(at));
                if from == to {
                    boxes[to].itself += 1;
                } else {
                    *edges.entry((from, to)).or_default() += 1;
                }
            }
        }
        let mut totals: BTreeMap<Tone, u64> = BTreeMap::new();
        self.tasks.iter().for_each(|task| *totals.entry(task.tone).or_default() += 1);
        Drawing {
            boxes,
            edges: edges.into_iter().map(|((from, to), count)| Edge { from, to, count }).collect(),
            totals: totals.into_iter().collect(),
            grouped,
        }
    }
}

/// A box of the picture: one task, or all of a type.
#[derive(Debug)]
pub(crate) struct Boxed {
    pub(crate) name: String,
    pub(crate) which: String,
    pub(crate) why: String,
    /// How many of each, none of them 0.
    pub(crate) tones: Vec<(Tone, u64)>,
    pub(crate) seconds: Option<f64>,
    pub(crate) members: u64,
    /// The task type, among [`Graph::kinds`].
    pub(crate) kind: usize,
    /// The task, where it is one.
    pub(crate) task: Option<usize>,
    /// How often a member needs a member.
    pub(crate) itself: u64,
}

impl Boxed {
    /// Says how its tasks ended: `358 cached, 7 ran`.
    pub(crate) fn told(&self) -> String {
        match self.tones.as_slice() {
            [(tone, 1)] if self.members == 1 => tone.word().to_owned(),
            tones => {
                let part = |(tone, n): &(Tone, u64)| format!("{} {}", count(*n), tone.word());
                tones.iter().map(part).collect::<Vec<_>>().join(", ")
            }
        }
    }

    /// Says everything: what is shown of a box under the pointer.
    pub(crate) fn whole(&self) -> String {
        let mut out = format!("{} {}", self.name, self.which).trim_end().to_owned();
        out += &format!("\n{}", self.told());
        if let Some(time) = self.seconds {
            out += &format!(", {}", seconds(time));
        }
        if !self.why.is_empty() {
            out += &format!("\n{}", self.why);
        }
        if self.itself > 0 {
            out += &format!("\nneeds itself {} times", count(self.itself));
        }
        out
    }
}

/// Who is needed by whom, and how many times.
#[derive(Debug)]
pub(crate) struct Edge {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) count: u64,
}

/// Boxes and arrows.
#[derive(Debug)]
pub(crate) struct Drawing {
    pub(crate) boxes: Vec<Boxed>,
    pub(crate) edges: Vec<Edge>,
    pub(crate) totals: Vec<(Tone, u64)>,
    pub(crate) grouped: bool,
}

/// A report has no declarations; what folds (days, numbers) is seen by its values.
fn guessed(calls: &[&Params]) -> Vec<ParamSpec> {
    let Some(first) = calls.first() else { return Vec::new() };
    let kind = |name: &str| {
        let all = |fits: fn(&Value) -> bool| calls.iter().all(|call| call.0.get(name).is_some_and(fits));
        if all(|value| matches!(value, Value::Int(_))) {
            Some(ParamType::Int { min: None, max: None })
        } else if all(|value| value.to_text().parse::<jiff::civil::Date>().is_ok()) {
            Some(ParamType::Date)
        } else {
            None
        }
    };
    let spec = |name: &str| {
        Some(ParamSpec {
            name: name.to_owned(),
            doc: String::new(),
            kind: kind(name)?,
            default: None,
            significant: true,
            visibility: Visibility::Public,
            positional: false,
        })
    };
    first.0.iter().filter_map(|(name, _)| spec(name)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    /// `n` tasks in a row, each needing the one before.
    fn chain(n: usize) -> Vec<(Params, Vec<u32>)> {
        let params = |i: usize| serde_json::from_value(serde_json::json!({ "i": i })).unwrap();
        (0..n)
            .map(|i| (params(i), i.checked_sub(1).map(|i| u32::try_from(i).unwrap()).into_iter().collect()))
            .collect()
    }

    fn graph(tasks: &[(Params, Vec<u32>)]) -> Graph<'_> {
        let tasks = tasks.iter().enumerate().map(|(i, (params, needs))| Task {
            plugin: "p",
            name: if i == 0 { "first" } else { "next" },
            params,
            tone: if i == 0 { Tone::Ran } else { Tone::Cached },
            needs,
            why: String::new(),
            seconds: Some(1.0),
        });
        Graph { tasks: tasks.collect() }
    }

    #[test]
    fn few_tasks_are_drawn_each_and_many_by_type() {
        let few = chain(MOST_TASKS);
        let drawing = graph(&few).drawing();
        assert_eq!(
            (drawing.boxes.len(), drawing.edges.len(), drawing.grouped),
            (MOST_TASKS, MOST_TASKS - 1, false)
        );
        assert_eq!(drawing.boxes[7].which, "i=7");
        let many = chain(100_000);
        let drawing = graph(&many).drawing();
        let boxes: Vec<_> = drawing.boxes.iter().map(|it| (it.name.as_str(), it.told(), it.itself)).collect();
        assert_eq!(boxes, [("first", "ran".to_owned(), 0), ("next", "99,999 cached".to_owned(), 99_998)]);
        assert_eq!((drawing.boxes[1].which.as_str(), drawing.edges[0].count), ("i=1..99999", 1));
    }

    #[test]
    fn goals_are_what_nobody_needs() {
        let tasks = chain(3);
        assert_eq!(graph(&tasks).goals(), [2]);
        assert_eq!(graph(&[]).goals(), [0; 0]);
        assert!(graph(&[]).drawing().boxes.is_empty());
    }
}
