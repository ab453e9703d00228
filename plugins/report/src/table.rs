//! Reads flights, and writes and reads the tables made of them.
//!
//! The flights have no quoted fields, so lines are cut at their commas; a quote is refused. That is what
//! lets a year of 31 MB be split in a fraction of a second.

use std::collections::{BTreeMap, HashMap};
use wrun_task::{Date, Describe, Error, Result};

const AIRLINES: &str = include_str!("../data/airlines.csv");
const DAY_HEADER: &str =
    "carrier,name,flights,cancelled,mean_dep_delay,median_dep_delay,p95_dep_delay,on_time_share\n";
const WEEK_HEADER: &str = "carrier,name,days,flights,cancelled,mean_dep_delay,on_time_share\n";
/// A flight is on time up to this many minutes late.
const ON_TIME: i64 = 15;

/// The name of a carrier; its code where it is unknown.
fn name(carrier: &str) -> &str {
    let mut names = AIRLINES.lines().filter_map(|line| line.split_once(','));
    names.find(|(code, _)| *code == carrier).map_or(carrier, |(_, name)| name)
}

/// Finds a column by its name in the header.
fn column(header: &str, name: &str) -> Result<usize> {
    let place = header.trim_end().split(',').position(|column| column == name);
    place.ok_or_else(|| Error::new(format_args!("the header has no column `{name}`")))
}

/// The runs of consecutive lines of each day.
pub(crate) type Days<'a> = BTreeMap<Date, Vec<&'a [u8]>>;

/// Cuts a table into days; returns the header line too. Lines of one day need not be together.
pub(crate) fn split_by_day(bytes: &[u8]) -> Result<(&[u8], Days<'_>)> {
    if bytes.contains(&b'"') {
        return Err(Error::new("the flights have a quoted field, which this task does not read"));
    }
    let header = bytes.split_inclusive(|b| *b == b'\n').next().unwrap_or_default();
    let text = std::str::from_utf8(header).context("the header")?;
    let columns = [column(text, "year")?, column(text, "month")?, column(text, "day")?];
    let first = columns == [0, 1, 2];
    let mut days: Days<'_> = BTreeMap::new();
    // Flights mostly come day by day: a run of lines with the same first fields is cut in one piece.
    let (mut start, mut run) = (header.len(), None::<(&[u8], Date)>);
    let (mut at, mut number) = (header.len(), 1);
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let length = rest.iter().position(|b| *b == b'\n').map_or(rest.len(), |end| end + 1);
        let line = rest.get(..length).unwrap_or(rest);
        number += 1;
        let same = first && run.is_some_and(|(prefix, _)| line.starts_with(prefix));
        if !same {
            let (prefix, date) = date_of(line, columns).context(format_args!("line {number} of the flights"))?;
            if run.is_some_and(|(_, before)| before != date) {
                close(&mut days, run, bytes.get(start..at));
                start = at;
            }
            run = Some((prefix, date));
        }
        at += length;
    }
    close(&mut days, run, bytes.get(start..at));
    Ok((header, days))
}

fn close<'a>(days: &mut Days<'a>, run: Option<(&'a [u8], Date)>, lines: Option<&'a [u8]>) {
    if let (Some((_, date)), Some(lines)) = (run, lines) {
        days.entry(date).or_default().push(lines);
    }
}

/// Reads the date of a line; returns its first three fields, with the comma after them, too.
fn date_of(line: &[u8], columns: [usize; 3]) -> Result<(&[u8], Date)> {
    let fields: Vec<&[u8]> = line.split(|b| *b == b',').collect();
    let number =
        |column: usize| -> Option<u16> { std::str::from_utf8(fields.get(column)?).ok()?.trim_end().parse().ok() };
    let [year, month, day] = columns.map(number);
    let small = |value: Option<u16>| value.and_then(|value| u8::try_from(value).ok());
    let date = year.zip(small(month)).zip(small(day)).and_then(|((year, month), day)| Date::new(year, month, day));
    let date = date.ok_or_else(|| Error::new("`year`, `month` and `day` are not a date"))?;
    let prefix: usize = fields.iter().take(3).map(|field| field.len() + 1).sum();
    Ok((line.get(..prefix).unwrap_or(line), date))
}

