//! Relative dates and ranges, as people type them. The host resolves both once, before anything is
//! canonical; `today` is given to this module, which has no clock.

use super::ParamType;
use super::parse::date;
use jiff::civil::Date;
use jiff::{Span, ToSpan};

/// The date on which `today` falls, in the zone of wrun.toml.
#[derive(Copy, Clone, Debug)]
pub struct Today(pub Date);

impl Today {
    /// Resolves `today`, `yesterday`, `tomorrow` and `today±N[dwmy]`; `None` if the text is none of these.
    pub fn resolve(&self, text: &str) -> Option<Date> {
        match text {
            "today" => return Some(self.0),
            "yesterday" => return self.0.yesterday().ok(),
            "tomorrow" => return self.0.tomorrow().ok(),
            _ => {}
        }
        let offset = text.strip_prefix("today")?;
        let unit = offset.chars().last()?;
        let count: i64 = offset.strip_suffix(unit)?.parse().ok()?;
        if !offset.starts_with(['+', '-']) || count.abs() > 100_000 {
            return None;
        }
        let span: Span = match unit {
            'd' => count.days(),
            'w' => count.weeks(),
            'm' => count.months(),
            'y' => count.years(),
            _ => return None,
        };
        self.0.checked_add(span).ok()
    }
}

/// A text that is a range of dates, months, hours or whole numbers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DateRange {
    /// The end is before the start.
    #[error("the range `{0}` is reversed: its end is before its start")]
    Reversed(String),
    /// Too many.
    #[error("the range `{0}` has more than {1} members")]
    TooLong(String, usize),
    /// An end of the range is not of the type.
    #[error("`{0}` in a range is not {1}")]
    Bad(String, String),
}

/// A range of more members than this is refused.
const LONGEST: usize = 1_000_000;

/// Resolves what a person typed for a param of type date, month or hour: relative dates, and `a..b`
/// (both ends inclusive), which gives one text for each member. Other types and texts come back as
/// they are.
pub fn expand_range(kind: &ParamType, text: &str, today: Today) -> Result<Vec<String>, DateRange> {
    let kind = match kind {
        ParamType::Optional(inner) => inner,
        kind => kind,
    };
    let one = |text: &str| match (kind, today.resolve(text)) {
        (ParamType::Date, Some(date)) => date.to_string(),
        (ParamType::Month, Some(date)) => date.strftime("%Y-%m").to_string(),
        _ => text.to_owned(),
    };
    let span: fn(i64) -> Span = match kind {
        ParamType::Date => |n| n.days(),
        ParamType::Month => |n| n.months(),
        ParamType::Hour => |n| n.hours(),
        _ => return Ok(vec![text.to_owned()]),
    };
    let Some((from, to)) = text.split_once("..") else { return Ok(vec![one(text)]) };
    let canonical = |text: &str| {
        let text = one(text);
        kind.parse_text(&text).map(|v| v.to_text()).ok_or_else(|| DateRange::Bad(text, kind.expected()))
    };
    let (from, to) = (canonical(from)?, canonical(to)?);
    let full = |text: &str| match kind {
        ParamType::Month => date(&format!("{text}-01")).map(|date| date.at(0, 0, 0, 0)),
        ParamType::Hour => format!("{text}:00:00").parse().ok(),
        _ => date(text).map(|date| date.at(0, 0, 0, 0)),
    };
    let (Some(start), Some(end)) = (full(&from), full(&to)) else {
        return Err(DateRange::Bad(from, kind.expected()));
    };
    if end < start {
        return Err(DateRange::Reversed(text.to_owned()));
    }
    let format = match kind {
        ParamType::Month => "%Y-%m",
        ParamType::Hour => "%Y-%m-%dT%H",
        _ => "%Y-%m-%d",
    };
    let mut members = Vec::new();
    for n in 0.. {
        match start.checked_add(span(n)) {
            Ok(at) if at <= end => members.push(at.strftime(format).to_string()),
            _ => break,
        }
        if members.len() > LONGEST {
            return Err(DateRange::TooLong(text.to_owned(), LONGEST));
        }
    }
    Ok(members)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(kind: &str, text: &str) -> Result<Vec<String>, DateRange> {
        expand_range(&kind.parse().unwrap(), text, Today(jiff::civil::date(2013, 3, 1)))
    }

    #[test]
    fn relative_dates_count_from_today() {
        for (text, date) in [
            ("today", "2013-03-01"),
            ("yesterday", "2013-02-28"),
            ("today-7d", "2013-02-22"),
            ("today+1w", "2013-03-08"),
            ("today-1m", "2013-02-01"),
            ("2013-01-07", "2013-01-07"),
        ] {
            assert_eq!(expand("date", text).unwrap(), [date]);
        }
        assert_eq!(expand("string", "today").unwrap(), ["today"]);
        assert_eq!(expand("month", "today").unwrap(), ["2013-03"]);
    }

    #[test]
    fn ranges_have_both_their_ends() {
        assert_eq!(expand("date", "2013-02-27..today").unwrap(), ["2013-02-27", "2013-02-28", "2013-03-01"]);
        assert_eq!(expand("date", "2013-01-01..2013-12-31").unwrap().len(), 365);
        assert_eq!(expand("month", "2012-11..2013-01").unwrap(), ["2012-11", "2012-12", "2013-01"]);
        assert_eq!(expand("hour", "2013-01-01T23..2013-01-02T00").unwrap(), ["2013-01-01T23", "2013-01-02T00"]);
    }

    #[test]
    fn reversed_and_impossible_ranges_are_errors() {
        assert!(matches!(expand("date", "2013-01-02..2013-01-01"), Err(DateRange::Reversed(_))));
        assert!(matches!(expand("date", "2013-02-30..2013-03-01"), Err(DateRange::Bad(..))));
        assert!(matches!(expand("date", "..2013-03-01"), Err(DateRange::Bad(..))));
    }
}
