use wrun_task::Task;

#[derive(Task)]
struct Delays {}

wrun_task::export!(Delays);

fn main() {}
