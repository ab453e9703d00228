//! What the shop sells: the book's first pipeline.

use wrun_task::{Context, Date, Error, File, Input, Json, Result, Run, Task};

/// Sum up the orders of one day
#[derive(Task)]
struct Day {
    /// Day of the orders
    #[param(positional)]
    date: Date,
}

impl Run for Day {
    type Requires = File;
    type Output = Json<u64>;
    fn requires(&self) -> File {
        File::new(format!("orders/{}.csv", self.date))
    }
    fn run(&self, _cx: &Context, orders: Input<File>) -> Result<Json<u64>> {
        let mut total = 0;
        for line in orders.text()?.lines() {
            let amount = line.split_once(',').and_then(|(_, amount)| amount.parse::<u64>().ok());
            total += amount.ok_or_else(|| Error::new(format!("`{line}` is not `product,amount`")))?;
        }
        Ok(Json(total))
    }
}

/// Sum up the last days
#[derive(Task)]
struct Days {
    /// Last day
    #[param(positional)]
    last: Date,
    /// How many days
    #[param(default = 7)]
    count: u32,
}

impl Run for Days {
    type Requires = Vec<Day>;
    type Output = Json<u64>;
    fn requires(&self) -> Vec<Day> {
        self.last.tomorrow().days_before(self.count).map(|date| Day { date }).collect()
    }
    fn run(&self, cx: &Context, days: Vec<Input<Day>>) -> Result<Json<u64>> {
        let mut total = 0;
        for day in days {
            total += day.load()?;
        }
        cx.progress(1.0, "done");
        Ok(Json(total))
    }
}

wrun_task::export!(Day, Days; default = Days);

#[test]
fn two_days_are_added() -> Result<()> {
    let test = wrun_task::testing::TestContext::new()?;
    test.give_file("orders/2026-01-01.csv", "tea,3\nrice,10\n")?;
    test.give_file("orders/2026-01-02.csv", "tea,1\n")?;
    let made = test.run(&Days { last: "2026-01-02".parse()?, count: 2 })?;
    assert_eq!(made.load::<Json<u64>>()?, 14);
    Ok(())
}
