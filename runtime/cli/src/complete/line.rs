//! The words of a bash line, and how bash takes an answer.
//!
//! bash breaks words at `=` and `:` too, and replaces only what is behind the last of them. So it hands over
//! the whole line, which is split here, and gets back only that part.

/// A line up to the cursor.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    /// The words before the one at the cursor; the first is the program.
    pub(super) words: Vec<String>,
    /// The word at the cursor, without quotes.
    pub(super) current: String,
    /// The quote that is open at the cursor.
    quote: Option<char>,
}

impl Line {
    /// Splits as a shell does, without expanding anything.
    pub(super) fn parse(text: &str) -> Self {
        let mut out = Self::default();
        let (mut word, mut begun, mut quote) = (String::new(), false, None);
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            match (c, quote) {
                (c, Some(open)) if c == open => quote = None,
                ('\\', None | Some('"')) => {
                    begun = true;
                    word.extend(chars.next());
                }
                (c, Some(_)) => word.push(c),
                ('\'' | '"', None) => {
                    begun = true;
                    quote = Some(c);
                }
                (c, None) if c.is_whitespace() => {
                    if begun || !word.is_empty() {
                        out.words.push(std::mem::take(&mut word));
                    }
                    begun = false;
                }
                (c, None) => word.push(c),
            }
        }
        out.current = word;
        out.quote = quote;
        out
    }

    /// Writes a candidate as bash wants it: without what stands before the last break, and quoted.
    pub(super) fn for_bash(&self, value: &str, breaks: &str) -> String {
        let is_break = |c: char| matches!(c, '=' | ':') && breaks.contains(c);
        let kept = match self.quote {
            // Within quotes nothing breaks.
            Some(_) => 0,
            None => self.current.rfind(is_break).map_or(0, |at| at + 1),
        };
        let rest = value.get(kept..).unwrap_or(value);
        let special = |c: char| !(c.is_alphanumeric() || "_-./=:,+@%~".contains(c));
        let mut out = String::new();
        for c in rest.chars().filter(|c| !c.is_control()) {
            if self.quote.is_none() && special(c) {
                out.push('\\');
            }
            out.push(c);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_split_as_the_shell_does() {
        let line = Line::parse(r#"wrun build "a b.wasm" x\ y -p 'date=20"#);
        assert_eq!(line.words, ["wrun", "build", "a b.wasm", "x y", "-p"]);
        assert_eq!((line.current.as_str(), line.quote), ("date=20", Some('\'')));
        assert_eq!(Line::parse("wrun ").words, ["wrun"]);
        assert_eq!(Line::parse("wrun '' ").words, ["wrun", ""]);
        assert_eq!(Line::parse("").words, [""; 0]);
    }

    #[test]
    fn bash_gets_what_is_behind_the_last_break() {
        let line = Line::parse("wrun build x.wasm -p date=to");
        assert_eq!(line.for_bash("date=today", " =:"), "today");
        assert_eq!(line.for_bash("date=today", " "), "date=today");
        assert_eq!(Line::parse("wrun 'date=to").for_bash("date=today x", " =:"), "date=today x");
        assert_eq!(Line::parse("wrun a").for_bash("a b&c.csv", " =:"), r"a\ b\&c.csv");
    }
}
