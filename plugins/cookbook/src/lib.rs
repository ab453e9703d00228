//! The programs of the book's cookbook: small tasks over a shop's orders, one file of `product,amount`
//! lines a day. Each module is a recipe or two; the book includes its pieces by their anchors.
//!
//! - `orders.rs`: fan-out from params; parts of an output; needs that depend on data.
//! - `reduce.rs`: recursive reduction.
//! - `inputs.rs`: optional inputs, waiting, globs, listings.
//! - `files.rs`: big files, CSV, JSON, gzip, progress.
//! - `params.rs`: types of params, tasks as params.
//! - `promises.rs`: versions, retries, limits, failing with a reason.
//! - `script.rs`: a shell script that became tasks.

mod files;
mod inputs;
mod orders;
mod params;
mod promises;
mod reduce;
mod script;

pub use files::{Largest, Summary, Unpack};
pub use inputs::{Closing, Everything, Labelled, Sizes};
pub use orders::{AllDays, DayTotal, MonthTotal, ProductTotal, Ranking, SplitProducts};
pub use params::{Compare, Greeting};
pub use promises::{Checked, Patient, Rounded, Spin};
pub use reduce::Between;
pub use script::{Clean, TopProducts};

wrun_task::export!(
    DayTotal,
    MonthTotal,
    AllDays,
    SplitProducts,
    ProductTotal,
    Ranking,
    Between,
    Labelled,
    Closing,
    Everything,
    Sizes,
    Unpack,
    Summary,
    Largest,
    Greeting,
    Compare,
    Rounded,
    Patient,
    Spin,
    Checked,
    Clean,
    TopProducts,
);
