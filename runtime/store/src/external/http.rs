//! Web servers.
//!
//! An ETag that is strong, or a date that is some seconds old, spares the next download. A body is read in one go
//! and hashed while it comes; afterwards the server is asked once more, so that a file that is written over while
//! it is sent is an error. Redirects are followed, ten of them, and never from https to http.

use super::origin::{Landed, Origin, ReadError, Seen};
use crate::api::Store;
use crate::error::StoreError;
use crate::objects::limit::{Kind, Limit, PAUSE};
use crate::objects::{Fault, ObjectError, Traffic};
use async_trait::async_trait;
use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_LENGTH, DATE, ETAG, HeaderMap, HeaderValue, IF_MATCH, LAST_MODIFIED,
};
use reqwest::{Client, Method, NoProxy, Proxy, Response, StatusCode, Url, redirect};
use std::sync::Arc;
use std::time::Duration;

/// A page is redirected so often at most.
const REDIRECTS: usize = 10;
/// A date that is younger than this does not name content: the file may change again in the same second.
const UNSETTLED: i64 = 2;

/// How to reach web servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpOptions {
    /// A proxy for `http://`.
    pub http_proxy: Option<String>,
    /// A proxy for `https://`.
    pub https_proxy: Option<String>,
    /// Hosts that are reached without one, between commas.
    pub no_proxy: Option<String>,
    /// A request without an answer for so long has failed.
    pub patience: Duration,
    /// The first repetition of a request comes after at most twice this.
    pub pause: Duration,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            http_proxy: None,
            https_proxy: None,
            no_proxy: None,
            patience: Duration::from_secs(30),
            pause: PAUSE,
        }
    }
}

/// All web servers, over one client.
pub(super) struct Http {
    client: Client,
    limit: Limit,
}

/// Reads an address, and writes it in the one way that it is compared in.
pub fn parse(uri: &str) -> Result<String, String> {
    let mut url = Url::parse(uri).map_err(|error| error.to_string())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("wrun cannot read `{}:`", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it has a user name or password in it, which would be written down in records".into());
    }
    url.set_fragment(None);
    Ok(url.into())
}

