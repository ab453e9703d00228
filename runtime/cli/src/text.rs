//! Numbers, times and params as people read them.

use std::collections::{BTreeMap, BTreeSet};
use wrun_core::param::{ParamSpec, ParamType, Params, Value, Visibility};

/// Shows a count with its thousands apart.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Shows a count and a noun.
pub(crate) fn counted(n: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(n), if n == 1 { "" } else { "s" })
}

/// Joins parts of a sentence: `a`, `a and b`, `a, b and c`.
pub(crate) fn listed(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Shows seconds, to about two figures.
pub(crate) fn seconds(value: f64) -> String {
    let value = value.max(0.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "shown to people")]
    let whole = value.round() as u64;
    match value {
        _ if value < 0.0095 => format!("{:.1} ms", value * 1e3),
        _ if value < 0.95 => format!("{:.0} ms", value * 1e3),
        _ if value < 9.5 => format!("{value:.1} s"),
        _ if whole < 60 => format!("{whole} s"),
        _ if whole < 3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

/// Shows a size.
pub(crate) fn bytes(value: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "shown to people")]
    let in_units = |power: i32| value as f64 / 1024_f64.powi(power);
    match value {
        0..1024 => format!("{value} B"),
        1024..0x10_0000 => format!("{:.0} KiB", in_units(1)),
        0x10_0000..0x4000_0000 => format!("{:.1} MiB", in_units(2)),
        _ => format!("{:.1} GiB", in_units(3)),
    }
}

/// Shows bytes a second.
pub(crate) fn rate(bytes_per_second: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "shown to people; a cast saturates"
    )]
    let whole = bytes_per_second as u64;
    format!("{}/s", bytes(whole))
}

/// Shortens a text to a width in characters.
pub(crate) fn clip(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut out: String = text.chars().take(width.saturating_sub(1)).collect();
    out.push('…');
    out
}

/// Makes text from a guest harmless: one line, without control characters, and without those that turn the
/// direction of what follows.
pub(crate) fn plain(text: &str) -> String {
    let turns =
        |c| matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let line_ends = |c| matches!(c, '\u{2028}' | '\u{2029}');
    text.chars().map(|c| if c.is_control() || turns(c) || line_ends(c) { ' ' } else { c }).collect()
}

/// Shows a name as it is: what would move the cursor or turn the direction is written as an escape.
pub(crate) fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if plain(c.encode_utf8(&mut [0; 4])).starts_with(' ') && c != ' ' {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// Shows a text of several lines as it is, without obeying it: tabs and ends of lines stay.
pub(crate) fn visible_lines(text: &str) -> String {
    let line = |line: &str| line.split('\t').map(visible).collect::<Vec<_>>().join("\t");
    text.split('\n').map(|text| line(text.strip_suffix('\r').unwrap_or(text))).collect::<Vec<_>>().join("\n")
}

/// Breaks a line between words, so that each part has at most so many columns, unless one word has more.
/// Parts after the first are in by so much more than the first. Colours and links take no room.
pub(crate) fn wrap(line: &str, width: usize, hang: usize) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let inset = line.chars().take_while(|c| *c == ' ').count();
    let (mut part, mut columns) = (String::new(), 0);
    // The word that grows, with the blanks before it.
    let (mut blanks, mut word, mut long) = (inset, String::new(), 0);
    let mut escape = None;
    for c in line.chars().skip(inset).chain([' ']) {
        match escape {
            Some(kind) => {
                word.push(c);
                escape = match (kind, c) {
                    (Escape::Begun, '[') => Some(Escape::Csi),
                    (Escape::Begun, ']') => Some(Escape::Osc),
                    (Escape::Begun, _) | (Escape::Csi, '@'..='~') => None,
                    (Escape::Osc, '\x07') => None,
                    (Escape::Osc, '\x1b') => Some(Escape::Begun),
                    (kind, _) => Some(kind),
                };
            }
            None if c == '\x1b' => {
                word.push(c);
                escape = Some(Escape::Begun);
            }
            None if c != ' ' => {
                word.push(c);
                long += 1;
            }
            None if word.is_empty() => blanks += 1,
            None => {
                if columns > 0 && columns + blanks + long > width {
                    out.push(std::mem::take(&mut part));
                    blanks = inset + hang;
                    columns = 0;
                }
                part.extend(std::iter::repeat_n(' ', blanks));
                part.push_str(&word);
                columns += blanks + long;
                word.clear();
                (blanks, long) = (1, 0);
            }
        }
    }
    part.push_str(&word);
    out.push(part);
    out
}

