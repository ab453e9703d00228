//! Bars on a terminal: running tasks with their own messages, one line for the whole, drawn again ten times
//! a second below the lines that stay.

use super::Renderer;
use super::lines::line;
use super::state::{Now, Running};
use crate::shell::{Shell, Style, warn};
use crate::text::{clip, count, seconds};
use std::fmt::Write as _;
use std::time::{Duration, Instant};
use wrun_core::event::Event;

/// A build that is over sooner shows no bars.
const PATIENCE: Duration = Duration::from_millis(200);
const MOST_ROWS: usize = 8;
/// How long the bar itself is; it gives way to the words beside it.
const BAR: std::ops::RangeInclusive<usize> = 6..=24;

pub(super) struct Bars {
    now: Now,
    style: Style,
    verbose: bool,
    /// How many columns each row has that was drawn.
    drawn: Vec<usize>,
    at: Option<Instant>,
    lines: String,
}

impl Bars {
    pub(super) fn new(shell: &Shell) -> Self {
        Self {
            now: Now::new(Instant::now()),
            style: shell.err(),
            verbose: shell.verbose,
            drawn: Vec::new(),
            at: None,
            lines: String::new(),
        }
    }

    /// Moves to the first row that was drawn, and clears from there. On a terminal that has become narrower
    /// since, a row has been broken into several.
    fn erase(&mut self, out: &mut String, columns: usize) {
        let up: usize = self.drawn.drain(..).map(|width| width.div_ceil(columns.max(1)).max(1)).sum();
        if up > 0 {
            _ = write!(out, "\x1b[{up}A\r\x1b[0J");
        }
    }

    /// Draws what is known at a time on a terminal of so many rows and columns.
    fn draw(&mut self, out: &mut String, at: Instant, (rows, columns): (usize, usize)) {
        let columns = columns.saturating_sub(1);
        let most = MOST_ROWS.min(rows.saturating_sub(2));
        let busy = self.now.running.values().filter(|run| !run.suspended);
        let mut running: Vec<&Running> = busy.collect();
        running.sort_by_key(|run| run.since);
        for run in running.iter().take(most) {
            let text = clip(&row(run, at), columns);
            self.drawn.push(text.chars().count());
            _ = writeln!(out, "{}", self.style.dim(text));
        }
        let text = clip(&self.whole(running.len(), at, columns), columns);
        self.drawn.push(text.chars().count());
        _ = writeln!(out, "{text}");
    }

    /// One line for the whole: what matters most comes first, as a narrow terminal shows no more.
    fn whole(&self, running: usize, at: Instant, columns: usize) -> String {
        let now = &self.now;
        // An image may be fetched without a build.
        let mut text = match now.known {
            0 => String::new(),
            known => format!(" {}/{}", count(now.done), count(known)),
        };
        if running > 0 {
            _ = write!(text, " · {running} running");
        }
        if now.failed > 0 {
            _ = write!(text, " · {} failed", count(now.failed));
        }
        if let Some(rest) = now.remaining(at) {
            _ = write!(text, " · about {} left", seconds(rest.as_secs_f64()));
        }
        let moving = now.moving();
        if !moving.is_empty() {
            _ = write!(text, " · {moving}");
        }
        let suspended = now.running.len() - running;
        if suspended > 0 {
            _ = write!(text, " · {} waiting for what they need", count(suspended as u64));
        }
        let room = columns.saturating_sub(text.chars().count() + 2);
        let long = room.clamp(*BAR.start(), *BAR.end());
        let known = now.known.max(1);
        let full = usize::try_from(now.done.min(known) * long as u64 / known).unwrap_or(long);
        format!("[{}{}]{text}", "█".repeat(full), "·".repeat(long - full))
    }
}

