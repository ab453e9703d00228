//! The program from outside: one module a command.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::Command;

#[test]
fn an_unknown_command_is_a_usage_error_with_what_was_meant() {
    let output = Command::new(env!("CARGO_BIN_EXE_wrun")).arg("biuld").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("build"));
}