/// The departures of one day.
#[derive(Default)]
pub(crate) struct Day<'a>(BTreeMap<&'a str, Carrier>);

#[derive(Default)]
struct Carrier {
    cancelled: u64,
    delays: Vec<i64>,
}

impl<'a> Day<'a> {
    /// Reads a day's flights.
    pub(crate) fn of_flights(flights: &'a str) -> Result<Self> {
        let mut lines = flights.lines();
        let header = lines.next().unwrap_or_default();
        let carrier = column(header, "carrier")?;
        let (time, delay) = (column(header, "dep_time")?, column(header, "dep_delay")?);
        let mut day = Self::default();
        for (number, line) in lines.enumerate() {
            let field = |column: usize| {
                let field = line.split(',').nth(column);
                field.ok_or_else(|| Error::new(format_args!("line {} has too few fields", number + 2)))
            };
            let entry = day.0.entry(field(carrier)?).or_default();
            if field(time)? == "NA" {
                entry.cancelled += 1;
            } else {
                let text = field(delay)?;
                let minutes =
                    text.parse().context(format_args!("line {}: `dep_delay` is `{text}`", number + 2))?;
                entry.delays.push(minutes);
            }
        }
        day.0.values_mut().for_each(|carrier| carrier.delays.sort_unstable());
        Ok(day)
    }

    /// Writes `delays.csv`.
    pub(crate) fn to_csv(&self) -> String {
        let mut out = String::from(DAY_HEADER);
        for (code, carrier) in &self.0 {
            let flights = carrier.cancelled + carrier.delays.len() as u64;
            out.push_str(&format!("{code},{},{flights},{},", name(code), carrier.cancelled));
            match figures(&carrier.delays) {
                Some([mean, median, p95, share]) => {
                    out.push_str(&format!("{mean:.2},{median:.2},{p95:.2},{share:.2}\n"));
                }
                None => out.push_str(",,,\n"),
            }
        }
        out
    }
}

/// Mean, median (of the two middle ones the mean), 95th percentile (nearest rank) and share on time of
/// sorted delays.
fn figures(delays: &[i64]) -> Option<[f64; 4]> {
    let count = delays.len();
    let at = |index: usize| delays.get(index).map(|delay| *delay as f64);
    let mean = delays.iter().sum::<i64>() as f64 / count as f64;
    let upper = at(count / 2)?;
    let median = if count % 2 == 1 { upper } else { f64::midpoint(at(count / 2 - 1)?, upper) };
    let p95 = at((count * 95).div_ceil(100) - 1)?;
    let on_time = delays.iter().filter(|delay| **delay <= ON_TIME).count();
    Some([mean, median, p95, on_time as f64 / count as f64])
}

/// A line of `delays.csv`.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) carrier: String,
    pub(crate) name: String,
    pub(crate) flights: u64,
    pub(crate) cancelled: u64,
    /// Mean, median, 95th percentile, share on time; none where nothing departed.
    pub(crate) figures: Option<[f64; 4]>,
}

/// Reads `delays.csv`.
pub(crate) fn read_day(csv: &str) -> Result<Vec<Row>> {
    let line = |line: &str| -> Result<Row> {
        let fields: Vec<&str> = line.split(',').collect();
        let [carrier, name, flights, cancelled, figures @ ..] = fields.as_slice() else {
            return Err(Error::new(format_args!("`{line}` is not a line of delays")));
        };
        Ok(Row {
            carrier: (*carrier).to_owned(),
            name: (*name).to_owned(),
            flights: flights.parse()?,
            cancelled: cancelled.parse()?,
            figures: match figures {
                ["", ..] | [] => None,
                [mean, median, p95, share] => Some([mean.parse()?, median.parse()?, p95.parse()?, share.parse()?]),
                _ => return Err(Error::new(format_args!("`{line}` is not a line of delays"))),
            },
        })
    };
    csv.lines().skip(1).map(line).collect()
}

