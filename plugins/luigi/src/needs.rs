//! Dynamic requirements: which tasks are needed stands in the output of another.

use wrun_task::{Context, Input, Json, Result, Run, Task};

// ANCHOR: all
/// Make up a list of numbers
#[derive(Task)]
#[task(dynamic = false)]
pub struct Config {
    /// What the numbers are made from
    #[param(default = 1)]
    seed: u64,
}

impl Run for Config {
    type Requires = ();
    type Output = Json<Vec<u64>>;
    fn requires(&self) {}
    fn run(&self, _cx: &Context, _: ()) -> Result<Json<Vec<u64>>> {
        Ok(Json((1..=10).map(|i| self.seed * 7919 * i % 1_000).collect()))
    }
}

/// Make the data of one number
#[derive(Task)]
#[task(dynamic = false)]
pub struct Data {
    /// Number of the data
    number: u64,
}

impl Run for Data {
    type Requires = ();
    type Output = Json<u64>;
    fn requires(&self) {}
    fn run(&self, _cx: &Context, _: ()) -> Result<Json<u64>> {
        Ok(Json(self.number * self.number))
    }
}

/// Add up the data that the list names, and then some that depend on the sum
#[derive(Task)]
pub struct Dynamic {
    /// What the numbers are made from
    #[param(default = 1)]
    seed: u64,
}

impl Run for Dynamic {
    type Requires = Config;
    type Output = Json<u64>;
    fn requires(&self) -> Config {
        Config { seed: self.seed }
    }
    fn run(&self, cx: &Context, config: Input<Config>) -> Result<Json<u64>> {
        let mut sum = 0;
        for data in cx.need(config.load()?.into_iter().map(|number| Data { number }))? {
            sum += data.load()?;
        }
        let last = cx.need(Data { number: sum % 1_000 })?;
        Ok(Json(sum + last.load()?))
    }
}
// ANCHOR_END: all

#[cfg(test)]
mod tests {
    use super::*;
    use wrun_task::testing::TestContext;

    #[test]
    fn the_list_says_what_is_needed() -> Result<()> {
        let test = TestContext::new()?;
        test.give(&Config { seed: 1 }, Json(vec![1, 2, 3]))?;
        let made = test.run(&Dynamic { seed: 1 })?;
        assert_eq!(made.load::<Json<u64>>()?, 14 + 14 * 14);
        assert_eq!(test.ran().len(), 5);
        Ok(())
    }
}
