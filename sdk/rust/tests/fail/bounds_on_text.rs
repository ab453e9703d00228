use wrun_task::{Context, Result, Run, Task};

#[derive(Task)]
struct Delays {
    #[param(min = 7)]
    name: String,
}

impl Run for Delays {
    type Requires = ();
    type Output = ();
    fn requires(&self) {}
    fn run(&self, _: &Context, _: ()) -> Result<()> {
        Ok(())
    }
}

fn main() {}
