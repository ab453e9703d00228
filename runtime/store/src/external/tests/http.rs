//! Web servers, over one of our own.

use super::there::{There, over};
use super::*;
use crate::external::stub::{Page, Stub};
use crate::objects::Fault;

fn web() -> (There, Stub) {
    let options = HttpOptions { pause: Duration::ZERO, ..HttpOptions::default() };
    (over(Sources::new(crate::objects::s3::S3Options::default(), options)), Stub::start().unwrap())
}

fn fault(error: &ExternalError) -> Fault {
    match error {
        ExternalError::Remote(error) => error.fault,
        other => panic!("{other}"),
    }
}

#[test]
fn a_page_is_a_file_and_is_not_read_twice() {
    let (there, web) = web();
    web.put("/in/a%20b.csv?year=2013", Page::tagged(b"one", "1"));
    let uri = web.uri("/in/a%20b.csv?year=2013");
    let found = there.find(&uri).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(there.brought(&found), [("a b.csv".to_owned(), b"one".to_vec())]);
    let page = "/in/a%20b.csv?year=2013";
    let one = |method: &str| format!("{method} {page}");
    assert_eq!(web.asked(), [one("HEAD"), one("GET"), one("HEAD")]);
    assert_eq!(there.find(&uri).ok().unwrap().digest, found.digest);
    assert_eq!(web.asked(), [one("HEAD")]);
    web.put(page, Page::tagged(b"two", "2"));
    assert_ne!(there.find(&uri).ok().unwrap().digest, found.digest);
    // The memory of digests survives the bytes, and what moved meanwhile is an error.
    there.memory.drop_all_blobs();
    assert!(matches!(block_on(found.bring(&there.store)), Err(BringError::External(ExternalError::Changed(_)))));
}

#[test]
fn what_does_not_name_its_bytes_is_read_each_time() {
    let (there, web) = web();
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let date = |second: u32| format!("Sun, 06 Nov 1994 08:49:{second:02} GMT");
    let page = |headers: Vec<(String, String)>| Page::Body(b"one".to_vec(), headers);
    let fresh = vec![header("Last-Modified", &date(30)), header("Date", &date(31))];
    let settled = vec![header("Last-Modified", &date(30)), header("Date", &date(35))];
    let cases = [(vec![], 1), (vec![header("ETag", "W/\"1\"")], 1), (fresh, 1), (settled, 0)];
    for (headers, reads) in cases {
        web.put("/a", page(headers.clone()));
        there.find(&web.uri("/a")).ok().unwrap();
        web.asked();
        there.find(&web.uri("/a")).ok().unwrap();
        let asked = web.asked();
        assert_eq!(asked.iter().filter(|asked| asked.starts_with("GET")).count(), reads, "{headers:?}: {asked:?}");
    }
}

#[test]
fn each_refusal_is_told_apart() {
    let (there, web) = web();
    let due = [
        (401, Fault::Denied),
        (403, Fault::Denied),
        (408, Fault::TimedOut),
        (418, Fault::Other),
        (429, Fault::Throttled),
        (500, Fault::Server),
        (502, Fault::Server),
        (503, Fault::Throttled),
    ];
    for (status, fault_due) in due {
        web.put("/a", Page::Status(status));
        let error = there.error(&web.uri("/a"));
        assert_eq!(fault(&error), fault_due, "{status}");
        assert!(
            !error.is_missing() && error.to_string().contains(&status.to_string()) && !error.hint().is_empty()
        );
    }
    for status in [404, 410] {
        web.put("/a", Page::Status(status));
        assert!(there.error(&web.uri("/a")).is_missing());
    }
}

#[test]
fn what_passes_is_tried_again() {
    let (there, web) = web();
    let page = || Box::new(Page::tagged(b"one", "1"));
    web.put("/a", Page::First(3, Box::new(Page::Status(500)), page()));
    assert!(there.find(&web.uri("/a")).is_ok());
    // The second request is the GET.
    web.put("/b", Page::First(2, Box::new(Page::Cut(b"one".to_vec(), 1)), page()));
    assert_eq!(there.brought(&there.find(&web.uri("/b")).ok().unwrap()), [("b".to_owned(), b"one".to_vec())]);
    web.put("/c", Page::Cut(b"one".to_vec(), 1));
    assert_eq!(fault(&there.error(&web.uri("/c"))), Fault::Garbled);
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    let (_, web) = web();
    web.put("/a", Page::Silent);
    let patience = Duration::from_millis(50);
    let options = HttpOptions { pause: Duration::ZERO, patience, ..HttpOptions::default() };
    let there = over(Sources::new(crate::objects::s3::S3Options::default(), options));
    assert_eq!(fault(&there.error(&web.uri("/a"))), Fault::TimedOut);
    let gone = web.uri("/a");
    drop(web);
    assert_eq!(fault(&there.error(&gone)), Fault::Unreachable);
}

#[test]
fn redirects_are_followed_but_not_for_ever() {
    let (there, web) = web();
    web.put("/a", Page::Moved("/b".into()));
    web.put("/b", Page::tagged(b"one", "1"));
    assert_eq!(there.brought(&there.find(&web.uri("/a")).ok().unwrap()), [("a".to_owned(), b"one".to_vec())]);
    web.put("/loop", Page::Moved("/loop".into()));
    let error = there.error(&web.uri("/loop"));
    assert_eq!(fault(&error), Fault::Redirected);
    assert!(error.to_string().contains("more than 10 times"), "{error}");
}

#[test]
fn a_page_for_people_where_data_is_pinned_is_named() {
    let (there, web) = web();
    web.put("/a", Page::tagged(b"\n<!DOCTYPE html><title>Log in", "1"));
    let rule = Rule { digest: Some(Digest::of_blob(b"data")), ..Rule::default() };
    let error = there.ask(&web.uri("/a"), ExternalMode::Content, rule.clone()).err().unwrap();
    assert!(matches!(error, ExternalError::Pinned { page: true, .. }), "{error}");
    assert!(error.to_string().ends_with("it begins like a web page"), "{error}");
    web.put("/a", Page::tagged(b"data", "2"));
    let found = there.ask(&web.uri("/a"), ExternalMode::Content, rule).ok().unwrap();
    assert_eq!(there.brought(&found), [("a".to_owned(), b"data".to_vec())]);
}

#[test]
fn what_moves_while_it_is_read_is_an_error() {
    let (there, web) = web();
    let (old, new) = (Box::new(Page::tagged(b"one", "1")), Box::new(Page::tagged(b"two", "2")));
    // HEAD sees the old one; the GET asks for it in vain.
    web.put("/a", Page::First(1, old.clone(), new.clone()));
    assert!(matches!(there.error(&web.uri("/a")), ExternalError::Changed(_)));
    // HEAD and GET see the old one, and the HEAD after them another.
    web.put("/b", Page::First(2, old, new));
    assert!(matches!(there.error(&web.uri("/b")), ExternalError::Changed(_)));
}

#[test]
fn a_server_without_head_is_asked_by_get() {
    let (there, web) = web();
    web.put("/a", Page::NoHead(Box::new(Page::tagged(b"one", "1"))));
    assert_eq!(there.brought(&there.find(&web.uri("/a")).ok().unwrap()), [("a".to_owned(), b"one".to_vec())]);
    assert!(matches!(there.error("http://user:secret@h/"), ExternalError::Address { .. }));
}
