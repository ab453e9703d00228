use wrun_task::{Context, Result, Run, Task};

#[derive(Task)]
struct Delays {
    #[param(insignificant)]
    threads: u32,
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
