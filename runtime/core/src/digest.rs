//! BLAKE3-256 digests, and a newtype for each thing that has one.
//!
//! A blob's digest is plain BLAKE3 of its bytes, so `b3sum` prints the same. A tree's digest is
//! BLAKE3 in key-derivation mode (see [`crate::tree`]), so no file can pass for a directory.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// A BLAKE3-256 digest, printed `b3:<64 hex digits>`.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Wraps 32 raw bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads a digest from a slice that must be exactly 32 bytes long.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Returns the 32 raw bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Hashes a blob.
    pub fn of_blob(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// Returns the 64 lower-case hex digits without the `b3:` in front.
    pub fn to_hex(&self) -> String {
        blake3::Hash::from_bytes(self.0).to_hex().to_string()
    }

    /// Returns `b3:` and the first 12 hex digits, for people.
    pub fn short(&self) -> String {
        format!("b3:{}", &self.to_hex()[..12])
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b3:{}", self.to_hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.short())
    }
}

/// A text that is not `b3:<64 hex digits>`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a digest: expected `b3:` and 64 hex digits")]
pub struct DigestError(pub String);

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        text.strip_prefix("b3:")
            .filter(|hex| hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
            .and_then(|hex| blake3::Hash::from_hex(hex).ok())
            .map(|hash| Self(*hash.as_bytes()))
            .ok_or_else(|| DigestError(text.to_owned()))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // A record has a dozen, and a formatter would write each in pieces.
        let hex = blake3::Hash::from_bytes(self.0).to_hex();
        let mut text = [0; 67];
        text[..3].copy_from_slice(b"b3:");
        text[3..].copy_from_slice(hex.as_bytes());
        match std::str::from_utf8(&text) {
            Ok(text) => serializer.serialize_str(text),
            Err(error) => Err(serde::ser::Error::custom(error)),
        }
    }
}

struct DigestText;

impl serde::de::Visitor<'_> for DigestText {
    type Value = Digest;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a digest")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Digest, E> {
        text.parse().map_err(E::custom)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(DigestText)
    }
}

macro_rules! digest_newtype {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Digest);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

digest_newtype! {
    /// The digest of a [`crate::tree::Tree`], of a hash domain of its own.
    TreeDigest;
    /// The digest of an action: the cache key. Also each key of a dynamic action's trace.
    ActionKey;
    /// The digest of a component's bytes, as given.
    ComponentDigest;
    /// The key under which a Plan is cached: component, sandbox number, task, all params.
    PlanKey;
    /// The key of a goal's SessionRecord.
    GoalKey;
    /// What names a task across builds and recompilations: plugin id, task, significant params.
    TaskId;
}

/// Hashes a blob while it is written.
#[derive(Clone, Default)]
pub struct BlobHasher {
    inner: blake3::Hasher,
    size: u64,
}

impl BlobHasher {
    /// Starts an empty blob.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends bytes. Pass at least 128 KiB at a time where speed matters.
    pub fn update(&mut self, bytes: &[u8]) {
        self.inner.update(bytes);
        self.size += bytes.len() as u64;
    }

    /// Returns how many bytes were given.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Returns the digest of the bytes so far.
    pub fn digest(&self) -> Digest {
        Digest(*self.inner.finalize().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_digest_is_what_b3sum_prints() {
        let empty = "b3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
        assert_eq!(Digest::of_blob(b"").to_string(), empty);
        assert_eq!(empty.parse::<Digest>().unwrap(), Digest::of_blob(b""));
    }

    #[test]
    fn only_lower_case_hex_with_its_prefix_is_a_digest() {
        for bad in ["", "b3:", "af13", "b3:AF1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"] {
            assert_eq!(bad.parse::<Digest>(), Err(DigestError(bad.to_owned())));
        }
    }

    #[test]
    fn a_hasher_fed_in_pieces_agrees_with_one_that_is_fed_at_once() {
        let mut hasher = BlobHasher::new();
        hasher.update(b"ab");
        hasher.update(b"c");
        assert_eq!((hasher.digest(), hasher.size()), (Digest::of_blob(b"abc"), 3));
    }
}