/// Reads `%41` as `A`, where that makes text that can be a name.
pub(super) fn decoded(name: &str) -> String {
    let hex = |at: usize| name.get(at..at + 2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
    let (mut out, mut at) = (Vec::with_capacity(name.len()), 0);
    while at < name.len() {
        match (name.as_bytes()[at], hex(at + 1)) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| name.to_owned())
}

impl Http {
    pub(super) fn new(options: &HttpOptions) -> Result<Self, String> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let mut client = Client::builder()
            .user_agent(concat!("wrun/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .connect_timeout(options.patience.min(Duration::from_secs(10)))
            .read_timeout(options.patience)
            .redirect(redirect::Policy::custom(follow))
            .tls_backend_preconfigured(tls()?)
            // What the environment says of proxies is the caller's to read.
            .no_proxy();
        let except = options.no_proxy.as_deref().and_then(NoProxy::from_string);
        let proxies = [(&options.http_proxy, false), (&options.https_proxy, true)];
        for (given, secure) in proxies {
            let Some(given) = given else { continue };
            let proxy = if secure { Proxy::https(given) } else { Proxy::http(given) };
            let proxy = proxy.map_err(|error| format!("the proxy `{given}`: {error}"))?;
            client = client.proxy(proxy.no_proxy(except.clone()));
        }
        let client = client.build().map_err(|error| deepest(&error))?;
        Ok(Self { client, limit: Limit::new(options.pause, u64::from(std::process::id())) })
    }

    /// Sends a request until it is answered by something else than a passing fault.
    async fn ask(&self, method: Method, uri: &str, due: Option<&str>) -> Result<Option<Response>, ObjectError> {
        let kind = if method == Method::HEAD { Kind::Head } else { Kind::Get };
        let attempt = || self.attempt(method.clone(), uri, due);
        self.limit.request(kind, attempt).await
    }

    async fn attempt(
        &self,
        method: Method,
        uri: &str,
        due: Option<&str>,
    ) -> Result<Option<Response>, ObjectError> {
        let mut asked = self.client.request(method, uri);
        if let Some(due) = due {
            asked = asked.header(IF_MATCH, due);
        }
        let answer = asked.send().await.map_err(|error| failed(uri, &error))?;
        let status = answer.status();
        match status.as_u16() {
            200..=299 => Ok(Some(answer)),
            404 | 410 => Ok(None),
            412 if due.is_some() => Ok(Some(answer)),
            _ => Err(refused(uri, status)),
        }
    }

    async fn described(&self, uri: &str) -> Result<Option<Seen>, ObjectError> {
        match self.ask(Method::HEAD, uri, None).await {
            // Some servers know no HEAD, and a signed address is good for one method alone.
            Err(error) if matches!(error.fault, Fault::Denied | Fault::Unsupported) => {
                Ok(self.ask(Method::GET, uri, None).await?.map(|answer| seen(uri, answer.headers())))
            }
            other => Ok(other?.map(|answer| seen(uri, answer.headers()))),
        }
    }

    /// Reads a body into the store; anything that breaks off begins anew.
    async fn body(&self, uri: &str, due: Option<&str>, store: &Arc<dyn Store>) -> Result<Body, ObjectError> {
        let Some(mut answer) = self.attempt(Method::GET, uri, due).await? else { return Ok(Body::Gone) };
        if answer.status() == StatusCode::PRECONDITION_FAILED {
            return Ok(Body::Changed);
        }
        let seen = seen(uri, answer.headers());
        let mut staged = match store.stage() {
            Ok(staged) => staged,
            Err(error) => return Ok(Body::Store(error)),
        };
        let mut size = 0;
        while let Some(bytes) = answer.chunk().await.map_err(|error| failed(uri, &error))? {
            if let Err(error) = staged.write(&bytes) {
                return Ok(Body::Store(error));
            }
            size += bytes.len() as u64;
            self.limit.down(bytes.len() as u64);
        }
        if seen.size.is_some_and(|due| due != size) {
            let why = format!("{size} bytes came of {}", seen.size.unwrap_or_default());
            return Err(ObjectError { doing: "read", uri: uri.to_owned(), fault: Fault::Garbled, why });
        }
        Ok(match staged.finish() {
            Ok(digest) => Body::Landed(Landed { seen, digest, size }),
            Err(error) => Body::Store(error),
        })
    }
}

/// What came of reading a body, besides a server's fault.
enum Body {
    Landed(Landed),
    Gone,
    Changed,
    Store(StoreError),
}

fn follow(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let before = attempt.previous();
    if before.len() > REDIRECTS {
        return attempt.error(format!("it is redirected more than {REDIRECTS} times"));
    }
    let was_secure = before.last().is_some_and(|url| url.scheme() == "https");
    if was_secure && attempt.url().scheme() != "https" {
        return attempt.error("it is redirected from https to http, where anybody may change the bytes");
    }
    attempt.follow()
}

fn tls() -> Result<rustls::ClientConfig, String> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn text(headers: &HeaderMap, name: reqwest::header::HeaderName) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

fn seen(uri: &str, headers: &HeaderMap) -> Seen {
    let size = text(headers, CONTENT_LENGTH).and_then(|size| size.parse().ok());
    let etag = text(headers, ETAG).filter(|etag| !etag.starts_with("W/"));
    let modified = text(headers, LAST_MODIFIED);
    let second = |text: &Option<String>| text.as_deref().and_then(super::date::seconds);
    let settled = match (second(&modified), second(&text(headers, DATE))) {
        (Some(modified), Some(now)) => modified + UNSETTLED < now,
        _ => false,
    };
    let sure = etag.is_some() || settled;
    Seen { key: uri.to_owned(), size, etag, version: None, modified, sure }
}

fn refused(uri: &str, status: StatusCode) -> ObjectError {
    let fault = match status.as_u16() {
        401 | 403 | 407 => Fault::Denied,
        405 | 501 => Fault::Unsupported,
        408 => Fault::TimedOut,
        429 | 503 => Fault::Throttled,
        500.. => Fault::Server,
        _ => Fault::Other,
    };
    let why = format!("the server answered with status {status}");
    ObjectError { doing: "read", uri: uri.to_owned(), fault, why }
}

fn failed(uri: &str, error: &reqwest::Error) -> ObjectError {
    let fault = if error.is_redirect() {
        Fault::Redirected
    } else if error.is_timeout() {
        Fault::TimedOut
    } else if error.is_connect() {
        Fault::Unreachable
    } else {
        Fault::Garbled
    };
    let why = if fault == Fault::TimedOut { "no answer in time".to_owned() } else { deepest(error) };
    ObjectError { doing: "read", uri: uri.to_owned(), fault, why }
}

fn deepest(error: &reqwest::Error) -> String {
    let chain = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    chain.last().map(ToString::to_string).unwrap_or_default()
}

#[async_trait]
impl Origin for Http {
    fn place(&self) -> String {
        String::new()
    }

    async fn look(&self, key: &str) -> Result<Option<Seen>, ObjectError> {
        self.described(key).await
    }

    async fn list(&self, _prefix: &str) -> Result<Vec<Seen>, ObjectError> {
        Ok(Vec::new())
    }

    async fn read(&self, due: &Seen, store: &Arc<dyn Store>) -> Result<Landed, ReadError> {
        let uri = due.key.as_str();
        let attempt = || self.body(uri, due.etag.as_deref(), store);
        let landed = match self.limit.request(Kind::Get, attempt).await {
            Ok(Body::Landed(landed)) => landed,
            Ok(Body::Gone) => return Err(ReadError::Vanished),
            Ok(Body::Changed) => return Err(ReadError::Changed),
            Ok(Body::Store(error)) => return Err(error.into()),
            Err(error) => return Err(error.into()),
        };
        let known = *due != Seen::any(uri);
        if known && moved(due, &landed.seen) {
            return Err(ReadError::Changed);
        }
        if known && landed.seen.sure && landed.size > 0 {
            match self.described(uri).await? {
                Some(after) if moved(&landed.seen, &after) => return Err(ReadError::Changed),
                Some(_) => {}
                None => return Err(ReadError::Vanished),
            }
        }
        Ok(landed)
    }

    fn traffic(&self) -> Traffic {
        self.limit.traffic()
    }
}

/// Tells whether two descriptions, as far as both say something, are of different bytes.
fn moved(one: &Seen, other: &Seen) -> bool {
    fn differ<T: PartialEq>(one: &Option<T>, other: &Option<T>) -> bool {
        matches!((one, other), (Some(one), Some(other)) if one != other)
    }
    differ(&one.size, &other.size) || differ(&one.etag, &other.etag) || differ(&one.modified, &other.modified)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_and_written_in_one_way() {
        assert_eq!(parse("http://h/a/../b%2fc#part").as_deref(), Ok("http://h/b%2fc"));
        assert_eq!(parse("HTTPS://H.example:443").as_deref(), Ok("https://h.example/"));
        assert!(parse("https://user:secret@h/").is_err_and(|why| !why.contains("secret")));
        assert!(parse("ftp://h/a").is_err_and(|why| why.contains("ftp")));
        assert!(parse("http://").is_err());
    }

    #[test]
    fn names_are_decoded_where_that_makes_text() {
        assert_eq!(decoded("a%20b%C3%A9.csv"), "a bé.csv");
        assert_eq!(decoded("100%"), "100%");
        assert_eq!(decoded("%ff"), "%ff");
    }
}
