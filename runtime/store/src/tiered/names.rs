//! What objects are called. Names are ASCII, and those of a kind sort by what they say.

use wrun_core::digest::{ActionKey, Digest, GoalKey};
use wrun_core::result::Address;

/// Where the log of tombstones is.
pub(super) const TOMBSTONES: &str = "tomb/";

fn sharded(folder: &str, digest: Digest) -> String {
    let hex = digest.to_hex();
    format!("{folder}/{}/{}", &hex[..2], &hex[2..])
}

pub(super) fn blob(digest: Digest) -> String {
    sharded("cas", digest)
}

pub(super) fn result(address: Address) -> String {
    format!("{}.{}", sharded("ac", address.key.0), address.generation)
}

pub(super) fn hint(key: ActionKey) -> String {
    sharded("hint", key.0)
}

pub(super) fn tombstone(number: u64) -> String {
    format!("{TOMBSTONES}{number:016}")
}

/// Sorts behind every tombstone, so that each reading of the log's tail sees it.
pub(super) fn format(number: u64) -> String {
    format!("{TOMBSTONES}~format-{number}")
}

pub(super) fn goal(goal: GoalKey) -> String {
    format!("goal/{}", goal.0.to_hex())
}

/// A run's id begins with its start in milliseconds since 1970; runs of a day lie together.
pub(super) fn run(id: &str) -> String {
    let milliseconds: i64 = id.split('-').next().and_then(|start| start.parse().ok()).unwrap_or_default();
    format!("run/{}/{id}", date(milliseconds))
}

/// Returns the day of an instant: `2013-01-07`. (H. Hinnant, *chrono-Compatible Low-Level Date Algorithms*.)
fn date(milliseconds: i64) -> String {
    let z = milliseconds.div_euclid(86_400_000) + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// One name below [`TOMBSTONES`].
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum LogEntry {
    Tombstone(u64),
    Format(u64),
}

/// Reads a name of the log; none if it is nothing of ours.
pub(super) fn read_log_entry(name: &str) -> Option<LogEntry> {
    let name = name.strip_prefix(TOMBSTONES)?;
    match name.strip_prefix("~format-") {
        Some(format) => format.parse().ok().map(LogEntry::Format),
        None => name.parse().ok().filter(|_| name.len() == 16).map(LogEntry::Tombstone),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_sorts_by_number_and_its_format_comes_last() {
        let names = [tombstone(1), tombstone(9), tombstone(10), tombstone(u64::from(u32::MAX)), format(1)];
        assert!(names.is_sorted());
        assert_eq!(read_log_entry(&names[2]), Some(LogEntry::Tombstone(10)));
        assert_eq!(read_log_entry(&names[4]), Some(LogEntry::Format(1)));
        assert_eq!(read_log_entry("tomb/README"), None);
    }

    #[test]
    fn runs_lie_by_day() {
        assert_eq!(run("001357516800000-0000002a"), "run/2013-01-07/001357516800000-0000002a");
        assert_eq!(run("000951782400000-1"), "run/2000-02-29/000951782400000-1");
        assert_eq!(date(0), "1970-01-01");
    }
}
