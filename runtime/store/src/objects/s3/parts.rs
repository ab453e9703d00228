//! Objects too large for one request: up in parts, down in ranges, and what is left of uploads that were abandoned.

use super::faults::{is_no_bucket, status};
use super::{NOTE, S3Objects};
use crate::api::{Blob, Staged};
use crate::objects::limit::Kind;
use crate::objects::{DownloadError, ObjectError, Objects as _};
use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart, MultipartUpload};
use futures_util::{StreamExt as _, TryStreamExt as _};
use std::time::{Duration, Instant};

/// A part, unless there would be more than [`MOST_PARTS`].
pub(super) const PART: u64 = 8 << 20;
/// S3 allows 10,000.
const MOST_PARTS: u64 = 9_000;
/// So many parts of one object are in memory at once.
pub(super) const PARALLEL: usize = 8;
/// One connection is fast if so many bytes take no longer than [`FAST`]: 160 MiB/s, twice what Amazon's gives.
const JUDGED: u64 = 16 << 20;
const FAST: Duration = Duration::from_millis(100);
/// What is half done and was not touched for so long was abandoned: uploads in parts, and what containers stage.
pub const ABANDONED: Duration = Duration::from_secs(7 * 24 * 3600);

impl S3Objects {
    /// Reads a range; returns the bytes and the size of the whole, or nothing where there is no object.
    pub(super) async fn range(
        &self,
        name: &str,
        from: u64,
        length: u64,
    ) -> Result<Option<(bytes::Bytes, u64)>, ObjectError> {
        let attempt = || async {
            let range = format!("bytes={from}-{}", from + length - 1);
            let asked = self.client.get_object().bucket(&self.bucket).key(self.key(name)).range(range);
            match asked.send().await {
                Ok(found) => {
                    let total = found.content_range().and_then(|range| range.rsplit('/').next()?.parse().ok());
                    let bytes =
                        found.body.collect().await.map_err(|error| self.garbled(name, error))?.into_bytes();
                    // A server that knows no ranges sends everything.
                    let whole = bytes.len() as u64;
                    let total = total.unwrap_or(whole);
                    if whole != length.min(total.saturating_sub(from)) && total != whole {
                        return Err(self.garbled(name, format!("{whole} bytes came of {length}")));
                    }
                    Ok(Some((bytes, total)))
                }
                Err(error) => match status(&error) {
                    Some(404) if !is_no_bucket(&error) => Ok(None),
                    // It is empty, so it has no first byte.
                    Some(416) if from == 0 => Ok(Some((bytes::Bytes::new(), 0))),
                    _ => Err(self.failed(("read", name), &error)),
                },
            }
        };
        let found = self.limit.request(Kind::Get, attempt).await?;
        self.limit.down(found.as_ref().map_or(0, |(bytes, _)| bytes.len() as u64));
        Ok(found)
    }

    /// Reads on in one answer as long as bytes come fast; returns how far that led. A near server fills one connection,
    /// and some read an object whole for each range; a far one sends more over several connections.
    pub(super) async fn stream(
        &self,
        name: &str,
        (from, total): (u64, u64),
        to: &mut dyn Staged,
    ) -> Result<u64, DownloadError> {
        let attempt = || async {
            let asked = self.client.get_object().bucket(&self.bucket).key(self.key(name));
            asked.range(format!("bytes={from}-")).send().await.map_err(|error| self.failed(("read", name), &error))
        };
        let mut answer = self.limit.request(Kind::Get, attempt).await?;
        let due = format!("bytes {from}-{}/{total}", total - 1);
        if answer.content_range() != Some(&due) {
            return Ok(from);
        }
        let (mut at, mut judged) = (from, (from, Instant::now()));
        // What ends early is gone on with by whoever reads ranges, and tries several times.
        while let Ok(Some(Ok(bytes))) = tokio::time::timeout(self.patience, answer.body.next()).await {
            to.write(&bytes)?;
            at += bytes.len() as u64;
            self.limit.down(bytes.len() as u64);
            if at - judged.0 >= JUDGED {
                if judged.1.elapsed() > FAST {
                    break;
                }
                judged = (at, Instant::now());
            }
        }
        Ok(at)
    }

