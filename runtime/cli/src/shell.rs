//! The terminal: stdout is data, stderr is for people. Nothing else prints.

use crate::args::{Color, OutputArgs};
use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _};

/// How to speak.
#[derive(Clone, Debug)]
pub(crate) struct Shell {
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    pub(crate) verbose: bool,
    /// Whether stderr is a terminal that can redraw.
    pub(crate) live: bool,
    err: Style,
    out: Style,
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
    pub(crate) fn new(args: &OutputArgs, no_color: bool, dumb: bool) -> Self {
        let colour = |terminal: bool| match args.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && !no_color && !dumb,
        };
        let (out, err) = (std::io::stdout().is_terminal(), std::io::stderr().is_terminal());
        Self {
            json: args.json,
            quiet: args.quiet,
            verbose: args.verbose,
            live: err && !dumb && !args.quiet,
            err: Style(colour(err)),
            out: Style(colour(out)),
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

    /// Prints data, and ends the process quietly if nobody reads it any more.
    pub(crate) fn data(&self, text: &str) {
        self.bytes(text.as_bytes());
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

/// Tells people something whatever they want. Where stderr is gone there is nobody to tell.
pub(crate) fn warn(text: &str) {
    _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// Ends the process when stdout does: quietly if its reader went away.
fn ended(error: &std::io::Error) -> ! {
    if error.kind() == std::io::ErrorKind::BrokenPipe {
        crate::end(crate::exit::Exit::Ok);
    }
    warn(&format!("error: cannot write to stdout\n  because: {error}\n"));
    crate::end(crate::exit::Exit::Store)
}
