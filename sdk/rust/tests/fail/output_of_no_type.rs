use wrun_task::{Context, Input, Files, Result, Run, Task};

#[derive(Task)]
struct Delays {}

impl Run for Delays {
    type Requires = ();
    type Output = String;
    fn requires(&self) {}
    fn run(&self, _: &Context, _: ()) -> Result<String> {
        Ok(String::new())
    }
}

#[derive(Task)]
struct Made {}

impl Run for Made {
    type Requires = ();
    type Output = Files;
    fn requires(&self) {}
    fn run(&self, _: &Context, _: ()) -> Result<Files> {
        Ok(Files)
    }
}

fn load(made: Input<Made>) {
    made.load();
}

fn main() {}