    /// Sends the parts and completes the upload, over an object of this tag or where there is none; false if the server
    /// says that it is not so. Ceph's gateway does not look.
    async fn upload_parts(
        &self,
        name: &str,
        body: &Blob,
        id: &str,
        (over, only_new): (Option<String>, bool),
    ) -> Result<bool, ObjectError> {
        let part = PART.max(body.len().div_ceil(MOST_PARTS).next_multiple_of(1 << 20));
        let count = body.len().div_ceil(part);
        let parts = futures_util::stream::iter(0..count).map(|i| async move {
            let from = i * part;
            let size = part.min(body.len() - from);
            let bytes = read_part(body.clone(), from, size).await.map_err(|error| self.local(name, &error))?;
            let number = i32::try_from(i + 1).unwrap_or(i32::MAX);
            let attempt = || async {
                let sent = self.client.upload_part().bucket(&self.bucket).key(self.key(name)).upload_id(id);
                let sent = sent.part_number(number).body(ByteStream::from(bytes.clone()));
                let sent = sent.customize().config_override(self.patience_for(size)).send().await;
                sent.map_err(|error| self.failed(("write", name), &error))
            };
            let sent = self.limit.request(Kind::Put, attempt).await?;
            self.limit.up(size);
            Ok(CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag).build())
        });
        let parts: Vec<CompletedPart> = parts.buffered(PARALLEL).try_collect().await?;
        let all = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let attempt = || async {
            let complete = self.client.complete_multipart_upload().bucket(&self.bucket).key(self.key(name));
            let complete = complete.set_if_match(over.clone()).set_if_none_match(only_new.then(|| "*".to_owned()));
            let done = complete.upload_id(id).multipart_upload(all.clone()).send().await;
            match done {
                Ok(_) => Ok(true),
                // A reply that was lost: the upload is known no more because it is complete.
                Err(error) if error.code() == Some("NoSuchUpload") => match self.size(name).await? {
                    Some(size) if size == body.len() => Ok(true),
                    _ => Err(self.failed(("write", name), &error)),
                },
                Err(error) if (over.is_some() || only_new) && matches!(status(&error), Some(404 | 409 | 412)) => {
                    Ok(false)
                }
                Err(error) => Err(self.failed(("write", name), &error)),
            }
        };
        self.limit.request(Kind::Put, attempt).await
    }

    /// Sends a large object in parts; what is left of an upload that failed is removed.
    pub(super) async fn send_parts(
        &self,
        name: &str,
        body: &Blob,
        condition: (Option<String>, bool),
        note: Option<&str>,
    ) -> Result<bool, ObjectError> {
        let attempt = || async {
            let create = self.client.create_multipart_upload().bucket(&self.bucket).key(self.key(name));
            let create = create
                .set_metadata(note.map(|note| [(NOTE.to_owned(), note.to_owned())].into()))
                .set_server_side_encryption(self.sse.clone())
                .set_ssekms_key_id(self.kms_key.clone())
                .set_storage_class(self.storage_class.clone());
            create.send().await.map_err(|error| self.failed(("write", name), &error))
        };
        let created = self.limit.request(Kind::Put, attempt).await?;
        let id = created.upload_id().unwrap_or_default();
        let sent = self.upload_parts(name, body, id, condition).await;
        if !matches!(sent, Ok(true)) {
            // What cannot be aborted now is swept later; the first error says more.
            _ = self.abort(&self.key(name), id).await;
        }
        sent
    }

    /// Removes the parts of uploads that were abandoned; returns how many uploads. `now` is the server's time.
    pub async fn sweep_uploads(&self, now: i64) -> Result<usize, ObjectError> {
        let limit = now - i64::try_from(ABANDONED.as_millis()).unwrap_or(i64::MAX);
        let old = |upload: &&MultipartUpload| {
            upload.initiated().and_then(|at| at.to_millis().ok()).is_some_and(|at| at < limit)
        };
        let mut swept = 0;
        let (mut key, mut id) = (None, None);
        loop {
            let attempt = || async {
                let list = self.client.list_multipart_uploads().bucket(&self.bucket).prefix(&self.prefix);
                let list = list.set_key_marker(key.clone()).set_upload_id_marker(id.clone());
                list.send().await.map_err(|error| self.failed(("list the uploads of", ""), &error))
            };
            let page = self.limit.request(Kind::List, attempt).await?;
            for upload in page.uploads().iter().filter(old) {
                if let (Some(key), Some(id)) = (upload.key(), upload.upload_id()) {
                    self.abort(key, id).await?;
                    swept += 1;
                }
            }
            let next = (page.next_key_marker.clone(), page.next_upload_id_marker.clone());
            // A page that leads nowhere new is the last, whatever the server says.
            if page.is_truncated() != Some(true) || next.0.is_none() || next == (key.clone(), id.clone()) {
                return Ok(swept);
            }
            (key, id) = next;
        }
    }

    async fn abort(&self, key: &str, id: &str) -> Result<(), ObjectError> {
        let attempt = || async {
            let abort = self.client.abort_multipart_upload().bucket(&self.bucket).key(key).upload_id(id);
            match abort.send().await {
                Ok(_) => Ok(()),
                Err(error) if status(&error) == Some(404) => Ok(()),
                Err(error) => Err(self.failed(("abort the upload of", key), &error)),
            }
        };
        self.limit.request(Kind::Delete, attempt).await
    }
}

/// Reads a part of a file, off the threads that wait for the network.
pub(super) async fn read_part(body: Blob, from: u64, size: u64) -> std::io::Result<bytes::Bytes> {
    let read = move || {
        let mut buffer = vec![0; usize::try_from(size).map_err(|_| std::io::ErrorKind::OutOfMemory)?];
        let count = body.read_at(&mut buffer, from)?;
        if count < buffer.len() {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Ok(bytes::Bytes::from(buffer))
    };
    tokio::task::spawn_blocking(read).await.unwrap_or_else(|error| Err(std::io::Error::other(error)))
}
