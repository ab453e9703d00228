//! Calendar types: the proleptic Gregorian calendar, years 0 to 9999, as the host has them.

use super::text_param;
use std::fmt;
use std::str::FromStr;

/// A text that is not a date, month, time or interval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseDateError {
    text: String,
    expected: &'static str,
}

impl ParseDateError {
    pub(super) fn new(text: &str, expected: &'static str) -> Self {
        Self { text: text.to_owned(), expected }
    }
}

impl fmt::Display for ParseDateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not {}", self.text.escape_debug(), self.expected)
    }
}

impl std::error::Error for ParseDateError {}

/// Reads digits alone.
pub(super) fn digits<T: FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// A day of the week.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names of the days say what they are")]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

/// A week of ISO 8601: it starts on a Monday and belongs to the year of its Thursday.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IsoWeek {
    /// The year it belongs to.
    pub year: u16,
    /// From 1 to 53.
    pub week: u8,
}

impl fmt::Display for IsoWeek {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-W{:02}", self.year, self.week)
    }
}

/// A calendar day, such as `2013-01-07`.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

const FIRST: i32 = -719_528;
const LAST: i32 = 2_932_896;

impl Date {
    /// Makes a date, if there is one.
    pub fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let good = year <= 9999 && (1..=12).contains(&month) && day >= 1 && day <= days_in_month(year, month);
        good.then_some(Self { year, month, day })
    }

    /// Returns the year.
    pub fn year(self) -> u16 {
        self.year
    }

    /// Returns the month, from 1.
    pub fn month(self) -> u8 {
        self.month
    }

    /// Returns the day of the month, from 1.
    pub fn day(self) -> u8 {
        self.day
    }

    /// Returns the days since 1970-01-01.
    pub fn days_since_epoch(self) -> i32 {
        // H. Hinnant, "chrono-Compatible Low-Level Date Algorithms": days_from_civil.
        let year = i32::from(self.year) - i32::from(self.month <= 2);
        let era = year.div_euclid(400);
        let of_era = year.rem_euclid(400);
        let month = (i32::from(self.month) + 9) % 12;
        let of_year = (153 * month + 2) / 5 + i32::from(self.day) - 1;
        era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
    }

    /// Returns the date that is this many days after 1970-01-01, if it is in the years 0 to 9999.
    pub fn from_days_since_epoch(days: i32) -> Option<Self> {
        if !(FIRST..=LAST).contains(&days) {
            return None;
        }
        // The inverse, civil_from_days.
        let z = days + 719_468;
        let era = z.div_euclid(146_097);
        let of_era = z.rem_euclid(146_097);
        let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        let year = year + era * 400 + i32::from(month <= 2);
        Self::new(u16::try_from(year).ok()?, u8::try_from(month).ok()?, u8::try_from(day).ok()?)
    }

    /// Returns the date that is this many days later, if it is in the years 0 to 9999.
    pub fn checked_add_days(self, days: i32) -> Option<Self> {
        Self::from_days_since_epoch(self.days_since_epoch().checked_add(days)?)
    }

    /// Returns the date that is this many days later, earlier if negative; no further than the years 0 to
    /// 9999 go.
    #[must_use]
    pub fn plus_days(self, days: i32) -> Self {
        let days = self.days_since_epoch().saturating_add(days).clamp(FIRST, LAST);
        Self::from_days_since_epoch(days).unwrap_or(self)
    }

    /// Returns the next day.
    #[must_use]
    pub fn tomorrow(self) -> Self {
        self.plus_days(1)
    }

    /// Returns the day before.
    #[must_use]
    pub fn yesterday(self) -> Self {
        self.plus_days(-1)
    }

    /// Iterates over the days before this one, this many, the earliest first.
    pub fn days_before(self, count: u32) -> Dates {
        let count = i32::try_from(count).unwrap_or(i32::MAX);
        self.plus_days(count.saturating_neg()).until(self)
    }

    /// Iterates over the days from this one up to another, which is not among them.
    pub fn until(self, end: Self) -> Dates {
        Dates { next: self.days_since_epoch(), end: end.days_since_epoch() }
    }

    /// Returns the days from this date to another.
    pub fn days_to(self, other: Self) -> i32 {
        other.days_since_epoch() - self.days_since_epoch()
    }

    /// Returns the day of the week.
    pub fn weekday(self) -> Weekday {
        use Weekday::{Friday, Monday, Saturday, Sunday, Thursday, Tuesday, Wednesday};
        match (self.days_since_epoch() + 3).rem_euclid(7) {
            0 => Monday,
            1 => Tuesday,
            2 => Wednesday,
            3 => Thursday,
            4 => Friday,
            5 => Saturday,
            _ => Sunday,
        }
    }

    /// Returns the day of the year, from 1.
    pub fn day_of_year(self) -> u16 {
        let first = Self { month: 1, day: 1, ..self };
        u16::try_from(first.days_to(self)).unwrap_or(0) + 1
    }

    /// Returns the Monday of its week.
    #[must_use]
    pub fn monday(self) -> Self {
        self.plus_days(-(self.weekday() as i32))
    }

    /// Returns its week of ISO 8601.
    pub fn iso_week(self) -> IsoWeek {
        let thursday = self.monday().plus_days(3);
        IsoWeek { year: thursday.year, week: u8::try_from((thursday.day_of_year() - 1) / 7 + 1).unwrap_or(0) }
    }

    /// Returns the month that it is in.
    pub fn in_month(self) -> Month {
        Month { year: self.year, month: self.month }
    }
}

