//! A bucket as an origin of externals. Unlike a store's objects these may change: every read asks for the very
//! object that was seen, by its version or its ETag.

use super::{PARALLEL, PART, S3Objects, is_no_bucket, status};
use crate::api::Store;
use crate::external::{Landed, Origin, ReadError, Seen};
use crate::objects::limit::Kind;
use crate::objects::{ObjectError, Traffic};
use async_trait::async_trait;
use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use futures_util::StreamExt as _;
use std::sync::Arc;

/// What came of asking for a part.
enum Part {
    /// The bytes, and the size of the whole.
    Bytes(bytes::Bytes, u64),
    Changed,
    Vanished,
}

impl S3Objects {
    async fn part(&self, seen: &Seen, from: u64, length: u64) -> Result<Part, ObjectError> {
        let name = seen.key.as_str();
        let attempt = || async {
            let range = format!("bytes={from}-{}", from + length - 1);
            let asked = self.client.get_object().bucket(&self.bucket).key(self.key(name)).range(range);
            let asked = match &seen.version {
                Some(version) => asked.version_id(version),
                None => asked.set_if_match(seen.etag.clone()),
            };
            match asked.send().await {
                Ok(found) => {
                    let total = found.content_range().and_then(|range| range.rsplit('/').next()?.parse().ok());
                    let etag = found.e_tag.clone();
                    let bytes =
                        found.body.collect().await.map_err(|error| self.garbled(name, error))?.into_bytes();
                    let whole = bytes.len() as u64;
                    let total = total.unwrap_or(whole);
                    if whole != length.min(total.saturating_sub(from)) && total != whole {
                        return Err(self.garbled(name, format!("{whole} bytes came of {length}")));
                    }
                    // A server may not know `If-Match`.
                    let other = matches!((&seen.etag, &etag), (Some(due), Some(found)) if due != found);
                    Ok(if other { Part::Changed } else { Part::Bytes(bytes, total) })
                }
                Err(error) => match status(&error) {
                    Some(404) if !is_no_bucket(&error) => Ok(Part::Vanished),
                    Some(412) => Ok(Part::Changed),
                    // It is empty, so it has no first byte.
                    Some(416) if from == 0 => Ok(Part::Bytes(bytes::Bytes::new(), 0)),
                    Some(416) => Ok(Part::Changed),
                    _ => Err(self.failed(("read", name), &error)),
                },
            }
        };
        let part = self.limit.request(Kind::Get, attempt).await?;
        if let Part::Bytes(bytes, _) = &part {
            self.limit.down(bytes.len() as u64);
        }
        Ok(part)
    }
}

fn opened(part: Part) -> Result<(bytes::Bytes, u64), ReadError> {
    match part {
        Part::Bytes(bytes, total) => Ok((bytes, total)),
        Part::Changed => Err(ReadError::Changed),
        Part::Vanished => Err(ReadError::Vanished),
    }
}

/// Listings and objects write dates in different ways, and one of them knows no fractions.
fn written(at: Option<&DateTime>) -> Option<String> {
    DateTime::from_secs(at?.secs()).fmt(DateTimeFormat::DateTime).ok()
}

fn sized(size: Option<i64>) -> Option<u64> {
    u64::try_from(size?).ok()
}

#[async_trait]
impl Origin for S3Objects {
    fn place(&self) -> String {
        format!("{} {}", self.endpoint, self.uri(""))
    }

    async fn look(&self, key: &str) -> Result<Option<Seen>, ObjectError> {
        let attempt = || async {
            match self.client.head_object().bucket(&self.bucket).key(self.key(key)).send().await {
                Ok(found) => Ok(Some(Seen {
                    key: key.to_owned(),
                    size: sized(found.content_length()),
                    etag: found.e_tag().map(str::to_owned),
                    // Where versions are not kept the one there is may be written over.
                    version: found.version_id().filter(|version| *version != "null").map(str::to_owned),
                    modified: written(found.last_modified()),
                    sure: found.e_tag().is_some(),
                })),
                Err(error) if status(&error) == Some(404) => Ok(None),
                Err(error) => Err(self.failed(("look at", key), &error)),
            }
        };
        self.limit.request(Kind::Head, attempt).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Seen>, ObjectError> {
        let mut all = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let attempt = || async {
                let list = self.client.list_objects_v2().bucket(&self.bucket).prefix(self.key(prefix));
                let list = list.set_continuation_token(next.clone());
                list.send().await.map_err(|error| self.failed(("list", prefix), &error))
            };
            let page = self.limit.request(Kind::List, attempt).await?;
            for object in page.contents() {
                let Some(key) = object.key().and_then(|key| key.strip_prefix(&self.prefix)) else { continue };
                all.push(Seen {
                    key: key.to_owned(),
                    size: sized(object.size()),
                    etag: object.e_tag().map(str::to_owned),
                    version: None,
                    modified: written(object.last_modified()),
                    sure: object.e_tag().is_some(),
                });
            }
            next = page.next_continuation_token().map(str::to_owned);
            if next.is_none() || page.is_truncated() != Some(true) {
                return Ok(all);
            }
        }
    }

    async fn read(&self, seen: &Seen, store: &Arc<dyn Store>) -> Result<Landed, ReadError> {
        let mut staged = store.stage()?;
        let (first, total) = opened(self.part(seen, 0, PART).await?)?;
        if seen.size.is_some_and(|due| due != total) {
            return Err(ReadError::Changed);
        }
        staged.write(&first)?;
        let starts = (first.len() as u64..total).step_by(usize::try_from(PART).unwrap_or(usize::MAX));
        let parts = futures_util::stream::iter(starts).map(|from| self.part(seen, from, PART.min(total - from)));
        let mut parts = std::pin::pin!(parts.buffered(PARALLEL));
        while let Some(part) = parts.next().await {
            staged.write(&opened(part?)?.0)?;
        }
        let digest = staged.finish()?;
        Ok(Landed { seen: seen.clone(), digest, size: total })
    }

    fn traffic(&self) -> Traffic {
        self.limit.traffic()
    }
}
