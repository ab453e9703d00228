//! A small map in one allocation: calls have a handful of params, and graphs a hundred thousand calls.

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use std::marker::PhantomData;

/// Names and what they stand for, sorted by name, each name once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields<V>(Vec<(String, V)>);

impl<V> Default for Fields<V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<V> Fields<V> {
    fn find(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(other, _)| other.as_str().cmp(name))
    }

    /// Returns the value of a name.
    pub fn get(&self, name: &str) -> Option<&V> {
        self.find(name).ok().map(|at| &self.0[at].1)
    }

    /// Tells whether a name is there.
    pub fn contains_key(&self, name: &str) -> bool {
        self.find(name).is_ok()
    }

    /// Sets the value of a name, and returns the one before.
    pub fn insert(&mut self, name: String, value: V) -> Option<V> {
        match self.find(&name) {
            Ok(at) => Some(std::mem::replace(&mut self.0[at].1, value)),
            Err(at) => {
                self.0.insert(at, (name, value));
                None
            }
        }
    }

    /// Removes a name, and returns its value.
    pub fn remove(&mut self, name: &str) -> Option<V> {
        self.find(name).ok().map(|at| self.0.remove(at).1)
    }

    /// Keeps what `keep` says.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &V) -> bool) {
        self.0.retain(|(name, value)| keep(name, value));
    }

    /// Returns how many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Tells whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the names and values, in order of the names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &V)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }
}

impl<V> std::ops::Index<&str> for Fields<V> {
    type Output = V;

    fn index(&self, name: &str) -> &V {
        match self.find(name) {
            Ok(at) => &self.0[at].1,
            #[expect(clippy::panic, reason = "as a map's index does; get() is for what may be absent")]
            Err(_) => panic!("no field `{name}`"),
        }
    }
}

impl<V> FromIterator<(String, V)> for Fields<V> {
    /// Of several values for one name the last stays.
    fn from_iter<I: IntoIterator<Item = (String, V)>>(pairs: I) -> Self {
        let mut pairs: Vec<(String, V)> = pairs.into_iter().collect();
        if !pairs.is_sorted_by(|a, b| a.0 < b.0) {
            // The sort is stable, so of equal names the last given comes first once turned round.
            pairs.reverse();
            pairs.sort_by(|a, b| a.0.cmp(&b.0));
            pairs.dedup_by(|a, b| a.0 == b.0);
        }
        Self(pairs)
    }
}

impl<V> IntoIterator for Fields<V> {
    type Item = (String, V);
    type IntoIter = std::vec::IntoIter<(String, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<V> From<std::collections::BTreeMap<String, V>> for Fields<V> {
    fn from(map: std::collections::BTreeMap<String, V>) -> Self {
        Self(map.into_iter().collect())
    }
}

impl<V, const N: usize> From<[(String, V); N]> for Fields<V> {
    fn from(pairs: [(String, V); N]) -> Self {
        pairs.into_iter().collect()
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Fields<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs<V>(PhantomData<V>);
        impl<'de, V: Deserialize<'de>> Visitor<'de> for Pairs<V> {
            type Value = Fields<V>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<V>, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(pairs.into_iter().collect())
            }
        }
        deserializer.deserialize_map(Pairs(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn behaves_as_a_sorted_map(pairs in proptest::collection::vec(("[a-d]{1,2}", 0u8..9), 0..12), gone in "[a-d]{1,2}") {
            let mut map: BTreeMap<String, u8> = pairs.iter().cloned().collect();
            let mut fields: Fields<u8> = pairs.iter().cloned().collect();
            let same = |map: &BTreeMap<String, u8>, fields: &Fields<u8>| {
                map.iter().map(|(name, value)| (name.as_str(), value)).eq(fields.iter())
            };
            prop_assert!(same(&map, &fields));
            prop_assert_eq!(map.remove(&gone), fields.remove(&gone));
            prop_assert!(same(&map, &fields) && !fields.contains_key(&gone));
            prop_assert_eq!(map.insert(gone.clone(), 9), fields.insert(gone.clone(), 9));
            prop_assert!(same(&map, &fields) && fields[gone.as_str()] == 9);
            let json = serde_json::to_string(&map).expect("JSON");
            prop_assert_eq!(serde_json::from_str::<Fields<u8>>(&json).expect("fields"), fields);
        }
    }

    #[test]
    fn of_doubly_given_names_the_last_stays() {
        let fields: Fields<u8> = serde_json::from_str(r#"{"b":1,"a":2,"b":3}"#).expect("an object");
        assert_eq!(fields.iter().collect::<Vec<_>>(), [("a", &2), ("b", &3)]);
    }
}
