//! Plain lines, for logs: what goes wrong at once, and now and then how far the build is. With `-v` a line
//! a task.

use super::Renderer;
use super::state::{Now, Running, slower};
use crate::shell::{Shell, Style, warn};
use crate::text::{clip, count, plain, seconds};
use std::time::{Duration, Instant};
use wrun_core::event::Event;
use wrun_core::report::State;

const EVERY: Duration = Duration::from_secs(2);
const RARELY: Duration = Duration::from_secs(30);

pub(super) struct Lines {
    now: Now,
    style: Style,
    verbose: bool,
    said: Instant,
    /// How long until the next word on how far it is: longer each time.
    pause: Duration,
    buffer: String,
}

impl Lines {
    pub(super) fn new(shell: &Shell) -> Self {
        Self {
            now: Now::new(Instant::now()),
            style: shell.err(),
            verbose: shell.verbose,
            said: Instant::now(),
            pause: EVERY,
            buffer: String::new(),
        }
    }
}

impl Renderer for Lines {
    fn event(&mut self, event: &Event) {
        self.now.take(event, Instant::now());
        if let Some(line) = line(event, self.style, self.verbose, self.now.since.elapsed()) {
            self.buffer.push_str(&line);
            self.buffer.push('\n');
        }
    }

    fn idle(&mut self) {
        if self.said.elapsed() >= self.pause && self.now.known > 0 && !self.verbose {
            self.said = Instant::now();
            self.pause = (self.pause * 2).min(RARELY);
            self.buffer += &format!("{}\n", self.style.dim(how_far(&self.now, self.said)));
        }
        if !self.buffer.is_empty() {
            warn(&self.buffer);
            self.buffer.clear();
        }
    }

    fn finish(&mut self) {
        self.said = Instant::now();
        self.idle();
    }
}

/// Says how far a build is.
fn how_far(now: &Now, at: Instant) -> String {
    let busy: Vec<&Running> = now.running.values().filter(|run| !run.suspended).collect();
    let mut text = format!("{} of {} done", count(now.done), count(now.known));
    if let Some(first) = busy.first() {
        let more = if busy.len() > 1 { format!(" and {} more", busy.len() - 1) } else { String::new() };
        text += &format!(", running {}{more}", clip(&first.task, 60));
    }
    let took = |run: &Running| at.saturating_duration_since(run.since).as_secs_f64();
    let slow = busy.iter().filter_map(|run| Some((run, run.usual.filter(|usual| slower(took(run), *usual))?)));
    if let Some((run, usual)) = slow.max_by(|one, other| took(one.0).total_cmp(&took(other.0))) {
        let (took, usual) = (seconds(took(run)), seconds(usual));
        text += &format!(", {} slower than usual ({took}, usually {usual})", clip(&run.task, 60));
    }
    let moving = now.moving();
    if !moving.is_empty() {
        text += &format!(", {moving}");
    }
    if let Some(rest) = now.remaining(at) {
        text += &format!(", about {} left", seconds(rest.as_secs_f64()));
    }
    text
}

