//! Runs, good and bad.

use crate::declare::source;
use crate::files;
use crate::wrun::task::host::{need, progress};
use crate::wrun::task::types::NeedItem;
use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::io::Write as _;

pub(crate) const TASKS: &[&str] = &[
    "fine",
    "whole",
    "copies",
    "files",
    "many-files",
    "errs",
    "loops",
    "memory",
    "fills",
    "fills-files",
    "escapes",
    "floods",
    "talks",
    "colours",
    "unmade",
    "more",
    "wrong-kind",
    "panics",
    "traps",
    "exits",
    "exits-well",
    "recurses",
    "recurses-small",
    "truncates",
    "static-need",
    "probe",
    "dynamic",
    "dynamic-bad-name",
    "dynamic-dotdot",
    "dynamic-same",
    "dynamic-other",
    "dynamic-waits",
    "dynamic-ping",
    "dynamic-pong",
    "big",
    "reads-big",
    "versioned",
    "versioned-twice",
];

pub(crate) fn run(task: &str, params: &str) -> Result<(), String> {
    match task {
        "fine" | "declare-later" | "declare-absent" | "declare-outside" => save(&"0123456789".repeat(10)),
        "whole" => {
            fs::create_dir_all("/out/a/b").map_err(text)?;
            fs::write("/out/a/b/c", params).map_err(text)
        }
        "copies" => save(&files::list("/in")?),
        "files" => files::exercise(),
        "many-files" => files::many(),
        "errs" => Err("there is no such day".to_owned()),
        "loops" => loop {
            black_box(0);
        },
        "memory" => {
            eat_memory();
            save("I caught it")
        }
        "fills" => {
            let block = vec![7; 1 << 20];
            let caught = fs::File::create("/out/out").and_then(|mut file| {
                loop {
                    file.write_all(&block)?;
                }
                #[allow(unreachable_code, reason = "the type of the closure")]
                Ok(())
            });
            save(&format!("I caught it: {caught:?}"))
        }
        "fills-files" => {
            let caught = (0..u64::MAX).try_for_each(|i| fs::write(format!("/out/{i}"), ""));
            save(&format!("I caught it: {caught:?}"))
        }
        "escapes" => {
            let places =
                ["/in/x", "/in/data/new", "/in/data/a", "/etc/passwd", "/out/../x", "/out/../../x", "../x", "/x"];
            let mut said = String::new();
            for place in places {
                let kind = fs::write(place, "mine").map_err(|error| error.kind());
                writeln!(said, "{place} {kind:?}").map_err(text)?;
            }
            writeln!(said, "{:?}", fs::remove_file("/in/data/a").map_err(|e| e.kind())).map_err(text)?;
            writeln!(said, "{:?}", fs::rename("/in/data/a", "/out/b").map_err(|e| e.kind())).map_err(text)?;
            writeln!(said, "{:?}", fs::read("/etc/passwd").map_err(|e| e.kind())).map_err(text)?;
            save(&said)
        }
        "floods" => {
            for i in 0..20_000 {
                println!("line {i} of a flood that nobody will read");
            }
            save("done")
        }
        "talks" => {
            println!("one");
            eprintln!("two");
            println!("three");
            progress(Some(0.5), "half");
            progress(Some(f64::NAN), "odd");
            save("done")
        }
        "colours" => {
            let said = "\x1b[31mred\x07 and \u{202e}turned";
            println!("{said}");
            Err(said.to_owned())
        }
        "unmade" => fs::write("/out/other", "").map_err(text),
        "more" => {
            save("")?;
            fs::write("/out/another", "").map_err(text)
        }
        "wrong-kind" => fs::create_dir("/out/out").map_err(text),
        "panics" => panic!("this task always panics"),
        "traps" => {
            let address = black_box(0xfff0_0000_usize) as *const u8;
            // SAFETY: there is none; a trap is what is asked for.
            save(&unsafe { address.read_volatile() }.to_string())
        }
        "exits" => std::process::exit(3),
        "exits-well" => {
            save("")?;
            std::process::exit(0)
        }
        "recurses" => save(&deep(black_box(1)).to_string()),
        "recurses-small" => save(&shallow(black_box(1)).to_string()),
        "truncates" => {
            let caught = fs::File::create("/out/out").and_then(|file| file.set_len(1 << 46));
            save(&format!("I caught it: {caught:?}"))
        }
        "static-need" => {
            need(&[item("x", "fine")]);
            save("")
        }
        "probe" => save(&probe()?),
        "dynamic" => dynamic(),
        "dynamic-bad-name" => {
            need(&[item("a/b", "fine")]);
            save("")
        }
        "dynamic-dotdot" => {
            need(&[NeedItem { name: "x".to_owned(), source: source("fine", Some("../y")) }]);
            save("")
        }
        "dynamic-same" => {
            need(&[item("x", "fine")]);
            need(&[item("x", "fine")]);
            save("")
        }
        "dynamic-other" => {
            need(&[item("x", "fine")]);
            need(&[item("x", "whole")]);
            save("")
        }
        "dynamic-waits" => {
            let before = vec![1_u8; 10_000];
            need(&[item("x", "fine")]);
            save(&black_box(before).len().to_string())
        }
        // Each needs the other, once it has been held up.
        "dynamic-ping" => {
            need(&[item("gate", "fine")]);
            need(&[item("other", "dynamic-pong")]);
            save("")
        }
        "dynamic-pong" => {
            need(&[item("gate", "fine")]);
            need(&[item("other", "dynamic-ping")]);
            save("")
        }
        "versioned" => save(&crate::variant().to_string()),
        "versioned-twice" => save(&fs::read_to_string("/in/one/out").map_err(text)?.repeat(2)),
        "big" => {
            let mut file = fs::File::create("/out/out").map_err(text)?;
            let block: Vec<u8> = (0..1 << 20).map(|i: u32| (i % 251) as u8).collect();
            (0..256).try_for_each(|_| file.write_all(&block)).map_err(text)
        }
        "reads-big" => {
            let mut file = fs::File::open("/in/data/out").map_err(text)?;
            let mut buffer = vec![0; 1 << 20];
            let mut sum = 0;
            loop {
                match std::io::Read::read(&mut file, &mut buffer).map_err(text)? {
                    0 => break,
                    count => sum += count,
                }
            }
            save(&sum.to_string())
        }
        _ => Err(format!("`{task}` does nothing")),
    }
}