fn row(run: &Running, at: Instant) -> String {
    let took = at.saturating_duration_since(run.since).as_secs_f64();
    let part = run.fraction.filter(|part| part.is_finite());
    let part = part.or_else(|| run.usual.filter(|usual| *usual > 1.0).map(|usual| (took / usual).min(0.99)));
    let part = part.map(|part| format!("{:>3.0}% ", part.clamp(0.0, 1.0) * 100.0)).unwrap_or_default();
    let message = if run.message.is_empty() { String::new() } else { format!("  {}", run.message) };
    let slow = match run.usual {
        Some(usual) if super::slower(took, usual) => format!(", slower than the usual {}", seconds(usual)),
        _ => String::new(),
    };
    format!("  {part}{}{message}  {}{slow}", run.task, seconds(took))
}

fn size() -> (usize, usize) {
    let size = rustix::termios::tcgetwinsize(rustix::stdio::stderr());
    let (rows, columns) = size.map_or((24, 80), |size| (size.ws_row, size.ws_col));
    (usize::from(if rows == 0 { 24 } else { rows }), usize::from(if columns == 0 { 80 } else { columns }))
}

impl Renderer for Bars {
    fn event(&mut self, event: &Event) {
        self.now.take(event, Instant::now());
        if let Some(line) = line(event, self.style, self.verbose, self.now.since.elapsed()) {
            self.lines.push_str(&line);
            self.lines.push('\n');
        }
    }

    fn idle(&mut self) {
        let due = self.at.is_none_or(|at| at.elapsed() >= super::TICK) && self.now.since.elapsed() > PATIENCE;
        if self.lines.is_empty() && !due {
            return;
        }
        let mut out = String::new();
        let size = size();
        self.erase(&mut out, size.1);
        out.push_str(&std::mem::take(&mut self.lines));
        let anything = self.now.known > 0 || !self.now.moving().is_empty();
        if self.now.since.elapsed() > PATIENCE && anything {
            let at = Instant::now();
            self.at = Some(at);
            self.draw(&mut out, at, size);
        }
        warn(&out);
    }

    fn finish(&mut self) {
        let mut out = String::new();
        self.erase(&mut out, size().1);
        out.push_str(&std::mem::take(&mut self.lines));
        if !out.is_empty() {
            warn(&out);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, reason = "a test fails by panicking")]
    use super::*;
    use wrun_core::digest::{Digest, TaskId};
    use wrun_core::event::TaskNumber;
    use wrun_core::report::State;

    /// Twenty seconds into a build of 1,200 tasks, 400 of which are done.
    fn bars(style: Style) -> (Bars, Instant) {
        let began = Instant::now();
        let at = |seconds| began + Duration::from_secs(seconds);
        let mut now = Now::new(began);
        let running = |number, task: &str, usual_seconds| Event::Running {
            number: TaskNumber(number),
            task: task.to_owned(),
            reason: Vec::new(),
            id: TaskId(Digest::of_blob(b"task")),
            usual_seconds,
        };
        let ended = |number, state| Event::Ended {
            number: TaskNumber(number),
            task: String::new(),
            state,
            key: None,
            output: None,
            source: None,
            message: None,
            seconds: 1.0,
        };
        now.take(&Event::Counted { known: 1200, done: 100 }, at(0));
        for number in 0..9 {
            now.take(&running(number, "delays date=2013-01-01", None), at(0));
            now.take(&ended(number, if number < 8 { State::Ran } else { State::Failed }), at(1));
        }
        now.take(&running(10, "delays date=2013-06-15 source=/data/of/this/year/flights.csv", None), at(5));
        now.take(&running(11, "report date=2013-06-15", Some(30.0)), at(8));
        now.take(&running(12, "week date=2013-06-15", None), at(9));
        let progress = |number, fraction, message: &str| Event::Progress {
            number: TaskNumber(number),
            fraction,
            message: message.to_owned(),
        };
        now.take(&progress(10, Some(0.4217), "row 14,201\x1b[2J of 33,670"), at(12));
        now.take(&Event::Suspended { number: TaskNumber(12), needs: 7 }, at(12));
        now.take(&Event::Counted { known: 1200, done: 400 }, at(20));
        (Bars { now, style, verbose: false, drawn: Vec::new(), at: None, lines: String::new() }, at(20))
    }

