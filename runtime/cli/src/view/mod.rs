//! Pictures of a plan or a report: a graph in three formats, and a page.
//!
//! | module | what |
//! |---|---|
//! | [`model`] | tasks and what they need, from a plan or a report; grouped where there are many |
//! | [`layout`] | layers from left to right, without knowing what the boxes are |
//! | [`svg`] | the drawn graph |
//! | [`languages`] | DOT and Mermaid, which lay out themselves |
//! | [`critical`] | the chain of tasks that a build waited for |
//! | [`page`] | one HTML file with everything in it |
//! | [`escape`] | text of others made harmless and visible |
//!
//! Nothing here reads or writes files, nor knows a command line.

pub(crate) mod critical;
pub(crate) mod escape;
pub(crate) mod languages;
pub(crate) mod layout;
pub(crate) mod model;
pub(crate) mod page;
pub(crate) mod svg;
