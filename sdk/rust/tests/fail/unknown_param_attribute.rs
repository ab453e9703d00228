use wrun_task::Task;

#[derive(Task)]
struct Delays {
    #[param(defualt = 7)]
    window: u32,
}

fn main() {}
