//! Text that others wrote (names, params, messages, logs), made harmless and visible.
//!
//! A name may hold markup, control characters, or marks that turn the direction of writing so that a line
//! reads as another. Markup is escaped; the rest is shown as what it is.

use std::fmt::Write as _;

/// Shows what cannot be seen, or what changes how other characters are seen: `␛`, `⟨U+202E⟩`. What is left is
/// allowed in XML.
pub(crate) fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\0'..='\u{1f}' => out.extend(char::from_u32(0x2400 + u32::from(c))),
            '\u{7f}' => out.push('␡'),
            '\u{80}'..='\u{9f}'
            | '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{fdd0}'..='\u{fdef}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{fffe}'..='\u{ffff}'
            | '\u{e0000}'..='\u{e007f}' => _ = write!(out, "⟨U+{:04X}⟩", u32::from(c)),
            c => out.push(c),
        }
    }
    out
}

/// Escapes text for HTML and XML, in elements and in quoted attributes.
pub(crate) fn markup(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in visible(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// Escapes JSON for a `<script>` element: nothing in it can end the element or begin another. What is left is
/// ASCII, of which a browser needs half the memory.
pub(crate) fn script(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            // Outside its strings JSON has none of these.
            '<' | '>' | '&' | '\u{7f}'.. => {
                c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| _ = write!(out, "\\u{unit:04x}"));
            }
            c => out.push(c),
        }
    }
    out
}

/// Escapes text for a quoted string of DOT.
pub(crate) fn dot(text: &str) -> String {
    visible(text).replace('\\', "\\\\").replace('"', "\\\"")
}

/// Escapes text for a quoted label of Mermaid, which takes entities with a `#`.
pub(crate) fn mermaid(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in visible(text).chars() {
        match c {
            '#' | '"' | '&' | '<' | '>' | '`' | '\\' | ';' | '*' | '_' | '~' | '$' => {
                _ = write!(out, "#{};", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_hides() {
        assert_eq!(visible("a\u{1b}[31mb\nc\u{7f}\0"), "a␛[31mb␊c␡␀");
        assert_eq!(visible("x\u{202e}gpj.exe\u{85}"), "x⟨U+202E⟩gpj.exe⟨U+0085⟩");
        assert_eq!(visible("Zürich 東京 🛫"), "Zürich 東京 🛫");
    }

    #[test]
    fn nothing_is_markup() {
        assert_eq!(markup(r#"</title><script>"&'"#), "&lt;/title&gt;&lt;script&gt;&quot;&amp;&#39;");
        let json = serde_json::json!({ "a": "</script><!--\u{2028}& 東🛫" }).to_string();
        let safe = script(&json);
        assert!(safe.is_ascii() && !safe.contains(['<', '>', '&']), "{safe}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).ok(), serde_json::from_str(&json).ok());
        assert_eq!(dot("a\"b\\n\n"), "a\\\"b\\\\n␊");
        assert_eq!(mermaid("a\"]--#<b>"), "a#34;]--#35;#60;b#62;");
    }
}
