//! A stdout that goes away, or is full.

use crate::env::TestEnv;
use std::io::Read as _;
use std::process::Stdio;

#[test]
fn a_broken_pipe_is_a_quiet_end() {
    let env = TestEnv::new();
    env.words("build grid.wasm grid -p n=10000 -q").ok();
    let mut child = env
        .command()
        .args(["cat", "grid.wasm", "grid", "-p", "n=10000"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut [0; 10]).unwrap();
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn a_build_goes_on_when_nobody_reads_its_events() {
    let env = TestEnv::new();
    let mut child = env
        .command()
        .args(["build", "grid.wasm", "grid", "-p", "n=1000", "--json", "-q"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
    let ran = env.words("build grid.wasm grid -p n=1000").ok();
    assert!(ran.stderr().contains("1,011 cached"), "{}", ran.stderr());
}

#[test]
fn a_full_stdout_is_an_error() {
    let env = TestEnv::new();
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = env.command().args(["list", "report.wasm"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(5));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(
        said,
        "error[file]: cannot write to stdout\n  because: No space left on device (os error 28)\nhint: free some space\n"
    );
}
