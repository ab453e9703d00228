//! `wrun doctor`: what is there, what is missing, and how to get it.

mod bucket;

use crate::args::DoctorArgs;
use crate::config;
use crate::error::Result;
use crate::exit::Exit;
use crate::place::Place;
use crate::shell::Shell;
use crate::source::{clang, ghc};
use crate::text::{bytes, plain};
use crate::{env, workspace};
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::SystemTime;
use wrun_plugin::{Host, HostConfig, LoadError, Plugin};

const TARGET: &str = "wasm32-wasip2";

/// How something is.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum State {
    Good,
    /// wrun works; something is slower, or cannot be done.
    Worse,
    /// wrun does not work.
    Bad,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Worse => "missing",
            Self::Bad => "bad",
        }
    }
}

/// One line.
struct Check {
    what: &'static str,
    state: State,
    found: String,
    /// How to get it.
    remedy: Option<String>,
}

impl Check {
    fn good(what: &'static str, found: impl Into<String>) -> Self {
        Self { what, state: State::Good, found: found.into(), remedy: None }
    }

    fn worse(what: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what, state: State::Worse, found: found.into(), remedy: Some(remedy.into()) }
    }

    fn bad(what: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what, state: State::Bad, found: found.into(), remedy: Some(remedy.into()) }
    }
}

/// Looks at everything, and says it.
pub(crate) fn run(shell: &Shell, args: &DoctorArgs) -> Result<Exit> {
    let mut checks = vec![program()];
    checks.extend(toolchain());
    checks.extend(other_languages());
    checks.push(engine());
    checks.push(containers());
    checks.extend(store(args));
    checks.push(cache());
    checks.extend([clock(), kernel(), maps(), address_space()]);
    let bad = checks.iter().any(|check| check.state == State::Bad);
    let mut out = String::new();
    let widest = checks.iter().map(|check| check.what.len()).max().unwrap_or(0);
    for check in &checks {
        let word = check.state.word();
        if shell.json {
            shell.json_line(&serde_json::json!(
                {"check": check.what, "state": word, "found": check.found, "remedy": check.remedy}));
            continue;
        }
        let style = shell.out();
        let shown = match check.state {
            State::Good => style.green(format!("{word:<7}")),
            State::Worse => style.yellow(format!("{word:<7}")),
            State::Bad => style.red(format!("{word:<7}")),
        };
        _ = writeln!(out, "{shown}  {:<widest$}  {}", check.what, plain(&check.found));
        if let Some(remedy) = &check.remedy {
            _ = writeln!(out, "{:>9}{:<widest$}  {} {remedy}", "", "", style.cyan("to mend it:"));
        }
    }
    shell.text(&out);
    Ok(if bad { Exit::Failed } else { Exit::Ok })
}

fn program() -> Check {
    let path = env::executable().map(|path| path.display().to_string()).unwrap_or_default();
    Check::good("wrun", format!("{} at {path}", env!("CARGO_PKG_VERSION")))
}

/// Runs a program and returns the first line that it prints.
fn first_line(program: &std::ffi::OsStr, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    output.status.success().then(|| text.lines().next().unwrap_or_default().trim().to_owned())
}

/// What making plugins takes; building with them takes none of it.
fn toolchain() -> Vec<Check> {
    const RUSTUP: &str = "install stable Rust with rustup, https://rustup.rs (only to make plugins in Rust)";
    let cargo = env::var("CARGO").unwrap_or_else(|| "cargo".into());
    let mut out = vec![match first_line(&cargo, &["--version"]) {
        Some(version) => Check::good("cargo", version),
        None => Check::worse("cargo", "it does not run", RUSTUP),
    }];
    let rustc = "rustc".as_ref();
    let Some(version) = first_line(rustc, &["--version"]) else {
        out.push(Check::worse("rustc", "it does not run", RUSTUP));
        return out;
    };
    let number = version.split_whitespace().nth(1).unwrap_or_default();
    let mut parts = number.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    let found = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    out.push(if found < (1, 85) {
        Check::worse("rustc", version, "plugins of the edition 2024 need 1.85 or newer: `rustup update stable`")
    } else {
        Check::good("rustc", version)
    });
    let sysroot = first_line(rustc, &["--print", "sysroot"]).unwrap_or_default();
    out.push(if Path::new(&sysroot).join("lib/rustlib").join(TARGET).is_dir() {
        Check::good("wasm target", TARGET)
    } else {
        Check::worse("wasm target", format!("this Rust lacks {TARGET}"), format!("rustup target add {TARGET}"))
    });
    out
}

