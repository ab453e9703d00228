//! As much of HTTP/1.1 as the SDK speaks.

use super::Fault;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

/// What was asked.
pub(super) struct Request {
    pub(super) method: String,
    /// `bucket/name`, decoded.
    pub(super) name: String,
    query: Vec<(String, String)>,
    /// Whether it may not overwrite.
    pub(super) only_new: bool,
    /// The tag of what it may overwrite.
    pub(super) over: Option<String>,
    /// Metadata that comes with an object: the names of headers, and values.
    pub(super) metadata: Vec<(String, String)>,
    /// First and last byte.
    pub(super) range: Option<(usize, usize)>,
    pub(super) body: Vec<u8>,
}

impl Request {
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// What is answered.
pub(super) struct Answer {
    status: u16,
    headers: String,
    body: Vec<u8>,
}

impl Answer {
    pub(super) fn new(status: u16) -> Self {
        Self { status, headers: String::new(), body: Vec::new() }
    }

    pub(super) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers += &format!("{name}: {value}\r\n");
        self
    }

    pub(super) fn body(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self
    }

    pub(super) fn xml(text: &str) -> Self {
        let text = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{text}");
        Self::new(200).header("Content-Type", "application/xml").body(text.into_bytes())
    }

    pub(super) fn error(status: u16, code: &str) -> Self {
        let xml = Self::xml(&format!("<Error><Code>{code}</Code><Message>as ordered</Message></Error>"));
        Self { status, ..xml }
    }
}

/// Answers the requests of one connection until it ends.
pub(super) fn serve(stream: &TcpStream, answer: impl Fn(&Request) -> (Answer, Option<Fault>)) {
    _ = stream.set_nodelay(true);
    let mut reader = BufReader::new(stream);
    while let Some(request) = read(stream, &mut reader) {
        let (mut answer, fault) = answer(&request);
        let head = request.method == "HEAD";
        let half = answer.body.len() / 2;
        let begin = |length: usize| {
            format!("HTTP/1.1 {} -\r\nContent-Length: {length}\r\n{}\r\n", answer.status, answer.headers)
                .into_bytes()
        };
        let mut bytes = begin(answer.body.len());
        match fault {
            Some(Fault::Reset | Fault::LostReply) => return,
            // Whoever asked goes away in the end.
            Some(Fault::Hung) => return wait(&mut reader),
            Some(Fault::Truncated | Fault::Stalled) => {
                bytes.extend_from_slice(&answer.body[..half]);
                _ = (&*stream).write_all(&bytes);
                return if fault == Some(Fault::Stalled) {
                    wait(&mut reader)
                };
            }
            Some(Fault::WrongBytes) => answer.body.iter_mut().take(1).for_each(|byte| *byte ^= 1),
            _ => {}
        }
        if !head {
            bytes.extend_from_slice(&answer.body);
        }
        if (&*stream).write_all(&bytes).is_err() {
            return;
        }
    }
}

/// Waits until the other side has closed the connection.
fn wait(reader: &mut BufReader<&TcpStream>) {
    _ = std::io::copy(reader, &mut std::io::sink());
}

fn read(stream: &TcpStream, reader: &mut BufReader<&TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let mut request = Request {
        method,
        name: decoded(path.trim_start_matches('/')),
        query: query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(name, value)| (decoded(name), decoded(value)))
            .collect(),
        only_new: false,
        over: None,
        metadata: Vec::new(),
        range: None,
        body: Vec::new(),
    };
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "if-none-match" => request.only_new = value == "*",
            "if-match" => request.over = Some(value.to_owned()),
            "range" => {
                let (from, to) = value.strip_prefix("bytes=")?.split_once('-')?;
                request.range = Some((from.parse().ok()?, to.parse().unwrap_or(usize::MAX)));
            }
            name if name.starts_with("x-amz-meta-") => {
                request.metadata.push((name.to_owned(), value.to_owned()));
            }
            "expect" => (&*stream).write_all(b"HTTP/1.1 100 Continue\r\n\r\n").ok()?,
            _ => {}
        }
    }
    request.body.resize(length, 0);
    reader.read_exact(&mut request.body).ok()?;
    Some(request)
}

fn decoded(text: &str) -> String {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        let hex = more.get(..2).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match (first, hex) {
            (b'%', Some(byte)) => {
                out.push(byte);
                rest = &more[2..];
            }
            (byte, _) => {
                out.push(*byte);
                rest = more;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// As a text of XML.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