/// Returns the line that an event is worth, if it is.
pub(super) fn line(event: &Event, style: Style, verbose: bool, since: Duration) -> Option<String> {
    match event {
        Event::Running { task, reason, .. } if verbose => {
            let reasons: Vec<String> = reason.iter().map(ToString::to_string).collect();
            let why = if reasons.is_empty() { String::new() } else { format!("  {}", reasons.join(", ")) };
            Some(format!("{} {}{}", style.cyan("running"), plain(task), style.dim(why)))
        }
        Event::Progress { fraction, message, .. } if verbose && !message.is_empty() => {
            let part = fraction.map(|part| format!("{:>3.0}% ", part * 100.0)).unwrap_or_default();
            Some(style.dim(format!("        {part}{}", plain(message))))
        }
        Event::Retrying { task, attempt, message, .. } => Some(format!(
            "{} {}: attempt {attempt} failed, trying again: {}",
            style.yellow("retry:"),
            plain(task),
            clip(&plain(message), 200)
        )),
        // What fails in a short build is in its summary a moment later.
        Event::Ended { state: State::Failed, task, message, .. } if verbose || since > EVERY => {
            let why = message.as_deref().unwrap_or_default();
            let why = why.lines().next().unwrap_or_default();
            Some(format!("{} {}: {}", style.red("failed:"), plain(task), clip(&plain(why), 200)))
        }
        Event::Ended { state: State::Failed, .. } => None,
        Event::Ended { state, task, seconds: took, .. } if verbose => {
            let word = match state {
                State::Ran => style.green("ran    "),
                State::Cached => style.dim("cached "),
                other => style.yellow(format!("{:<7}", other.word())),
            };
            let took = if *state == State::Ran { format!("  {}", seconds(*took)) } else { String::new() };
            Some(format!("{word} {}{}", plain(task), style.dim(took)))
        }
        Event::Note { message } => Some(format!("{} {}", style.cyan("note:"), plain(message))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use wrun_core::digest::{Digest, TaskId};
    use wrun_core::event::TaskNumber;
    use wrun_core::reason::Reason;

    fn ended(state: State, message: Option<&str>) -> Event {
        Event::Ended {
            number: TaskNumber(1),
            task: "delays date=2013-01-01".into(),
            state,
            key: None,
            output: None,
            source: None,
            message: message.map(str::to_owned),
            seconds: 0.25,
        }
    }

    #[test]
    fn a_line_a_task_for_those_who_want_it() {
        let running = Event::Running {
            number: TaskNumber(1),
            task: "delays date=2013-01-01".into(),
            reason: vec![Reason::New],
            id: TaskId(Digest::of_blob(b"task")),
            usual_seconds: None,
        };
        let progress =
            Event::Progress { number: TaskNumber(1), fraction: Some(0.5), message: "half\x1b[2J".into() };
        let said = |event: &Event| line(event, Style(false), true, Duration::ZERO);
        assert_eq!(said(&running).unwrap(), "running delays date=2013-01-01  new");
        assert_eq!(said(&progress).unwrap(), "         50% half [2J");
        assert_eq!(said(&ended(State::Ran, None)).unwrap(), "ran     delays date=2013-01-01  250 ms");
        assert_eq!(said(&ended(State::Cached, None)).unwrap(), "cached  delays date=2013-01-01");
        assert_eq!(
            said(&ended(State::Failed, Some("no such day\nmore"))).unwrap(),
            "failed: delays date=2013-01-01: no such day"
        );
        for event in [running, progress, ended(State::Ran, None), ended(State::Cached, None)] {
            assert_eq!(line(&event, Style(false), false, Duration::from_secs(60)), None);
        }
    }

    #[test]
    fn failures_of_long_builds_are_said_at_once() {
        let failed = ended(State::Failed, Some("no such day"));
        assert_eq!(line(&failed, Style(false), false, Duration::from_secs(1)), None);
        let said = line(&failed, Style(true), false, Duration::from_secs(3)).unwrap();
        assert_eq!(said, "\x1b[31mfailed:\x1b[0m delays date=2013-01-01: no such day");
    }

    #[test]
    fn how_far_it_is() {
        let began = Instant::now();
        let mut now = Now::new(began);
        now.take(&Event::Counted { known: 1000, done: 0 }, began);
        for number in 0..8 {
            let task = format!("leaf i={number} {}", "long ".repeat(20));
            let running = Event::Running {
                number: TaskNumber(number),
                task,
                reason: vec![],
                id: TaskId(Digest::of_blob(b"task")),
                usual_seconds: None,
            };
            now.take(&running, began);
        }
        assert_eq!(
            how_far(&now, began),
            "0 of 1,000 done, running leaf i=0 long long long long long long long long long long … and 7 more"
        );
        for number in 0..8 {
            let mut event = ended(State::Ran, None);
            if let Event::Ended { number: it, .. } = &mut event {
                *it = TaskNumber(number);
            }
            now.take(&event, began);
        }
        now.take(&Event::Counted { known: 1000, done: 100 }, began);
        assert_eq!(how_far(&now, began + Duration::from_secs(10)), "100 of 1,000 done, about 1 min 30 s left");
    }
}