/// What making plugins in C and in Haskell takes.
fn other_languages() -> [Check; 3] {
    let check = |what: &'static str, found: Result<String>, language: &str| match found {
        Ok(found) => Check::good(what, found),
        Err(error) => {
            let why = std::iter::once(&error.message).chain(&error.causes).map(|text| plain(text));
            let remedy = error.hint.unwrap_or_default();
            let remedy = format!("{remedy} (only to make plugins in {language})");
            Check::worse(what, why.collect::<Vec<_>>().join(": "), remedy)
        }
    };
    let tests = match ghc::of_tests() {
        Some(path) => Check::good("GHC of tests", path.display().to_string()),
        None => Check::worse(
            "GHC of tests",
            "there is no `ghc` on the PATH",
            format!("{} (only for `wrun test` of plugins in Haskell)", ghc::GET_NATIVE),
        ),
    };
    [check("clang", clang::found(), "C"), check("GHC for wasm", ghc::found(), "Haskell"), tests]
}

/// Starts the engine on the smallest component there is.
fn engine() -> Check {
    const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";
    let host = Host::new(HostConfig::default());
    let tried = Plugin::open(&host, EMPTY.to_vec(), "empty").and_then(|plugin| plugin.description().map(|_| ()));
    match tried {
        Err(error @ LoadError::Engine { .. }) => {
            Check::bad("WebAssembly", error.to_string(), error.hint().unwrap_or_default())
        }
        // That it is no plugin is found out after it was compiled.
        _ => Check::good("WebAssembly", "compiles and loads"),
    }
}

/// Asks the container engine what it is; only tasks that are containers take one.
fn containers() -> Check {
    const WHAT: &str = "containers";
    const REMEDY: &str =
        "install Docker or Podman, or name an engine by DOCKER_HOST (only for tasks that are containers)";
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let around = crate::containers::surroundings();
    let about =
        runtime.map_err(|error| error.to_string()).and_then(|it| it.block_on(wrun_exec::docker::about(&around)));
    let about = match about {
        Ok(about) => about,
        Err(why) => return Check::worse(WHAT, why, REMEDY),
    };
    let rootless = if about.rootless { ", rootless" } else { "" };
    let found = format!(
        "{}, API {}, {}{rootless}, at {} ({})",
        about.name, about.api, about.platform, about.endpoint.address, about.endpoint.by
    );
    if !about.endpoint.address.starts_with("unix://") {
        return Check::worse(WHAT, found, "use an engine of this machine: inputs and outputs are its folders");
    }
    if about.lacks.is_empty() {
        return Check::good(WHAT, found);
    }
    let lacks = about.lacks.join(", ");
    Check::worse(
        WHAT,
        format!("{found}; it cannot limit: {lacks}"),
        "give the engine these cgroups; until then those caps do not hold",
    )
}

/// Where results go, whether they can, and for how long.
fn store(args: &DoctorArgs) -> Vec<Check> {
    let place = match where_is(args) {
        Ok(place) => place,
        Err(error) => {
            let why = std::iter::once(&error.message).chain(&error.causes).map(|text| plain(text));
            return vec![Check::bad("store", why.collect::<Vec<_>>().join(": "), error.hint.unwrap_or_default())];
        }
    };
    let path = place.folder();
    // In front of a bucket it is the cache.
    let (what, remedy) = match place {
        Place::Folder(_) => ("store", "name a folder that you may write with `--store DIR` or WRUN_STORE"),
        Place::S3(_) => ("cache of S3", "name a folder that you may write with `--cache DIR`"),
    };
    let shown = path.display();
    // A store that is not there is made by the first build, in the nearest folder that is.
    let (folder, note) = match path.ancestors().find(|folder| folder.is_dir()) {
        Some(folder) if folder == path => (folder, ""),
        Some(folder) => (folder, ", made by the first build"),
        None => (Path::new("/"), ""),
    };
    let mut out = vec![match tempfile_in(folder) {
        Ok(()) => Check::good(what, format!("{shown}{note}")),
        Err(error) => {
            Check::bad(what, format!("{shown}: cannot write in `{}`: {error}", folder.display()), remedy)
        }
    }];
    if let Ok(disk) = rustix::fs::statvfs(folder) {
        const LITTLE: u64 = 1 << 30;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        let found = format!("{} free", bytes(free));
        out.push(if free < LITTLE {
            Check::worse("disk", found, "free some space, or name a store on another disk with `--store DIR`")
        } else if disk.f_files > 0 && disk.f_favail < 10_000 {
            Check::worse(
                "disk",
                format!("{} files can still be made", disk.f_favail),
                "remove files: each blob is one",
            )
        } else {
            Check::good("disk", found)
        });
    }
    out.push(locks(folder));
    if let Place::S3(bucket) = &place
        && !bucket.offline
    {
        out.extend(bucket::checks(bucket));
    }
    out
}

