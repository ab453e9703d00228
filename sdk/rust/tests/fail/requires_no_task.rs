use wrun_task::{Context, Files, Result, Run, Task};

#[derive(Task)]
struct Delays {}

impl Run for Delays {
    type Requires = Vec<String>;
    type Output = Files;
    fn requires(&self) -> Vec<String> {
        vec![]
    }
    fn run(&self, _: &Context, _: ()) -> Result<Files> {
        Ok(Files)
    }
}

fn main() {}