fn days_in_month(year: u16, month: u8) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        _ => 31,
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl fmt::Debug for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Date {
    type Err = ParseDateError;

    fn from_str(text: &str) -> Result<Self, ParseDateError> {
        let read = || {
            let good = text.len() == 10 && text.get(4..5)? == "-" && text.get(7..8)? == "-";
            Self::new(digits(text.get(..4)?)?, digits(text.get(5..7)?)?, digits(text.get(8..)?)?).filter(|_| good)
        };
        read().ok_or_else(|| ParseDateError::new(text, "a date such as `2013-01-07`"))
    }
}

text_param!(Date, "date");

/// Days one after the other; [`Iterator::rev`] gives the latest first.
#[derive(Clone, Debug)]
pub struct Dates {
    next: i32,
    end: i32,
}

impl Iterator for Dates {
    type Item = Date;

    fn next(&mut self) -> Option<Date> {
        if self.next >= self.end {
            return None;
        }
        self.next += 1;
        Date::from_days_since_epoch(self.next - 1)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::try_from(self.end - self.next).unwrap_or(0);
        (left, Some(left))
    }
}

impl DoubleEndedIterator for Dates {
    fn next_back(&mut self) -> Option<Date> {
        if self.next >= self.end {
            return None;
        }
        self.end -= 1;
        Date::from_days_since_epoch(self.end)
    }
}

impl ExactSizeIterator for Dates {}

/// A month of a year, such as `2013-01`.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month {
    year: u16,
    month: u8,
}

impl Month {
    /// Makes a month, if there is one.
    pub fn new(year: u16, month: u8) -> Option<Self> {
        Date::new(year, month, 1).map(Date::in_month)
    }

    /// Returns the year.
    pub fn year(self) -> u16 {
        self.year
    }

    /// Returns the month, from 1.
    pub fn month(self) -> u8 {
        self.month
    }

    /// Returns its first day.
    pub fn first_day(self) -> Date {
        Date { year: self.year, month: self.month, day: 1 }
    }

    /// Iterates over its days.
    pub fn days(self) -> Dates {
        let first = self.first_day();
        first.until(first.plus_days(i32::from(days_in_month(self.year, self.month))))
    }

