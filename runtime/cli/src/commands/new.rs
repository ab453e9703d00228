//! `wrun new`: makes a package that compiles, passes its own test, and has something to build.

use crate::args::NewArgs;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::shell::Shell;
use crate::source::{Language, sdk};
use std::path::Path;

/// What a package is made of, with `@NAME@` for its name.
type Files = &'static [(&'static str, &'static str)];

const C: Files = &[
    ("wrun.toml", include_str!("../../templates/rust/wrun.toml.in")),
    (".gitignore", include_str!("../../templates/c/gitignore.in")),
    ("src/words.c", include_str!("../../templates/c/src/words.c.in")),
    ("tests/words.c", include_str!("../../templates/c/tests/words.c.in")),
    ("data/text.txt", include_str!("../../templates/rust/data/text.txt")),
];

const HASKELL: Files = &[
    ("@NAME@.cabal", include_str!("../../templates/haskell/package.cabal.in")),
    ("wrun.toml", include_str!("../../templates/rust/wrun.toml.in")),
    (".gitignore", include_str!("../../templates/c/gitignore.in")),
    ("src/Plugin.hs", include_str!("../../templates/haskell/src/Plugin.hs.in")),
    ("tests/Words.hs", include_str!("../../templates/haskell/tests/Words.hs.in")),
    ("data/text.txt", include_str!("../../templates/rust/data/text.txt")),
];

const RUST: Files = &[
    ("Cargo.toml", include_str!("../../templates/rust/Cargo.toml.in")),
    ("wrun.toml", include_str!("../../templates/rust/wrun.toml.in")),
    (".gitignore", include_str!("../../templates/rust/gitignore.in")),
    ("src/lib.rs", include_str!("../../templates/rust/src/lib.rs.in")),
    ("data/text.txt", include_str!("../../templates/rust/data/text.txt")),
];

/// The versions with which the SDK was tested.
const LOCK: &str = include_str!("../../../../plugins/Cargo.lock");

/// Names that rustc or cargo keep for themselves, or that the SDK has.
const TAKEN: &[&str] = &["alloc", "core", "proc-macro", "std", "test", "wrun-task", "wrun-task-derive"];

/// Rust's keywords, also those that it keeps for later.
const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro",
    "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static", "struct",
    "super", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while",
    "yield",
];

/// Makes a package.
pub(crate) fn run(shell: &Shell, args: &NewArgs) -> Result<Exit> {
    // `.` has a name too.
    let here = args.dir.file_name().is_none().then(|| args.dir.canonicalize().ok()).flatten();
    let dir = here.as_ref().unwrap_or(&args.dir);
    let shown = dir.display();
    let name = dir.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if let Some(why) = wrong(name) {
        let error = CliError::usage(format!("`{shown}` cannot be made: `{name}` {why}"));
        return Err(error.hint(match near(name) {
            Some(near) => format!("such as `wrun new {}`", dir.with_file_name(near).display()),
            None => "the name is that of the package: lower-case letters, digits and `-`".to_owned(),
        }));
    }
    match dir.read_dir() {
        Ok(mut entries) => {
            if entries.next().is_some() {
                return Err(CliError::usage(format!("`{shown}` is there already, and is not empty"))
                    .hint("choose another name, or remove the folder"));
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
            let file = dir.ancestors().find(|it| it.is_file()).unwrap_or(dir).display();
            return Err(CliError::usage(format!("`{file}` is there already, and is no folder"))
                .hint("choose another name"));
        }
        Err(error) => return Err(CliError::file(Exit::Usage, "read", dir, &error)),
    }
    let files = match args.lang {
        Language::Rust => RUST,
        Language::C => C,
        Language::Haskell => HASKELL,
    };
    for (path, content) in files {
        write(&dir.join(path.replace("@NAME@", name)), &content.replace("@NAME@", name))?;
    }
    if args.lang == Language::Rust {
        write(&dir.join("Cargo.lock"), &lock(LOCK))?;
    }
    sdk::provide(dir)?;
    if shell.json {
        let files: Vec<String> = files.iter().map(|(path, _)| path.replace("@NAME@", name)).collect();
        shell.json_line(&serde_json::json!({"path": dir.display().to_string(), "name": name, "files": files}));
        return Ok(Exit::Ok);
    }
    let style = shell.err();
    shell.say(&format!(
        "made {}: two tasks in {}, a test, a text to count the words of\n",
        style.bold(shown),
        match args.lang {
            Language::Rust => "src/lib.rs",
            Language::C => "src/words.c",
            Language::Haskell => "src/Plugin.hs",
        }
    ));
    for (command, what) in
        [("build", "compile and run it; once more, and nothing is left to do"), ("test", "test it")]
    {
        let command = format!("wrun {command} {}", dir.display());
        shell.say(&format!("  {command}   {}\n", style.dim(format!("# {what}"))));
    }
    Ok(Exit::Ok)
}

/// Says what is wrong with a name.
fn wrong(name: &str) -> Option<&'static str> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() {
        return Some("is no name");
    }
    if name.len() > 64 {
        return Some("is longer than 64 letters");
    }
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        return Some("begins with a digit");
    }
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(good) || name.ends_with('-') {
        return Some("is not lower-case letters, digits and `-`");
    }
    if KEYWORDS.contains(&name) {
        return Some("is a keyword of Rust");
    }
    TAKEN.contains(&name).then_some("is the name of another package, which it would hide")
}

