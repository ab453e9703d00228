//! What happens during a build, shown: bars on a terminal, plain lines elsewhere, JSON lines for programs.
//!
//! One stream of events feeds all three. They are taken by a thread of their own, so that a build never
//! waits for its spectators.
//!
//! - `state.rs`: what is known while a build goes on
//! - `bars.rs`: drawn again ten times a second
//! - `lines.rs`: lines, a few

mod bars;
mod lines;
mod state;

use crate::shell::Shell;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;
use wrun_core::event::{Event, Ignore, Sink};

/// Draws events.
trait Renderer: Send {
    fn event(&mut self, event: Event);
    /// Called when there is nothing to take for a moment, and at least every [`TICK`].
    fn idle(&mut self) {}
    fn finish(&mut self) {}
}

const TICK: Duration = Duration::from_millis(100);

/// The thread that draws.
pub(crate) struct Progress {
    sink: Arc<dyn Sink>,
    thread: Option<(Sender<Option<Event>>, JoinHandle<()>)>,
    shell: Shell,
}

struct Channel {
    sender: Sender<Option<Event>>,
    hits: bool,
}

impl Sink for Channel {
    fn send(&self, event: Event) {
        // Nobody listens once the build has ended.
        _ = self.sender.send(Some(event));
    }

    fn wants_hits(&self) -> bool {
        self.hits
    }
}

impl Progress {
    /// Chooses how to show a build. `json` events are data, so only the commands whose data they are ask
    /// for them.
    pub(crate) fn start(shell: &Shell, json: bool) -> Self {
        let renderer: Box<dyn Renderer> = if json && shell.json {
            Box::new(Json { closed: false, buffer: Vec::new() })
        } else if shell.quiet || shell.json {
            return Self { sink: Arc::new(Ignore), thread: None, shell: shell.clone() };
        } else if shell.live {
            Box::new(bars::Bars::new(shell))
        } else {
            Box::new(lines::Lines::new(shell))
        };
        let (sender, receiver) = channel();
        let hits = json && shell.json || shell.verbose;
        let sink = Arc::new(Channel { sender: sender.clone(), hits });
        let thread = std::thread::Builder::new().name("wrun-progress".into());
        shell.group("wrun: what happens");
        match thread.spawn(move || show(renderer, &receiver)) {
            Ok(handle) => Self { sink, thread: Some((sender, handle)), shell: shell.clone() },
            Err(_) => Self { sink: Arc::new(Ignore), thread: None, shell: shell.clone() },
        }
    }

    /// Returns where events go.
    pub(crate) fn sink(&self) -> Arc<dyn Sink> {
        self.sink.clone()
    }

    /// Waits until all is shown, and removes bars.
    pub(crate) fn finish(&mut self) {
        if let Some((sender, handle)) = self.thread.take() {
            _ = sender.send(None);
            _ = handle.join();
            self.shell.end_group();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

fn show(mut renderer: Box<dyn Renderer>, events: &Receiver<Option<Event>>) {
    let mut idle = std::time::Instant::now();
    loop {
        match events.recv_timeout(TICK) {
            Ok(Some(event)) => renderer.event(event),
            Ok(None) | Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {}
        }
        // Everything that has come already is taken before anything is drawn.
        loop {
            match events.try_recv() {
                Ok(Some(event)) => renderer.event(event),
                Ok(None) => return renderer.finish(),
                Err(_) => break,
            }
            if idle.elapsed() > TICK {
                break;
            }
        }
        idle = std::time::Instant::now();
        renderer.idle();
    }
    renderer.finish();
}

/// JSON lines on stdout, written whenever no more events are waiting. When its reader goes away the build
/// goes on.
struct Json {
    closed: bool,
    buffer: Vec<u8>,
}

impl Renderer for Json {
    fn event(&mut self, event: Event) {
        const FULL: usize = 64 << 10;
        if self.closed {
            return;
        }
        if serde_json::to_writer(&mut self.buffer, &event).is_ok() {
            self.buffer.push(b'\n');
        }
        if self.buffer.len() > FULL {
            self.idle();
        }
    }

    fn idle(&mut self) {
        if self.buffer.is_empty() {
            return;
        }
        let mut out = std::io::stdout().lock();
        if let Err(error) = out.write_all(&self.buffer).and_then(|()| out.flush()) {
            self.closed = true;
            if error.kind() != std::io::ErrorKind::BrokenPipe {
                crate::shell::warn(&format!("error: cannot write to stdout\n  because: {error}\n"));
            }
        }
        self.buffer.clear();
    }

    fn finish(&mut self) {
        self.idle();
    }
}
