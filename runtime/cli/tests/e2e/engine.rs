//! Pulling images, from an engine that is a fake: no registry is asked by tests.

use crate::env::TestEnv;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

const IMAGE: &str = "host.example/tool:1";

/// An engine that makes no container, and has the one image once that was pulled.
struct Engine {
    socket: PathBuf,
    state: Arc<Mutex<State>>,
    over: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    /// How a pull is answered: a status, and lines.
    answer: (u16, Vec<Value>),
    /// What was pulled, and by which credentials; nothing where there were none.
    pulls: Vec<(String, Option<Value>)>,
    /// Whether it has the image.
    there: bool,
    /// Whether that is from no registry.
    local: bool,
    /// Whether somebody removes it just before a container is made.
    lost: bool,
}

impl Engine {
    fn start(env: &mut TestEnv) -> Self {
        let socket = env.home().join("engine.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let (state, over) = (Arc::new(Mutex::new(State::default())), Arc::new(AtomicBool::new(false)));
        let theirs = (state.clone(), over.clone());
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if theirs.1.load(Ordering::SeqCst) {
                    return;
                }
                // One that asks nothing only wants to know whether anybody listens.
                _ = serve(stream.unwrap(), &theirs.0);
            }
        });
        env.set("DOCKER_HOST", format!("unix://{}", socket.display()));
        Self { socket, state, over, thread: Some(thread) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn answers(&self, status: u16, lines: Vec<Value>) {
        self.state().answer = (status, lines);
    }

    /// The credentials of the pulls since this was asked.
    fn pulls(&self) -> Vec<Option<Value>> {
        std::mem::take(&mut self.state().pulls).into_iter().map(|(_, auth)| auth).collect()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        _ = UnixStream::connect(&self.socket);
        _ = self.thread.take().unwrap().join();
    }
}

fn serve(stream: UnixStream, state: &Mutex<State>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut request, mut length, mut auth) = (String::new(), 0, None);
    reader.read_line(&mut request)?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap(),
            "x-registry-auth" => auth = Some(serde_json::from_slice::<Value>(&decode(value)).unwrap()),
            _ => {}
        }
    }
    std::io::copy(&mut reader.take(length), &mut std::io::sink())?;
    let (status, body) = answer(&request, auth, &mut state.lock().unwrap());
    let mut stream = stream;
    let length = body.len();
    let head = "Content-Type: application/json\r\nConnection: close";
    write!(stream, "HTTP/1.1 {status} X\r\n{head}\r\nContent-Length: {length}\r\n\r\n{body}")
}

fn answer(request: &str, auth: Option<Value>, state: &mut State) -> (u16, String) {
    let message = |text: &str| json!({"message": text}).to_string();
    if let Some((_, what)) = request.split_once("/images/create?") {
        let (status, lines) = &state.answer;
        state.there = *status == 200;
        // What is sent without credentials is an empty object.
        let auth = auth.filter(|auth| auth.as_object().is_some_and(|auth| !auth.is_empty()));
        state.pulls.push((what.to_owned(), auth));
        (*status, lines.iter().map(|line| format!("{line}\n")).collect())
    } else if request.contains("/version") {
        (200, json!({"Version": "28.2.2", "ApiVersion": "1.50", "Os": "linux", "Arch": "amd64"}).to_string())
    } else if request.contains("/images/") && state.there {
        let digest = format!("host.example/tool@sha256:{}", "1".repeat(64));
        let digests = if state.local { vec![] } else { vec![digest] };
        (200, json!({"Id": format!("sha256:{}", "2".repeat(64)), "RepoDigests": digests}).to_string())
    } else if request.contains("/containers/json") {
        (200, "[]".to_owned())
    } else if request.contains("/containers/create") && std::mem::take(&mut state.lost) {
        state.there = false;
        (404, message("No such image: sha256:2222"))
    } else if request.contains("/containers/create") {
        (400, message("this engine makes none"))
    } else {
        (404, message("no such image"))
    }
}

/// Base64 for URLs.
fn decode(text: &str) -> Vec<u8> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (mut out, mut bits, mut have) = (Vec::new(), 0u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        let value = LETTERS.iter().position(|letter| *letter == byte).unwrap();
        bits = bits << 6 | u32::try_from(value).unwrap();
        have += 6;
        if have >= 8 {
            have -= 8;
            out.push(u8::try_from(bits >> have & 0xff).unwrap());
        }
    }
    out
}

fn world() -> TestEnv {
    let env = TestEnv::new();
    env.write("wrun.toml", "");
    env
}

const BUILD: [&str; 6] = ["build", "boxes.wasm", "script", "true", "-p", "image=host.example/tool:1"];

