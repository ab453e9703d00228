//! A morning's briefing: delays by carrier from a plugin in Rust, names and medians from one in Haskell, the
//! weather of each hour from one in C. wrun.toml says which plugins the aliases are.

use std::fmt::Write as _;
use wrun_task::{Call, Context, Date, Error, Files, Path, Requires, Result, Run, Task};

/// What a briefing is made of.
#[derive(Requires)]
pub struct Sources {
    /// Rust.
    delays: Call,
    /// C.
    hours: Call,
    /// Haskell.
    carriers: Call,
}

/// Brief those who work on a day
#[derive(Task)]
#[task(outputs("briefing.md"), dynamic = false)]
pub struct Briefing {
    /// Day of the flights
    #[param(positional)]
    pub date: Date,
    /// Flights as CSV
    #[param(default = "plugins/report/data/flights-2013-01-01-to-10.csv".into())]
    pub source: Path,
    /// Hours of weather as CSV
    #[param(default = "plugins/weather-c/data/weather-2013-01-01-to-10.csv".into())]
    pub weather: Path,
    /// Names of carriers as CSV
    #[param(default = "plugins/report/data/airlines.csv".into())]
    pub airlines: Path,
}

impl Run for Briefing {
    type Requires = Sources;
    type Output = Files;
    fn requires(&self) -> Sources {
        let of = |alias: &str, task: &str| {
            Call::other(alias, task).param("date", &self.date).param("source", &self.source)
        };
        Sources {
            delays: of("flights", "delays"),
            hours: of("weather", "hours").param("weather", &self.weather),
            carriers: of("carriers", "carriers").param("airlines", &self.airlines),
        }
    }
    fn run(&self, cx: &Context, inputs: SourcesInputs) -> Result<Files> {
        let mut page = format!("# {}\n", self.date);
        for (title, table) in [
            ("Carriers", inputs.carriers.read_text("carriers.csv")?),
            ("Delays", inputs.delays.read_text("delays.csv")?),
            ("Weather", inputs.hours.read_text("hours.csv")?),
        ] {
            _ = writeln!(page, "\n## {title}\n\n{}", markdown(&table)?);
        }
        cx.write("briefing.md", page)
    }
}

/// Turns CSV without quotes into a table.
fn markdown(csv: &str) -> Result<String> {
    let mut lines = csv.lines();
    let header = lines.next().ok_or_else(|| Error::new("a table without a header"))?;
    let row = |line: &str| format!("| {} |\n", line.split(',').collect::<Vec<_>>().join(" | "));
    let rule = "|---".repeat(header.split(',').count());
    Ok(format!("{}{rule}|\n{}", row(header), lines.map(row).collect::<String>()))
}

wrun_task::export!(Briefing);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_a_rule_below_its_header() -> Result<()> {
        assert_eq!(markdown("a,b\n1,2\n")?, "| a | b |\n|---|---|\n| 1 | 2 |\n");
        assert!(markdown("").is_err());
        Ok(())
    }
}
