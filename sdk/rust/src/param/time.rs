//! Times of day without a zone, intervals and durations.

use super::date::{Date, Dates, ParseDateError, digits};
use super::{Param, read_text, text_param};
use serde_json::value::RawValue;
use std::fmt;
use std::str::FromStr;

fn part(text: &str, from: usize, sign: &str, most: u8) -> Option<u8> {
    let good = text.get(from..=from)? == sign;
    digits(text.get(from + 1..from + 3)?).filter(|value| good && *value <= most)
}

/// An hour of a day, such as `2013-01-07T05`.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hour {
    date: Date,
    hour: u8,
}

impl Hour {
    /// Makes an hour, from 0 to 23.
    pub fn new(date: Date, hour: u8) -> Option<Self> {
        (hour < 24).then_some(Self { date, hour })
    }

    /// Returns its day.
    pub fn date(self) -> Date {
        self.date
    }

    /// Returns the hour, from 0.
    pub fn hour(self) -> u8 {
        self.hour
    }

    /// Returns the hour that is this many hours later, if it is in the years 0 to 9999.
    pub fn checked_add_hours(self, hours: i32) -> Option<Self> {
        let total = i32::from(self.hour).checked_add(hours)?;
        let date = self.date.checked_add_days(total.div_euclid(24))?;
        Self::new(date, u8::try_from(total.rem_euclid(24)).ok()?)
    }
}

impl Date {
    /// Iterates over its 24 hours.
    pub fn hours(self) -> impl DoubleEndedIterator<Item = Hour> {
        (0..24).map(move |hour| Hour { date: self, hour })
    }
}

impl fmt::Display for Hour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}T{:02}", self.date, self.hour)
    }
}

impl FromStr for Hour {
    type Err = ParseDateError;

    fn from_str(text: &str) -> Result<Self, ParseDateError> {
        let read = || {
            let date = text.get(..10)?.parse().ok()?;
            Self::new(date, part(text, 10, "T", 23)?).filter(|_| text.len() == 13)
        };
        read().ok_or_else(|| ParseDateError::new(text, "an hour such as `2013-01-07T05`"))
    }
}

text_param!(Hour, "hour");

/// A minute of a day, such as `2013-01-07T05:30`.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Minute {
    hour: Hour,
    minute: u8,
}

impl Minute {
    /// Makes a minute, from 0 to 59.
    pub fn new(hour: Hour, minute: u8) -> Option<Self> {
        (minute < 60).then_some(Self { hour, minute })
    }

    /// Returns its hour.
    pub fn in_hour(self) -> Hour {
        self.hour
    }

    /// Returns the minute, from 0.
    pub fn minute(self) -> u8 {
        self.minute
    }
}

impl fmt::Display for Minute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{:02}", self.hour, self.minute)
    }
}

impl FromStr for Minute {
    type Err = ParseDateError;

    fn from_str(text: &str) -> Result<Self, ParseDateError> {
        let read = || {
            let hour = text.get(..13)?.parse().ok()?;
            Self::new(hour, part(text, 13, ":", 59)?).filter(|_| text.len() == 16)
        };
        read().ok_or_else(|| ParseDateError::new(text, "a minute such as `2013-01-07T05:30`"))
    }
}

text_param!(Minute, "minute");

/// A second of a day, such as `2013-01-07T05:30:15`.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Second {
    minute: Minute,
    second: u8,
}

impl Second {
    /// Makes a second, from 0 to 59.
    pub fn new(minute: Minute, second: u8) -> Option<Self> {
        (second < 60).then_some(Self { minute, second })
    }

    /// Returns its minute.
    pub fn in_minute(self) -> Minute {
        self.minute
    }

    /// Returns the second, from 0.
    pub fn second(self) -> u8 {
        self.second
    }
}

impl fmt::Display for Second {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{:02}", self.minute, self.second)
    }
}

impl FromStr for Second {
    type Err = ParseDateError;

    fn from_str(text: &str) -> Result<Self, ParseDateError> {
        let read = || {
            let minute = text.get(..16)?.parse().ok()?;
            Self::new(minute, part(text, 16, ":", 59)?).filter(|_| text.len() == 19)
        };
        read().ok_or_else(|| ParseDateError::new(text, "a second such as `2013-01-07T05:30:15`"))
    }
}

text_param!(Second, "second");