#[test]
fn a_pull_is_seen_while_it_goes_on() {
    let mut env = world();
    let engine = Engine::start(&mut env);
    let layer = |id: &str, status: &str, current: u64, total: u64| json!({"id": id, "status": status, "progressDetail": {"current": current, "total": total}});
    engine.answers(
        200,
        vec![
            json!({"id": "1", "status": "Pulling from tool"}),
            layer("a", "Downloading", 100, 1000),
            layer("a", "Downloading", 101, 1000),
            layer("b", "Downloading", 500, 1000),
            layer("a", "Extracting", 7, 1000),
            json!({"id": "a", "status": "Download complete"}),
            json!({"id": "b", "status": "Download complete"}),
            json!({"status": "Status: Downloaded newer image for host.example/tool:1"}),
        ],
    );
    let lines = env.wrun(BUILD.into_iter().chain(["--json"])).code(1).json();
    let pulled: Vec<(u64, u64)> = lines
        .iter()
        .filter(|line| line["event"] == "pulling" && line["image"] == IMAGE)
        .map(|line| (line["received"].as_u64().unwrap(), line["total"].as_u64().unwrap()))
        .collect();
    assert_eq!(pulled, [(100, 1000), (601, 2000), (1500, 2000), (2000, 2000)]);
    let noted = |what: &str| lines.iter().any(|line| line["message"].as_str().is_some_and(|is| is.contains(what)));
    assert!(noted("image `host.example/tool:1`: Pulling from tool"), "{lines:?}");
    assert!(noted("Status: Downloaded newer image"), "{lines:?}");
    // It is pinned from here on, by the digest of its config.
    assert!(env.read("wrun.lock").contains(&format!("image = \"sha256:{}\"", "2".repeat(64))));
    let ran = env.words("images update host.example/tool:1").ok();
    assert!(ran.stderr().contains("note: image `host.example/tool:1`: Pulling from tool"), "{}", ran.stderr());
    assert_eq!(engine.pulls(), [None, None]);
}

#[test]
fn what_breaks_off_is_tried_again_and_what_is_refused_is_not() {
    let mut env = world();
    let engine = Engine::start(&mut env);
    let broken = json!({"errorDetail": {"message": "unexpected EOF"}, "error": "unexpected EOF"});
    engine.answers(200, vec![json!({"status": "Pulling from tool"}), broken]);
    let said = env.wrun(BUILD).code(1).stderr();
    assert!(said.contains("the image `host.example/tool:1` cannot be fetched: unexpected EOF"), "{said}");
    let refused = json!({"errorDetail": {"message": "denied: no"}, "error": "denied: no"});
    engine.answers(200, vec![refused]);
    engine.pulls();
    std::fs::remove_file(env.path("wrun.lock")).ok();
    let said = env.words("images update host.example/tool:1").code(1).stderr();
    assert!(said.contains("cannot be fetched: denied: no\nhint: `docker pull`"), "{said}");
    assert_eq!(engine.pulls().len(), 1);
}

#[test]
fn credentials_are_those_of_dockers_configuration() {
    let mut env = world();
    let engine = Engine::start(&mut env);
    let config = env.home().join(".docker/config.json");
    std::fs::create_dir_all(config.parent().unwrap()).unwrap();
    let configure = |text: &str| std::fs::write(&config, text).unwrap();
    // `me:hunter22`, which the registry does not take.
    configure(r#"{"auths": {"host.example": {"auth": "bWU6aHVudGVyMjI="}}}"#);
    engine.answers(500, vec![json!({"message": "unauthorized: incorrect username or password"})]);
    let said = env.wrun(BUILD).code(1).stderr();
    assert!(
        said.contains("`host.example/tool:1` cannot be had: ") && said.contains("incorrect username"),
        "{said}"
    );
    assert!(said.contains("hint: `docker pull`") && !said.contains("hunter22"), "{said}");
    let pulls = engine.pulls();
    let sent = pulls[0].as_ref().unwrap();
    assert_eq!((sent["username"].as_str(), sent["password"].as_str()), (Some("me"), Some("hunter22")));
    assert_eq!(pulls.len(), 1, "a refusal stays one");
    // Those that are configured and cannot be had: it is asked without, and said why.
    engine.answers(404, vec![json!({"message": "pull access denied"})]);
    for (text, why) in [
        (
            r#"{"credHelpers": {"host.example": "nosuch"}}"#,
            "the helper `docker-credential-nosuch` cannot be asked",
        ),
        (r#"{"auths": {"host.example": {"auth": "%"}}}"#, "is no `user:password` in base64"),
        ("{", "cannot read Docker's configuration"),
    ] {
        configure(text);
        let said = env.wrun(BUILD).code(1).stderr();
        assert!(said.contains("pull access denied; no credentials were sent: "), "{text}: {said}");
        assert!(said.contains(why), "{text}: {said}");
        assert_eq!(engine.pulls(), [None], "{text}");
    }
    // A registry that nothing is configured for is asked without, and nothing is said of it.
    configure(r#"{"auths": {"other.example": {"auth": "bWU6aHVudGVyMjI="}}}"#);
    let said = env.wrun(BUILD).code(1).stderr();
    assert!(said.contains("pull access denied") && !said.contains("credentials"), "{said}");
}

#[test]
fn an_image_that_somebody_removes_is_fetched_again_by_its_digest_or_said_to_be_gone() {
    let mut env = world();
    let engine = Engine::start(&mut env);
    engine.answers(200, vec![json!({"status": "Pulling from tool"})]);
    engine.state().lost = true;
    let said = env.wrun(BUILD).code(1).stderr();
    assert!(said.contains("this engine makes none"), "the second try found its image: {said}");
    let pulls = std::mem::take(&mut engine.state().pulls);
    assert_eq!(pulls.len(), 2, "{pulls:?}");
    assert!(pulls[1].0.contains(&"1".repeat(64)), "what is pinned is fetched by its digest: {pulls:?}");
    // One that no registry has.
    std::fs::remove_file(env.path("wrun.lock")).unwrap();
    *engine.state() = State { there: true, local: true, lost: true, ..State::default() };
    let said = env.wrun(BUILD).code(1).stderr();
    assert!(said.contains("the image `host.example/tool:1` (sha256:2222"), "{said}");
    assert!(said.contains("is gone from this machine\n  hint: `docker pull` or `docker images`"), "{said}");
    assert_eq!(engine.pulls(), []);
}
