//! Plain lines, for logs: what goes wrong at once, and now and then how far the build is. With `-v` a line
//! a task.

use super::Renderer;
use super::state::Now;
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
            now: Now::new(),
            style: shell.err(),
            verbose: shell.verbose,
            said: Instant::now(),
            pause: EVERY,
            buffer: String::new(),
        }
    }
}

impl Renderer for Lines {
    fn event(&mut self, event: Event) {
        self.now.take(&event);
        if let Some(line) = line(&event, self.style, self.verbose, self.now.since.elapsed()) {
            self.buffer.push_str(&line);
            self.buffer.push('\n');
        }
    }

    fn idle(&mut self) {
        if self.said.elapsed() >= self.pause && self.now.known > 0 && !self.verbose {
            self.said = Instant::now();
            self.pause = (self.pause * 2).min(RARELY);
            let now = &self.now;
            let busy: Vec<&str> =
                now.running.values().filter(|run| !run.suspended).map(|run| run.task.as_str()).collect();
            let mut text = format!("{} of {} done", count(now.done), count(now.known));
            if let Some(first) = busy.first() {
                let more = if busy.len() > 1 { format!(" and {} more", busy.len() - 1) } else { String::new() };
                text += &format!(", running {}{more}", clip(first, 60));
            }
            if let Some(rest) = now.remaining() {
                text += &format!(", about {} left", seconds(rest.as_secs_f64()));
            }
            self.buffer += &format!("{}\n", self.style.dim(text));
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
