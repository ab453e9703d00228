//! How a container's end is told: by its exit code, the signal in it, what the engine saw, and what was done to it.

use crate::{FailureKind, RunError};
use bollard::errors::Error;
use wrun_core::plan::ContainerSpec;

/// Why wrun itself stopped a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stopped {
    /// It ran longer than it may: seconds.
    Timeout(u64),
    /// It wrote more than it may: in words.
    TooMuch(String),
}

/// What the engine says of a container that has ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) code: i64,
    pub(super) out_of_memory: bool,
    /// The engine's own words, where it could not run it.
    pub(super) error: String,
    pub(super) stopped: Option<Stopped>,
    /// Whether the engine went away while it ran: what ended it then is nobody's fault here.
    pub(super) engine_left: bool,
}

/// The exit code of what SIGKILL ended.
pub(super) const KILLED: i64 = 128 + 9;

fn signal(number: i64) -> &'static str {
    match number {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        25 => "SIGXFSZ",
        31 => "SIGSYS",
        _ => "a signal",
    }
}

fn code_in_words(code: i64) -> String {
    match code - 128 {
        number @ 1..=64 => format!("exit code {code}, {}", signal(number)),
        _ => format!("exit code {code}"),
    }
}

/// Returns why there is no result; `None` is a success.
pub(super) fn judge(spec: &ContainerSpec, ended: &Ended, log: &[u8]) -> Option<RunError> {
    let code = ended.code;
    let failed = |kind, message| Some(RunError::Failed { kind, message, log: log.to_vec() });
    match &ended.stopped {
        Some(Stopped::Timeout(seconds)) => {
            return failed(
                FailureKind::Timeout,
                format!("the container ran longer than its {seconds} s and was stopped ({})", code_in_words(code)),
            );
        }
        Some(Stopped::TooMuch(why)) => {
            return failed(FailureKind::OutputLimit, format!("{why} and was stopped ({})", code_in_words(code)));
        }
        None => {}
    }
    let accepted = i32::try_from(code).is_ok_and(|code| spec.accepted.contains(&code));
    if accepted {
        return None;
    }
    if ended.out_of_memory {
        let most = spec.memory.map_or("the machine's".to_owned(), |memory| format!("its {}", bytes(memory)));
        let what = format!("the container ran out of {most} memory ({})", code_in_words(code));
        return failed(FailureKind::OutOfMemory, what);
    }
    if ended.engine_left {
        return Some(RunError::Infrastructure(format!(
            "the container engine went away while the container ran ({})",
            code_in_words(code)
        )));
    }
    if !ended.error.is_empty() {
        return Some(unstartable(&ended.error).unwrap_or_else(|| {
            RunError::Infrastructure(format!("the engine could not run the container: {}", ended.error))
        }));
    }
    let last = String::from_utf8_lossy(&log[log.len().saturating_sub(512)..]).into_owned();
    let words = |what: &str| format!("{what} ({})", code_in_words(code));
    match code {
        _ if last.trim_end().ends_with("exec format error") => failed(
            FailureKind::EntryPoint,
            words("the program is for another kind of machine, or is a script without `#!`"),
        ),
        KILLED => failed(FailureKind::Killed, words("the container was killed, and not by wrun")),
        129..=192 => failed(FailureKind::ContainerExit, words("a signal ended the container's program")),
        127 => failed(
            FailureKind::ContainerExit,
            words("the container's program ended as a shell does that does not find a command"),
        ),
        126 => failed(
            FailureKind::ContainerExit,
            words("the container's program ended as a shell does that cannot execute a command"),
        ),
        125 => failed(
            FailureKind::ContainerExit,
            words("the container's program itself ended so; the engine did not fail"),
        ),
        _ => failed(FailureKind::ContainerExit, words("the container's program failed")),
    }
}

/// Tells a program that cannot be started by the engine's words.
pub(super) fn unstartable(message: &str) -> Option<RunError> {
    let failed =
        |why: String| Some(RunError::Failed { kind: FailureKind::EntryPoint, message: why, log: Vec::new() });
    let short = message.rsplit("unable to start container process: ").next().unwrap_or(message).trim();
    if message.contains("executable file not found") || message.contains("no such file or directory") {
        return failed(format!("the container's program is not in the image (exit code 127): {short}"));
    }
    if message.contains("exec format error") {
        return failed(format!("the container's program is for another kind of machine (exit code 126): {short}"));
    }
    // Podman says so of whatever the kernel refuses, behind what that was.
    let own = message.strip_suffix(": OCI permission denied").unwrap_or(message).to_ascii_lowercase();
    if own.contains("permission denied") || own.contains("is a directory") {
        return failed(format!("the container's program cannot be executed (exit code 126): {short}"));
    }
    if message.contains("no command specified") || message.contains("No command specified") {
        return failed("the image has no program of its own, and the task names none".into());
    }
    if message.contains("unable to find user") || message.contains("unable to find group") {
        return failed(format!("the container's user is not in the image: {short}"));
    }
    None
}

