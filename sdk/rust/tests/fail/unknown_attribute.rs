use wrun_task::Task;

#[derive(Task)]
#[task(verison = "1")]
struct Delays {}

fn main() {}
