//! Word count over the texts of some days, which no task makes.

use std::collections::BTreeMap;
use wrun_task::{Context, File, Input, Interval, Path, Result, Run, Task, Text};

// ANCHOR: all
/// Count the words of the texts of some days
#[derive(Task)]
#[task(dynamic = false)]
pub struct WordCount {
    /// Days of the texts
    #[param(positional)]
    days: Interval,
    /// Folder with a text a day
    #[param(default = "texts".into())]
    texts: Path,
}

impl Run for WordCount {
    type Requires = Vec<File>;
    type Output = Text;
    fn requires(&self) -> Vec<File> {
        self.days.days().map(|date| File::new(self.texts.join(&format!("{date}.txt")))).collect()
    }
    fn run(&self, _cx: &Context, texts: Vec<Input<File>>) -> Result<Text> {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for text in texts {
            for word in text.text()?.split_whitespace() {
                *counts.entry(word.to_owned()).or_default() += 1;
            }
        }
        Ok(Text(counts.iter().map(|(word, count)| format!("{word}\t{count}\n")).collect()))
    }
}
// ANCHOR_END: all

#[cfg(test)]
mod tests {
    use super::*;
    use wrun_task::testing::TestContext;

    #[test]
    fn words_of_all_days() -> Result<()> {
        let test = TestContext::new()?;
        test.give_file("texts/2026-01-01.txt", "one two\n")?;
        test.give_file("texts/2026-01-02.txt", "two\n")?;
        let made = test.run(&WordCount { days: "2026-01-01/2026-01-03".parse()?, texts: "texts".into() })?;
        assert_eq!(made.load::<Text>()?, "one\t1\ntwo\t2\n");
        Ok(())
    }
}
