//! A web server for tests: pages in memory, with faults to order. It listens on this machine alone.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// What lies at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Page {
    /// These bytes, described by these headers.
    Body(Vec<u8>, Vec<(String, String)>),
    /// No page: this status.
    Status(u16),
    /// Another address.
    Moved(String),
    /// All headers, and then only so many bytes of the body.
    Cut(Vec<u8>, usize),
    /// No answer at all.
    Silent,
    /// The first so often, then the second.
    First(u32, Box<Page>, Box<Page>),
    /// A page without HEAD.
    NoHead(Box<Page>),
}

impl Page {
    /// Bytes with an ETag.
    pub fn tagged(body: &[u8], etag: &str) -> Self {
        Self::Body(body.to_vec(), vec![("ETag".into(), format!("\"{etag}\""))])
    }
}

#[derive(Default)]
struct Pages {
    pages: BTreeMap<String, Page>,
    log: Vec<String>,
}

/// The server; it ends when it is dropped.
pub struct Stub {
    address: SocketAddr,
    pages: Arc<Mutex<Pages>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

fn locked(pages: &Mutex<Pages>) -> MutexGuard<'_, Pages> {
    pages.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Stub {
    /// Starts it on a port that is free.
    pub fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let (pages, over) = (Arc::<Mutex<Pages>>::default(), Arc::new(AtomicBool::new(false)));
        let (theirs, ended) = (pages.clone(), over.clone());
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                let (pages, ended) = (theirs.clone(), ended.clone());
                std::thread::spawn(move || _ = serve(&stream, &pages, &ended));
            }
        });
        Ok(Self { address, pages, over, thread: Some(thread) })
    }

    /// Returns the address of a path.
    pub fn uri(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Puts a page at a path.
    pub fn put(&self, path: &str, page: Page) {
        locked(&self.pages).pages.insert(path.to_owned(), page);
    }

    /// Returns the requests since the last time: `GET /path`.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut locked(&self.pages).log)
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        // It waits for a connection.
        _ = TcpStream::connect(self.address);
        _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Answers one request, and closes the connection.
fn serve(stream: &TcpStream, pages: &Mutex<Pages>, over: &AtomicBool) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let mut words = first.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut due = None;
    for line in lines {
        let line = line?;
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(": ")
            && name.eq_ignore_ascii_case("if-match")
        {
            due = Some(value.to_owned());
        }
    }
    let page = {
        let mut pages = locked(pages);
        if method.is_empty() {
            return Ok(());
        }
        pages.log.push(format!("{method} {path}"));
        take(&mut pages, path)
    };
    let head = method == "HEAD";
    match page {
        Page::NoHead(_) if head => answer(stream, 405, &[], b"", b"", true),
        Page::NoHead(inner) => reply(stream, *inner, due.as_deref(), head, over),
        page => reply(stream, page, due.as_deref(), head, over),
    }
}

fn take(pages: &mut Pages, path: &str) -> Page {
    let Some(page) = pages.pages.get_mut(path) else { return Page::Status(404) };
    match page {
        Page::First(0, _, then) => *then.clone(),
        Page::First(left, first, _) => {
            *left -= 1;
            *first.clone()
        }
        page => page.clone(),
    }
}

fn reply(stream: &TcpStream, page: Page, due: Option<&str>, head: bool, over: &AtomicBool) -> std::io::Result<()> {
    match page {
        Page::Body(body, headers) => {
            let tag = headers.iter().find(|(name, _)| name == "ETag").map(|(_, tag)| tag.as_str());
            match (due, tag) {
                (Some(due), Some(tag)) if due != tag => answer(stream, 412, &[], b"", b"", head),
                _ => answer(stream, 200, &headers, &body, &body, head),
            }
        }
        Page::Cut(body, at) => answer(stream, 200, &[], &body, &body[..at.min(body.len())], head),
        Page::Status(status) => answer(stream, status, &[], b"no", b"no", head),
        Page::Moved(to) => answer(stream, 302, &[("Location".into(), to)], b"", b"", head),
        Page::Silent => {
            while !over.load(Ordering::SeqCst) {
                std::thread::park_timeout(Duration::from_millis(20));
            }
            Ok(())
        }
        Page::First(..) | Page::NoHead(_) => answer(stream, 500, &[], b"", b"", head),
    }
}

fn answer(
    mut stream: &TcpStream,
    status: u16,
    headers: &[(String, String)],
    whole: &[u8],
    sent: &[u8],
    head: bool,
) -> std::io::Result<()> {
    let mut out = format!("HTTP/1.1 {status} so\r\nConnection: close\r\nContent-Length: {}\r\n", whole.len());
    for (name, value) in headers {
        out += &format!("{name}: {value}\r\n");
    }
    stream.write_all(out.as_bytes())?;
    stream.write_all(b"\r\n")?;
    if head { Ok(()) } else { stream.write_all(sent) }
}
