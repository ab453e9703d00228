//! The results of which a predicate is true, and what was made of them.

use super::{Catalog, Known};
use crate::tombstones::Predicate;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use wrun_core::result::Address;
use wrun_store::{Store, StoreError};

/// Reads all results; returns them, and the addresses of those that a predicate disowns which nothing disowns yet.
pub async fn choose(
    store: &Arc<dyn Store>,
    predicate: &Predicate,
) -> Result<(Catalog, BTreeSet<Address>), StoreError> {
    let mut chosen = BTreeSet::new();
    let catalog = Catalog::read_with(store, false, &mut |address, body| {
        if Catalog::facts(body).is_some_and(|facts| predicate.fits(address.key, &facts)) {
            chosen.insert(address);
        }
    })
    .await?;
    chosen.retain(|address| catalog.results.get(address).is_some_and(|known| known.disowned.is_none()));
    Ok((catalog, chosen))
}

/// Returns everything that was made of these results, by what each record says of its inputs, themselves left out.
/// A record that points at itself, or a circle of them, is followed once.
pub fn downstream(catalog: &Catalog, of: &BTreeSet<Address>) -> BTreeSet<Address> {
    let mut users: BTreeMap<Address, Vec<Address>> = BTreeMap::new();
    for known in catalog.results.values() {
        for input in &known.inputs {
            users.entry(*input).or_default().push(known.address);
        }
    }
    let mut found = of.clone();
    let mut open: Vec<Address> = of.iter().copied().collect();
    while let Some(address) = open.pop() {
        for user in users.get(&address).into_iter().flatten() {
            if found.insert(*user) {
                open.push(*user);
            }
        }
    }
    found.retain(|address| {
        !of.contains(address) && catalog.results.get(address).is_some_and(|known| known.disowned.is_none())
    });
    found
}

/// Returns the results that are live: the lowest generation of each key that nothing disowns.
pub fn live(catalog: &Catalog) -> impl Iterator<Item = &Known> {
    let mut last = None;
    catalog.results.values().filter(|known| known.disowned.is_none()).filter(move |known| {
        let first = last != Some(known.address.key);
        last = Some(known.address.key);
        first
    })
}