/// Where in an escape sequence a character is.
#[derive(Copy, Clone)]
enum Escape {
    Begun,
    Csi,
    Osc,
}

/// Returns the params whose values are not the same in all calls.
pub(crate) fn varying<'a>(calls: &[&'a Params]) -> BTreeSet<&'a str> {
    let mut out = BTreeSet::new();
    if let Some((first, rest)) = calls.split_first() {
        for (name, value) in first.0.iter() {
            if rest.iter().any(|call| call.0.get(name) != Some(value)) {
                out.insert(name);
            }
        }
    }
    out
}

/// Says which params a group of calls has: the values of those that vary among all calls of the task type,
/// consecutive ones folded. Where none varies, those that are not the default.
pub(crate) fn fold(calls: &[&Params], specs: &[ParamSpec], varying: &BTreeSet<&str>) -> String {
    let mut values: BTreeMap<&str, BTreeSet<Sorted>> = BTreeMap::new();
    for call in calls {
        for (name, value) in call.0.iter() {
            let spec = specs.iter().find(|spec| spec.name == name);
            let shown = spec.is_none_or(|spec| spec.visibility == Visibility::Public);
            let told = if varying.is_empty() { !is_default(spec, value) } else { varying.contains(name) };
            if shown && told {
                values.entry(name).or_default().insert(Sorted::new(value));
            }
        }
    }
    // What is absent everywhere has no name either.
    values.retain(|_, values| values.iter().any(|value| value.1 != NONE));
    let part = |(name, values): (&str, BTreeSet<Sorted>)| {
        let kind = specs.iter().find(|spec| spec.name == name).map(|spec| &spec.kind);
        format!("{name}={}", folded(&values, kind))
    };
    plain(&values.into_iter().map(part).collect::<Vec<_>>().join(" "))
}

fn is_default(spec: Option<&ParamSpec>, value: &Value) -> bool {
    let Some(spec) = spec else { return false };
    match &spec.default {
        Some(json) => {
            serde_json::from_str(json).ok().and_then(|raw| spec.kind.parse_json(raw)).as_ref() == Some(value)
        }
        None => *value == Value::Null,
    }
}

/// An optional param that is absent, where others of its group have it.
const NONE: &str = "none";

/// A value in the order in which people count.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Sorted(Option<i128>, String);

impl Sorted {
    fn new(value: &Value) -> Self {
        match value {
            Value::Int(digits) => Self(digits.parse().ok(), digits.clone()),
            Value::Null => Self(None, NONE.to_owned()),
            other => Self(None, other.to_text()),
        }
    }
}

fn folded(values: &BTreeSet<Sorted>, kind: Option<&ParamType>) -> String {
    const MOST: usize = 3;
    let mut runs: Vec<(&Sorted, &Sorted)> = Vec::new();
    for value in values {
        match runs.last_mut() {
            Some((_, last)) if follows(last, value, kind) => *last = value,
            _ => runs.push((value, value)),
        }
    }
    let show = |(first, last): &(&Sorted, &Sorted)| match first == last {
        true => clip(&first.1, 40),
        false => format!("{}..{}", first.1, last.1),
    };
    let mut shown: Vec<String> = runs.iter().take(MOST).map(show).collect();
    if runs.len() > MOST {
        shown.push(format!("… ({} values)", count(values.len() as u64)));
    }
    shown.join(",")
}

