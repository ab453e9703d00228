use crate::support::{a_run, dir, hostile, out};
use wrun_plugin::Run;

#[test]
fn a_probe_sees_the_same_twice_and_nothing_of_the_machine() {
    let plugin = hostile();
    let input = dir(&[("b", b"bb"), ("a", b"a")]);
    let run = || Run { inputs: vec![("data".into(), input.clone())], ..a_run("probe") };
    let said = out(&plugin, run());
    assert_eq!(out(&plugin, run()), said);
    assert_eq!(out(&hostile(), run()), said);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "Ok(315532800s)");
    assert_eq!(lines[1], "0ns");
    assert_eq!(lines[3], "[] []");
    assert_eq!(lines[5], "7ff8000000000000 fff8000000000000");
    assert!(lines[8].starts_with("\"a\" 1 Ok(SystemTime { tv_sec: 315532800, tv_nsec: 0 })"), "{said}");
}

#[test]
fn native_nans_are_an_opt_out() {
    let plugin = hostile();
    let input = dir(&[]);
    let run = |native_nan| Run { inputs: vec![("data".into(), input.clone())], native_nan, ..a_run("probe") };
    let native = out(&plugin, run(true));
    assert_eq!(native.lines().count(), out(&plugin, run(false)).lines().count());
}
