//! Top artists: what was played on each day, summed up over an interval.

use std::collections::BTreeMap;
use wrun_task::{Context, Date, Error, Input, Interval, Result, Run, Task, Text};

// ANCHOR: all
/// Make up what was played on one day
#[derive(Task)]
#[task(dynamic = false)]
pub struct Streams {
    /// Day of the plays
    date: Date,
}

impl Run for Streams {
    type Requires = ();
    type Output = Text;
    fn requires(&self) {}
    fn run(&self, _cx: &Context, _: ()) -> Result<Text> {
        let mut state = u64::from(self.date.days_since_epoch().unsigned_abs());
        let mut random = |below: u64| {
            state = (state * 1_103_515_245 + 12_345) % (1 << 31);
            (state >> 8) % below
        };
        let line = |_| format!("{} artist-{} track-{}\n", random(86_400), random(100), random(1_000));
        Ok(Text((0..1_000).map(line).collect()))
    }
}

/// Sum up the plays of each artist over some days
#[derive(Task)]
#[task(dynamic = false)]
pub struct Plays {
    /// Days of the plays
    days: Interval,
}

impl Run for Plays {
    type Requires = Vec<Streams>;
    type Output = Text;
    fn requires(&self) -> Vec<Streams> {
        self.days.days().map(|date| Streams { date }).collect()
    }
    fn run(&self, _cx: &Context, days: Vec<Input<Streams>>) -> Result<Text> {
        let mut plays: BTreeMap<String, u64> = BTreeMap::new();
        for day in days {
            for line in day.load()?.lines() {
                let artist =
                    line.split(' ').nth(1).ok_or_else(|| Error::new(format_args!("no artist in `{line}`")))?;
                *plays.entry(artist.to_owned()).or_default() += 1;
            }
        }
        Ok(Text(plays.iter().map(|(artist, plays)| format!("{artist}\t{plays}\n")).collect()))
    }
}

/// Name the artists that were played most
#[derive(Task)]
#[task(dynamic = false)]
pub struct TopArtists {
    /// Days of the plays
    #[param(positional)]
    days: Interval,
    /// How many to name
    #[param(default = 10)]
    most: usize,
}

impl Run for TopArtists {
    type Requires = Plays;
    type Output = Text;
    fn requires(&self) -> Plays {
        Plays { days: self.days }
    }
    fn run(&self, _cx: &Context, plays: Input<Plays>) -> Result<Text> {
        let plays = plays.load()?;
        let mut top = Vec::new();
        for line in plays.lines() {
            let (artist, plays) = line.split_once('\t').ok_or_else(|| Error::new("no tab"))?;
            top.push((std::cmp::Reverse(plays.parse::<u64>()?), artist));
        }
        top.sort();
        Ok(Text(top.iter().take(self.most).map(|(plays, artist)| format!("{artist}\t{}\n", plays.0)).collect()))
    }
}
// ANCHOR_END: all

#[cfg(test)]
mod tests {
    use super::*;
    use wrun_task::testing::TestContext;

    #[test]
    fn the_most_played_come_first() -> Result<()> {
        let test = TestContext::new()?;
        let days: Interval = "2026-01-01/2026-01-03".parse()?;
        for (date, text) in days.days().zip(["1 b x\n2 a x\n", "3 b y\n4 c x\n"]) {
            test.give(&Streams { date }, Text(text.into()))?;
        }
        let made = test.run(&TopArtists { days, most: 2 })?;
        assert_eq!(made.load::<Text>()?, "b\t2\na\t1\n");
        Ok(())
    }

    #[test]
    fn a_day_is_made_up_in_the_same_way_each_time() -> Result<()> {
        let made = TestContext::new()?.run(&Streams { date: "2026-01-01".parse()? })?;
        let text = made.load::<Text>()?;
        assert_eq!(text.lines().count(), 1_000);
        assert!(text.lines().all(|line| line.split(' ').count() == 3));
        Ok(())
    }
}
