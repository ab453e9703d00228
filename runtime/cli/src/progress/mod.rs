//! What happens during a build, shown: bars on a terminal, plain lines elsewhere, JSON lines for programs.
//!
//! One stream of events feeds all three. They are taken by a thread of their own, so that a build never
//! waits for its spectators; it looks for them twenty times a second, because to be woken for each of ten
//! thousand short tasks would cost more than the tasks.
//!
//! - `state.rs`: what is known while a build goes on
//! - [`board`]: written down for other terminals
//! - `bars.rs`: drawn again ten times a second
//! - `lines.rs`: lines, a few
//! - `meter.rs`: how fast bytes move

mod bars;
pub(crate) mod board;
mod lines;
mod meter;
mod state;

pub(crate) use state::slower;

use crate::shell::Shell;
use meter::Meter;
use std::io::Write as _;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use wrun_core::event::{Event, Ignore, Sink, TaskNumber};
use wrun_core::report::Traffic;

/// Draws events.
trait Renderer: Send {
    fn event(&mut self, event: &Event);
    /// Takes what a running task writes.
    fn log(&mut self, _number: TaskNumber, _bytes: &[u8]) {}
    /// Called every [`TICK`], after what has come since.
    fn idle(&mut self) {}
    fn finish(&mut self) {}
}

const TICK: Duration = Duration::from_millis(50);

/// Says what was asked of servers so far.
pub(crate) type Probe = Box<dyn Fn() -> Traffic + Send>;

/// The thread that draws.
pub(crate) struct Progress {
    sink: Arc<dyn Sink>,
    thread: Option<(Arc<Queue>, JoinHandle<()>)>,
    shell: Shell,
}

/// What goes to the thread.
enum Item {
    Event(Event),
    Log(TaskNumber, Vec<u8>),
}

/// What the thread has not taken yet.
#[derive(Default)]
struct Queue {
    items: Mutex<Vec<Item>>,
    ended: Mutex<bool>,
    end: Condvar,
}

impl Queue {
    fn push(&self, item: Item) {
        self.items.lock().unwrap_or_else(PoisonError::into_inner).push(item);
    }

    fn take(&self) -> Vec<Item> {
        std::mem::take(&mut *self.items.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn end(&self) {
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.end.notify_all();
    }

    /// Waits for a tick, or for the end; tells whether it is there.
    fn wait(&self) -> bool {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.end.wait_timeout_while(ended, TICK, |ended| !*ended);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

struct Channel {
    queue: Arc<Queue>,
    hits: bool,
    logs: bool,
}

impl Sink for Channel {
    fn send(&self, event: Event) {
        self.queue.push(Item::Event(event));
    }

    fn log(&self, number: TaskNumber, bytes: &[u8]) {
        if self.logs {
            self.queue.push(Item::Log(number, bytes.to_vec()));
        }
    }

    fn wants_hits(&self) -> bool {
        self.hits
    }
}

impl Progress {
    /// Chooses how to show a build. `json` events are data, so only the commands whose data they are ask
    /// for them.
    pub(crate) fn start(shell: &Shell, json: bool) -> Self {
        Self::start_for(shell, json, None, None)
    }

    /// Shows a build, also to other terminals.
    pub(crate) fn start_for(shell: &Shell, json: bool, about: Option<board::About>, probe: Option<Probe>) -> Self {
        let mut shown: Vec<Box<dyn Renderer>> = Vec::new();
        if json && shell.json {
            shown.push(Box::new(Json { closed: false, buffer: Vec::new() }));
        } else if shell.quiet || shell.json {
            // Nothing is shown here.
        } else if shell.live {
            shown.push(Box::new(bars::Bars::new(shell)));
        } else {
            shown.push(Box::new(lines::Lines::new(shell)));
        }
        let logs = about.is_some();
        if let Some(about) = about {
            shown.push(Box::new(board::Board::new(about)));
        }
        if shown.is_empty() {
            return Self { sink: Arc::new(Ignore), thread: None, shell: shell.clone() };
        }
        let queue = Arc::new(Queue::default());
        let hits = json && shell.json || shell.verbose;
        let sink = Arc::new(Channel { queue: queue.clone(), hits, logs });
        let thread = std::thread::Builder::new().name("wrun-progress".into());
        shell.group("wrun: what happens");
        let theirs = queue.clone();
        match thread.spawn(move || show(shown, &theirs, probe.map(Meter::new))) {
            Ok(handle) => Self { sink, thread: Some((queue, handle)), shell: shell.clone() },
            Err(_) => Self { sink: Arc::new(Ignore), thread: None, shell: shell.clone() },
        }
    }

    /// Returns where events go.
    pub(crate) fn sink(&self) -> Arc<dyn Sink> {
        self.sink.clone()
    }

    /// Waits until all is shown, and removes bars.
    pub(crate) fn finish(&mut self) {
        if let Some((queue, handle)) = self.thread.take() {
            queue.end();
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

fn show(mut shown: Vec<Box<dyn Renderer>>, queue: &Queue, mut meter: Option<Meter>) {
    loop {
        let ended = queue.wait();
        for item in queue.take() {
            match item {
                Item::Event(event) => shown.iter_mut().for_each(|renderer| renderer.event(&event)),
                Item::Log(number, bytes) => shown.iter_mut().for_each(|renderer| renderer.log(number, &bytes)),
            }
        }
        if ended {
            break;
        }
        if let Some(event) = meter.as_mut().and_then(|meter| meter.read(Instant::now())) {
            shown.iter_mut().for_each(|renderer| renderer.event(&event));
        }
        shown.iter_mut().for_each(|renderer| renderer.idle());
    }
    shown.iter_mut().for_each(|renderer| renderer.finish());
}

/// JSON lines on stdout, written once a tick. When its reader goes away the build
/// goes on.
struct Json {
    closed: bool,
    buffer: Vec<u8>,
}

impl Renderer for Json {
    fn event(&mut self, event: &Event) {
        const FULL: usize = 64 << 10;
        if self.closed {
            return;
        }
        if serde_json::to_writer(&mut self.buffer, event).is_ok() {
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
