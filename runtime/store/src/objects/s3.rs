//! Amazon S3, and what speaks like it, through the official SDK.
//!
//! Requests are repeated by `limit`, not by the SDK, so that each is counted and throttling narrows all of them.
//! Checksums of requests are computed only where the operation demands one: some servers refuse the SDK's own, and
//! every blob is verified against its digest when it enters a machine.
//!
//! Credentials, region and profile are found where every AWS program finds them (environment, files, container,
//! instance), unless the configuration names them.

mod faults;
mod parts;
mod seen;

use super::limit::{Kind, Limit};
use super::{DownloadError, Fault, Listed, ObjectError, Objects, Put, State, Traffic};
use crate::api::{Blob, Bytes, Staged};
use async_trait::async_trait;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::Credentials;
use aws_sdk_s3::config::StalledStreamProtectionConfig;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ServerSideEncryption, StorageClass};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use faults::{classify, is_no_bucket, status};
use futures_util::{StreamExt as _, TryStreamExt as _};
pub use parts::ABANDONED;
use parts::{PARALLEL, PART, read_part};
use serde::Deserialize;
use std::time::Duration;

/// Objects of more than this go up in parts.
const WHOLE: u64 = 16 << 20;
/// An upload of more than this asks first whether it is there: that costs less than to send it in vain.
const ASK_FIRST: u64 = 256 << 10;
/// Without an answer, or without a byte of it, for so long the server is taken to be hung.
const PATIENCE: Duration = Duration::from_secs(30);
/// What is sent may be this slow: bytes a second.
const SLOWEST: u64 = 64 << 10;
/// The name of the metadata that holds a note.
const NOTE: &str = "wrun";

/// Where the objects are, and how to reach them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct S3Options {
    /// The region of the bucket.
    pub region: Option<String>,
    /// A profile of the AWS configuration files.
    pub profile: Option<String>,
    /// The address of a server that is not Amazon's: `http://host:port`.
    pub endpoint: Option<String>,
    /// Whether the bucket is in the path of the address instead of its host name; true with an `endpoint`.
    pub path_style: Option<bool>,
    /// Encryption at rest: `AES256`, `aws:kms`, or `aws:kms:dsse`.
    pub sse: Option<String>,
    /// The key for `aws:kms`.
    pub kms_key: Option<String>,
    /// Such as `INTELLIGENT_TIERING`.
    pub storage_class: Option<String>,
    /// Whether the server knows conditional puts; without them two builds that race may each believe to be first.
    pub conditional: Option<bool>,
    /// An access key and its secret, where they are not to be looked for. Never read from a file of the project.
    #[serde(skip)]
    pub keys: Option<(String, String)>,
    /// How long to wait for a server that says nothing, where that is not the usual 30 seconds: for tests.
    #[serde(skip)]
    pub patience: Option<Duration>,
}

/// A bucket, and a prefix in it.
pub struct S3Objects {
    client: Client,
    bucket: String,
    /// Empty, or ends with `/`.
    prefix: String,
    /// Empty for Amazon's.
    endpoint: String,
    conditional: bool,
    sse: Option<ServerSideEncryption>,
    kms_key: Option<String>,
    storage_class: Option<StorageClass>,
    patience: Duration,
    limit: Limit,
}

impl std::fmt::Debug for S3Objects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "S3Objects({})", self.describe())
    }
}

/// Splits `s3://bucket/prefix`.
pub fn split_uri(uri: &str) -> Option<(&str, &str)> {
    let rest = uri.strip_prefix("s3://")?;
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    (!bucket.is_empty()).then(|| (bucket, prefix.trim_matches('/')))
}

