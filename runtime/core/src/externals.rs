//! The externals of a finished build as one blob, where the store is on one machine: there may be one for each task,
//! and most of them are files whose times tell that they are what they were.

use crate::action::InputKind;
use crate::codec::{DecodeError, Decoder, Encoder};
use crate::digest::TreeDigest;
use crate::plan::{External, ExternalMode};
use crate::session::ExternalPin;
use std::ops::Range;

const DOMAIN: &str = "wrun.externals";
const VERSION: u64 = 1;

const KINDS: [InputKind; 5] =
    [InputKind::Tree, InputKind::Listing, InputKind::VersionId, InputKind::Etag, InputKind::Reference];
const MODES: [ExternalMode; 2] = [ExternalMode::Content, ExternalMode::Listing];

/// What a file is known by as long as nobody writes to it: the bytes of a stamp.
pub type Stamp = [u8; 56];

/// Where the address of an external lies in the blob, and what it was known by.
pub type Stamped = (Range<usize>, Option<Stamp>);

/// Returns the bytes of the blob: each external, and its stamp if it has one.
pub fn encode<'a>(externals: impl ExactSizeIterator<Item = (&'a ExternalPin, Option<Stamp>)>) -> Vec<u8> {
    let mut encoder = Encoder::new(DOMAIN, VERSION);
    encoder.reserve(192 * externals.len()).list(externals.len());
    for (pin, stamp) in externals {
        let mode = MODES.iter().position(|mode| *mode == pin.external.mode).unwrap_or_default();
        let kind = KINDS.iter().position(|kind| *kind == pin.kind).unwrap_or_default();
        encoder.text(&pin.external.uri).uint(mode as u64).bool(pin.external.wait).uint(kind as u64);
        encoder.digest(&pin.tree.0);
        match stamp {
            Some(stamp) => encoder.bytes(&stamp),
            None => encoder.none(),
        };
    }
    encoder.into_bytes()
}

/// Reads the externals of a blob.
pub fn decode(bytes: &[u8]) -> Result<Vec<ExternalPin>, DecodeError> {
    let mut pins = Vec::new();
    each(bytes, |external, _, kind, tree, _| {
        let (uri, mode, wait) = external;
        pins.push(ExternalPin { external: External { uri: uri.to_owned(), mode, wait }, kind, tree });
    })?;
    Ok(pins)
}

/// Reads where the addresses of a blob are, and their stamps.
pub fn stamps(bytes: &[u8]) -> Result<Vec<Stamped>, DecodeError> {
    let mut stamps = Vec::new();
    each(bytes, |_, at, _, _, stamp| stamps.push((at, stamp)))?;
    Ok(stamps)
}

fn each<'a>(
    bytes: &'a [u8],
    mut visit: impl FnMut((&'a str, ExternalMode, bool), Range<usize>, InputKind, TreeDigest, Option<Stamp>),
) -> Result<(), DecodeError> {
    let mut decoder = Decoder::new(bytes, DOMAIN, VERSION)?;
    for _ in 0..decoder.list()? {
        let uri = decoder.text()?;
        let end = decoder.position();
        let mode = MODES[decoder.uint_below(MODES.len() as u64)? as usize];
        let wait = decoder.bool()?;
        let kind = KINDS[decoder.uint_below(KINDS.len() as u64)? as usize];
        let tree = TreeDigest(decoder.digest()?);
        let stamp = if decoder.none() { None } else { Some(decoder.bytes()?) };
        visit((uri, mode, wait), end - uri.len()..end, kind, tree, stamp);
    }
    decoder.end()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;

    #[test]
    fn externals_that_were_written_are_read() {
        let pin = |uri: &str, mode, wait, kind| ExternalPin {
            external: External { uri: uri.into(), mode, wait },
            kind,
            tree: TreeDigest(Digest::of_blob(uri.as_bytes())),
        };
        let pins = [
            pin("s3://b/c", ExternalMode::Content, true, InputKind::Etag),
            pin("a/ä.txt", ExternalMode::Content, false, InputKind::Tree),
            pin("far/", ExternalMode::Listing, false, InputKind::Listing),
        ];
        let known = [None, Some([7; 56]), None];
        let bytes = encode(pins.iter().zip(known));
        assert_eq!(decode(&bytes).unwrap(), pins);
        let read = stamps(&bytes).unwrap();
        let read = read.iter().map(|(at, stamp)| (std::str::from_utf8(&bytes[at.clone()]).unwrap(), *stamp));
        assert!(read.eq(pins.iter().map(|pin| &*pin.external.uri).zip(known)));
        for end in 0..bytes.len() {
            assert!(decode(&bytes[..end]).is_err());
        }
        assert!(decode(&[&bytes[..], b"x"].concat()).is_err());
    }
}