fn follows(one: &Sorted, two: &Sorted, kind: Option<&ParamType>) -> bool {
    match kind {
        Some(ParamType::Optional(inner)) => follows(one, two, Some(inner)),
        Some(ParamType::Date) => {
            let date = |text: &Sorted| text.1.parse::<jiff::civil::Date>().ok();
            date(one).and_then(|date| date.tomorrow().ok()).is_some_and(|next| date(two) == Some(next))
        }
        Some(ParamType::Month) => {
            let month = |text: &Sorted| {
                let (year, month) = text.1.split_once('-')?;
                Some(year.parse::<i32>().ok()? * 12 + month.parse::<i32>().ok()?)
            };
            month(one).is_some_and(|month_one| month(two) == Some(month_one + 1))
        }
        Some(ParamType::Int { .. } | ParamType::Year) => {
            let number = |text: &Sorted| text.0.or_else(|| text.1.parse().ok());
            number(one).is_some_and(|number_one| number(two) == number_one.checked_add(1))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn numbers_are_readable() {
        assert_eq!([count(0), count(999), count(1000), count(1_234_567)], ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(counted(1, "task"), "1 task");
        assert_eq!(
            [0.0012, 0.012, 0.94, 1.24, 9.49, 59.4, 61.0, 3725.0].map(seconds),
            ["1.2 ms", "12 ms", "940 ms", "1.2 s", "9.5 s", "59 s", "1 min 01 s", "1 h 02 min"]
        );
        assert_eq!([bytes(7), bytes(212 << 10), bytes(3 << 20)], ["7 B", "212 KiB", "3.0 MiB"]);
        assert_eq!([bytes((1 << 30) - 1), bytes(66 << 30)], ["1024.0 MiB", "66.0 GiB"]);
        assert_eq!(visible_lines("a\tb\r\n\x1b[2Jc\n"), "a\tb\n\\u{1b}[2Jc\n");
        assert_eq!(clip("abcdef", 4), "abc…");
        assert_eq!(plain("a\u{1b}[1m\u{202e}b\n"), "a [1m b ");
        assert_eq!(wrap("  one two three", 10, 0), ["  one two", "  three"]);
        assert_eq!(wrap("elephantine is", 5, 0), ["elephantine", "is"]);
        assert_eq!(wrap("", 5, 0), [""]);
        assert_eq!(wrap("  a  1 ran  x", 9, 4), ["  a  1", "      ran", "      x"]);
        assert_eq!(wrap("a  b   c", 80, 0), ["a  b   c"]);
        assert_eq!(wrap("\x1b[1mab\x1b[0m cd", 5, 0), ["\x1b[1mab\x1b[0m cd"]);
        assert_eq!(wrap("\x1b]8;;file:///x y\x1b\\ab\x1b]8;;\x1b\\ cd", 5, 0).len(), 1);
    }

    #[test]
    fn consecutive_values_are_folded() {
        let spec = |name: &str, kind: &str, default: Option<&str>| ParamSpec {
            name: name.into(),
            doc: String::new(),
            kind: kind.parse().unwrap(),
            default: default.map(str::to_owned),
            significant: true,
            visibility: Visibility::Public,
            positional: false,
        };
        let specs = [spec("date", "date", None), spec("n", "int", Some("7")), spec("s", "string", Some("\"x\""))];
        let call = |json: &str| Params::from_json("t", &specs, json).unwrap();
        let calls: Vec<Params> = (1..=31).map(|day| call(&format!(r#"{{"date":"2013-01-{day:02}"}}"#))).collect();
        let calls: Vec<&Params> = calls.iter().collect();
        let folded = |calls: &[&Params]| fold(calls, &specs, &varying(calls));
        assert_eq!(folded(&calls), "date=2013-01-01..2013-01-31");
        assert_eq!(folded(&[calls[0], calls[1], calls[4]]), "date=2013-01-01..2013-01-02,2013-01-05");
        assert_eq!(folded(&calls[2..3]), "date=2013-01-03");
        let (one, two) = (call(r#"{"date":"2013-01-01","n":9}"#), call(r#"{"date":"2013-01-01","n":10}"#));
        assert_eq!(folded(&[&two, &one]), "n=9..10");
        assert_eq!(folded(&[&one]), "date=2013-01-01 n=9");
        assert_eq!(fold(&[&one], &specs, &BTreeSet::from(["n"])), "n=9");
        let text = |s: &str| call(&serde_json::json!({"date": "2013-01-01", "s": s}).to_string());
        let many: Vec<Params> = ["a", "b", "c", "d\n"].map(text).into();
        assert_eq!(folded(&many.iter().collect::<Vec<_>>()), "s=a,b,c,… (4 values)");
    }
}
