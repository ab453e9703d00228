use wrun_task::Task;

#[derive(Task)]
#[task(name = "Daily Delays")]
struct Delays {}

#[derive(Task)]
struct Größe {}

#[derive(Task)]
struct Twice {
    #[param(name = "b")]
    a: u32,
    b: u32,
}

#[derive(Task)]
#[task(outputs("a/b.csv"))]
struct Path {}

#[derive(Task)]
#[task(outputs("a", "a/"))]
struct Same {}

fn main() {}