/// Returns a name that is good and nearly the same.
fn near(name: &str) -> Option<String> {
    let mut near = String::new();
    for c in name.chars().map(|c| c.to_ascii_lowercase()) {
        if c.is_ascii_lowercase() || c.is_ascii_digit() {
            near.push(c);
        } else if !near.is_empty() && !near.ends_with('-') {
            near.push('-');
        }
    }
    let mut near = near.trim_end_matches('-').to_owned();
    near.truncate(50);
    if near.is_empty() {
        return None;
    }
    if near.starts_with(|c: char| c.is_ascii_digit()) {
        near.insert_str(0, "build-");
    }
    if KEYWORDS.contains(&near.as_str()) || TAKEN.contains(&near.as_str()) {
        near.insert_str(0, "my-");
    }
    Some(near)
}

/// Leaves the packages out of a lock file that come from no registry; cargo leaves out what is not used.
fn lock(text: &str) -> String {
    let mut parts = text.split("[[package]]\n");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts.filter(|part| part.contains("\nsource = ")) {
        out += "[[package]]\n";
        out += part;
    }
    out
}

fn write(path: &Path, content: &str) -> Result<()> {
    let fail = |error: std::io::Error| CliError::file(Exit::Usage, "write", path, &error);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(fail)?;
    }
    std::fs::write(path, content).map_err(fail)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_name_that_is_wrong_has_a_good_one_near() {
        for (name, due) in [
            ("my report", Some("my-report")),
            ("Report", Some("report")),
            ("my_report", Some("my-report")),
            ("2013", Some("build-2013")),
            ("match", Some("my-match")),
            ("test", Some("my-test")),
            ("-x-", Some("x")),
            ("", None),
            ("日本", None),
        ] {
            assert!(wrong(name).is_some(), "{name}");
            let near = near(name);
            assert_eq!(near.as_deref(), due);
            assert!(near.is_none_or(|near| wrong(&near).is_none()), "{name}");
        }
        assert_eq!(wrong("flights-2013"), None);
        assert!(near(&"é".repeat(99)).is_none() && wrong(&"x".repeat(65)).is_some());
    }

    #[test]
    fn the_lock_file_has_what_the_sdk_uses_and_no_path() {
        let lock = lock(LOCK);
        assert!(lock.starts_with('#') && lock.contains("\nname = \"wit-bindgen\"\n"), "{lock}");
        assert!(!lock.contains("name = \"wrun-task\""), "{lock}");
        toml::from_str::<toml::Table>(&lock).unwrap();
    }
}
