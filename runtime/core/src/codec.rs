//! The canonical encoding: typed, length-prefixed, one way to write each value.
//!
//! Every item starts with one tag byte; integers are 8 bytes, big-endian; text and bytes carry
//! their length in front. An encoding starts with a domain tag (text) and a format version
//! (integer), so that two kinds of key never meet. docs/formats.md has the bytes; a calculator in
//! another language (tests/keys.py) holds this module to them.

use crate::digest::Digest;

mod tag {
    pub(super) const UINT: u8 = 1;
    pub(super) const TEXT: u8 = 2;
    pub(super) const BYTES: u8 = 3;
    pub(super) const BOOL: u8 = 4;
    pub(super) const FLOAT: u8 = 5;
    pub(super) const DIGEST: u8 = 6;
    pub(super) const LIST: u8 = 7;
    pub(super) const NONE: u8 = 8;
    pub(super) const INTEGER: u8 = 9;
    pub(super) const MAP: u8 = 10;
}

/// Writes the canonical encoding into a growing buffer.
#[derive(Debug, Clone)]
pub struct Encoder {
    bytes: Vec<u8>,
}

impl Encoder {
    /// Starts an encoding of the given domain and format version.
    pub fn new(domain: &str, version: u64) -> Self {
        let mut encoder = Self { bytes: Vec::with_capacity(512) };
        encoder.text(domain).uint(version);
        encoder
    }

    /// Writes an unsigned integer of at most 64 bits.
    pub fn uint(&mut self, value: u64) -> &mut Self {
        self.bytes.push(tag::UINT);
        self.length(value)
    }

    /// Writes an integer of any size: its canonical decimal text.
    pub fn integer(&mut self, decimal: &str) -> &mut Self {
        self.prefixed(tag::INTEGER, decimal.as_bytes())
    }

    /// Writes text.
    pub fn text(&mut self, value: &str) -> &mut Self {
        self.prefixed(tag::TEXT, value.as_bytes())
    }

    /// Writes bytes.
    pub fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.prefixed(tag::BYTES, value)
    }

    /// Writes a boolean.
    pub fn bool(&mut self, value: bool) -> &mut Self {
        self.bytes.extend_from_slice(&[tag::BOOL, u8::from(value)]);
        self
    }

    /// Writes a float: its 64 bits, big-endian. The caller has already made it canonical.
    pub fn float(&mut self, value: f64) -> &mut Self {
        self.bytes.push(tag::FLOAT);
        self.length(value.to_bits())
    }

    /// Writes a digest.
    pub fn digest(&mut self, value: &Digest) -> &mut Self {
        self.bytes.push(tag::DIGEST);
        self.bytes.extend_from_slice(value.as_bytes());
        self
    }

    /// Starts a list of exactly `count` items, which follow.
    pub fn list(&mut self, count: usize) -> &mut Self {
        self.bytes.push(tag::LIST);
        self.length(count as u64)
    }

    /// Starts a map of exactly `count` (text, value) pairs, which follow in order of their text.
    pub fn map(&mut self, count: usize) -> &mut Self {
        self.bytes.push(tag::MAP);
        self.length(count as u64)
    }

    /// Writes the absence of a value.
    pub fn none(&mut self) -> &mut Self {
        self.bytes.push(tag::NONE);
        self
    }

    /// Makes room for so many bytes more.
    pub fn reserve(&mut self, bytes: usize) -> &mut Self {
        self.bytes.reserve(bytes);
        self
    }

    /// Returns the encoding.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Returns the encoding so far.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns plain BLAKE3 of the encoding.
    pub fn finish(&self) -> Digest {
        Digest::of_blob(&self.bytes)
    }

    fn prefixed(&mut self, tag: u8, value: &[u8]) -> &mut Self {
        self.bytes.push(tag);
        self.length(value.len() as u64);
        self.bytes.extend_from_slice(value);
        self
    }

    fn length(&mut self, value: u64) -> &mut Self {
        self.bytes.extend_from_slice(&value.to_be_bytes());
        self
    }
}

/// What is wrong with an encoding that was read back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes end inside an item.
    #[error("the encoding ends early, at byte {at}")]
    Truncated {
        /// Offset of the item that does not fit.
        at: usize,
    },
    /// Another tag, domain, version or value was due.
    #[error("expected {expected} at byte {at} of the encoding")]
    Unexpected {
        /// What was due.
        expected: &'static str,
        /// Offset of the item.
        at: usize,
    },
}