/// One carrier in the seven days.
#[derive(Clone, Debug, Default)]
pub(crate) struct WeekRow {
    name: String,
    days: u64,
    pub(crate) flights: u64,
    pub(crate) cancelled: u64,
    minutes: f64,
    on_time: f64,
}

impl WeekRow {
    /// Adds a day; its figures weigh as much as flights departed.
    pub(crate) fn add(&mut self, row: &Row) {
        self.name.clone_from(&row.name);
        self.days += 1;
        self.flights += row.flights;
        self.cancelled += row.cancelled;
        if let Some([mean, _, _, share]) = row.figures {
            let departed = (row.flights - row.cancelled.min(row.flights)) as f64;
            self.minutes += mean * departed;
            self.on_time += share * departed;
        }
    }
}

/// Writes `week.csv`.
pub(crate) fn week_csv(rows: &BTreeMap<String, WeekRow>) -> String {
    let mut out = String::from(WEEK_HEADER);
    for (carrier, row) in rows {
        let WeekRow { name, days, flights, cancelled, minutes, on_time } = row;
        out.push_str(&format!("{carrier},{name},{days},{flights},{cancelled},"));
        let departed = (flights - cancelled.min(flights)) as f64;
        if departed > 0.0 {
            out.push_str(&format!("{:.2},{:.2}\n", minutes / departed, on_time / departed));
        } else {
            out.push_str(",\n");
        }
    }
    out
}

/// A carrier's mean delay and share on time in a week.
pub(crate) type Week = HashMap<String, (f64, f64)>;

/// Reads `week.csv`, without the carriers that never departed.
pub(crate) fn read_week(csv: &str) -> Result<Week> {
    let mut week = Week::new();
    for line in csv.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let [carrier, _, _, _, _, mean, share] = fields.as_slice() else {
            return Err(Error::new(format_args!("`{line}` is not a line of a week")));
        };
        if !mean.is_empty() {
            week.insert((*carrier).to_owned(), (mean.parse()?, share.parse()?));
        }
    }
    Ok(week)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn figures_are_as_they_are_defined() {
        assert_eq!(figures(&[]), None);
        assert_eq!(figures(&[-3]), Some([-3.0, -3.0, -3.0, 1.0]));
        let delays: Vec<i64> = (1..=20).collect();
        assert_eq!(figures(&delays), Some([10.5, 10.5, 19.0, 0.75]));
        let delays: Vec<i64> = (1..=21).collect();
        assert_eq!(figures(&delays).unwrap()[2], 20.0, "the rank is 19.95, rounded up");
    }

    #[test]
    fn lines_of_a_day_are_kept_as_they_are_wherever_the_columns_are() {
        let bytes = b"x,day,month,year\n1,2,1,2013\n2,1,1,2013\n3,2,1,2013";
        let (header, days) = split_by_day(bytes).unwrap();
        assert_eq!(header, b"x,day,month,year\n");
        let days: Vec<(String, Vec<u8>)> =
            days.into_iter().map(|(date, runs)| (date.to_string(), runs.concat())).collect();
        let due = [("2013-01-01", b"2,1,1,2013\n".to_vec()), ("2013-01-02", b"1,2,1,2013\n3,2,1,2013".to_vec())];
        assert_eq!(days, due.map(|(date, lines)| (date.to_owned(), lines)));
    }

    #[test]
    fn a_prefix_is_no_other_day() {
        let (_, days) = split_by_day(b"year,month,day,x\n2013,1,1,0\n2013,1,10,0\n2013,1,1,1\n").unwrap();
        let runs: Vec<usize> = days.values().map(Vec::len).collect();
        assert_eq!(runs, [2, 1]);
    }
}
