//! Ctrl-C: the first stops the build at once and keeps what is finished, the second ends the process.

use crate::exit::Exit;
use crate::shell::Shell;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};
use wrun_build::Interrupt;
use wrun_core::event::{Event, Sink};

/// Watches for SIGINT, SIGTERM and SIGHUP on a thread of its own, so that they are heard
/// however busy the workers are.
pub(crate) fn watch(shell: &Shell, sink: Arc<dyn Sink>) -> Interrupt {
    let interrupt = Interrupt::default();
    let (stop, shell) = (interrupt.clone(), shell.clone());
    // Asked before listening changes the answer.
    let heard = !hangups_are_ignored();
    let thread = std::thread::Builder::new().name("wrun-signals".into());
    let (ready, listens) = std::sync::mpsc::channel::<()>();
    // Without the thread a signal ends the process, which loses nothing that is on disk.
    let started = thread.spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_io().build() else { return };
        runtime.block_on(async {
            let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
            let [Ok(mut int), Ok(mut term), Ok(mut hup)] = kinds else { return };
            drop(ready);
            for count in 0_u32.. {
                tokio::select! {
                    _ = int.recv() => {}
                    _ = term.recv() => {}
                    // The terminal was closed. Under nohup the build goes on.
                    _ = hup.recv(), if heard => {}
                }
                if count > 0 {
                    crate::end(Exit::Interrupted);
                }
                // Said first: once it is stopped, the process may end before this thread says anything.
                let message = "stopping: what is finished is kept; once more ends at once";
                // On a terminal the line has to go above the bars.
                if shell.live && !shell.json {
                    sink.send(Event::Note { message: message.to_owned() });
                } else {
                    shell.say(&format!("{message}\n"));
                }
                stop.stop();
            }
        });
    });
    if started.is_ok() {
        // Answers when the sender is dropped: a task must not run before it can be stopped.
        _ = listens.recv();
    }
    interrupt
}

/// Tells whether this process was started to outlive its terminal, as `nohup` does.
fn hangups_are_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // SIGHUP is the first.
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}
