//! Tasks of [wrun](https://github.com/wrun-build/wrun), in Rust.
//!
//! A plugin is a library that is compiled to one WebAssembly component. It defines task types, and each
//! says by its struct what it takes, by [`Run::requires`] what it requires, by [`Run::Output`] what it
//! makes, and by [`Run::run`] how. wrun asks, orders, runs, and keeps every output under the hash of
//! everything that went into it.
//!
//! ```
//! use wrun_task::{Context, Date, Files, Input, Json, Result, Run, Task};
//!
//! /// The events of one day
//! #[derive(Task)]
//! struct Events {
//!     /// Day of the events
//!     date: Date,
//! }
//!
//! impl Run for Events {
//!     type Requires = ();
//!     type Output = Json<Vec<u64>>;
//!     fn requires(&self) {}
//!     fn run(&self, _cx: &Context, _: ()) -> Result<Json<Vec<u64>>> {
//!         Ok(Json(vec![u64::from(self.date.day()); 3]))
//!     }
//! }
//!
//! /// Summarise the events of the last days
//! #[derive(Task)]
//! struct Report {
//!     /// Last day of the window
//!     date: Date,
//!     /// Days before it
//!     #[param(default = 7)]
//!     window: u32,
//! }
//!
//! impl Run for Report {
//!     type Requires = Events;
//!     type Output = Files;
//!     fn requires(&self) -> Events {
//!         Events { date: self.date }
//!     }
//!     fn run(&self, cx: &Context, today: Input<Events>) -> Result<Files> {
//!         let mut total: u64 = today.load()?.iter().sum();
//!         for day in cx.need(self.date.days_before(self.window).map(|date| Events { date }))? {
//!             total += day.load()?.iter().sum::<u64>();
//!         }
//!         cx.write("report.md", format!("# {}\n\n{total} events\n", self.date))
//!     }
//! }
//!
//! wrun_task::export!(Events, Report);
//!
//! # fn main() -> Result<()> {
//! // Natively, for `cargo test`:
//! let test = wrun_task::testing::TestContext::new()?;
//! let made = test.run(&Report { date: "2013-01-03".parse()?, window: 2 })?;
//! assert_eq!(made.text("report.md")?, "# 2013-01-03\n\n18 events\n");
//! # Ok(())
//! # }
//! ```
//!
//! # Concepts
//!
//! - A **task** is a struct with `#[derive(Task)]`; its fields are its [params](Param). Doc comments are
//!   what `wrun describe` prints.
//! - **Requirements** are known before the task runs, and what it is given has their shape: a task gives an
//!   [`Input`], a tuple a tuple, a struct with `#[derive(Requires)]` a struct named `<Name>Inputs`.
//! - **Needs** are asked for while it runs, by [`Context::need`]. Asking suspends the task.
//! - **Outputs** are a value ([`Json`], [`Text`], [`Bytes`]) or [`Files`].
//! - Heavy work, and tools that are no Rust, run as a **container**: [`InContainer`].
//! - In `run` there is no clock, randomness, network or environment; `std::fs` works below
//!   [`Input::path`] and [`Context::out`], and so does every crate that uses it.
//!
//! # Attributes
//!
//! `#[task(…)]` on the struct: `name = "…"`, `version = "…"` (a promise that equal versions make equal
//! bytes: it stands in the key for the code), `retries = 2`, `outputs("a.csv", "days/")`, `dynamic = false`
//! (`run` never calls `need`), `native_nan`, and the caps `memory`, `cpu_ms`, `output_bytes`, `output_files`,
//! `log_bytes`, and `container` (a container does the work: [`InContainer`] in place of [`Run`]).
//!
//! `#[param(…)]` on a field: `default = …` (an expression of the field's type, or a text for types that are
//! written as text), `default` (the type's own), `min = …`, `max = …`, `positional`, `hidden`, `private`,
//! `insignificant` (the type is then [`Insignificant`]), `name = "…"`.
//!
//! A task that never asks for others may say `dynamic = false`; without it, it may.

// The derive macros name this crate from outside, and are used inside too.
extern crate self as wrun_task;

#[doc(hidden)]
pub mod bindings;
mod container;
mod context;
#[cfg(not(target_family = "wasm"))]
mod debug;
mod declare;
mod error;
mod input;
mod need;
mod output;
pub(crate) mod param;
mod plugin;
mod requires;
mod task;
#[cfg(not(target_family = "wasm"))]
pub mod testing;

pub use container::{Container, InContainer};
pub use context::Context;
pub use error::{Describe, Error, Result};
pub use input::Input;
pub use need::Need;
pub use output::{Bytes, Files, Json, Load, Output, Outputs, Text};
pub use param::{
    Bounded, Date, Dates, Duration, Hour, Insignificant, Int, Interval, IsoWeek, Minute, Month, Param,
    ParseDateError, Path, Second, Weekday, Year,
};
pub use requires::{Call, External, File, Listing, NotBefore, Part, Requires, Wanted};
pub use task::{Limits, Run, Task};
pub use wrun_task_derive::{Choice, Requires, Task};

/// What the macros use. Not for you: it changes without notice.
#[doc(hidden)]
pub mod __private {
    pub use crate::bindings::wrun::task::types::{Description, Plan};
    pub use crate::bindings::{self, export_component};
    #[cfg(not(target_family = "wasm"))]
    pub use crate::debug::{debug, native};
    pub use crate::declare::{At, Declaration};
    pub use crate::input::input;
    pub use crate::param::{IsInsignificant, ParamsWriter, RawParams, Tokens, token, write_text};
    pub use crate::plugin::{Plugin, declare, describe, description, run, unknown};
    pub use crate::task::{About, ParamAbout, Visibility, default_json, default_text};
    pub use serde_json::value::RawValue;
}
