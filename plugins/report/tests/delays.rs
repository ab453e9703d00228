//! The figures of the slice against those of an independent script.

use report::Delays;
use std::process::Command;
use wrun_task::{Path, testing::TestContext};

#[test]
fn the_slice_has_the_figures_that_python_finds() {
    let flights = "data/flights-2013-01-01-to-10.csv";
    let test = TestContext::new().expect("a folder");
    for day in 1..=10 {
        let date = format!("2013-01-{day:02}");
        let task = Delays { date: date.parse().expect("a date"), source: Path::new(flights) };
        let made = test.run(&task).expect("delays");
        let output = Command::new("python3").args(["tests/check_delays.py", flights, &date]).output();
        let output = output.expect("python3 runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(
            made.text("delays.csv").expect("delays.csv"),
            String::from_utf8_lossy(&output.stdout),
            "{date}"
        );
    }
}
