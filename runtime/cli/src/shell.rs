//! The terminal: stdout is data, stderr is for people. Nothing else prints.
//!
//! What the terminal can do is guessed from the environment, by the conventions that other programs keep:
//! `NO_COLOR`, `CLICOLOR`, `CLICOLOR_FORCE`, `TERM=dumb`, `CI`, `GITHUB_ACTIONS`, `FORCE_HYPERLINK`, and the
//! locale, without UTF-8 in which the symbols of our own are written in ASCII.

use crate::args::{Color, OutputArgs};
use std::borrow::Cow;
use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether stderr, and stdout if it is a terminal, take ASCII alone. One process has one locale.
static ASCII: AtomicBool = AtomicBool::new(false);

/// What the environment says of the terminal.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Surroundings {
    /// What it says of colour, if anything: never, or always.
    colour: Option<bool>,
    /// `TERM=dumb`: no colour, nothing drawn again.
    pub(crate) dumb: bool,
    /// A machine watches: nothing is drawn again, nothing waits for a key.
    pub(crate) ci: bool,
    /// The log viewer of GitHub Actions, which folds groups.
    github: bool,
    /// Links (OSC 8) are shown as such.
    links: bool,
    /// The locale has no UTF-8.
    ascii: bool,
}

impl Surroundings {
    /// Reads them.
    pub(crate) fn read(var: impl Fn(&str) -> Option<std::ffi::OsString>) -> Self {
        // A variable that is set and empty counts as not set: `NO_COLOR` says so itself.
        let text = |name: &str| {
            var(name).filter(|value| !value.is_empty()).map(|value| value.to_string_lossy().into_owned())
        };
        let is = |name: &str, values: &[&str]| text(name).is_some_and(|value| values.contains(&value.as_str()));
        let on = |name: &str| text(name).is_some_and(|value| !matches!(value.as_str(), "0" | "false" | "no"));
        let colour = if text("NO_COLOR").is_some() {
            Some(false)
        } else if on("CLICOLOR_FORCE") {
            Some(true)
        } else {
            is("CLICOLOR", &["0"]).then_some(false)
        };
        let term = text("TERM").unwrap_or_default();
        let vte = text("VTE_VERSION").and_then(|version| version.parse::<u32>().ok());
        let known = ["WT_SESSION", "KITTY_WINDOW_ID", "KONSOLE_VERSION"].iter().any(|name| text(name).is_some())
            || vte.is_some_and(|version| version >= 5000)
            || is("TERM_PROGRAM", &["iTerm.app", "WezTerm", "vscode", "ghostty", "Hyper"])
            || ["kitty", "alacritty", "foot", "ghostty"].iter().any(|name| term.contains(name));
        let dumb = term == "dumb";
        let ci = on("CI") || on("GITHUB_ACTIONS");
        // Without any of them nothing is known, and UTF-8 is what nearly every terminal has.
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| text(name));
        let utf8 = locale.is_none_or(|locale| {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        });
        let links = match text("FORCE_HYPERLINK") {
            Some(value) => value != "0",
            None => known && !dumb && !ci,
        };
        Self { colour, dumb, ci, github: is("GITHUB_ACTIONS", &["true"]), links, ascii: !utf8 }
    }
}

/// How to speak.
#[derive(Clone, Debug)]
pub(crate) struct Shell {
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    pub(crate) verbose: bool,
    /// Whether stderr is a terminal that can redraw.
    pub(crate) live: bool,
    /// Whether stdout is a terminal on which a pager makes sense.
    pub(crate) paged: bool,
    github: bool,
    links: bool,
    err: Style,
    out: Style,
    /// Whether stdout is a terminal, or a pager in its place.
    terminal: bool,
    /// How wide stdout is, if it is a terminal that says so.
    columns: Option<usize>,
}

/// Whether one stream has colour.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Style(pub(crate) bool);

impl Style {
    fn wrap(self, code: &str, text: impl Display) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_string() }
    }
    pub(crate) fn bold(self, text: impl Display) -> String {
        self.wrap("1", text)
    }
    pub(crate) fn dim(self, text: impl Display) -> String {
        self.wrap("2", text)
    }
    pub(crate) fn red(self, text: impl Display) -> String {
        self.wrap("31", text)
    }
    pub(crate) fn green(self, text: impl Display) -> String {
        self.wrap("32", text)
    }
    pub(crate) fn yellow(self, text: impl Display) -> String {
        self.wrap("33", text)
    }
    pub(crate) fn cyan(self, text: impl Display) -> String {
        self.wrap("36", text)
    }
}

