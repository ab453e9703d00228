//! A shell script, `tests/docs/peers/top.sh`, as two tasks.

use crate::orders::lines;
use std::collections::BTreeMap;
use wrun_task::{Context, External, Files, Input, Path, Result, Run, Task, Text};

// ANCHOR: script
/// Put lower-case names and no empty lines into one file
#[derive(Task)]
#[task(outputs("clean.csv"), dynamic = false)]
pub struct Clean {
    /// Files of orders
    #[param(default = "orders/*.csv".into())]
    pub files: Path,
}

impl Run for Clean {
    type Requires = External;
    type Output = Files;
    fn requires(&self) -> External {
        External::new(&self.files)
    }
    fn run(&self, cx: &Context, orders: Input<External>) -> Result<Files> {
        let mut clean = String::new();
        for file in orders.files()? {
            for line in orders.read_text(&file)?.lines().filter(|line| !line.is_empty()) {
                clean += &format!("{}\n", line.to_lowercase());
            }
        }
        cx.write("clean.csv", clean)
    }
}

/// Name the products that brought most
#[derive(Task)]
#[task(dynamic = false)]
pub struct TopProducts {
    /// Files of orders
    #[param(default = "orders/*.csv".into())]
    pub files: Path,
    /// How many to name
    #[param(default = 2)]
    pub most: usize,
}

impl Run for TopProducts {
    type Requires = Clean;
    type Output = Text;
    fn requires(&self) -> Clean {
        Clean { files: self.files.clone() }
    }
    fn run(&self, _cx: &Context, clean: Input<Clean>) -> Result<Text> {
        let mut totals: BTreeMap<String, u64> = BTreeMap::new();
        for (product, amount) in lines(&clean.read_text("clean.csv")?)? {
            *totals.entry(product).or_default() += amount;
        }
        let mut top: Vec<(String, u64)> = totals.into_iter().collect();
        top.sort_by_key(|(product, total)| (std::cmp::Reverse(*total), product.clone()));
        Ok(Text(top.iter().take(self.most).map(|(product, total)| format!("{total} {product}\n")).collect()))
    }
}
// ANCHOR_END: script

#[cfg(test)]
mod tests {
    use super::*;
    use wrun_task::testing::TestContext;

    #[test]
    fn the_top_of_all_files() -> Result<()> {
        let test = TestContext::new()?;
        test.give_folder("o/*.csv", [("a.csv", "Tea,3\n\nrice,10\n"), ("b.csv", "tea,9\nsalt,1\n")])?;
        let made = test.run(&TopProducts { files: "o/*.csv".into(), most: 2 })?;
        assert_eq!(made.load::<Text>()?, "12 tea\n10 rice\n");
        assert_eq!(test.ran().len(), 2);
        Ok(())
    }
}
