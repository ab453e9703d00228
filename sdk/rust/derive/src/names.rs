//! From Rust's names to wrun's.

use syn::{Attribute, Error, Expr, ExprLit, Lit, Meta};

/// `SplitByDay` → `split-by-day`.
pub(crate) fn kebab(name: &str) -> String {
    let chars: Vec<char> = name.trim_start_matches("r#").chars().collect();
    let mut out = String::new();
    for (i, &c) in chars.iter().enumerate() {
        let before = i.checked_sub(1).and_then(|i| chars.get(i));
        let starts = before.is_some_and(|p| !p.is_uppercase() && *p != '_')
            || (before.is_some_and(|p| p.is_uppercase()) && chars.get(i + 1).is_some_and(|n| n.is_lowercase()));
        if c == '_' {
            out.push('-');
        } else {
            if c.is_uppercase() && starts {
                out.push('-');
            }
            out.extend(c.to_lowercase());
        }
    }
    out
}

/// Checks a name as the host does.
pub(crate) fn check(what: &str, name: &str, also: &str, span: proc_macro2::Span) -> syn::Result<()> {
    let good = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.len() <= 64
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || also.contains(c));
    if good {
        return Ok(());
    }
    let message = format!(
        "{what} `{name}` must be lower-case letters, digits and `-`, start with a letter, and have at most 64 \
         characters; `name = \"…\"` gives it another"
    );
    Err(Error::new(span, message))
}

/// Joins the doc comments of an item.
pub(crate) fn doc(attrs: &[Attribute]) -> String {
    let line = |attr: &Attribute| match &attr.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => {
                let text = text.value();
                Some(text.strip_prefix(' ').unwrap_or(&text).trim_end().to_owned())
            }
            _ => None,
        },
        _ => None,
    };
    let lines: Vec<String> = attrs.iter().filter_map(line).collect();
    lines.join("\n").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_start_at_capitals() {
        for (rust, wrun) in [
            ("SplitByDay", "split-by-day"),
            ("Report", "report"),
            ("HTMLPage", "html-page"),
            ("Top10", "top10"),
            ("r#type", "type"),
            ("A", "a"),
        ] {
            assert_eq!(kebab(rust), wrun);
        }
    }
}
