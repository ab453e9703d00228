//! Two things at once, for the end of a session that had very many tasks.

/// So many tasks are worth a thread.
const MANY: usize = 1000;

/// Does two things about so many tasks, side by side if that is worth it.
pub(crate) fn both<A: Send, B>(tasks: usize, a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B) -> (A, B) {
    if tasks < MANY {
        return (a(), b());
    }
    std::thread::scope(|scope| {
        let a = scope.spawn(a);
        let b = b();
        (a.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), b)
    })
}
