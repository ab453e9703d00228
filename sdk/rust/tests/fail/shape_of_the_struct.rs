use wrun_task::{Choice, Requires, Task};

#[derive(Task)]
struct Tuple(u32);

#[derive(Task)]
struct Generic<T> {
    of: T,
}

#[derive(Task)]
enum Either {}

#[derive(Requires)]
struct Unnamed(u32);

#[derive(Choice)]
enum Fields {
    One(u32),
}

#[derive(Choice)]
enum Same {
    A,
    #[choice(name = "a")]
    B,
}

fn main() {}
