//! A server that speaks S3 in this process: objects in memory, requests counted, faults to order.
//!
//! One thread a connection, no more of HTTP than the SDK sends: what goes wrong between two machines is easiest to
//! do on the bare socket. Signatures are not looked at. `http.rs` has the protocol, this file what is stored.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    reason = "for tests; each takes what it needs of it"
)]

mod http;

use http::{Answer, Request};
use std::collections::{BTreeMap, VecDeque};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What goes wrong with one request.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: what was ordered later comes later.
    None,
    /// Nothing is done, and an error is the answer: a status and S3's name for it.
    Status(u16, &'static str),
    /// Nothing is done, and the connection ends.
    Reset,
    /// It is done, and the connection ends without an answer.
    LostReply,
    /// It is done, and the connection ends in the middle of the body.
    Truncated,
    /// It is done, and a bit of the body is flipped.
    WrongBytes,
    /// Nothing is done, and no answer comes.
    Hung,
    /// It is done, and no more than half of the body comes.
    Stalled,
    /// Nothing is done, and a page for people is the answer.
    Page,
}

/// The server. It lives as long as the process.
#[derive(Clone)]
pub struct FakeS3 {
    url: String,
    shared: Arc<Mutex<Shared>>,
    asked: Arc<Condvar>,
}

#[derive(Default)]
struct Shared {
    /// By bucket and name: `bucket/name`.
    objects: BTreeMap<String, Object>,
    uploads: BTreeMap<String, Upload>,
    started: u64,
    orders: VecDeque<Order>,
    requests: Vec<(String, String)>,
    heedless: bool,
    /// Connections that are served now.
    connections: usize,
}

#[derive(Default)]
struct Object {
    body: Vec<u8>,
    metadata: Vec<(String, String)>,
    /// Another for each write.
    tag: String,
}

#[derive(Default)]
struct Upload {
    name: String,
    metadata: Vec<(String, String)>,
    parts: BTreeMap<u32, Vec<u8>>,
    /// Whether it is a year older than everything else.
    abandoned: bool,
}

struct Order {
    method: &'static str,
    part: String,
    fault: Fault,
    left: u32,
}

