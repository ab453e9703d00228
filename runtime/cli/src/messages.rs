//! docs/messages.md: every message of the product in one list, taken from the sources, so that it can be read
//! as a whole. A test holds the committed list to what the code says.
//!
//! Only tests see this module.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a test is told by its environment to write the list anew")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// What writes the list anew.
const RENEW: &str = "WRUN_RENEW=1 cargo test --release -p wrun messages";

/// Error enums: file below `runtime/`, name, what they are about.
const ENUMS: &[(&str, &str, &str)] = &[
    ("core/src/param/parse.rs", "ParamError", "Params"),
    ("core/src/param/date.rs", "DateRange", "Ranges"),
    ("core/src/task.rs", "ContractError", "What a plugin says of itself"),
    ("plugin/src/error.rs", "LoadError", "Plugins that cannot be loaded"),
    ("plugin/src/run.rs", "PlanError", "Plans"),
    ("plugin/src/run.rs", "RunError", "Runs"),
    ("build/src/resolve.rs", "ResolveError", "Calls of tasks"),
    ("build/src/api.rs", "BuildError", "Builds"),
    ("build/src/care/mod.rs", "CareError", "Care of a store"),
    ("build/src/adopt.rs", "AdoptError", "Results that are adopted"),
    ("build/src/publish.rs", "PublishError", "Publishing"),
    ("build/src/rerun.rs", "RerunError", "Results that are made again"),
    ("store/src/error.rs", "StoreError", "The store"),
    ("store/src/files.rs", "FilesError", "Outputs"),
    ("store/src/external/error.rs", "ExternalError", "External inputs"),
];

/// A string literal in a source, and where it ends.
fn literal(text: &str) -> Option<(String, usize)> {
    let body = text.strip_prefix('"')?;
    let mut out = String::new();
    let mut chars = body.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((out, at + 2)),
            '\\' => match chars.next()?.1 {
                'n' => out.push(' '),
                '\n' => {
                    // Blanks at the start of the next line are not part of it.
                    let rest = &body[chars.offset()..];
                    let blanks = rest.len() - rest.trim_start().len();
                    (0..blanks).for_each(|_| _ = chars.next());
                }
                other => out.push(other),
            },
            c => out.push(c),
        }
    }
    None
}

/// All string literals of a piece of source.
fn literals(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(quote) = text[at..].find('"') {
        let start = at + quote;
        let before = text[..start].trim_end().ends_with('\'');
        match literal(&text[start..]) {
            Some((found, end)) if !before => {
                out.push(found);
                at = start + end;
            }
            _ => at = start + 1,
        }
    }
    out
}

/// Leaves comments and tests out.
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap().to_owned();
    let kept = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    kept.collect::<Vec<_>>().join("\n")
}

/// What stands between a bracket and the one that closes it.
fn balanced(text: &str, open: char, close: char) -> &str {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            c if c == open && !quoted => depth += 1,
            c if c == close && !quoted => {
                depth -= 1;
                if depth == 0 {
                    return &text[1..at];
                }
            }
            _ => {}
        }
    }
    text
}

/// The variants of an enum with their messages, and the hints that `fn hint` has for them.
fn variants(text: &str, name: &str) -> Vec<(String, String, Vec<String>)> {
    let body = text.split_once(&format!("enum {name} ")).unwrap().1;
    let body = balanced(body, '{', '}');
    let hints = text
        .split_once(&format!("impl {name} "))
        .and_then(|(_, rest)| balanced(rest, '{', '}').split_once("fn hint").map(|(_, rest)| rest.to_owned()));
    let mut by_variant: BTreeMap<String, Vec<String>> = BTreeMap::new();
    if let Some(hints) = hints {
        let hints = balanced(&hints[hints.find('{').unwrap()..], '{', '}').to_owned();
        let mut waiting: Vec<String> = Vec::new();
        for arm in hints.split("Self::").skip(1) {
            waiting.push(arm.chars().take_while(|c| c.is_alphanumeric()).collect());
            if arm.contains("=>") {
                let found = literals(arm.split_once("=>").unwrap().1);
                for variant in waiting.drain(..) {
                    by_variant
                        .entry(variant)
                        .or_default()
                        .extend(found.iter().filter(|hint| hint.contains(' ')).cloned());
                }
            }
        }
    }
    let mut out = Vec::new();
    for part in body.split("#[error(").skip(1) {
        let message =
            literal(part.trim_start()).map_or("what the error behind it says".to_owned(), |found| found.0);
        let rest = &part[balanced(&format!("({part}"), '(', ')').len()..];
        let variant: String =
            rest.trim_start_matches([')', ']']).trim_start().chars().take_while(|c| c.is_alphanumeric()).collect();
        let hints = by_variant.remove(&variant).unwrap_or_default();
        out.push((variant, message, hints));
    }
    out
}

