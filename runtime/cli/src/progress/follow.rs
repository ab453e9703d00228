//! What tasks that are followed say, line by line as they say it, each line behind the name of its task.

use super::Renderer;
use crate::shell::{Shell, Style, warn};
use crate::text::{clip, plain};
use std::collections::HashMap;
use wrun_core::event::{Event, TaskNumber};

/// A line longer than this is broken.
const LONGEST: usize = 8 << 10;

pub(super) struct Follow {
    /// Task types.
    wanted: Vec<String>,
    style: Style,
    /// Those that run: the name shown, and the line that is not whole yet.
    running: HashMap<TaskNumber, (String, Vec<u8>)>,
    buffer: String,
}

impl Follow {
    pub(super) fn new(shell: &Shell, wanted: Vec<String>) -> Self {
        Self { wanted, style: shell.err(), running: HashMap::new(), buffer: String::new() }
    }

    fn line(&mut self, name: &str, line: &[u8]) {
        let text = plain(&String::from_utf8_lossy(line));
        self.buffer += &format!("{} {text}\n", self.style.cyan(format!("{name} |")));
    }
}

impl Renderer for Follow {
    fn event(&mut self, event: &Event) {
        match event {
            Event::Running { number, task, .. } => {
                let kind = task.split(' ').next().unwrap_or_default();
                if self.wanted.iter().any(|wanted| wanted == kind) {
                    const WIDTH: usize = 40;
                    self.running.insert(*number, (clip(&plain(task), WIDTH), Vec::new()));
                }
            }
            Event::Ended { number, .. } => {
                if let Some((name, rest)) = self.running.remove(number).filter(|(_, rest)| !rest.is_empty()) {
                    self.line(&name, &rest);
                }
            }
            Event::Progress { number, fraction, message } => {
                let percent = fraction.map(|fraction| format!("{:.0} % ", fraction * 100.0)).unwrap_or_default();
                if let Some((name, _)) = self.running.get(number) {
                    self.line(&name.clone(), format!("{percent}{message}").as_bytes());
                }
            }
            _ => {}
        }
    }

    fn log(&mut self, number: TaskNumber, bytes: &[u8]) {
        let Some((name, rest)) = self.running.get_mut(&number) else { return };
        let name = name.clone();
        rest.extend_from_slice(bytes);
        let mut text = std::mem::take(rest);
        while let Some(end) =
            text.iter().position(|byte| *byte == b'\n').or((text.len() > LONGEST).then_some(LONGEST))
        {
            let line: Vec<u8> = text.drain(..=end.min(text.len() - 1)).collect();
            self.line(&name, line.strip_suffix(b"\n").unwrap_or(&line));
        }
        if let Some((_, rest)) = self.running.get_mut(&number) {
            *rest = text;
        }
    }

    fn idle(&mut self) {
        if !self.buffer.is_empty() {
            warn(&self.buffer);
            self.buffer.clear();
        }
    }

    fn finish(&mut self) {
        self.idle();
    }
}
