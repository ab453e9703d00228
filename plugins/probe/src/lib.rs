//! Tries to observe everything that a task must not, and writes down what it saw. The same component with
//! the same inputs must write the same bytes: at any time, on any machine, as any user, however the inputs'
//! files were made.
//!
//! - `probe`: one file for each thing that is tried; `places.rs` has those about files, `values.rs` the rest.
//! - `counted`: requires a task whose params count how often this instance was asked before.
//! - `leaf`: an input for both.

mod places;
mod values;

use std::sync::atomic::{AtomicU64, Ordering};
use wrun_task::{Context, External, Files, Input, Path, Requires, Result, Run, Task};

/// Goes up at every call of this instance; what it shows of earlier calls must be nothing.
static CALLS: AtomicU64 = AtomicU64::new(0);

/// Some files to look at
#[derive(Task)]
#[task(dynamic = false)]
pub struct Leaf {
    /// Number of the leaf
    #[param(default = 0)]
    pub n: u64,
}

impl Run for Leaf {
    type Requires = ();
    type Output = Files;
    fn requires(&self) {}
    fn run(&self, cx: &Context, _: ()) -> Result<Files> {
        // Not in the order of their names.
        for name in ["m", "b/z", "b/a", "z", "a"] {
            cx.write(name, format!("{name} {}\n", self.n))?;
        }
        Ok(Files)
    }
}

/// What the probe looks at.
#[derive(Requires)]
pub struct Sources {
    /// A file, folder or glob.
    outside: Option<External>,
    /// A task's output.
    leaf: Leaf,
}

/// Write down all that a task can observe
#[derive(Task)]
pub struct Probe {
    /// A file or folder to look at too
    pub source: Option<Path>,
}

impl Run for Probe {
    type Requires = Sources;
    type Output = Files;
    fn requires(&self) -> Sources {
        CALLS.fetch_add(1, Ordering::Relaxed);
        Sources { outside: self.source.as_ref().map(External::new), leaf: Leaf { n: 0 } }
    }
    fn run(&self, cx: &Context, inputs: SourcesInputs) -> Result<Files> {
        // Once by `requires` of this very run; a call more is an earlier one.
        cx.write("calls.txt", format!("{}\n", CALLS.fetch_add(1, Ordering::Relaxed)))?;
        cx.write("params.txt", format!("{}\n", self.to_params()))?;
        cx.write("memory.txt", values::memory())?;
        cx.write("address.txt", values::addresses())?;
        cx.write("clock.txt", values::clocks())?;
        cx.write("random.txt", values::random())?;
        cx.write("environment.txt", values::environment())?;
        cx.write("nan.txt", values::nans())?;
        let mut folders: Vec<&std::path::Path> = vec![inputs.leaf.path()];
        folders.extend(inputs.outside.as_ref().map(Input::path));
        let above = inputs.leaf.path().parent().unwrap_or(inputs.leaf.path());
        cx.write("order-before.txt", places::order(above))?;
        cx.need(Leaf { n: 1 })?;
        cx.write("order-after.txt", places::order(above))?;
        cx.write("files.txt", places::metadata(&folders, cx.out()))?;
        cx.write("errors.txt", places::errors(inputs.leaf.path(), cx.out()))?;
        cx.write("order-out.txt", places::order(cx.out()))?;
        println!("the probe was here");
        eprintln!("and here");
        Ok(Files)
    }
}

/// Require a task that is named after the calls so far: the plan must not change
#[derive(Task)]
#[task(dynamic = false)]
pub struct Counted {}

impl Run for Counted {
    type Requires = Leaf;
    type Output = Files;
    fn requires(&self) -> Leaf {
        Leaf { n: CALLS.fetch_add(1, Ordering::Relaxed) }
    }
    fn run(&self, cx: &Context, leaf: Input<Leaf>) -> Result<Files> {
        cx.write("a", leaf.read("a")?)
    }
}

wrun_task::export!(Leaf, Counted, Probe);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use wrun_task::testing::TestContext;

    #[test]
    fn a_probe_says_what_it_saw() {
        let test = TestContext::new().unwrap();
        let made = test.run(&Probe { source: Some("src".into()) }).unwrap();
        let due = [
            "address.txt",
            "calls.txt",
            "clock.txt",
            "environment.txt",
            "errors.txt",
            "files.txt",
            "memory.txt",
            "nan.txt",
            "order-after.txt",
            "order-before.txt",
            "order-out.txt",
            "params.txt",
            "random.txt",
        ];
        let files = made.files().unwrap();
        assert!(due.iter().all(|name| files.iter().any(|file| file == name)), "{files:?}");
        assert!(made.text("order-before.txt").unwrap().contains("leaf/b/z"));
        assert!(made.text("params.txt").unwrap().contains("{{wrun:source}}"));
        assert!(made.text("nan.txt").unwrap().contains("0/0"));
    }
}