/// Days from a start up to an end, which is not among them, such as `2013-01-01/2013-01-08`.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interval {
    start: Date,
    end: Date,
}

impl Interval {
    /// Makes an interval of at least one day.
    pub fn new(start: Date, end: Date) -> Option<Self> {
        (start < end).then_some(Self { start, end })
    }

    /// Returns the first day.
    pub fn start(self) -> Date {
        self.start
    }

    /// Returns the day after the last.
    pub fn end(self) -> Date {
        self.end
    }

    /// Iterates over the days.
    pub fn days(self) -> Dates {
        self.start.until(self.end)
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.start, self.end)
    }
}

impl FromStr for Interval {
    type Err = ParseDateError;

    fn from_str(text: &str) -> Result<Self, ParseDateError> {
        let read = || {
            let (start, end) = text.split_once('/')?;
            Self::new(start.parse().ok()?, end.parse().ok()?)
        };
        read().ok_or_else(|| ParseDateError::new(text, "an interval such as `2013-01-01/2013-01-08`"))
    }
}

text_param!(Interval, "interval");

/// A length of time in seconds; it may be negative.
#[derive(Copy, Clone, Debug, PartialEq, PartialOrd)]
pub struct Duration(f64);

impl Duration {
    /// Makes a duration; what is not finite counts as none.
    pub fn from_seconds(seconds: f64) -> Self {
        Self(if seconds.is_finite() { seconds } else { 0.0 })
    }

    /// Returns the seconds.
    pub fn seconds(self) -> f64 {
        self.0
    }

    /// Returns the standard library's type, if it is not negative.
    pub fn to_std(self) -> Option<std::time::Duration> {
        std::time::Duration::try_from_secs_f64(self.0).ok()
    }
}

impl From<std::time::Duration> for Duration {
    fn from(duration: std::time::Duration) -> Self {
        Self(duration.as_secs_f64())
    }
}

impl fmt::Display for Duration {
    /// Writes ISO 8601, such as `PT90S`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Nanoseconds are the finest that the host knows.
        let text = format!("{:.9}", self.0.abs());
        let text = text.trim_end_matches('0').trim_end_matches('.');
        write!(f, "{}PT{text}S", if self.0 < 0.0 { "-" } else { "" })
    }
}

impl Param for Duration {
    type Plain = Self;
    fn kind() -> String {
        "duration".to_owned()
    }
    fn read(json: &RawValue) -> Option<Self> {
        // Canonically seconds; what a task passed on, natively, is still ISO 8601.
        match read_text(json) {
            Some(text) => Self::from_text(&text),
            None => json.get().parse().ok().filter(|seconds: &f64| seconds.is_finite()).map(Self),
        }
    }
    fn write(&self, out: &mut String) {
        super::write_text(out, &self.to_string());
    }
    fn from_plain(plain: Self) -> Self {
        plain
    }
    fn from_text(text: &str) -> Option<Self> {
        let (sign, rest) = text.strip_prefix('-').map_or((1.0, text), |rest| (-1.0, rest));
        let seconds: f64 = rest.strip_prefix("PT")?.strip_suffix('S')?.parse().ok()?;
        seconds.is_finite().then_some(Self(sign * seconds))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn times_that_do_not_exist_are_refused() {
        for text in ["2013-01-07T24", "2013-01-07 05", "2013-01-07T5", "2013-01-07T055"] {
            assert!(text.parse::<Hour>().is_err(), "{text}");
        }
        assert!("2013-01-07T05:60".parse::<Minute>().is_err());
        assert!("2013-01-07T05:30:60".parse::<Second>().is_err());
        assert!("2013-01-08/2013-01-08".parse::<Interval>().is_err());
    }

    #[test]
    fn hours_carry_into_days() {
        let hour: Hour = "2013-01-07T23".parse().unwrap();
        assert_eq!(hour.checked_add_hours(2).unwrap().to_string(), "2013-01-08T01");
        assert_eq!(hour.date().hours().next_back(), Some(hour));
    }

    #[test]
    fn a_duration_reads_seconds_and_writes_iso_8601() {
        for (json, text) in [("90.0", "PT90S"), ("-1.5", "-PT1.5S"), ("0.0", "PT0S"), ("100.0", "PT100S")] {
            let duration = Duration::read(serde_json::from_str(json).unwrap()).unwrap();
            assert_eq!(duration.to_string(), text);
            assert_eq!(Duration::from_text(text), Some(duration));
        }
    }
}
