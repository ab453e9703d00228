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
const BAR: usize = 24;

pub(super) struct Bars {
    now: Now,
    style: Style,
    verbose: bool,
    drawn: usize,
    at: Option<Instant>,
    lines: String,
}

impl Bars {
    pub(super) fn new(shell: &Shell) -> Self {
        Self {
            now: Now::new(),
            style: shell.err(),
            verbose: shell.verbose,
            drawn: 0,
            at: None,
            lines: String::new(),
        }
    }

    /// Moves to the first row that was drawn, and clears from there.
    fn erase(&mut self, out: &mut String) {
        if self.drawn > 0 {
            _ = write!(out, "\x1b[{}A\r\x1b[0J", self.drawn);
            self.drawn = 0;
        }
    }

    fn draw(&mut self, out: &mut String) {
        let (rows, columns) = size();
        let most = MOST_ROWS.min(rows.saturating_sub(2));
        let busy = self.now.running.values().filter(|run| !run.suspended);
        let mut running: Vec<&Running> = busy.collect();
        running.sort_by_key(|run| run.since);
        for run in running.iter().take(most) {
            let text = clip(&row(run), columns.saturating_sub(1));
            _ = writeln!(out, "{}", self.style.dim(text));
            self.drawn += 1;
        }
        let text = clip(&self.whole(running.len()), columns.saturating_sub(1));
        _ = writeln!(out, "{text}");
        self.drawn += 1;
    }

    fn whole(&self, running: usize) -> String {
        let now = &self.now;
        let known = now.known.max(1);
        let full = usize::try_from(now.done.min(known) * BAR as u64 / known).unwrap_or(BAR);
        let mut text =
            format!("[{}{}] {}/{}", "█".repeat(full), "·".repeat(BAR - full), count(now.done), count(now.known));
        if running > 0 {
            _ = write!(text, " · {running} running");
        }
        let suspended = now.running.len() - running;
        if suspended > 0 {
            _ = write!(text, " · {} waiting for what they need", count(suspended as u64));
        }
        if now.failed > 0 {
            _ = write!(text, " · {} failed", count(now.failed));
        }
        if let Some(rest) = now.remaining() {
            _ = write!(text, " · about {} left", seconds(rest.as_secs_f64()));
        }
        text
    }
}

fn row(run: &Running) -> String {
    let took = run.since.elapsed().as_secs_f64();
    let part = run.fraction.filter(|part| part.is_finite());
    let part = part.or_else(|| run.usual.filter(|usual| *usual > 1.0).map(|usual| (took / usual).min(0.99)));
    let part = part.map(|part| format!("{:>3.0}% ", part.clamp(0.0, 1.0) * 100.0)).unwrap_or_default();
    let message = if run.message.is_empty() { String::new() } else { format!("  {}", run.message) };
    format!("  {part}{}{message}  {}", run.task, seconds(took))
}

fn size() -> (usize, usize) {
    let size = rustix::termios::tcgetwinsize(rustix::stdio::stderr());
    let (rows, columns) = size.map_or((24, 80), |size| (size.ws_row, size.ws_col));
    (usize::from(if rows == 0 { 24 } else { rows }), usize::from(if columns == 0 { 80 } else { columns }))
}

impl Renderer for Bars {
    fn event(&mut self, event: Event) {
        self.now.take(&event);
        if let Some(line) = line(&event, self.style, self.verbose, self.now.since.elapsed()) {
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
        self.erase(&mut out);
        out.push_str(&std::mem::take(&mut self.lines));
        if self.now.since.elapsed() > PATIENCE && self.now.known > 0 {
            self.at = Some(Instant::now());
            self.draw(&mut out);
        }
        warn(&out);
    }

    fn finish(&mut self) {
        let mut out = String::new();
        self.erase(&mut out);
        out.push_str(&std::mem::take(&mut self.lines));
        if !out.is_empty() {
            warn(&out);
        }
    }
}
