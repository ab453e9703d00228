//! The Session: planning, look-up, slots, retries, explanation.
//!
//! | module | holds |
//! |---|---|
//! | [`api`] | what a caller gives ([`Setup`], [`Options`], goals) and gets ([`Outcome`]) |
//! | [`resolve`] | from a symbolic call to a canonical one: aliases, defaults, tokens |
//! | `graph` | the nodes of one session and what they wait for |
//! | `engine` | the coordinator: one loop that owns the graph |
//! | `jobs` | batches that run beside the loop: plans, look-ups, reasons, externals |
//! | `runner` | one run: slots, `need`, the record |
//! | `images`, `pools` | of containers: their images, and what they take of the machine |
//! | `commit` | one writer that makes results durable in batches |
//! | `both` | two things at once, at the end of a large session |
//! | `external` | external inputs: found, hashed, brought into the store |
//! | `record`, `answer` | session records: writing them, and answering from them |
//! | `recall` | what a build after a change need not look at again |
//! | [`tombstones`] | which results are disowned |
//! | [`explain`] | `why`, as a field diff |
//! | [`verify`] | running cached actions again, and comparing |
//! | [`lineage`] | what results were made from, and what was made from them |
//! | [`publish`] | outputs at places that others read |
//! | [`transfer`] | moving results from one store to another |
//! | [`adopt`] | what another system made as the result of a task |
//! | [`rerun`] | making a recorded result again from the store alone |
//!
//! I/O only through `wrun-store` and `wrun-exec`. Must never be imported here: wasmtime, a terminal,
//! the environment, a clock (the caller gives the time).

pub mod adopt;
mod answer;
pub mod api;
mod both;
pub mod care;
mod commit;
mod cycle;
mod engine;
pub mod explain;
mod external;
mod graph;
mod images;
mod jobs;
pub mod lineage;
mod pools;
pub mod publish;
mod recall;
mod record;
pub mod rerun;
pub mod resolve;
mod runner;
pub mod tombstones;
pub mod transfer;
pub mod verify;

pub use api::*;