/// Makes a cell of a table.
fn cell(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| text.replace('|', "\\|").replace('<', "&lt;")).collect();
    if texts.is_empty() { "–".to_owned() } else { texts.join(" *or* ") }
}

fn sources(folder: &Path, out: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            out.push(path);
        }
    }
}

/// The errors that are made on the spot: message, causes, hints, code.
fn made(text: &str) -> Vec<(String, Vec<String>, String)> {
    let mut out = Vec::new();
    for constructor in ["CliError::usage(", "CliError::new(", "Self::usage(format!", "Self::new(Exit"] {
        for (at, _) in text.match_indices(constructor) {
            let rest = &text[at..];
            let end = rest.find(";\n").or_else(|| rest.find("\n}\n")).unwrap_or(rest.len());
            let rest = &rest[..end];
            let arguments = balanced(&rest[rest.find('(').unwrap()..], '(', ')');
            let Some(message) = literals(arguments).into_iter().find(|text| text.contains(' ')) else { continue };
            let mut hints = Vec::new();
            for (at, _) in rest.match_indices(".hint(") {
                hints.extend(
                    literals(balanced(&rest[at + 5..], '(', ')')).into_iter().filter(|hint| hint.contains(' ')),
                );
            }
            let code = rest.split_once(".code(Code::").map(|(_, rest)| rest.split(')').next().unwrap_or_default());
            let word = crate::explain::Code::ALL.iter().find(|known| Some(format!("{known:?}").as_str()) == code);
            out.push((message, hints, word.map_or("", |word| word.word()).to_owned()));
        }
    }
    out
}

/// What ends a task: `message:` and the `hint:` after it.
fn troubles(text: &str) -> Vec<(String, Vec<String>)> {
    let mut out = Vec::new();
    for (at, _) in text.match_indices("message: ") {
        let rest = &text[at..];
        let end = rest.find("}").map_or(rest.len(), |end| end.min(900));
        let (message, hint) = rest.split_once("hint: ").unwrap_or((&rest[..end], ""));
        let Some(message) = literals(message).into_iter().find(|text| text.contains(' ')) else { continue };
        let hint = &hint[..hint.find(";\n").unwrap_or(hint.len()).min(400.min(hint.len()))];
        let hint = literals(hint).into_iter().find(|hint| hint.contains(' '));
        out.push((message, hint.into_iter().collect()));
    }
    out
}

fn list() -> String {
    let runtime = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut out = String::from(
        "# Messages\n\nEvery message of wrun in one list, taken from its sources: what, where, why, and one hint. \
         `{…}` stands for a name, a value or a path; `–` where there is nothing to try, or where the message says it \
         already. Codes have [pages](errors/README.md).\n",
    );
    for (file, name, about) in ENUMS {
        _ = writeln!(out, "\n## {about}\n\n| message | hint |\n|---|---|");
        for (_, message, hints) in variants(&code(&runtime.join(file)), name) {
            _ = writeln!(out, "| {} | {} |", cell(&[message]), cell(&hints));
        }
    }
    _ = writeln!(out, "\n## Tasks that fail\n\n| message | hint |\n|---|---|");
    let mut files = Vec::new();
    sources(&runtime.join("build/src"), &mut files);
    for file in &files {
        for (message, hints) in troubles(&code(file)) {
            _ = writeln!(out, "| {} | {} |", cell(&[message]), cell(&hints));
        }
    }
    let mut files = Vec::new();
    sources(&runtime.join("cli/src"), &mut files);
    _ = writeln!(out, "\n## The command line\n\n| message | hint | code |\n|---|---|---|");
    for file in files.iter().filter(|file| !file.ends_with("messages.rs")) {
        for (message, hints, code) in made(&code(file)) {
            _ = writeln!(out, "| {} | {} | {code} |", cell(&[message]), cell(&hints));
        }
    }
    out
}

#[test]
fn the_list_of_messages_is_what_the_sources_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/messages.md");
    let due = list();
    if std::env::var_os("WRUN_RENEW").is_some() {
        std::fs::write(&path, &due).unwrap();
        return;
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    let lacks =
        due.lines().find(|line| !found.contains(line)).or_else(|| found.lines().find(|line| !due.contains(line)));
    assert!(lacks.is_none() && found == due, "docs/messages.md is stale, from {lacks:?} on: {RENEW}");
}
