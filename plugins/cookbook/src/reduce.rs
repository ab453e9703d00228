//! A recursive reduction: halves of halves, so that a day that moves redoes its own branch alone.

use crate::DayTotal;
use wrun_task::{Context, Date, Error, Json, Path, Result, Run, Task};

// ANCHOR: between
/// Sum up the orders from one day to another
#[derive(Task)]
pub struct Between {
    /// First day
    pub from: Date,
    /// Last day
    pub to: Date,
    /// Folder with a file of orders a day
    #[param(default = "orders".into())]
    pub orders: Path,
}

impl Run for Between {
    type Requires = ();
    type Output = Json<u64>;
    fn requires(&self) {}
    fn check(&self) -> Result<()> {
        if self.to < self.from { Err(Error::new("`to` is before `from`")) } else { Ok(()) }
    }
    fn run(&self, cx: &Context, _: ()) -> Result<Json<u64>> {
        if self.from == self.to {
            let day = cx.need(DayTotal { date: self.from, orders: self.orders.clone() })?;
            return Ok(Json(day.load()?));
        }
        let middle = self.from.plus_days(self.from.days_to(self.to) / 2);
        let half = |from, to| Between { from, to, orders: self.orders.clone() };
        let (left, right) = cx.need((half(self.from, middle), half(middle.tomorrow(), self.to)))?;
        Ok(Json(left.load()? + right.load()?))
    }
}
// ANCHOR_END: between

#[cfg(test)]
mod tests {
    use super::*;
    use wrun_task::testing::TestContext;

    #[test]
    fn all_days_are_added_once() -> Result<()> {
        let test = TestContext::new()?;
        let (from, to): (Date, Date) = ("2026-01-01".parse()?, "2026-01-11".parse()?);
        for date in from.until(to.tomorrow()) {
            test.give(&DayTotal { date, orders: "orders".into() }, Json(1))?;
        }
        let made = test.run(&Between { from, to, orders: "orders".into() })?;
        assert_eq!(made.load::<Json<u64>>()?, 11);
        assert_eq!(test.ran().len(), 21, "a binary tree with eleven leaves");
        assert!(test.run(&Between { from: to, to: from, orders: "orders".into() }).is_err());
        Ok(())
    }
}
