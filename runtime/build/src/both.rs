//! Two things at once, for the end of a session that had very many tasks.

/// So many tasks are worth a thread.
const MANY: usize = 1000;

/// Does two things about so many tasks, side by side if that is worth it, and if there can be another thread.
pub(crate) fn both<A: Send, B>(tasks: usize, a: impl Fn() -> A + Sync, b: impl FnOnce() -> B) -> (A, B) {
    if tasks < MANY {
        return (a(), b());
    }
    std::thread::scope(|scope| {
        let there = std::thread::Builder::new().spawn_scoped(scope, &a);
        let b = b();
        let a = match there {
            Ok(there) => there.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            Err(_) => a(),
        };
        (a, b)
    })
}
