//! Trees: the canonical listing of a directory, one level at a time.
//!
//! The digest of a tree is BLAKE3 in key-derivation mode over its encoding, under [`CONTEXT`], so
//! a file that holds the same bytes has another digest. Times, owners, inode numbers and every
//! permission but the exec bit are not in a tree.

use crate::codec::{DecodeError, Decoder, Encoder};
use crate::digest::{Digest, TreeDigest};

/// The key-derivation context of tree digests.
pub const CONTEXT: &str = "wrun 2026 tree v1";
const DOMAIN: &str = "wrun.tree";
pub(crate) const VERSION: u64 = 1;

/// What an entry of a tree is.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// A regular file, by the digest of its bytes.
    File {
        /// Whether it may be executed.
        exec: bool,
    },
    /// A directory, by the digest of its tree.
    Directory,
}

/// One name in a directory.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// A single path component: UTF-8, not empty, not `.` or `..`, no `/` and no NUL.
    pub name: String,
    /// File or directory.
    pub kind: EntryKind,
    /// The file's blob digest, or the bare digest of the directory's [`Tree`].
    pub digest: Digest,
    /// Bytes in the file, or in all files below the directory.
    pub size: u64,
}

/// The sorted entries of one directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tree {
    entries: Vec<Entry>,
}

/// What is wrong with a tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// A name that cannot be a path component.
    #[error("`{}` cannot be a name in a directory", .0.escape_debug())]
    BadName(String),
    /// Two entries of one name.
    #[error("`{}` is in the directory twice", .0.escape_debug())]
    Duplicate(String),
    /// Bytes that are not a tree's encoding.
    #[error("not a tree: {0}")]
    Decode(#[from] DecodeError),
}

impl Tree {
    /// Sorts the entries by name (bytes) and checks the names.
    pub fn new(mut entries: Vec<Entry>) -> Result<Self, TreeError> {
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        if let Some(entry) = entries.iter().find(|entry| !is_name(&entry.name)) {
            return Err(TreeError::BadName(entry.name.clone()));
        }
        if let Some(pair) = entries.windows(2).find(|pair| pair[0].name == pair[1].name) {
            return Err(TreeError::Duplicate(pair[0].name.clone()));
        }
        Ok(Self { entries })
    }

    /// Returns the entries in order of their names.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Looks a name up.
    pub fn get(&self, name: &str) -> Option<&Entry> {
        let at = self.entries.binary_search_by(|entry| entry.name.as_str().cmp(name)).ok()?;
        self.entries.get(at)
    }

    /// Returns the bytes of all files below.
    pub fn size(&self) -> u64 {
        self.entries.iter().fold(0, |sum, entry| sum.saturating_add(entry.size))
    }

    /// Returns the canonical bytes, which are what the store keeps.
    pub fn encode(&self) -> Vec<u8> {
        let mut encoder = Encoder::new(DOMAIN, VERSION);
        encoder.list(self.entries.len());
        for entry in &self.entries {
            let kind = match entry.kind {
                EntryKind::File { exec: false } => 0,
                EntryKind::File { exec: true } => 1,
                EntryKind::Directory => 2,
            };
            encoder.text(&entry.name).uint(kind).digest(&entry.digest).uint(entry.size);
        }
        encoder.as_bytes().to_vec()
    }

    /// Reads canonical bytes; anything else, a wrong order included, is an error.
    pub fn decode(bytes: &[u8]) -> Result<Self, TreeError> {
        let mut decoder = Decoder::new(bytes, DOMAIN, VERSION)?;
        let count = decoder.list()?;
        let mut entries: Vec<Entry> = Vec::new();
        for _ in 0..count {
            let name = decoder.text()?.to_owned();
            let kind = match decoder.uint()? {
                0 => EntryKind::File { exec: false },
                1 => EntryKind::File { exec: true },
                2 => EntryKind::Directory,
                _ => return Err(DecodeError::Unexpected { expected: "a kind of entry", at: 0 }.into()),
            };
            let digest = decoder.digest()?;
            let size = decoder.uint()?;
            if entries.last().is_some_and(|last| last.name >= name) {
                return Err(TreeError::Duplicate(name));
            }
            entries.push(Entry { name, kind, digest, size });
        }
        decoder.end()?;
        Self::new(entries)
    }

    /// Returns the digest of the tree.
    pub fn digest(&self) -> TreeDigest {
        digest_of_encoding(&self.encode())
    }
}

/// Hashes bytes in the trees' domain: the digest of the tree that they encode.
pub fn digest_of_encoding(bytes: &[u8]) -> TreeDigest {
    TreeDigest(Digest::from_bytes(blake3::derive_key(CONTEXT, bytes)))
}

/// Tells whether a text can be a single path component.
pub fn is_name(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\0']) && name.len() <= 255
}

/// Splits a relative path into its names; `None` if it is absolute, empty, or has `.`, `..`, `//` or NUL.
pub fn split_path(path: &str) -> Option<Vec<&str>> {
    let names: Vec<&str> = path.split('/').collect();
    names.iter().all(|name| is_name(name)).then_some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, bytes: &[u8]) -> Entry {
        Entry {
            name: name.to_owned(),
            kind: EntryKind::File { exec: false },
            digest: Digest::of_blob(bytes),
            size: bytes.len() as u64,
        }
    }

    #[test]
    fn a_tree_does_not_depend_on_the_order_in_which_it_was_listed() {
        let (a, b) = (file("a", b"1"), file("b", b"2"));
        let one = Tree::new(vec![a.clone(), b.clone()]).unwrap();
        let two = Tree::new(vec![b, a]).unwrap();
        assert_eq!(one.digest(), two.digest());
        assert_eq!(Tree::decode(&one.encode()).unwrap(), one);
    }

    #[test]
    fn golden_digest() {
        let tree = Tree::new(vec![file("a", b"1"), file("b", b"")]).unwrap();
        assert_eq!(
            tree.digest().to_string(),
            "b3:0cc8b3dd446dc73a8a21d65cbf023a81308deb79a091ffca628099ca0216bc80"
        );
    }

    #[test]
    fn a_file_with_the_bytes_of_a_tree_has_another_digest() {
        let tree = Tree::new(vec![file("a", b"1")]).unwrap();
        assert_ne!(Digest::of_blob(&tree.encode()), tree.digest().0);
    }

    #[test]
    fn bad_names_and_wrong_orders_are_refused() {
        for bad in ["", ".", "..", "a/b", "a\0", &"x".repeat(256)] {
            assert_eq!(Tree::new(vec![file(bad, b"")]), Err(TreeError::BadName(bad.to_owned())));
        }
        assert!(Tree::new(vec![file("a", b""), file("a", b"")]).is_err());
        let mut bytes = Tree::new(vec![file("a", b""), file("b", b"")]).unwrap().encode();
        let (a, b) =
            (bytes.iter().position(|b| *b == b'a').unwrap(), bytes.iter().rposition(|b| *b == b'b').unwrap());
        bytes.swap(a, b);
        assert!(Tree::decode(&bytes).is_err());
        bytes.pop();
        assert!(Tree::decode(&bytes).is_err());
    }
}
