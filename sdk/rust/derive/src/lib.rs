//! Derive macros of `wrun-task`, which documents and re-exports them.
//!
//! - `task.rs`: `#[derive(Task)]`; `attr.rs` reads its attributes.
//! - `requires.rs`: `#[derive(Requires)]`.
//! - `choice.rs`: `#[derive(Choice)]`.
//! - `names.rs`: from Rust's names to wrun's.

mod attr;
mod choice;
mod names;
mod requires;
mod task;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes a struct of params a task; the work is in its `impl Run`.
#[proc_macro_derive(Task, attributes(task, param))]
pub fn derive_task(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    task::derive(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes a struct of requirements a requirement. `run` is given a struct of the same fields, whose name
/// ends in `Inputs`; the inputs are named after the fields.
#[proc_macro_derive(Requires)]
pub fn derive_requires(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    requires::derive(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes an enum without fields a type of param: `VeryThorough` is written `very-thorough`, or as
/// `#[choice(name = "…")]` says.
#[proc_macro_derive(Choice, attributes(choice))]
pub fn derive_choice(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    choice::derive(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}