    /// Returns the month that is this many months later, if it is in the years 0 to 9999.
    pub fn checked_add_months(self, months: i32) -> Option<Self> {
        let count = (i32::from(self.year) * 12 + i32::from(self.month) - 1).checked_add(months)?;
        Self::new(u16::try_from(count.div_euclid(12)).ok()?, u8::try_from(count.rem_euclid(12) + 1).ok()?)
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

impl FromStr for Month {
    type Err = ParseDateError;

    fn from_str(text: &str) -> Result<Self, ParseDateError> {
        let read = || {
            let good = text.len() == 7 && text.get(4..5)? == "-";
            Self::new(digits(text.get(..4)?)?, digits(text.get(5..)?)?).filter(|_| good)
        };
        read().ok_or_else(|| ParseDateError::new(text, "a month such as `2013-01`"))
    }
}

text_param!(Month, "month");

/// A year, such as `2013`.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Year(u16);

impl Year {
    /// Makes a year, from 0 to 9999.
    pub fn new(year: u16) -> Option<Self> {
        (year <= 9999).then_some(Self(year))
    }

    /// Returns the number.
    pub fn get(self) -> u16 {
        self.0
    }

    /// Iterates over its months.
    pub fn months(self) -> impl DoubleEndedIterator<Item = Month> {
        (1..=12).map(move |month| Month { year: self.0, month })
    }
}

impl fmt::Display for Year {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}", self.0)
    }
}

impl FromStr for Year {
    type Err = ParseDateError;

    fn from_str(text: &str) -> Result<Self, ParseDateError> {
        let year = digits(text).filter(|_| text.len() == 4).and_then(Self::new);
        year.ok_or_else(|| ParseDateError::new(text, "a year such as `2013`"))
    }
}

text_param!(Year, "year");

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn date(text: &str) -> Date {
        text.parse().unwrap()
    }

    #[test]
    fn every_day_of_ten_thousand_years_comes_in_order() {
        let mut due = date("0000-01-01");
        let mut count = 0;
        for day in date("0000-01-01").until(date("9999-12-31")) {
            assert_eq!(day, due);
            assert_eq!(day.days_since_epoch(), FIRST + count);
            due = Date::new(due.year, due.month, due.day + 1)
                .or_else(|| Date::new(due.year, due.month + 1, 1))
                .or_else(|| Date::new(due.year + 1, 1, 1))
                .unwrap();
            count += 1;
        }
        assert_eq!((count, due), (LAST - FIRST, date("9999-12-31")));
        assert_eq!(date("1970-01-01").days_since_epoch(), 0);
    }

    #[test]
    fn weeks_are_those_of_iso_8601() {
        for (day, week) in [
            ("2005-01-01", "2004-W53"),
            ("2007-12-31", "2008-W01"),
            ("2010-01-03", "2009-W53"),
            ("2013-01-07", "2013-W02"),
        ] {
            assert_eq!(date(day).iso_week().to_string(), week, "{day}");
        }
        assert_eq!(date("2013-01-07").weekday(), Weekday::Monday);
        assert_eq!(date("2013-01-13").monday(), date("2013-01-07"));
    }

    #[test]
    fn days_before_are_in_order_and_without_the_day_itself() {
        let days: Vec<String> = date("2013-03-01").days_before(2).map(|day| day.to_string()).collect();
        assert_eq!(days, ["2013-02-27", "2013-02-28"]);
        assert_eq!(date("0000-01-03").days_before(100).len(), 2);
        assert_eq!(date("9999-12-31").plus_days(5), date("9999-12-31"));
        assert_eq!("2012-02".parse::<Month>().unwrap().days().len(), 29);
        assert_eq!("2012-11".parse::<Month>().unwrap().checked_add_months(3).unwrap().to_string(), "2013-02");
    }

    #[test]
    fn impossible_dates_are_refused() {
        for text in
            ["2013-02-29", "1900-02-29", "2013-13-01", "2013-1-1", "", "2013-01-0é", "+013-01-01", "10000-01-01"]
        {
            assert!(text.parse::<Date>().is_err(), "{text}");
        }
        assert!("2013-00".parse::<Month>().is_err());
        assert!("13".parse::<Year>().is_err());
    }
}