impl Shell {
    pub(crate) fn new(args: &OutputArgs, around: Surroundings) -> Self {
        let colour = |terminal: bool| match args.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => around.colour.unwrap_or(terminal && !around.dumb),
        };
        ASCII.store(around.ascii, Ordering::Relaxed);
        let (out, err) = (std::io::stdout().is_terminal(), std::io::stderr().is_terminal());
        Self {
            json: args.json,
            quiet: args.quiet,
            verbose: args.verbose,
            live: err && !around.dumb && !around.ci && !args.quiet,
            paged: out && !around.dumb && !around.ci && !args.json && !args.quiet,
            github: around.github && !args.json && !args.quiet,
            links: around.links && err,
            err: Style(colour(err)),
            out: Style(colour(out)),
            terminal: out,
            columns: columns(&std::io::stdout()),
        }
    }

    /// Returns how wide stdout is, and 80 where it is no terminal.
    pub(crate) fn width(&self) -> usize {
        self.columns.unwrap_or(80)
    }

    /// Returns how wide help is.
    pub(crate) fn help_width(&self) -> usize {
        const WIDEST: usize = 100;
        self.columns.map_or(WIDEST, |columns| columns.clamp(30, WIDEST))
    }

    /// Makes the line on stdout that names a file that was made: for people a link to it, where the terminal shows links.
    pub(crate) fn path_line(&self, path: &Path) -> String {
        let text = path.display().to_string();
        match self.terminal {
            true => self.link(path, &crate::text::visible_lines(&text)) + "\n",
            false => text + "\n",
        }
    }

    /// Breaks lines for people where stderr is a narrow terminal; wider ones do it well enough themselves.
    pub(crate) fn fit(&self, text: &str) -> String {
        fit(text, columns(&std::io::stderr())).into_owned()
    }

    /// Makes text for people a link to a file, where the terminal shows links.
    pub(crate) fn link(&self, path: &Path, text: &str) -> String {
        match path.canonicalize() {
            Ok(path) if self.links => format!("\x1b]8;;{}\x1b\\{text}\x1b]8;;\x1b\\", file_url(&path)),
            _ => text.to_owned(),
        }
    }

    /// Starts a group of lines that the viewer of a CI run folds.
    pub(crate) fn group(&self, title: &str) {
        if self.github {
            warn(&format!("::group::{}\n", crate::text::plain(title)));
        }
    }

    /// Ends a group.
    pub(crate) fn end_group(&self) {
        if self.github {
            warn("::endgroup::\n");
        }
    }

    /// Returns the style of stderr.
    pub(crate) fn err(&self) -> Style {
        self.err
    }

    /// Returns the style of stdout.
    pub(crate) fn out(&self) -> Style {
        self.out
    }

    /// Prints data, and ends the process quietly if nobody reads it any more. Only where people look at it
    /// are symbols replaced: data in a file is the same whatever the locale.
    pub(crate) fn data(&self, text: &str) {
        let text = if self.terminal { in_locale(text) } else { Cow::Borrowed(text) };
        self.bytes(text.as_bytes());
    }

    /// Prints data that is laid out for people: its lines are broken where stdout is a narrow terminal.
    pub(crate) fn text(&self, text: &str) {
        self.data(&fit(text, self.columns));
    }

    /// Prints data that others wrote: as it is, but for a terminal, which might obey it.
    pub(crate) fn shown(&self, bytes: &[u8]) {
        if self.terminal {
            self.data(&crate::text::visible_lines(&String::from_utf8_lossy(bytes)));
        } else {
            self.bytes(bytes);
        }
    }

    /// Prints data.
    pub(crate) fn bytes(&self, bytes: &[u8]) {
        let mut out = std::io::stdout().lock();
        if let Err(error) = out.write_all(bytes).and_then(|()| out.flush()) {
            ended(&error);
        }
    }

    /// Prints one JSON line.
    pub(crate) fn json_line(&self, value: &impl serde::Serialize) {
        // Plain data with text keys: this cannot fail.
        if let Ok(mut line) = serde_json::to_vec(value) {
            line.push(b'\n');
            self.bytes(&line);
        }
    }

    /// Tells people something, unless they want quiet.
    pub(crate) fn say(&self, text: &str) {
        if !self.quiet {
            warn(text);
        }
    }

    /// Tells people something to know.
    pub(crate) fn note(&self, text: &str) {
        self.say(&format!("{} {text}\n", self.err.cyan("note:")));
    }
}

/// Returns how wide a stream is, if it is a terminal that says so.
fn columns(stream: &impl std::os::fd::AsFd) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// Breaks lines between words where there are few columns.
fn fit(text: &str, columns: Option<usize>) -> Cow<'_, str> {
    const NARROW: usize = 72;
    let Some(columns) = columns.filter(|columns| *columns < NARROW) else { return Cow::Borrowed(text) };
    let mut out = String::new();
    for line in text.lines().flat_map(|line| crate::text::wrap(line, columns.max(20), 4)) {
        out += &line;
        out.push('\n');
    }
    Cow::Owned(out)
}