/// Turns an error of the Engine API into one of a run.
pub(super) fn engine(doing: &str, error: &Error) -> RunError {
    match error {
        Error::DockerResponseServerError { status_code, message } => {
            unstartable(message).unwrap_or_else(|| match status_code {
                400 => RunError::Failed {
                    kind: FailureKind::Contract,
                    message: format!("the engine refuses to {doing} a container like that: {message}"),
                    log: Vec::new(),
                },
                code => {
                    RunError::Infrastructure(format!("the engine cannot {doing} the container: {code}, {message}"))
                }
            })
        }
        error => RunError::Infrastructure(format!("the engine cannot {doing} the container: {}", chain(error))),
    }
}

/// An error and its causes in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text = format!("{text}: {next}");
        }
        source = error.source();
    }
    text
}

/// Tells whether nobody answered, as while an engine restarts.
pub(super) fn is_gone(error: &Error) -> bool {
    !matches!(
        error,
        Error::DockerResponseServerError { .. } | Error::JsonDataError { .. } | Error::JsonSerdeError { .. }
    )
}

fn bytes(count: u64) -> String {
    const MIB: u64 = 1 << 20;
    if count.is_multiple_of(1 << 30) {
        format!("{} GiB", count >> 30)
    } else if count >= MIB {
        format!("{} MiB", count / MIB)
    } else {
        format!("{count} bytes")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, reason = "a test fails by panicking")]
    use super::*;

    fn kind(ended: &Ended, log: &str) -> Option<FailureKind> {
        let spec = ContainerSpec { accepted: vec![0, 3], memory: Some(64 << 20), ..ContainerSpec::default() };
        match judge(&spec, ended, log.as_bytes()) {
            None => None,
            Some(RunError::Failed { kind, message, .. }) => {
                assert!(message.contains(&format!("exit code {}", ended.code)), "{message}");
                Some(kind)
            }
            Some(other) => panic!("{other}"),
        }
    }

    #[test]
    fn what_cannot_be_started_is_told_from_what_the_machine_refuses() {
        for words in [
            "OCI runtime create failed: runc create failed: exec: \"/etc/passwd\": permission denied: unknown",
            "crun: open executable: Permission denied: OCI permission denied",
            "exec: \"/etc\": is a directory",
        ] {
            assert!(unstartable(words).is_some(), "{words}");
        }
        let limits = "crun: setrlimit `RLIMIT_NOFILE`: Operation not permitted: OCI permission denied";
        assert!(unstartable(limits).is_none());
    }

    #[test]
    fn each_end_has_its_class() {
        let ended = |code| Ended { code, ..Ended::default() };
        assert_eq!(kind(&ended(0), ""), None);
        assert_eq!(kind(&ended(3), ""), None);
        for code in [1, 125, 126, 127, 134, 139, 143, 255] {
            assert_eq!(kind(&ended(code), ""), Some(FailureKind::ContainerExit), "{code}");
        }
        assert_eq!(kind(&ended(137), ""), Some(FailureKind::Killed));
        let memory = Ended { out_of_memory: true, ..ended(137) };
        assert_eq!(kind(&memory, ""), Some(FailureKind::OutOfMemory));
        let timeout = Ended { stopped: Some(Stopped::Timeout(5)), ..ended(137) };
        assert_eq!(kind(&timeout, ""), Some(FailureKind::Timeout));
        // Stopped, it may say that all is well; half a result is none.
        let timeout = Ended { stopped: Some(Stopped::Timeout(5)), ..ended(0) };
        assert_eq!(kind(&timeout, ""), Some(FailureKind::Timeout));
        let much = Ended { stopped: Some(Stopped::TooMuch("too much".into())), ..ended(143) };
        assert_eq!(kind(&much, ""), Some(FailureKind::OutputLimit));
        assert_eq!(kind(&ended(255), "exec /bin/x: exec format error\n"), Some(FailureKind::EntryPoint));
        let spec = ContainerSpec { accepted: vec![0], ..ContainerSpec::default() };
        let left = Ended { engine_left: true, ..ended(137) };
        assert!(matches!(judge(&spec, &left, b""), Some(RunError::Infrastructure(_))));
    }
}
