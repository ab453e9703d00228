//! Codes of errors, and a page for each: `wrun explain CODE`, `wrun --explain CODE`.
//!
//! A code is a word that stays: it is shown with the error, may be searched for, and has a page in
//! docs/errors, which is compiled in. Whoever adds a code writes its page.

use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::shell::Shell;
use wrun_core::suggest::nearest;

macro_rules! codes {
    ($($variant:ident $word:literal,)*) => {
        /// What kind of error it is.
        #[derive(Copy, Clone, Debug, PartialEq, Eq)]
        pub(crate) enum Code { $(#[doc = $word] $variant,)* }

        impl Code {
            /// All of them, by name.
            pub(crate) const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Returns the word.
            pub(crate) fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// Returns the page.
            pub(crate) fn page(self) -> &'static str {
                match self {
                    $(Self::$variant => {
                        include_str!(concat!("../../../docs/errors/", $word, ".md"))
                    })*
                }
            }
        }
    };
}

codes! {
    BadConfig "bad-config",
    BadGlob "bad-glob",
    BadPackage "bad-package",
    BadParams "bad-params",
    BadPlugin "bad-plugin",
    BadReport "bad-report",
    BadValue "bad-value",
    CannotAdopt "cannot-adopt",
    CannotPublish "cannot-publish",
    CannotRerun "cannot-rerun",
    ClockWrong "clock-wrong",
    CompileFailed "compile-failed",
    ContractBroken "contract-broken",
    ContractMismatch "contract-mismatch",
    CoreModule "core-module",
    CorruptBlob "corrupt-blob",
    CrossProcessCycle "cross-process-cycle",
    DamagedIndex "damaged-index",
    DescribeFailed "describe-failed",
    Failed "failed",
    File "file",
    ForbiddenImport "forbidden-import",
    Internal "internal",
    Interrupted "interrupted",
    InvalidComponent "invalid-component",
    LeftOut "left-out",
    LostBytes "lost-bytes",
    MissingParam "missing-param",
    NewerContract "newer-contract",
    NewerStore "newer-store",
    NoEngine "no-engine",
    NoPlugin "no-plugin",
    NoResult "no-result",
    NoStore "no-store",
    NoSuchOutput "no-such-output",
    NoTask "no-task",
    NoToolchain "no-toolchain",
    Nondeterminism "nondeterminism",
    NoneChosen "none-chosen",
    NotUtf8 "not-utf8",
    NotWasm "not-wasm",
    Nowhere "nowhere",
    OtherFormat "other-format",
    OtherWorld "other-world",
    RemoteStore "remote-store",
    StoreDamaged "store-damaged",
    StoreInUse "store-in-use",
    StoreIndex "store-index",
    StoreIo "store-io",
    StoreTrouble "store-trouble",
    TestsFailed "tests-failed",
    TooLarge "too-large",
    Truncated "truncated",
    UnexpectedWord "unexpected-word",
    UnknownParam "unknown-param",
    UnknownTask "unknown-task",
    UnknownTombstone "unknown-tombstone",
    UnstableStore "unstable-store",
    UnsupportedStore "unsupported-store",
    Usage "usage",
    Waiting "waiting",
}

impl Code {
    /// Returns the code of errors that are not told apart further.
    pub(crate) fn of(exit: Exit) -> Self {
        match exit {
            Exit::Ok | Exit::Internal => Self::Internal,
            Exit::Failed => Self::Failed,
            Exit::Usage => Self::Usage,
            Exit::Waiting => Self::Waiting,
            Exit::BadPlugin => Self::BadPlugin,
            Exit::Store => Self::StoreTrouble,
            Exit::Nondeterminism => Self::Nondeterminism,
            Exit::Interrupted => Self::Interrupted,
        }
    }

    /// Returns the sentence under the title of the page.
    pub(crate) fn summary(self) -> &'static str {
        self.page().lines().nth(2).unwrap_or_default()
    }
}

/// Prints the page of a code, or lists all codes.
pub(crate) fn run(shell: &Shell, args: &crate::args::ExplainArgs) -> Result<Exit> {
    let Some(given) = &args.code else {
        let widest = Code::ALL.iter().map(|code| code.word().len()).max().unwrap_or(0);
        let mut out = String::new();
        for code in Code::ALL {
            if shell.json {
                shell.json_line(&serde_json::json!({"code": code.word(), "summary": code.summary()}));
            } else {
                let word = shell.out().bold(format!("{:<widest$}", code.word()));
                out += &format!("{word}  {}\n", code.summary());
            }
        }
        shell.text(&out);
        return Ok(Exit::Ok);
    };
    // As it is shown: `error[unknown-task]:`.
    let word = given.trim_start_matches("error").trim_matches(|c| matches!(c, '[' | ']' | ':' | ' '));
    let word = word.to_ascii_lowercase().replace('_', "-");
    let Some(code) = Code::ALL.iter().find(|code| code.word() == word) else {
        let error = CliError::usage(format!("there is no error code `{}`", crate::text::plain(given)));
        return Err(match nearest(&word, Code::ALL.iter().map(|code| code.word())) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint("`wrun explain` lists them"),
        });
    };
    if shell.json {
        shell.json_line(&serde_json::json!(
            {"code": code.word(), "summary": code.summary(), "page": code.page()}));
    } else {
        shell.data(&page(shell, code.page()));
    }
    Ok(Exit::Ok)
}

/// Shows Markdown as people read it: titles in bold, fences left out, examples set in.
fn page(shell: &Shell, markdown: &str) -> String {
    let style = shell.out();
    let width = shell.width().clamp(20, 100);
    let mut out = String::new();
    let mut fenced = false;
    for line in markdown.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
        } else if fenced {
            out += &format!("    {}\n", style.dim(line));
        } else if let Some(title) = line.strip_prefix("# ").or_else(|| line.strip_prefix("## ")) {
            out += &format!("{}\n", style.bold(title));
        } else {
            for line in crate::text::wrap(line, width, 0) {
                out += &line;
                out.push('\n');
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    /// That each code has a page is checked by the compiler.
    #[test]
    fn every_page_has_a_code_and_the_same_form() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors");
        let pages: BTreeSet<String> = folder
            .read_dir()
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != "README.md")
            .collect();
        let codes: BTreeSet<String> = Code::ALL.iter().map(|code| format!("{}.md", code.word())).collect();
        assert_eq!(pages, codes);
        assert!(Code::ALL.is_sorted_by_key(|code| code.word()), "codes are listed by name");
        for code in Code::ALL {
            let page = code.page();
            assert!(page.starts_with(&format!("# {}\n\n", code.word())), "{page}");
            assert!(code.summary().ends_with('.'), "{page}");
            assert!(page.contains("\n## What to do\n\n"), "{page}");
        }
    }
}