/// Tells people something whatever they want. Where stderr is gone there is nobody to tell.
pub(crate) fn warn(text: &str) {
    _ = std::io::stderr().lock().write_all(in_locale(text).as_bytes());
}

/// Writes the symbols of our own in ASCII where the locale has no others. Names and values stay as they are.
fn in_locale(text: &str) -> Cow<'_, str> {
    if !ASCII.load(Ordering::Relaxed) || text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '→' => out.push_str("->"),
            '←' => out.push_str("<-"),
            '…' => out.push_str("..."),
            '·' => out.push('.'),
            '█' | '▓' | '▒' | '■' => out.push('#'),
            '├' | '└' | '┬' | '┌' | '┐' | '┘' | '┤' | '┼' | '╭' | '╰' => out.push('+'),
            '─' | '–' | '—' => out.push('-'),
            '│' => out.push('|'),
            '✓' | '✔' => out.push_str("ok"),
            '✗' | '✘' => out.push('x'),
            '•' => out.push('*'),
            '×' => out.push('x'),
            '≥' => out.push_str(">="),
            '≤' => out.push_str("<="),
            other => out.push(other),
        }
    }
    Cow::Owned(out)
}

/// Writes a path as a URL of this machine.
fn file_url(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt as _;
    let mut out = String::from("file://");
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b'~' => {
                out.push(char::from(*byte))
            }
            other => out += &format!("%{other:02X}"),
        }
    }
    out
}

/// Ends the process when stdout does: quietly if its reader went away.
fn ended(error: &std::io::Error) -> ! {
    if error.kind() == std::io::ErrorKind::BrokenPipe {
        crate::end(crate::exit::Exit::Ok);
    }
    let hint = match error.kind() {
        std::io::ErrorKind::StorageFull => "free some space",
        _ => "is what stdout goes to still there?",
    };
    let code = crate::explain::Code::File.word();
    warn(&format!("error[{code}]: cannot write to stdout\n  because: {error}\nhint: {hint}\n"));
    crate::end(crate::exit::Exit::Store)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(vars: &[(&str, &str)]) -> Surroundings {
        Surroundings::read(|name| vars.iter().find(|(var, _)| *var == name).map(|(_, value)| (*value).into()))
    }

    #[test]
    fn conventions_are_kept() {
        assert_eq!(around(&[]), Surroundings::default());
        assert_eq!(around(&[("NO_COLOR", ""), ("CI", ""), ("LANG", "")]), Surroundings::default());
        assert_eq!(around(&[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")]).colour, Some(false));
        assert_eq!(around(&[("CLICOLOR", "0")]).colour, Some(false));
        assert_eq!(around(&[("CLICOLOR", "1")]).colour, None);
        assert_eq!(around(&[("CLICOLOR", "0"), ("CLICOLOR_FORCE", "1")]).colour, Some(true));
        assert_eq!(around(&[("CLICOLOR_FORCE", "0")]).colour, None);
        assert!(around(&[("CI", "true")]).ci && !around(&[("CI", "false")]).ci);
        let github = around(&[("GITHUB_ACTIONS", "true")]);
        assert!(github.ci && github.github);
        assert!(around(&[("TERM", "dumb")]).dumb);
    }

    #[test]
    fn lines_are_broken_where_there_are_few_columns() {
        let text = "ok       file locks   several processes may share the store\n";
        assert_eq!(fit(text, None), text);
        assert_eq!(fit(text, Some(80)), text);
        let due = "ok       file locks   several processes\n    may share the store\n";
        assert_eq!(fit(text, Some(40)), due);
    }

    #[test]
    fn the_locale_is_the_first_that_is_set() {
        for (vars, ascii) in [
            (&[("LANG", "C")][..], true),
            (&[("LANG", "de_DE.ISO-8859-1")], true),
            (&[("LANG", "C.UTF-8")], false),
            (&[("LC_ALL", "POSIX"), ("LANG", "en_GB.utf8")], true),
            (&[("LC_CTYPE", "en_GB.utf8"), ("LANG", "C")], false),
        ] {
            assert_eq!(around(vars).ascii, ascii, "{vars:?}");
        }
    }

    #[test]
    fn links_are_for_terminals_that_show_them() {
        assert!(around(&[("VTE_VERSION", "7600")]).links);
        assert!(!around(&[("VTE_VERSION", "4000")]).links);
        assert!(!around(&[("TERM", "xterm-kitty"), ("CI", "1")]).links);
        assert!(!around(&[("TERM", "xterm-kitty"), ("FORCE_HYPERLINK", "0")]).links);
        assert_eq!(file_url(Path::new("/a b/ü")), "file:///a%20b/%C3%BC");
    }
}
