//! What an author promises or asks: versions, retries, limits; and failing with a reason.

use crate::DayTotal;
use wrun_task::{Context, Date, Error, Input, Json, Path, Result, Run, Task, Text};

// ANCHOR: version
/// Round a day's total to tens
#[derive(Task)]
#[task(version = "1", dynamic = false)]
pub struct Rounded {
    /// Day of the orders
    #[param(positional)]
    pub date: Date,
    /// Folder with a file of orders a day
    #[param(default = "orders".into())]
    pub orders: Path,
}

impl Run for Rounded {
    type Requires = DayTotal;
    type Output = Json<u64>;
    fn requires(&self) -> DayTotal {
        DayTotal { date: self.date, orders: self.orders.clone() }
    }
    fn run(&self, _cx: &Context, total: Input<DayTotal>) -> Result<Json<u64>> {
        Ok(Json(total.load()?.div_ceil(10) * 10))
    }
}
// ANCHOR_END: version

// ANCHOR: retries
/// Try again before giving up
#[derive(Task)]
#[task(retries = 2, dynamic = false)]
pub struct Patient {
    /// Why it fails
    pub reason: Option<String>,
}

impl Run for Patient {
    type Requires = ();
    type Output = Text;
    fn requires(&self) {}
    fn run(&self, _cx: &Context, _: ()) -> Result<Text> {
        match &self.reason {
            Some(reason) => Err(Error::new(reason)),
            None => Ok(Text("well\n".into())),
        }
    }
}
// ANCHOR_END: retries

// ANCHOR: limits
/// Compute for a while
#[derive(Task)]
#[task(cpu_ms = 100, memory = 16_777_216, output_bytes = 1_000_000, dynamic = false)]
pub struct Spin {
    /// Rounds to compute
    #[param(positional)]
    pub rounds: u64,
}
// ANCHOR_END: limits

impl Run for Spin {
    type Requires = ();
    type Output = Json<u64>;
    fn requires(&self) {}
    fn run(&self, _cx: &Context, _: ()) -> Result<Json<u64>> {
        let mut state = self.rounds;
        for _ in 0..self.rounds {
            state = std::hint::black_box(state.rotate_left(5) ^ 0x9e37_79b9_7f4a_7c15);
        }
        Ok(Json(state))
    }
}

// ANCHOR: checked
/// Refuse a day that cannot be right
#[derive(Task)]
#[task(dynamic = false)]
pub struct Checked {
    /// Day of the orders
    #[param(positional)]
    pub date: Date,
    /// The least that a day brings
    #[param(default = 10)]
    pub least: u64,
    /// Folder with a file of orders a day
    #[param(default = "orders".into())]
    pub orders: Path,
}

impl Run for Checked {
    type Requires = DayTotal;
    type Output = Json<u64>;
    fn requires(&self) -> DayTotal {
        DayTotal { date: self.date, orders: self.orders.clone() }
    }
    fn run(&self, _cx: &Context, total: Input<DayTotal>) -> Result<Json<u64>> {
        let total = total.load()?;
        println!("{} brought {total}", self.date); // goes to the task's log
        if total < self.least {
            return Err(Error::new(format_args!("{total} is less than {} on {}", self.least, self.date)));
        }
        Ok(Json(total))
    }
}
// ANCHOR_END: checked

#[cfg(test)]
mod tests {
    use super::*;
    use wrun_task::testing::TestContext;

    #[test]
    fn promises() -> Result<()> {
        let test = TestContext::new()?;
        let (date, orders) = ("2026-01-01".parse()?, Path::new("orders"));
        test.give(&DayTotal { date, orders: orders.clone() }, Json(13))?;
        assert_eq!(test.run(&Rounded { date, orders: orders.clone() })?.load::<Json<u64>>()?, 20);
        assert_eq!(test.run(&Checked { date, least: 10, orders: orders.clone() })?.load::<Json<u64>>()?, 13);
        assert!(test.run(&Checked { date, least: 14, orders }).is_err());
        assert!(test.run(&Patient { reason: Some("ill".into()) }).is_err());
        test.run(&Patient { reason: None })?;
        assert_eq!(test.run(&Spin { rounds: 0 })?.load::<Json<u64>>()?, 0);
        Ok(())
    }
}