impl FakeS3 {
    /// Starts one on a free port.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let it = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            shared: Arc::default(),
            asked: Arc::default(),
        };
        let server = it.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = server.clone();
                server.shared().connections += 1;
                std::thread::spawn(move || {
                    http::serve(&stream, |request| server.answer(request));
                    drop(stream);
                    server.shared().connections -= 1;
                    server.asked.notify_all();
                });
            }
        });
        it
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Orders a fault for the next requests of a method on names that have this in them; an empty text is any.
    pub fn order(&self, method: &'static str, part: &str, fault: Fault, times: u32) {
        self.shared().orders.push_back(Order { method, part: part.to_owned(), fault, left: times });
    }

    /// Forgets what was ordered and did not happen yet.
    pub fn recover(&self) {
        self.shared().orders.clear();
    }

    /// From now on conditions are not heeded: a put overwrites.
    pub fn ignore_conditions(&self) {
        self.shared().heedless = true;
    }

    /// The requests so far: method and `bucket/name`.
    pub fn requests(&self) -> Vec<(String, String)> {
        self.shared().requests.clone()
    }

    /// Begins to count anew.
    pub fn forget_requests(&self) {
        self.shared().requests.clear();
    }

    /// How many requests of a method there were on names that have this in them.
    pub fn count(&self, method: &str, part: &str) -> usize {
        let shared = self.shared();
        let here = |(how, name): &&(String, String)| (method.is_empty() || how == method) && name.contains(part);
        shared.requests.iter().filter(here).count()
    }

    /// Waits until there were so many requests; gives up once the one who makes them is gone.
    pub fn await_requests(&self, count: usize, mut gone: impl FnMut() -> bool) {
        let mut shared = self.shared();
        while shared.requests.len() < count && !gone() {
            let patience = Duration::from_millis(20);
            shared = self.asked.wait_timeout(shared, patience).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until everything is done that was asked for by those who are gone.
    pub fn await_silence(&self) {
        // Whoever connected earlier is accepted earlier.
        let mut last = TcpStream::connect(self.url.trim_start_matches("http://")).unwrap();
        last.write_all(b"HEAD /bucket/ HTTP/1.1\r\n\r\n").unwrap();
        last.read_exact(&mut [0]).unwrap();
        drop(last);
        let mut shared = self.shared();
        while shared.connections > 0 {
            shared = self.asked.wait(shared).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// All objects: `bucket/name`.
    pub fn names(&self) -> Vec<String> {
        self.shared().objects.keys().cloned().collect()
    }

    /// Reads past all rules.
    pub fn read(&self, name: &str) -> Option<Vec<u8>> {
        self.shared().objects.get(name).map(|object| object.body.clone())
    }

    /// Writes past all rules.
    pub fn plant(&self, name: &str, body: &[u8]) {
        self.shared().write(name, body.to_owned(), Vec::new());
    }

    /// Removes past all rules.
    pub fn vanish(&self, name: &str) {
        self.shared().objects.remove(name);
    }

    /// Begins an upload in parts, a year before everything else, and forgets it.
    pub fn abandon_upload(&self, name: &str) {
        let mut shared = self.shared();
        shared.started += 1;
        let id = format!("upload-{}", shared.started);
        shared.uploads.insert(id, Upload { name: name.to_owned(), abandoned: true, ..Upload::default() });
    }

    /// Uploads in parts that were begun and neither completed nor aborted.
    pub fn open_uploads(&self) -> usize {
        self.shared().uploads.len()
    }

    fn answer(&self, request: &Request) -> (Answer, Option<Fault>) {
        let mut shared = self.shared();
        shared.requests.push((request.method.clone(), request.name.clone()));
        self.asked.notify_all();
        let fits = |order: &Order| {
            (order.method.is_empty() || order.method == request.method) && request.name.contains(&order.part)
        };
        let fault = shared.orders.iter().position(fits).map(|at| {
            shared.orders[at].left -= 1;
            let fault = shared.orders[at].fault;
            if shared.orders[at].left == 0 {
                shared.orders.remove(at);
            }
            fault
        });
        let answer = match fault {
            Some(Fault::Status(status, code)) => Answer::error(status, code),
            Some(Fault::Reset | Fault::Hung) => Answer::new(500),
            Some(Fault::Page) => Answer::new(200).body(b"<html><body>Please log in.</body></html>".to_vec()),
            _ => shared.act(request),
        };
        (answer, fault)
    }
}

impl Shared {
    /// Returns its tag.
    fn write(&mut self, name: &str, body: Vec<u8>, metadata: Vec<(String, String)>) -> String {
        self.started += 1;
        let tag = format!("\"{}\"", self.started);
        self.objects.insert(name.to_owned(), Object { body, metadata, tag: tag.clone() });
        tag
    }

    /// Tells whether a write is forbidden by its condition.
    fn refuses(&self, name: &str, request: &Request) -> bool {
        let there = self.objects.get(name);
        let changed = |over: &String| there.is_none_or(|object| object.tag != *over);
        !self.heedless && (request.only_new && there.is_some() || request.over.as_ref().is_some_and(changed))
    }

    fn act(&mut self, request: &Request) -> Answer {
        let name = request.name.as_str();
        let Some((bucket, key)) = name.split_once('/').filter(|(_, key)| !key.is_empty()) else {
            return match (request.method.as_str(), request.query("uploads")) {
                ("GET", None) => self.list(name.trim_end_matches('/'), request),
                ("GET", Some(_)) => self.list_uploads(name.trim_end_matches('/'), request),
                _ => Answer::new(200),
            };
        };
        match request.method.as_str() {
            "PUT" if request.query("uploadId").is_some() => self.part(request),
            "PUT" if self.refuses(name, request) => Answer::error(412, "PreconditionFailed"),
            "PUT" => {
                let tag = self.write(name, request.body.clone(), request.metadata.clone());
                Answer::new(200).header("ETag", &tag)
            }
            "POST" if request.query("uploads").is_some() => {
                self.started += 1;
                let id = format!("upload-{}", self.started);
                let (name, metadata) = (name.to_owned(), request.metadata.clone());
                self.uploads.insert(id.clone(), Upload { name, metadata, ..Upload::default() });
                Answer::xml(&format!(
                    "<InitiateMultipartUploadResult><Bucket>{bucket}</Bucket><Key>{}</Key><UploadId>{id}</UploadId>\
                     </InitiateMultipartUploadResult>",
                    http::escaped(key)
                ))
            }
            "POST" if self.refuses(name, request) => Answer::error(412, "PreconditionFailed"),
            "POST" => match self.uploads.remove(request.query("uploadId").unwrap_or_default()) {
                Some(upload) => {
                    let whole: Vec<u8> = upload.parts.into_values().flatten().collect();
                    let tag = self.write(&upload.name, whole, upload.metadata);
                    Answer::xml(&format!(
                        "<CompleteMultipartUploadResult><ETag>{tag}</ETag></CompleteMultipartUploadResult>"
                    ))
                }
                None => Answer::error(404, "NoSuchUpload"),
            },
            "GET" | "HEAD" => match self.objects.get(name) {
                None => Answer::error(404, "NoSuchKey"),
                Some(object) => read(object, request.range),
            },
            "DELETE" => {
                match request.query("uploadId") {
                    Some(id) => _ = self.uploads.remove(id),
                    None => _ = self.objects.remove(name),
                }
                Answer::new(204)
            }
            _ => Answer::error(405, "MethodNotAllowed"),
        }
    }

    fn part(&mut self, request: &Request) -> Answer {
        let number = request.query("partNumber").and_then(|number| number.parse().ok());
        match (self.uploads.get_mut(request.query("uploadId").unwrap_or_default()), number) {
            (Some(upload), Some(number)) => {
                upload.parts.insert(number, request.body.clone());
                Answer::new(200).header("ETag", &format!("\"{number}\""))
            }
            _ => Answer::error(404, "NoSuchUpload"),
        }
    }

    /// In pages of ten.
    fn list_uploads(&self, bucket: &str, request: &Request) -> Answer {
        let prefix = format!("{bucket}/{}", request.query("prefix").unwrap_or_default());
        let marker = |name| request.query(name).unwrap_or_default();
        let after = (format!("{bucket}/{}", marker("key-marker")), marker("upload-id-marker").to_owned());
        let mut here: Vec<_> =
            self.uploads.iter().map(|(id, upload)| (&upload.name, id, upload.abandoned)).collect();
        here.sort();
        here.retain(|(name, id, _)| name.starts_with(&prefix) && (*name, *id) > (&after.0, &after.1));
        let more = here.len() > 10;
        let (mut out, mut next) = (format!("<IsTruncated>{more}</IsTruncated>"), String::new());
        for (name, id, abandoned) in here.into_iter().take(10) {
            let (key, year) = (http::escaped(&name[bucket.len() + 1..]), if abandoned { 2012 } else { 2013 });
            next = format!("<NextKeyMarker>{key}</NextKeyMarker><NextUploadIdMarker>{id}</NextUploadIdMarker>");
            out += &format!(
                "<Upload><Key>{key}</Key><UploadId>{id}</UploadId><Initiated>{year}-01-01T00:00:00Z</Initiated></Upload>"
            );
        }
        Answer::xml(&format!("<ListMultipartUploadsResult>{out}{next}</ListMultipartUploadsResult>"))
    }

    /// In pages of a hundred, so that few objects make several.
    fn list(&self, bucket: &str, request: &Request) -> Answer {
        let prefix = format!("{bucket}/{}", request.query("prefix").unwrap_or_default());
        let after = request.query("continuation-token").or(request.query("start-after")).unwrap_or_default();
        let after = format!("{bucket}/{after}");
        let mut here =
            self.objects.iter().filter(|(name, _)| name.starts_with(&prefix) && **name > after).peekable();
        let mut out = String::new();
        let mut last = "";
        for (name, object) in here.by_ref().take(100) {
            last = &name[bucket.len() + 1..];
            out += &format!(
                "<Contents><Key>{}</Key><Size>{}</Size><LastModified>2013-01-01T00:00:00Z</LastModified></Contents>",
                http::escaped(last),
                object.body.len()
            );
        }
        let more = here.peek().is_some();
        let next = if more {
            format!("<NextContinuationToken>{}</NextContinuationToken>", http::escaped(last))
        } else {
            String::new()
        };
        Answer::xml(&format!("<ListBucketResult><IsTruncated>{more}</IsTruncated>{next}{out}</ListBucketResult>"))
    }
}

fn read(object: &Object, range: Option<(usize, usize)>) -> Answer {
    let whole = &object.body;
    let answer = |status: u16, body: &[u8]| {
        let bare = Answer::new(status).header("ETag", &object.tag).body(body.to_vec());
        object.metadata.iter().fold(bare, |answer, (name, value)| answer.header(name, value))
    };
    match range {
        None => answer(200, whole),
        Some((from, _)) if from >= whole.len() => Answer::error(416, "InvalidRange"),
        Some((from, to)) => {
            let to = to.min(whole.len() - 1);
            answer(206, &whole[from..=to]).header("Content-Range", &format!("bytes {from}-{to}/{}", whole.len()))
        }
    }
}
