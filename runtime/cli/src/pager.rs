//! A pager for long text on a terminal: `WRUN_PAGER`, else `PAGER`, else `less`. Set to `cat`, there is none.
//!
//! The pager reads what this process writes to stdout from then on, and the process ends after it.

use crate::env;
use crate::shell::Shell;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

/// The pager that runs, if one does.
static PAGER: Mutex<Option<Child>> = Mutex::new(None);

/// Starts the pager if stdout is a terminal. Without one, text is simply written.
pub(crate) fn start(shell: &Shell) {
    if !shell.paged {
        return;
    }
    let Some(program) = wanted() else { return };
    let mut command = Command::new("sh");
    command.args(["-c", &program]).stdin(Stdio::piped());
    // Ends at once if all fits on one screen, keeps colours, leaves the text on the screen.
    for (name, value) in [("LESS", "FRX"), ("LV", "-c")] {
        if env::var(name).is_none() {
            command.env(name, value);
        }
    }
    let Ok(mut child) = command.spawn() else { return };
    let Some(stdin) = child.stdin.take() else { return };
    // Ctrl-C is for the pager: ending before it would leave two programs reading from one terminal.
    ignore_interrupts();
    if rustix::stdio::dup2_stdout(&stdin).is_ok() {
        *PAGER.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(child);
    }
}

/// Waits until the user has seen enough.
pub(crate) fn finish() {
    let child = PAGER.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
    let Some(mut child) = child else { return };
    // The pager sees the end of the text when the last writer is gone.
    if let Ok(nowhere) = std::fs::File::options().write(true).open("/dev/null") {
        _ = rustix::stdio::dup2_stdout(&nowhere);
    }
    _ = child.wait();
}

/// Returns the command line of the pager.
fn wanted() -> Option<String> {
    let text = |name: &str| env::var(name).map(|value| value.to_string_lossy().trim().to_owned());
    let (program, own) = match text("WRUN_PAGER").or_else(|| text("PAGER")) {
        Some(program) => (program, true),
        None => ("less".to_owned(), false),
    };
    let first = program.split_whitespace().next()?.to_owned();
    // A pager that is not there must not swallow the text. What a shell has to make sense of is left to it.
    let plain = first.chars().all(|c| c.is_ascii_alphanumeric() || "/._-+".contains(c));
    if first == "cat" || (plain && !is_there(&first)) {
        if own && first != "cat" {
            crate::shell::warn(&format!("note: the pager `{first}` is not there\n"));
        }
        return None;
    }
    Some(program)
}

/// Tells whether a program is there.
fn is_there(program: &str) -> bool {
    let runs =
        |path: &Path| path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0);
    if program.contains('/') {
        return runs(Path::new(program));
    }
    let path = env::var("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| runs(&folder.join(program)))
}

fn ignore_interrupts() {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
    if let Ok(runtime) = runtime {
        // A signal that is listened to once no longer ends the process, whoever listens.
        runtime.block_on(async { drop(signal(SignalKind::interrupt())) });
    }
}
