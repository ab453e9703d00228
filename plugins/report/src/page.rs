//! The page.

use crate::table::{Row, Week};
use wrun_task::{Date, Weekday};

/// Writes a date as people read it.
pub(crate) fn long_date(date: Date) -> String {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let weekday = match date.weekday() {
        Weekday::Monday => "Monday",
        Weekday::Tuesday => "Tuesday",
        Weekday::Wednesday => "Wednesday",
        Weekday::Thursday => "Thursday",
        Weekday::Friday => "Friday",
        Weekday::Saturday => "Saturday",
        Weekday::Sunday => "Sunday",
    };
    let month = MONTHS.get(usize::from(date.month()) - 1).unwrap_or(&"");
    format!("{weekday}, {} {month} {}", date.day(), date.year())
}

/// Writes `report.md`.
pub(crate) fn markdown(date: Date, day: &[Row], week: &Week) -> String {
    let flights: u64 = day.iter().map(|row| row.flights).sum();
    let cancelled: u64 = day.iter().map(|row| row.cancelled).sum();
    let departed = (flights - cancelled) as f64;
    let weighed = |pick: fn(&[f64; 4]) -> f64| {
        let part =
            |row: &Row| row.figures.as_ref().map_or(0.0, |f| pick(f) * (row.flights - row.cancelled) as f64);
        day.iter().map(part).sum::<f64>() / departed
    };
    let mut out = format!("# Departures from New York on {}\n\n", long_date(date));
    out.push_str(&format!("{flights} flights of {} carriers, {cancelled} of them cancelled.", day.len()));
    if departed > 0.0 {
        let (mean, share) = (weighed(|figures| figures[0]), weighed(|figures| figures[3]));
        out.push_str(&format!(
            " Those that departed were {mean:.1} minutes late on average; {:.0} % were on time.",
            share * 100.0
        ));
    }
    out.push_str("\n\n![Mean delay by carrier](chart.svg)\n\n");
    out.push_str(
        "| | carrier | flights | cancelled | mean delay | median | 95 % | on time | mean of the week |\n",
    );
    out.push_str("|---|---|---:|---:|---:|---:|---:|---:|---:|\n");
    for row in day {
        out.push_str(&format!("| {} | {} | {} | {} |", row.carrier, row.name, row.flights, row.cancelled));
        match row.figures {
            Some([mean, median, p95, share]) => {
                out.push_str(&format!(" {mean:.1} | {median:.1} | {p95:.0} | {:.0} % |", share * 100.0));
            }
            None => out.push_str(" | | | |"),
        }
        match week.get(&row.carrier) {
            Some((mean, _)) => out.push_str(&format!(" {mean:.1} |\n")),
            None => out.push_str(" |\n"),
        }
    }
    out.push_str(
        "\nDelays are in minutes, of departed flights alone. On time is up to 15 minutes late. \
         The week is the seven days that end with this one, as far as there are flights.\n",
    );
    out
}
