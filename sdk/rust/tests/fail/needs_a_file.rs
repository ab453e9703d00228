use wrun_task::{Context, File, Files, Result, Run, Task};

#[derive(Task)]
struct Delays {}

impl Run for Delays {
    type Requires = ();
    type Output = Files;
    fn requires(&self) {}
    fn run(&self, cx: &Context, _: ()) -> Result<Files> {
        cx.need(File::new("x"))?;
        Ok(Files)
    }
}

fn main() {}
