//! Delays of the flights from New York's airports, day by day.
//!
//! `split-by-day` cuts the source into days, `delays` sums one day up, `week` sums up the seven days that
//! end with a day, and `report` writes a page and a chart. A day's tasks depend on that day's part of the
//! split alone, so a correction of one day leaves the other days' results as they are.
//!
//! - `table.rs`: reading flights and the tables made of them.
//! - `chart.rs`: the chart. `page.rs`: the page.

mod chart;
mod page;
mod table;

use std::collections::BTreeMap;
use table::{Day, Row, WeekRow};
use wrun_task::{Context, Date, Describe, Error, File, Files, Input, Part, Path, Requires, Result, Run, Task};

/// Where the first ten days of 2013 are, from the root of the repository.
const SLICE: &str = "plugins/report/data/flights-2013-01-01-to-10.csv";

/// Split the flights by day
#[derive(Task)]
#[task(outputs("days/", "index.txt"), dynamic = false)]
pub struct SplitByDay {
    /// Flights as CSV, with a header that has `year`, `month` and `day`
    #[param(default = SLICE.into())]
    pub source: Path,
}

impl Run for SplitByDay {
    type Requires = File;
    type Output = Files;
    fn requires(&self) -> File {
        File::new(&self.source)
    }
    fn run(&self, cx: &Context, source: Input<File>) -> Result<Files> {
        let bytes = source.bytes()?;
        let (header, days) = table::split_by_day(&bytes)?;
        std::fs::create_dir(cx.out().join("days"))?;
        let mut index = String::new();
        for (number, (date, runs)) in days.iter().enumerate() {
            let mut file = Vec::with_capacity(header.len() + runs.iter().map(|run| run.len()).sum::<usize>());
            file.extend_from_slice(header);
            runs.iter().for_each(|run| file.extend_from_slice(run));
            cx.write(&format!("days/{date}.csv"), file)?;
            index.push_str(&format!("{date}\n"));
            if number % 50 == 0 {
                cx.progress(number as f64 / days.len() as f64, &format!("wrote {date}"));
            }
        }
        cx.write("index.txt", index)
    }
}

/// Sum up the departures of one day by carrier
#[derive(Task)]
#[task(outputs("delays.csv"), dynamic = false)]
pub struct Delays {
    /// Day of the flights
    #[param(positional)]
    pub date: Date,
    /// Flights as CSV
    #[param(default = SLICE.into())]
    pub source: Path,
}

impl Run for Delays {
    type Requires = Part<SplitByDay>;
    type Output = Files;
    fn requires(&self) -> Part<SplitByDay> {
        Part::new(SplitByDay { source: self.source.clone() }, format!("days/{}.csv", self.date))
    }
    fn run(&self, cx: &Context, day: Input<Part<SplitByDay>>) -> Result<Files> {
        let flights = day.read_text(&format!("{}.csv", self.date))?;
        let day = Day::of_flights(&flights).context(format_args!("the flights of {}", self.date))?;
        cx.write("delays.csv", day.to_csv())
    }
}

/// Sum up the seven days that end with a day, as far as there are flights
#[derive(Task)]
#[task(outputs("week.csv"))]
pub struct Week {
    /// Last day of the week
    #[param(positional)]
    pub date: Date,
    /// Flights as CSV
    #[param(default = SLICE.into())]
    pub source: Path,
}

impl Run for Week {
    type Requires = Part<SplitByDay>;
    type Output = Files;
    fn requires(&self) -> Part<SplitByDay> {
        Part::new(SplitByDay { source: self.source.clone() }, "index.txt")
    }
    fn run(&self, cx: &Context, index: Input<Part<SplitByDay>>) -> Result<Files> {
        let week = self.date.plus_days(-6)..=self.date;
        let mut days = Vec::new();
        for line in index.read_text("index.txt")?.lines() {
            let date: Date = line.parse()?;
            if week.contains(&date) {
                days.push(date);
            }
        }
        let mut rows: BTreeMap<String, WeekRow> = BTreeMap::new();
        for day in cx.need(days.into_iter().map(|date| Delays { date, source: self.source.clone() }))? {
            for row in table::read_day(&day.read_text("delays.csv")?)? {
                rows.entry(row.carrier.clone()).or_default().add(&row);
            }
        }
        cx.write("week.csv", table::week_csv(&rows))
    }
}

/// What a report is made of.
#[derive(Requires)]
pub struct Sources {
    /// The day.
    day: Delays,
    /// The week that ends with it.
    week: Week,
}

/// Report the departures of one day
#[derive(Task)]
#[task(outputs("report.md", "chart.svg"), dynamic = false)]
pub struct Report {
    /// Day of the report
    #[param(positional)]
    pub date: Date,
    /// Flights as CSV
    #[param(default = SLICE.into())]
    pub source: Path,
}

