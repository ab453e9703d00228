//! The critical path of a build: the chain of runs that it waited for. Had another task been faster, the
//! build would have taken as long.

use wrun_core::report::{Report, TaskReport};

/// One task of the path.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Link {
    /// Its place in the report.
    pub(crate) task: usize,
    /// From when on the build waited for it.
    pub(crate) from: f64,
    /// How long of that it was ready, and had no slot.
    pub(crate) queued: f64,
    /// When it ended.
    pub(crate) ended: f64,
}

fn ended(task: &TaskReport) -> Option<f64> {
    task.timing.as_ref()?.spells.iter().map(|spell| spell.ended).reduce(f64::max)
}

/// Returns the path, first task first; none where nothing ran.
pub(crate) fn path(report: &Report) -> Vec<Link> {
    let ends: Vec<Option<f64>> = report.tasks.iter().map(ended).collect();
    let latest = |tasks: &mut dyn Iterator<Item = usize>| {
        let known = tasks.filter_map(|task| ends[task].map(|end| (task, end)));
        known.max_by(|one, two| one.1.total_cmp(&two.1))
    };
    let mut path = Vec::new();
    let mut next = latest(&mut (0..ends.len()));
    while let Some((task, end)) = next {
        let it = &report.tasks[task];
        // Needs of a circle ended when it did; each step goes back in time.
        let before = &mut it
            .needs
            .iter()
            .map(|need| *need as usize)
            .filter(|need| ends.get(*need).copied().flatten().is_some_and(|other| other < end));
        next = latest(before);
        let ready = it.timing.as_ref().map_or(0.0, |timing| timing.ready);
        // Before the first was ready, keys were made and looked up.
        let from = next.map_or(ready, |(_, end)| end);
        let spells = it.timing.iter().flat_map(|timing| &timing.spells);
        let started = spells.map(|spell| spell.started).filter(|started| *started >= from).reduce(f64::min);
        let queued = started.map_or(0.0, |started| started - ready.max(from)).max(0.0);
        path.push(Link { task, from, queued, ended: end });
    }
    path.reverse();
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use wrun_core::report::{AnsweredBy, FORMAT, Spell, State, Timing, Totals};

    fn task(needs: &[u32], times: Option<(f64, f64, f64)>) -> TaskReport {
        let timing =
            times.map(|(ready, started, ended)| Timing { ready, spells: vec![Spell { slot: 0, started, ended }] });
        TaskReport {
            plugin: "p".into(),
            task: "t".into(),
            params: wrun_core::param::Params::default(),
            key: None,
            state: if times.is_some() { State::Ran } else { State::Cached },
            reason: Vec::new(),
            message: None,
            source: None,
            seconds: 1.0,
            usual_seconds: None,
            same_output: false,
            output: None,
            needs: needs.to_vec(),
            timing,
            log: None,
        }
    }

    fn report(tasks: Vec<TaskReport>) -> Report {
        let totals = Totals::default();
        Report { format: FORMAT, answered_by: AnsweredBy::Walk, totals, tasks, ..Report::default() }
    }

    #[test]
    fn it_goes_through_the_need_that_ended_last() {
        let tasks = vec![
            task(&[], Some((0.0, 0.0, 1.0))),
            task(&[], Some((0.0, 0.0, 2.0))),
            task(&[], None),
            task(&[0, 1, 2], Some((2.0, 2.5, 3.0))),
            task(&[0], Some((1.0, 1.0, 2.9))),
        ];
        let links = path(&report(tasks));
        assert_eq!(
            links,
            [
                Link { task: 1, from: 0.0, queued: 0.0, ended: 2.0 },
                Link { task: 3, from: 2.0, queued: 0.5, ended: 3.0 },
            ]
        );
    }

    #[test]
    fn nothing_ran_and_a_circle() {
        assert_eq!(path(&report(vec![task(&[], None)])), []);
        let circle = vec![task(&[1], Some((0.0, 0.0, 1.0))), task(&[0], Some((0.0, 0.0, 1.0)))];
        assert_eq!(path(&report(circle)).len(), 1);
    }
}