fn where_is(args: &DoctorArgs) -> Result<Place> {
    let cwd = env::cwd()?;
    let config::Found { config, folder } = config::find(&cwd)?;
    Place::of(&args.store, &config, folder.as_deref(), &cwd)
}

/// Makes a file, writes to it, and removes it.
fn tempfile_in(folder: &Path) -> std::io::Result<()> {
    let path = folder.join(format!(".wrun-doctor-{}", std::process::id()));
    let made = std::fs::write(&path, b"wrun").and_then(|()| std::fs::File::open(&path)?.sync_all());
    let removed = std::fs::remove_file(&path);
    made.and(removed)
}

/// Several processes share a store by the locks of its file system.
fn locks(folder: &Path) -> Check {
    let path = folder.join(format!(".wrun-doctor-lock-{}", std::process::id()));
    let locked = std::fs::File::create(&path)
        .and_then(|file| Ok(rustix::fs::fcntl_lock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive)?));
    _ = std::fs::remove_file(&path);
    match locked {
        Ok(()) => Check::good("file locks", "several processes may share the store"),
        Err(error) => Check::worse(
            "file locks",
            format!("the file system of the store has none: {error}"),
            "put the store on a local disk, or let one process at a time use it",
        ),
    }
}

fn cache() -> Check {
    let Some(folder) = workspace::cache_folder() else {
        return Check::worse(
            "cache",
            "neither HOME nor XDG_CACHE_HOME is set",
            "set HOME; until then compiled code is kept in the store",
        );
    };
    let shown = folder.display();
    let nearest = folder.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("/"));
    match tempfile_in(nearest) {
        Ok(()) => Check::good("cache", shown.to_string()),
        Err(error) => Check::worse(
            "cache",
            format!("{shown}: cannot write in `{}`: {error}", nearest.display()),
            "set XDG_CACHE_HOME to a folder that you may write; until then compiled code is kept in the store",
        ),
    }
}

/// Dates such as `today` come from the clock; and files are known again by their times.
fn clock() -> Check {
    let now = env::now();
    let zone = jiff::tz::TimeZone::system();
    let name = zone.iana_name().unwrap_or("UTC, or a zone without name").to_owned();
    if now.as_second() < 1_735_689_600 {
        return Check::worse("clock", format!("it says {now}"), "set it: `today` is wrong until then");
    }
    let path = std::env::temp_dir().join(format!("wrun-doctor-{}", std::process::id()));
    let file = std::fs::write(&path, b"").and_then(|()| path.metadata()?.modified());
    _ = std::fs::remove_file(&path);
    let apart = file.ok().and_then(|file| {
        let (a, b) = (SystemTime::now().duration_since(file), file.duration_since(SystemTime::now()));
        a.or(b).ok()
    });
    match apart {
        Some(apart) if apart.as_secs() > 2 => Check::worse(
            "clock",
            format!("the file system's is {} s apart", apart.as_secs()),
            "set the clocks alike; until then some files are hashed more often than needed",
        ),
        _ => {
            Check::good("clock", format!("{}, {name}", now.to_zoned_datetime(zone).strftime("%Y-%m-%d %H:%M:%S")))
        }
    }
}

fn kernel() -> Check {
    let name = rustix::system::uname();
    let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
    Check::good("kernel", format!("{} {} {}", text(name.sysname()), text(name.release()), text(name.machine())))
}

/// Each guest that is suspended takes memory maps.
fn maps() -> Check {
    const USUAL: u64 = 65_530;
    let most = std::fs::read_to_string("/proc/sys/vm/max_map_count").ok();
    match most.and_then(|text| text.trim().parse::<u64>().ok()) {
        Some(most) if most < USUAL => Check::worse(
            "memory maps",
            format!("vm.max_map_count is {most}: room for {} suspended tasks", most / 6),
            format!("as root: sysctl vm.max_map_count={USUAL}"),
        ),
        Some(most) => Check::good("memory maps", format!("{most}: room for {} suspended tasks", most / 6)),
        None => Check::good("memory maps", "no limit is known"),
    }
}

/// Each instance reserves 4 GiB of addresses, of which it uses few.
fn address_space() -> Check {
    let limit = rustix::process::getrlimit(rustix::process::Resource::As).current;
    match limit {
        Some(limit) if limit < 64 << 30 => Check::worse(
            "addresses",
            format!("ulimit -v leaves {}", bytes(limit)),
            "`ulimit -v unlimited`: they are reserved, not used",
        ),
        _ => Check::good("addresses", "enough"),
    }
}