impl Run for Report {
    type Requires = Sources;
    type Output = Files;
    fn requires(&self) -> Sources {
        Sources {
            day: Delays { date: self.date, source: self.source.clone() },
            week: Week { date: self.date, source: self.source.clone() },
        }
    }
    fn run(&self, cx: &Context, inputs: SourcesInputs) -> Result<Files> {
        let day: Vec<Row> = table::read_day(&inputs.day.read_text("delays.csv")?)?;
        let week = table::read_week(&inputs.week.read_text("week.csv")?)?;
        if day.is_empty() {
            return Err(Error::new(format_args!("there are no flights on {}", self.date)));
        }
        cx.write("chart.svg", chart::svg(self.date, &day, &week))?;
        cx.write("report.md", page::markdown(self.date, &day, &week))
    }
}

wrun_task::export!(SplitByDay, Delays, Week, Report);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use wrun_task::testing::TestContext;

    const FLIGHTS: &str = "year,month,day,dep_time,dep_delay,carrier\n\
        2013,1,1,517,2,UA\n2013,1,1,NA,NA,UA\n2013,1,2,600,16,B6\n2013,1,1,540,20,UA\n2013,1,2,NA,NA,XX\n";

    fn context() -> TestContext {
        let test = TestContext::new().unwrap();
        test.give_file("flights.csv", FLIGHTS).unwrap();
        test
    }

    fn source() -> Path {
        Path::new("flights.csv")
    }

    fn date(text: &str) -> Date {
        text.parse().unwrap()
    }

    #[test]
    fn each_day_is_a_file_with_the_header() {
        let made = context().run(&SplitByDay { source: source() }).unwrap();
        assert_eq!(made.files().unwrap(), ["days/2013-01-01.csv", "days/2013-01-02.csv", "index.txt"]);
        assert_eq!(made.text("index.txt").unwrap(), "2013-01-01\n2013-01-02\n");
        let second = "year,month,day,dep_time,dep_delay,carrier\n2013,1,2,600,16,B6\n2013,1,2,NA,NA,XX\n";
        assert_eq!(made.text("days/2013-01-02.csv").unwrap(), second);
    }

    #[test]
    fn delays_are_over_departed_flights() {
        let test = context();
        let made = test.run(&Delays { date: date("2013-01-01"), source: source() }).unwrap();
        let head = "carrier,name,flights,cancelled,mean_dep_delay,median_dep_delay,p95_dep_delay,on_time_share\n";
        assert_eq!(
            made.text("delays.csv").unwrap(),
            format!("{head}UA,United Air Lines Inc.,3,1,11.00,11.00,20.00,0.50\n")
        );
        let made = test.run(&Delays { date: date("2013-01-02"), source: source() }).unwrap();
        let rows = "B6,JetBlue Airways,1,0,16.00,16.00,16.00,0.00\nXX,XX,1,1,,,,\n";
        assert_eq!(made.text("delays.csv").unwrap(), format!("{head}{rows}"));
    }

    #[test]
    fn a_day_that_is_not_there_is_an_error_that_names_it() {
        let error = context().run(&Delays { date: date("2013-01-03"), source: source() }).err().unwrap();
        assert!(error.to_string().contains("days/2013-01-03.csv"), "{error}");
    }

    #[test]
    fn a_week_needs_the_days_that_exist() {
        let test = context();
        let made = test.run(&Week { date: date("2013-01-07"), source: source() }).unwrap();
        let rows =
            "B6,JetBlue Airways,1,1,0,16.00,0.00\nUA,United Air Lines Inc.,1,3,1,11.00,0.50\nXX,XX,1,1,1,,\n";
        let head = "carrier,name,days,flights,cancelled,mean_dep_delay,on_time_share\n";
        assert_eq!(made.text("week.csv").unwrap(), format!("{head}{rows}"));
        assert_eq!(test.ran().len(), 4, "the split, two days, the week: {:?}", test.ran());
    }

    #[test]
    fn the_slice_gives_a_report() {
        let test = TestContext::new().unwrap();
        let source = Path::new("data/flights-2013-01-01-to-10.csv");
        let made = test.run(&Report { date: date("2013-01-07"), source }).unwrap();
        let page = made.text("report.md").unwrap();
        assert!(page.starts_with("# Departures from New York on Monday, 7 January 2013\n"), "{page}");
        assert!(page.contains("| UA | United Air Lines Inc. |"), "{page}");
        let chart = made.text("chart.svg").unwrap();
        assert!(chart.starts_with("<svg ") && chart.ends_with("</svg>\n"));
    }

    #[test]
    fn tables_without_the_columns_are_refused() {
        let test = TestContext::new().unwrap();
        test.give_file("flights.csv", "a,b\n1,2\n").unwrap();
        let error = test.run(&SplitByDay { source: source() }).err().unwrap();
        assert!(error.to_string().contains("no column `year`"), "{error}");
        let test = TestContext::new().unwrap();
        test.give_file("flights.csv", "year,month,day\n2013,2,30\n").unwrap();
        let error = test.run(&SplitByDay { source: source() }).err().unwrap();
        assert!(error.to_string().contains("line 2"), "{error}");
    }
}