fn save(text: &str) -> Result<(), String> {
    fs::write("/out/out", text).map_err(self::text)
}

pub(crate) fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn item(name: &str, task: &str) -> NeedItem {
    NeedItem { name: name.to_owned(), source: source(task, None) }
}

/// Asks for memory until there is none, and carries on.
pub(crate) fn eat_memory() {
    let mut held: Vec<Vec<u8>> = Vec::new();
    loop {
        let mut more = Vec::new();
        if more.try_reserve_exact(1 << 20).is_err() {
            break;
        }
        more.resize(1 << 20, 1);
        held.push(more);
    }
    black_box(held);
}

/// Recurses with a large frame in linear memory.
fn deep(n: u64) -> u64 {
    let frame = black_box([n; 64]);
    if n == 0 { 0 } else { black_box(deep(n + 1)) + frame[(n % 64) as usize] }
}

/// Recurses on the stack of WebAssembly alone.
fn shallow(n: u64) -> u64 {
    if black_box(n) == 0 { 0 } else { black_box(shallow(n + 1)) ^ n }
}

fn dynamic() -> Result<(), String> {
    let mut said = files::list("/in")?;
    need(&[item("b", "fine"), item("a", "fine")]);
    said += &files::list("/in")?;
    need(&[]);
    need(&[item("c", "whole")]);
    said += &files::list("/in")?;
    save(&said)
}

/// Writes down all that could differ from run to run.
fn probe() -> Result<String, String> {
    use std::collections::HashMap;
    use std::time::{Instant, SystemTime, UNIX_EPOCH};
    let mut said = String::new();
    let mut say = |line: String| {
        said += &line;
        said += "\n";
    };
    say(format!("{:?}", SystemTime::now().duration_since(UNIX_EPOCH)));
    let start = Instant::now();
    std::thread::sleep(std::time::Duration::from_secs(3600));
    say(format!("{:?}", start.elapsed()));
    let map: HashMap<u32, u32> = (0..100).map(|i| (i, i)).collect();
    say(format!("{:?}", map.keys().collect::<Vec<_>>()));
    say(format!("{:?} {:?}", std::env::vars().collect::<Vec<_>>(), std::env::args().collect::<Vec<_>>()));
    say(format!("{:?}", std::env::current_dir()));
    let zero = black_box(0.0_f64);
    say(format!("{:x} {:x}", (zero / zero).to_bits(), (-(zero / zero)).to_bits()));
    say(format!("{:?}", std::thread::available_parallelism().map_err(|e| e.kind())));
    let boxed = Box::new(1);
    say(format!("{:p} {:p}", &raw const *boxed, &raw const PLACE));
    for entry in fs::read_dir("/in/data").map_err(text)? {
        let entry = entry.map_err(text)?;
        let meta = entry.metadata().map_err(text)?;
        say(format!("{:?} {} {:?} {:?}", entry.file_name(), meta.len(), meta.modified(), meta.accessed()));
    }
    Ok(said)
}

static PLACE: u8 = 0;