impl S3Objects {
    /// Prepares to use a bucket. Nothing is asked of the server yet.
    pub async fn open(bucket: &str, prefix: &str, options: &S3Options) -> Self {
        let http =
            aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http);
        if let Some(region) = &options.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(profile) = &options.profile {
            loader = loader.profile_name(profile);
        }
        if let Some((access, secret)) = &options.keys {
            loader = loader.credentials_provider(Credentials::new(access, secret, None, None, "given"));
        }
        let shared = loader.load().await;
        let patience = options.patience.unwrap_or(PATIENCE);
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(patience.min(Duration::from_secs(5)))
            .read_timeout(patience)
            .build();
        let mut config = aws_sdk_s3::config::Builder::from(&shared)
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts)
            // A body that stops half-way has a limit of its own.
            .stalled_stream_protection(StalledStreamProtectionConfig::enabled().grace_period(patience).build())
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .force_path_style(options.path_style.unwrap_or(options.endpoint.is_some()));
        if let Some(endpoint) = &options.endpoint {
            config = config.endpoint_url(endpoint);
        }
        if shared.region().is_none() {
            // Servers that are not Amazon's take any; Amazon's answers with the right one.
            config = config.region(Region::new("us-east-1"));
        }
        let seed = std::time::UNIX_EPOCH.elapsed().map_or(1, |since| u64::from(since.subsec_nanos()));
        Self {
            client: Client::from_conf(config.build()),
            bucket: bucket.to_owned(),
            prefix: if prefix.is_empty() { String::new() } else { format!("{}/", prefix.trim_matches('/')) },
            endpoint: options.endpoint.clone().unwrap_or_default(),
            conditional: options.conditional.unwrap_or(true),
            sse: options.sse.as_deref().map(ServerSideEncryption::from),
            kms_key: options.kms_key.clone(),
            storage_class: options.storage_class.as_deref().map(StorageClass::from),
            patience,
            // Who has little patience waits little between tries.
            limit: Limit::new(super::limit::PAUSE.min(patience / 100), seed ^ u64::from(std::process::id()) << 32),
        }
    }

    /// The time that the answer to so many bytes may take: it begins when they begin to be sent.
    fn patience_for(&self, bytes: u64) -> aws_sdk_s3::config::Builder {
        let patience = self.patience + Duration::from_secs(bytes / SLOWEST);
        let timeouts = TimeoutConfig::builder().read_timeout(patience).build();
        aws_sdk_s3::config::Builder::new().timeout_config(timeouts)
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn uri(&self, name: &str) -> String {
        format!("s3://{}/{}{name}", self.bucket, self.prefix)
    }

    fn failed<E: ProvideErrorMetadata + std::error::Error + 'static>(
        &self,
        (doing, name): (&'static str, &str),
        error: &SdkError<E, HttpResponse>,
    ) -> ObjectError {
        let (fault, why) = classify(error);
        ObjectError { doing, uri: self.uri(name), fault, why }
    }

    fn garbled(&self, name: &str, why: impl std::fmt::Display) -> ObjectError {
        ObjectError { doing: "read", uri: self.uri(name), fault: Fault::Garbled, why: why.to_string() }
    }

    fn local(&self, name: &str, error: &std::io::Error) -> ObjectError {
        ObjectError { doing: "send", uri: self.uri(name), fault: Fault::Local, why: error.to_string() }
    }

    /// Sends one put; true if it was made, false if the server says that something is there.
    async fn send(&self, name: &str, body: &Bytes, only_new: bool) -> Result<bool, ObjectError> {
        let length = body.len() as u64;
        let attempt = || async {
            let body = ByteStream::from(bytes::Bytes::from_owner(body.clone()));
            let sent = self
                .client
                .put_object()
                .bucket(&self.bucket)
                .key(self.key(name))
                .set_if_none_match(only_new.then(|| "*".to_owned()))
                .set_server_side_encryption(self.sse.clone())
                .set_ssekms_key_id(self.kms_key.clone())
                .set_storage_class(self.storage_class.clone())
                .body(body)
                .customize()
                .config_override(self.patience_for(length))
                .send()
                .await;
            match sent {
                Ok(_) => Ok(true),
                Err(error) if only_new && matches!(status(&error), Some(409 | 412)) => Ok(false),
                Err(error) => Err(self.failed(("write", name), &error)),
            }
        };
        let made = self.limit.request(Kind::Put, attempt).await?;
        self.limit.up(body.len() as u64);
        Ok(made)
    }

    /// Sends one put over an object of this tag, or where there is none; false if the server says that it is not so.
    async fn send_swap(
        &self,
        name: &str,
        body: &bytes::Bytes,
        (over, only_new): (Option<String>, bool),
        note: Option<&str>,
    ) -> Result<bool, ObjectError> {
        let conditional = over.is_some() || only_new;
        let attempt = || async {
            let put = self.client.put_object().bucket(&self.bucket).key(self.key(name));
            let put = put.set_if_match(over.clone()).set_if_none_match(only_new.then(|| "*".to_owned()));
            let put = put
                .set_metadata(note.map(|note| [(NOTE.to_owned(), note.to_owned())].into()))
                .set_server_side_encryption(self.sse.clone())
                .set_ssekms_key_id(self.kms_key.clone())
                .set_storage_class(self.storage_class.clone());
            match put.body(ByteStream::from(body.clone())).send().await {
                Ok(_) => Ok(true),
                // What is to be replaced may have been removed.
                Err(error) if conditional && matches!(status(&error), Some(404 | 409 | 412)) => Ok(false),
                Err(error) => Err(self.failed(("write", name), &error)),
            }
        };
        let made = self.limit.request(Kind::Put, attempt).await?;
        self.limit.up(body.len() as u64);
        Ok(made)
    }

    /// Makes an address at which anybody may read an object, for so long.
    /// Programs that save it call it `file`.
    pub async fn presigned(&self, name: &str, file: &str, expires: Duration) -> Result<String, ObjectError> {
        let refuse = |why: String| ObjectError { doing: "sign", uri: self.uri(name), fault: Fault::Other, why };
        let config = aws_sdk_s3::presigning::PresigningConfig::expires_in(expires)
            .map_err(|error| refuse(error.to_string()))?;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let file: String = file.chars().map(|c| if plain(c) { c } else { '_' }).collect();
        let get = self.client.get_object().bucket(&self.bucket).key(self.key(name));
        let get = get.response_content_disposition(format!("inline; filename=\"{file}\""));
        let signed = get.presigned(config).await;
        signed.map(|signed| signed.uri().to_owned()).map_err(|error| self.failed(("sign", name), &error))
    }

    /// Makes the bucket, unless it is there.
    pub async fn make_bucket(&self) -> Result<(), ObjectError> {
        let attempt = || async {
            match self.client.create_bucket().bucket(&self.bucket).send().await {
                Ok(_) => Ok(()),
                Err(error) if status(&error) == Some(409) => Ok(()),
                Err(error) => Err(self.failed(("make the bucket of", ""), &error)),
            }
        };
        self.limit.request(Kind::Put, attempt).await
    }

    /// Says who may do what with the bucket: a policy in the language of AWS.
    pub async fn set_policy(&self, policy: &str) -> Result<(), ObjectError> {
        let attempt = || async {
            let set = self.client.put_bucket_policy().bucket(&self.bucket).policy(policy).send().await;
            set.map_err(|error| self.failed(("set the policy of", ""), &error))
        };
        self.limit.request(Kind::Put, attempt).await.map(|_| ())
    }
}

