//! The shapes that [`Context::need`] takes: one, many, a map, a tuple.

use crate::declare::{At, Declaration};
use crate::requires::Wanted;
use crate::{Context, Result};
use std::collections::BTreeMap;

/// One task.
#[doc(hidden)]
pub struct One;
/// Anything that iterates over tasks.
#[doc(hidden)]
pub struct Many;
/// Anything that iterates over pairs of a key and a task.
#[doc(hidden)]
pub struct Keyed;
/// A tuple of tasks.
#[doc(hidden)]
pub struct Tuple;

/// What [`Context::need`] takes: a task, anything that iterates over tasks, pairs of keys and tasks, or a
/// tuple. `Shape` is found by the compiler; it keeps the implementations apart.
#[diagnostic::on_unimplemented(
    message = "`need` cannot ask for `{Self}`",
    note = "it takes a task, a `Part` or a `Call`; a `Vec`, an array or an iterator of these; a map or an iterator of pairs; or a tuple"
)]
pub trait Need<Shape> {
    /// What comes back, in the same shape.
    type Got;
    /// Asks.
    #[doc(hidden)]
    fn need(self, cx: &Context) -> Result<Self::Got>;
}

impl<T: Wanted> Need<One> for T {
    type Got = T::Inputs;
    fn need(self, cx: &Context) -> Result<T::Inputs> {
        let at = cx.next_need();
        let mut declaration = Declaration::default();
        self.declare(at.clone(), &mut declaration);
        cx.ask(declaration)?;
        Ok(self.inputs(at, cx))
    }
}

/// Asks for all at once.
fn all<T: Wanted>(tasks: Vec<T>, cx: &Context) -> Result<Vec<T::Inputs>> {
    let mut declaration = Declaration::default();
    let places: Vec<At> = tasks.iter().map(|_| cx.next_need()).collect();
    for (task, at) in tasks.iter().zip(&places) {
        task.declare(at.clone(), &mut declaration);
    }
    cx.ask(declaration)?;
    Ok(tasks.iter().zip(places).map(|(task, at)| task.inputs(at, cx)).collect())
}

impl<I> Need<Many> for I
where
    I: IntoIterator,
    I::Item: Wanted,
{
    type Got = Vec<<I::Item as crate::Requires>::Inputs>;
    fn need(self, cx: &Context) -> Result<Self::Got> {
        all(self.into_iter().collect(), cx)
    }
}

impl<I, K, T> Need<Keyed> for I
where
    I: IntoIterator<Item = (K, T)>,
    K: Ord,
    T: Wanted,
{
    type Got = BTreeMap<K, T::Inputs>;
    fn need(self, cx: &Context) -> Result<Self::Got> {
        let (keys, tasks): (Vec<K>, Vec<T>) = self.into_iter().unzip();
        Ok(keys.into_iter().zip(all(tasks, cx)?).collect())
    }
}

macro_rules! tuples {
    ($($name:ident $index:tt),+) => {
        impl<$($name: Wanted),+> Need<Tuple> for ($($name,)+) {
            type Got = ($($name::Inputs,)+);
            fn need(self, cx: &Context) -> Result<Self::Got> {
                let mut declaration = Declaration::default();
                let places = [$({
                    let at = cx.next_need();
                    self.$index.declare(at.clone(), &mut declaration);
                    at
                }),+];
                cx.ask(declaration)?;
                Ok(($(self.$index.inputs(places[$index].clone(), cx),)+))
            }
        }
    };
}
tuples!(A 0);
tuples!(A 0, B 1);
tuples!(A 0, B 1, C 2);
tuples!(A 0, B 1, C 2, D 3);
tuples!(A 0, B 1, C 2, D 3, E 4);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5);