/// Reads the canonical encoding; accepts nothing that [`Encoder`] would not write.
#[derive(Debug)]
pub struct Decoder<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Decoder<'a> {
    /// Starts to read an encoding that must be of this domain and version.
    pub fn new(bytes: &'a [u8], domain: &'static str, version: u64) -> Result<Self, DecodeError> {
        let mut decoder = Self { bytes, at: 0 };
        if decoder.text()? != domain {
            return Err(DecodeError::Unexpected { expected: domain, at: 0 });
        }
        let at = decoder.at;
        if decoder.uint()? != version {
            return Err(DecodeError::Unexpected { expected: "a known format version", at });
        }
        Ok(decoder)
    }

    /// Reads an unsigned integer.
    pub fn uint(&mut self) -> Result<u64, DecodeError> {
        self.tag(tag::UINT, "an unsigned integer")?;
        self.length()
    }

    /// Reads an unsigned integer that must be less than another.
    pub fn uint_below(&mut self, most: u64) -> Result<u32, DecodeError> {
        let at = self.at;
        let value = self.uint()?;
        let small = u32::try_from(value).ok().filter(|_| value < most);
        small.ok_or(DecodeError::Unexpected { expected: "a smaller integer", at })
    }

    /// Reads a boolean.
    pub fn bool(&mut self) -> Result<bool, DecodeError> {
        let at = self.at;
        self.tag(tag::BOOL, "a boolean")?;
        match self.take(1)? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(DecodeError::Unexpected { expected: "a boolean", at }),
        }
    }

    /// Reads a float.
    pub fn float(&mut self) -> Result<f64, DecodeError> {
        self.tag(tag::FLOAT, "a float")?;
        self.length().map(f64::from_bits)
    }

    /// Reads text.
    pub fn text(&mut self) -> Result<&'a str, DecodeError> {
        let at = self.at;
        self.tag(tag::TEXT, "text")?;
        let length = self.length()?;
        let length = usize::try_from(length).map_err(|_| DecodeError::Truncated { at })?;
        std::str::from_utf8(self.take(length)?).map_err(|_| DecodeError::Unexpected { expected: "UTF-8 text", at })
    }

    /// Reads bytes, of which there must be so many.
    pub fn bytes<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let at = self.at;
        self.tag(tag::BYTES, "bytes")?;
        let due = self.length()? == N as u64;
        let bytes = if due { self.take(N)?.try_into().ok() } else { None };
        bytes.ok_or(DecodeError::Unexpected { expected: "bytes of another length", at })
    }

    /// Reads the absence of a value, if that is what follows.
    pub fn none(&mut self) -> bool {
        let none = self.bytes.get(self.at) == Some(&tag::NONE);
        self.at += usize::from(none);
        none
    }

    /// Reads a digest.
    pub fn digest(&mut self) -> Result<Digest, DecodeError> {
        self.tag(tag::DIGEST, "a digest")?;
        let at = self.at;
        Digest::from_slice(self.take(32)?).ok_or(DecodeError::Truncated { at })
    }

    /// Reads the head of a list: how many items follow.
    pub fn list(&mut self) -> Result<u64, DecodeError> {
        self.tag(tag::LIST, "a list")?;
        self.length()
    }

    /// Returns how many bytes were read.
    pub fn position(&self) -> usize {
        self.at
    }

    /// Succeeds if nothing follows.
    pub fn end(self) -> Result<(), DecodeError> {
        if self.at == self.bytes.len() {
            Ok(())
        } else {
            Err(DecodeError::Unexpected { expected: "the end", at: self.at })
        }
    }

    fn tag(&mut self, tag: u8, expected: &'static str) -> Result<(), DecodeError> {
        let at = self.at;
        if self.take(1)? == [tag] { Ok(()) } else { Err(DecodeError::Unexpected { expected, at }) }
    }

    fn length(&mut self) -> Result<u64, DecodeError> {
        let at = self.at;
        let bytes = self.take(8)?.try_into().map_err(|_| DecodeError::Truncated { at })?;
        Ok(u64::from_be_bytes(bytes))
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let taken = rest.get(..count).ok_or(DecodeError::Truncated { at: self.at })?;
        self.at += count;
        Ok(taken)
    }
}
