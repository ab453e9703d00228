//! What objects are called. Names are ASCII, and those of a kind sort by what they say.

use wrun_core::digest::{ActionKey, Digest, GoalKey};
use wrun_core::result::Address;

/// Where the log of tombstones is.
pub(super) const TOMBSTONES: &str = "tomb/";

/// What the first to write tries to overwrite.
pub(super) const CONDITIONS: &str = "tomb/~conditions";

/// Where the headers of builds are.
pub(super) const RUNS: &str = "run/";

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

/// Reads the name of a build's header; none if it is nothing of ours.
pub(super) fn read_run(name: &str) -> Option<&str> {
    let (_, id) = name.strip_prefix(RUNS)?.split_once('/')?;
    (run(id) == name).then_some(id)
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

/// Lists of what will be removed lie where the log's tail is listed.
pub(super) const CONDEMNED: &str = "tomb/~gc-";
/// And so do those of what was.
const SWEPT: &str = "tomb/~swept-";

pub(super) fn condemned(name: &str) -> String {
    format!("{CONDEMNED}{name}")
}

pub(super) fn swept(name: &str) -> String {
    format!("{SWEPT}{name}")
}

/// Reads the name of something sharded.
fn unsharded(name: &str) -> Option<Digest> {
    let (first, rest) = name.split_once('/')?;
    format!("b3:{first}{rest}").parse().ok().filter(|_| first.len() == 2)
}

pub(super) fn read_blob(name: &str) -> Option<Digest> {
    unsharded(name.strip_prefix("cas/")?)
}

pub(super) fn read_result(name: &str) -> Option<Address> {
    let (key, generation) = name.strip_prefix("ac/")?.rsplit_once('.')?;
    let number: u32 = generation.parse().ok()?;
    // `00` would be another name of the same.
    (number.to_string() == generation).then_some(Address { key: ActionKey(unsharded(key)?), generation: number })
}

pub(super) fn read_goal(name: &str) -> Option<GoalKey> {
    format!("b3:{}", name.strip_prefix("goal/")?).parse().ok().map(GoalKey)
}

/// One name below [`TOMBSTONES`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LogEntry {
    Tombstone(u64),
    Format(u64),
    Condemned(String),
    Swept(String),
}

/// Reads a name of the log; none if it is nothing of ours.
pub(super) fn read_log_entry(name: &str) -> Option<LogEntry> {
    if let Some(list) = name.strip_prefix(CONDEMNED) {
        return Some(LogEntry::Condemned(list.to_owned()));
    }
    if let Some(list) = name.strip_prefix(SWEPT) {
        return Some(LogEntry::Swept(list.to_owned()));
    }
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
        assert_eq!(read_log_entry(CONDITIONS), None);
    }

    #[test]
    fn names_read_back_and_others_are_nothing() {
        let digest = Digest::of_blob(b"x");
        let address = Address { key: ActionKey(digest), generation: 12 };
        assert_eq!(read_blob(&blob(digest)), Some(digest));
        assert_eq!(read_result(&result(address)), Some(address));
        assert_eq!(read_goal(&goal(GoalKey(digest))), Some(GoalKey(digest)));
        let id = "001357516800000-0000002a";
        assert_eq!(read_run(&run(id)), Some(id));
        assert_eq!(read_log_entry(&condemned("a-1")), Some(LogEntry::Condemned("a-1".into())));
        assert_eq!(read_log_entry(&swept("a-1")), Some(LogEntry::Swept("a-1".into())));
        assert!(condemned("x") > tombstone(u64::from(u32::MAX)) && swept("x") > tombstone(9));
        for other in ["cas/README", "cas/00/11", "ac/x.0", &result(address).replace(".12", ".012"), "run/x", ""] {
            let read = (read_blob(other), read_result(other), read_goal(other), read_run(other));
            assert_eq!(read, (None, None, None, None), "{other}");
        }
    }

    #[test]
    fn runs_lie_by_day() {
        assert_eq!(run("001357516800000-0000002a"), "run/2013-01-07/001357516800000-0000002a");
        assert_eq!(run("000951782400000-1"), "run/2000-02-29/000951782400000-1");
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(read_run("run/2013-01-07/001357516800000-0000002a"), Some("001357516800000-0000002a"));
        assert_eq!(read_run("run/2013-01-08/001357516800000-0000002a"), None);
        assert_eq!(read_run("run/notes"), None);
    }
}