    fn drawn(rows: usize, columns: usize) -> String {
        let (mut bars, at) = bars(Style(false));
        let mut out = String::new();
        bars.draw(&mut out, at, (rows, columns));
        assert_eq!(bars.drawn.len(), out.lines().count());
        assert!(out.lines().all(|line| line.chars().count() < columns), "{out}");
        out
    }

    #[test]
    fn wide() {
        assert_eq!(
            drawn(24, 200),
            "   42% delays date=2013-06-15 source=/data/of/this/year/flights.csv  row 14,201 [2J of 33,670  15 s\n\
             \x20  40% report date=2013-06-15  12 s\n\
             [████████················] 400/1,200 · 2 running · 1 failed · about 53 s left · 1 waiting for what they need\n"
        );
    }

    #[test]
    fn as_terminals_are() {
        assert_eq!(
            drawn(24, 80),
            "   42% delays date=2013-06-15 source=/data/of/this/year/flights.csv  row 14,20…\n\
             \x20  40% report date=2013-06-15  12 s\n\
             [██····] 400/1,200 · 2 running · 1 failed · about 53 s left · 1 waiting for wh…\n"
        );
    }

    #[test]
    fn what_moves_is_in_the_line_for_the_whole() {
        let (mut bars, at) = bars(Style(false));
        let moves = Event::Transferring {
            sent: 0,
            received: 3 << 30,
            sent_per_second: 0.0,
            received_per_second: f64::from(45 << 20),
        };
        bars.now.take(&moves, at);
        let whole = bars.whole(2, at, 200);
        assert!(whole.contains(" · about 53 s left · received 3.0 GiB at 45.0 MiB/s · 1 waiting"), "{whole}");
        let pulled = |received| Event::Pulling { image: "tool:1".into(), received, total: 5 << 20 };
        bars.now.take(&pulled(1 << 20), at);
        let whole = bars.whole(2, at, 200);
        assert!(whole.contains(" at 45.0 MiB/s, image tool:1: 1.0 MiB of 5.0 MiB · 1 waiting"), "{whole}");
        bars.now.take(&pulled(5 << 20), at);
        assert!(!bars.whole(2, at, 200).contains("tool:1"));
    }

    #[test]
    fn narrow() {
        assert_eq!(
            drawn(24, 40),
            "   42% delays date=2013-06-15 source=/…\n\
             \x20  40% report date=2013-06-15  12 s\n\
             [██····] 400/1,200 · 2 running · 1 fai…\n"
        );
    }

    #[test]
    fn of_three_rows_one_is_for_tasks() {
        let out = drawn(3, 80);
        assert_eq!(out.lines().count(), 2, "{out}");
        assert!(out.ends_with("…\n") && out.contains("400/1,200 · 2 running"), "{out}");
        assert_eq!(drawn(1, 10), "[██····]…\n");
    }

    #[test]
    fn what_was_drawn_is_erased_before_it_is_drawn_again() {
        let (mut bars, at) = bars(Style(true));
        let mut out = String::new();
        bars.draw(&mut out, at, (24, 80));
        out.clear();
        bars.erase(&mut out, 80);
        assert_eq!((out.as_str(), bars.drawn.len()), ("\x1b[3A\r\x1b[0J", 0));
        bars.erase(&mut out, 80);
        assert_eq!(out, "\x1b[3A\r\x1b[0J");
    }

    #[test]
    fn a_terminal_that_became_narrower_has_broken_the_rows() {
        let (mut bars, at) = bars(Style(false));
        let mut out = String::new();
        bars.draw(&mut out, at, (24, 80));
        out.clear();
        // Rows of 79, 35 and 79 columns, of which 30 fit.
        bars.erase(&mut out, 30);
        assert_eq!(out, "\x1b[8A\r\x1b[0J");
        out.clear();
        bars.draw(&mut out, at, (24, 30));
        out.clear();
        bars.erase(&mut out, 80);
        assert_eq!(out, "\x1b[3A\r\x1b[0J");
    }
}
