//! Packs: many small records in one blob, which spare an empty machine a request for each.
//!
//! A pack is a zstd frame of records, one after the other: one byte of kind, 32 bytes of key, the generation (4 bytes,
//! big-endian), the length of the body (4 bytes, big-endian), the body. Kinds are those of the local index: 2 a result,
//! 3 a Plan, 4 a step, 5 the latest result of a task.
//!
//! A pack is a hint like any record that it holds: each is judged when it is read.

use crate::api::{Bytes, Write};
use std::io::Read as _;
use wrun_core::digest::{ActionKey, Digest, PlanKey, TaskId};
use wrun_core::result::Address;

/// A pack that unfolds to more is not read.
const MOST: u64 = 4 << 30;
/// Packs are written once and read by every empty machine; this level is the fastest that is worth it.
const LEVEL: i32 = 3;

const RESULT: u8 = 2;
const PLAN: u8 = 3;
const STEP: u8 = 4;
const LATEST: u8 = 5;

/// Packs what can be packed; other writes are left out.
pub fn encode(writes: &[Write]) -> std::io::Result<Bytes> {
    let mut out = Vec::new();
    for write in writes {
        match write {
            Write::Known { address, body } | Write::Result { address, body, .. } => {
                add(&mut out, RESULT, address.key.0, address.generation, body);
            }
            Write::Plan(key, body) => add(&mut out, PLAN, key.0, 0, body),
            Write::Step(key, body) => add(&mut out, STEP, key.0, 0, body),
            Write::Latest(task, address) => {
                add(&mut out, LATEST, task.0, address.generation, address.key.0.as_bytes());
            }
            _ => {}
        }
    }
    Ok(zstd::bulk::compress(&out, LEVEL)?.into())
}

fn add(out: &mut Vec<u8>, kind: u8, key: Digest, generation: u32, body: &[u8]) {
    out.push(kind);
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(&generation.to_be_bytes());
    out.extend_from_slice(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(body);
}

/// Unpacks; nothing where it is no pack.
pub fn decode(pack: &[u8]) -> Option<Vec<Write>> {
    let mut bytes = Vec::new();
    zstd::Decoder::new(pack).ok()?.take(MOST + 1).read_to_end(&mut bytes).ok()?;
    if bytes.len() as u64 > MOST {
        return None;
    }
    let mut rest = &bytes[..];
    let mut writes = Vec::new();
    while !rest.is_empty() {
        let (head, more) = rest.split_first_chunk::<41>()?;
        let key = Digest::from_slice(&head[1..33])?;
        let generation = u32::from_be_bytes(head[33..37].try_into().ok()?);
        let length = usize::try_from(u32::from_be_bytes(head[37..].try_into().ok()?)).ok()?;
        let (body, more) = more.split_at_checked(length)?;
        rest = more;
        let bytes = || Bytes::from(body);
        writes.push(match head[0] {
            RESULT => Write::Known { address: Address { key: ActionKey(key), generation }, body: bytes() },
            PLAN => Write::Plan(PlanKey(key), bytes()),
            STEP => Write::Step(ActionKey(key), bytes()),
            LATEST => {
                let address = Address { key: ActionKey(Digest::from_slice(body)?), generation };
                Write::Latest(TaskId(key), address)
            }
            _ => return None,
        });
    }
    Some(writes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn digest(text: &str) -> Digest {
        Digest::of_blob(text.as_bytes())
    }

    #[test]
    fn what_is_packed_is_unpacked() {
        let address = Address { key: ActionKey(digest("a")), generation: 7 };
        let body: Bytes = b"body".as_slice().into();
        let writes = vec![
            Write::Known { address, body: body.clone() },
            Write::Plan(PlanKey(digest("p")), body.clone()),
            Write::Step(ActionKey(digest("s")), b"".as_slice().into()),
            Write::Latest(TaskId(digest("t")), address),
        ];
        let pack = encode(&writes).unwrap();
        assert_eq!(format!("{:?}", decode(&pack).unwrap()), format!("{writes:?}"));
        assert_eq!(decode(&encode(&[]).unwrap()).unwrap().len(), 0);
    }

    #[test]
    fn what_is_no_pack_is_nothing() {
        assert!(decode(b"").is_none_or(|writes| writes.is_empty()));
        assert!(decode(b"no pack").is_none());
        let address = Address { key: ActionKey(digest("a")), generation: 0 };
        let whole = encode(&[Write::Known { address, body: vec![1; 100].into() }]).unwrap();
        for cut in 1..whole.len() {
            assert!(decode(&whole[..cut]).is_none(), "{cut}");
        }
        let short = zstd::bulk::compress(&[RESULT; 60], 1).unwrap();
        assert!(decode(&short).is_none());
    }
}