#[async_trait]
impl Objects for S3Objects {
    fn describe(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.prefix.trim_end_matches('/'))
    }

    async fn get(&self, name: &str) -> Result<Option<Bytes>, ObjectError> {
        let attempt = || async {
            match self.client.get_object().bucket(&self.bucket).key(self.key(name)).send().await {
                Ok(found) => {
                    let due = found.content_length();
                    let bytes =
                        found.body.collect().await.map_err(|error| self.garbled(name, error))?.into_bytes();
                    if due.is_some_and(|due| u64::try_from(due) != Ok(bytes.len() as u64)) {
                        return Err(self.garbled(name, format!("{} bytes came of {due:?}", bytes.len())));
                    }
                    Ok(Some(bytes))
                }
                Err(error) if status(&error) == Some(404) && !is_no_bucket(&error) => Ok(None),
                Err(error) => Err(self.failed(("read", name), &error)),
            }
        };
        let found = self.limit.request(Kind::Get, attempt).await?;
        self.limit.down(found.as_ref().map_or(0, |bytes| bytes.len() as u64));
        Ok(found.map(|bytes| Bytes::from(&bytes[..])))
    }

    async fn put_new(&self, name: &str, body: Bytes) -> Result<Put, ObjectError> {
        // A server may say that something is there when a racing put has not landed yet, and never lands.
        for _ in 0..super::limit::TRIES {
            if !self.conditional
                && let Some(there) = self.get(name).await?
            {
                return Ok(if there == body { Put::Created } else { Put::Exists(there) });
            }
            if self.send(name, &body, self.conditional).await? {
                return Ok(Put::Created);
            }
            match self.get(name).await? {
                Some(there) if there == body => return Ok(Put::Created),
                Some(there) => return Ok(Put::Exists(there)),
                None => {}
            }
        }
        let why = "the server says that it is there, and that it is not".to_owned();
        Err(ObjectError { doing: "write", uri: self.uri(name), fault: Fault::Server, why })
    }

    async fn heeds_conditions(&self, name: &str, body: Bytes) -> Result<bool, ObjectError> {
        Ok(!self.conditional || !self.send(name, &body, true).await?)
    }

    async fn put(&self, name: &str, body: Bytes) -> Result<(), ObjectError> {
        self.send(name, &body, false).await.map(|_| ())
    }

    async fn upload(&self, name: &str, body: &Blob, replace: bool) -> Result<(), ObjectError> {
        if !replace && body.len() > ASK_FIRST && self.size(name).await? == Some(body.len()) {
            return Ok(());
        }
        if body.len() <= WHOLE {
            let bytes = read_part(body.clone(), 0, body.len()).await.map_err(|error| self.local(name, &error))?;
            let bytes = Bytes::from(&bytes[..]);
            if self.send(name, &bytes, self.conditional && !replace).await? {
                return Ok(());
            }
            return match self.size(name).await? {
                Some(size) if size == body.len() => Ok(()),
                // A racing put that has not landed and may never, or something that is not what its name says. A put
                // without a condition may be answered with a conflict too, while the race is on: it passes.
                _ => self.send(name, &bytes, false).await.map(|_| ()),
            };
        }
        self.send_parts(name, body, (None, false), None).await.map(|_| ())
    }

    async fn download(&self, name: &str, to: &mut dyn Staged) -> Result<bool, DownloadError> {
        let Some((first, total)) = self.range(name, 0, PART).await? else { return Ok(false) };
        to.write(&first)?;
        let mut at = first.len() as u64;
        if total - at > PARALLEL as u64 * PART {
            at = self.stream(name, (at, total), to).await?;
        }
        let starts = (at..total).step_by(usize::try_from(PART).unwrap_or(usize::MAX));
        let parts = futures_util::stream::iter(starts).map(|from| self.range(name, from, PART.min(total - from)));
        let mut parts = std::pin::pin!(parts.buffered(PARALLEL));
        while let Some(part) = parts.next().await {
            match part? {
                Some((bytes, _)) => to.write(&bytes)?,
                None => return Err(self.garbled(name, "it vanished half-way").into()),
            }
        }
        Ok(true)
    }

    async fn size(&self, name: &str) -> Result<Option<u64>, ObjectError> {
        let attempt = || async {
            match self.client.head_object().bucket(&self.bucket).key(self.key(name)).send().await {
                Ok(found) => {
                    Ok(Some(u64::try_from(found.content_length().unwrap_or_default()).unwrap_or_default()))
                }
                Err(error) if status(&error) == Some(404) => Ok(None),
                Err(error) => Err(self.failed(("look for", name), &error)),
            }
        };
        self.limit.request(Kind::Head, attempt).await
    }

    async fn look(&self, name: &str) -> Result<Option<State>, ObjectError> {
        let attempt = || async {
            match self.client.head_object().bucket(&self.bucket).key(self.key(name)).send().await {
                Ok(found) => Ok(Some(State {
                    size: found.content_length().and_then(|size| u64::try_from(size).ok()).unwrap_or_default(),
                    tag: found.e_tag().unwrap_or_default().trim_matches('"').to_owned(),
                    note: found.metadata().and_then(|all| all.get(NOTE)).cloned(),
                })),
                Err(error) if status(&error) == Some(404) => Ok(None),
                Err(error) => Err(self.failed(("look for", name), &error)),
            }
        };
        self.limit.request(Kind::Head, attempt).await
    }

    async fn swap(
        &self,
        name: &str,
        body: &Blob,
        over: Option<&str>,
        note: Option<&str>,
    ) -> Result<bool, ObjectError> {
        let large = body.len() > WHOLE;
        let whole = if large { 0 } else { body.len() };
        let bytes = read_part(body.clone(), 0, whole).await.map_err(|error| self.local(name, &error))?;
        // Most servers want the tag in quotes, as it came; Ceph's gateway without.
        let forms = match over {
            Some(tag) => vec![Some(format!("\"{tag}\"")), Some(tag.to_owned())],
            None => vec![None],
        };
        for form in forms {
            // Some servers know no conditions, or not where an upload in parts is completed.
            if (large || !self.conditional) && self.look(name).await?.map(|seen| seen.tag).as_deref() != over {
                return Ok(false);
            }
            let condition = if self.conditional { (form.clone(), form.is_none()) } else { (None, false) };
            let sent = match large {
                true => self.send_parts(name, body, condition, note).await?,
                false => self.send_swap(name, &bytes, condition, note).await?,
            };
            if sent {
                return Ok(true);
            }
            let there = self.look(name).await?;
            // By an earlier try, whose reply was lost.
            if let Some(there) = &there
                && !large
                && there.size == body.len()
                && there.note.as_deref() == note
                && self.get(name).await?.is_some_and(|known| known[..] == bytes[..])
            {
                return Ok(true);
            }
            if there.map(|seen| seen.tag).as_deref() != over {
                return Ok(false);
            }
        }
        let why = "the server says that it was changed, and that it was not".to_owned();
        Err(ObjectError { doing: "write", uri: self.uri(name), fault: Fault::Unsupported, why })
    }

    async fn list(&self, prefix: &str, after: &str) -> Result<Vec<Listed>, ObjectError> {
        let mut all = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let attempt = || async {
                let list = self.client.list_objects_v2().bucket(&self.bucket).prefix(self.key(prefix));
                let list = match &next {
                    Some(token) => list.continuation_token(token),
                    None => list.set_start_after((!after.is_empty()).then(|| self.key(after))),
                };
                list.send().await.map_err(|error| self.failed(("list", prefix), &error))
            };
            let page = self.limit.request(Kind::List, attempt).await?;
            for object in page.contents() {
                let Some(name) = object.key().and_then(|key| key.strip_prefix(&self.prefix)) else { continue };
                all.push(Listed {
                    name: name.to_owned(),
                    size: object.size().and_then(|size| u64::try_from(size).ok()).unwrap_or_default(),
                    written: object.last_modified().and_then(|at| at.to_millis().ok()).unwrap_or_default(),
                });
            }
            next = page.next_continuation_token().map(str::to_owned);
            if next.is_none() || page.is_truncated() != Some(true) {
                return Ok(all);
            }
        }
    }

    async fn remove(&self, names: &[String]) -> Result<(), ObjectError> {
        let removals = futures_util::stream::iter(names.to_vec()).map(|name| async move {
            let attempt = || async {
                let removed = self.client.delete_object().bucket(&self.bucket).key(self.key(&name)).send().await;
                removed.map_err(|error| self.failed(("remove", &name), &error))
            };
            self.limit.request(Kind::Delete, attempt).await.map(|_| ())
        });
        removals.buffer_unordered(64).try_collect().await
    }

    fn traffic(&self) -> Traffic {
        self.limit.traffic()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_is_a_bucket_and_a_prefix() {
        assert_eq!(split_uri("s3://bucket/a/b/"), Some(("bucket", "a/b")));
        assert_eq!(split_uri("s3://bucket"), Some(("bucket", "")));
        assert_eq!(split_uri("s3:///a"), None);
        assert_eq!(split_uri("/folder"), None);
    }
}
