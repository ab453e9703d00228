//! Exit codes: one table for all that there is and all that is to come.
//!
//! | code | name | when |
//! |--:|---|---|
//! | 0 | ok | all that was asked for is there |
//! | 1 | failed | a task failed, or is blocked by one that did |
//! | 2 | usage | arguments, params, wrun.toml, or a file that they name |
//! | 3 | waiting | nothing failed, but a clock or a missing external is waited for |
//! | 4 | bad-plugin | the plugin cannot be read, or breaks the contract |
//! | 5 | store-trouble | the store, or another file that is written, made trouble |
//! | 6 | nondeterminism | `verify` saw other bytes than the first time |
//! | 7–9 | | reserved: queue, worker, remote store |
//! | 70 | internal | a bug of wrun |
//! | 130 | interrupted | Ctrl-C; what was finished is kept |

use std::fmt::Write as _;

/// How the process ends.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Ok = 0,
    Failed = 1,
    Usage = 2,
    Waiting = 3,
    BadPlugin = 4,
    Store = 5,
    Nondeterminism = 6,
    Internal = 70,
    Interrupted = 130,
}

impl Exit {
    /// Returns the number that the shell sees.
    pub(crate) fn code(self) -> i32 {
        self as i32
    }
}

/// The table, as `wrun exit-codes` and `--help` print it.
pub(crate) const TABLE: &[(&str, &str, &str)] = &[
    ("0", "ok", "all that was asked for is there"),
    ("1", "failed", "a task failed, or is blocked by one that did"),
    ("2", "usage", "arguments, params, wrun.toml, or a file that they name"),
    ("3", "waiting", "nothing failed, but a clock or a missing external is waited for"),
    ("4", "bad-plugin", "the plugin cannot be read, or breaks the contract"),
    ("5", "store-trouble", "the store, or another file that is written, made trouble"),
    ("6", "nondeterminism", "`verify` saw other bytes than the first time"),
    ("7-9", "-", "reserved: queue, worker, remote store"),
    ("70", "internal", "a bug of wrun"),
    ("130", "interrupted", "Ctrl-C; what was finished is kept"),
];

/// Returns the table as text.
pub(crate) fn table() -> String {
    let mut out = String::from("Exit codes:\n");
    for (code, name, when) in TABLE {
        // Writing to a String cannot fail.
        _ = writeln!(out, "  {code:>3}  {name:<14}  {when}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_every_code() {
        for exit in [
            Exit::Ok,
            Exit::Failed,
            Exit::Usage,
            Exit::Waiting,
            Exit::BadPlugin,
            Exit::Store,
            Exit::Nondeterminism,
            Exit::Internal,
            Exit::Interrupted,
        ] {
            let code = exit.code().to_string();
            assert!(TABLE.iter().any(|row| row.0 == code), "{code}");
        }
    }
}
