//! Orders by day: fan-out, parts of an output, needs that depend on data.

use std::collections::BTreeMap;
use wrun_task::{
    Context, Date, Describe, Error, File, Files, Input, Json, Listing, Month, Part, Path, Result, Run, Task, Text,
};

// ANCHOR: day
/// Sum up the orders of one day
#[derive(Task)]
#[task(dynamic = false)]
pub struct DayTotal {
    /// Day of the orders
    #[param(positional)]
    pub date: Date,
    /// Folder with a file of orders a day
    #[param(default = "orders".into())]
    pub orders: Path,
}

impl Run for DayTotal {
    type Requires = File;
    type Output = Json<u64>;
    fn requires(&self) -> File {
        File::new(self.orders.join(&format!("{}.csv", self.date)))
    }
    fn run(&self, _cx: &Context, orders: Input<File>) -> Result<Json<u64>> {
        let mut total = 0;
        for (_product, amount) in lines(&orders.text()?)? {
            total += amount;
        }
        Ok(Json(total))
    }
}
// ANCHOR_END: day

// ANCHOR: month
/// Sum up the orders of a month
#[derive(Task)]
#[task(dynamic = false)]
pub struct MonthTotal {
    /// Month of the orders
    #[param(positional)]
    pub month: Month,
    /// Folder with a file of orders a day
    #[param(default = "orders".into())]
    pub orders: Path,
}

impl Run for MonthTotal {
    type Requires = Vec<DayTotal>; // one task a day, all at once
    type Output = Json<u64>;
    fn requires(&self) -> Vec<DayTotal> {
        self.month.days().map(|date| DayTotal { date, orders: self.orders.clone() }).collect()
    }
    fn run(&self, _cx: &Context, days: Vec<Input<DayTotal>>) -> Result<Json<u64>> {
        days.iter().map(Input::load).sum::<Result<u64>>().map(Json)
    }
}
// ANCHOR_END: month

// ANCHOR: split
/// Split the orders of one day by product
#[derive(Task)]
#[task(outputs("products/", "index.txt"), dynamic = false)]
pub struct SplitProducts {
    /// Day of the orders
    pub date: Date,
    /// Folder with a file of orders a day
    #[param(default = "orders".into())]
    pub orders: Path,
}

impl Run for SplitProducts {
    type Requires = File;
    type Output = Files;
    fn requires(&self) -> File {
        File::new(self.orders.join(&format!("{}.csv", self.date)))
    }
    fn run(&self, cx: &Context, orders: Input<File>) -> Result<Files> {
        let mut products: BTreeMap<String, String> = BTreeMap::new();
        for (product, amount) in lines(&orders.text()?)? {
            *products.entry(product).or_default() += &format!("{amount}\n");
        }
        for (product, amounts) in &products {
            cx.write(&format!("products/{product}.txt"), amounts)?;
        }
        cx.write("index.txt", products.keys().map(|product| format!("{product}\n")).collect::<String>())
    }
}
// ANCHOR_END: split

// ANCHOR: part
/// Sum up the orders of one product on one day
#[derive(Task)]
#[task(dynamic = false)]
pub struct ProductTotal {
    /// Day of the orders
    pub date: Date,
    /// Name of the product
    pub product: String,
    /// Folder with a file of orders a day
    #[param(default = "orders".into())]
    pub orders: Path,
}

impl Run for ProductTotal {
    type Requires = Part<SplitProducts>; // this product's file, and nothing else of the split
    type Output = Json<u64>;
    fn requires(&self) -> Part<SplitProducts> {
        let split = SplitProducts { date: self.date, orders: self.orders.clone() };
        Part::new(split, format!("products/{}.txt", self.product))
    }
    fn run(&self, _cx: &Context, amounts: Input<Part<SplitProducts>>) -> Result<Json<u64>> {
        let text = amounts.text()?;
        let mut total = 0;
        for line in text.lines() {
            total += line.parse::<u64>().context(format_args!("the amount `{line}`"))?;
        }
        Ok(Json(total))
    }
}
// ANCHOR_END: part

// ANCHOR: ranking
/// Rank the products of one day
#[derive(Task)]
pub struct Ranking {
    /// Day of the orders
    #[param(positional)]
    pub date: Date,
    /// Folder with a file of orders a day
    #[param(default = "orders".into())]
    pub orders: Path,
}

impl Run for Ranking {
    type Requires = Part<SplitProducts>;
    type Output = Text;
    fn requires(&self) -> Part<SplitProducts> {
        Part::new(SplitProducts { date: self.date, orders: self.orders.clone() }, "index.txt")
    }
    fn run(&self, cx: &Context, index: Input<Part<SplitProducts>>) -> Result<Text> {
        let index = index.text()?;
        let one = |product: &str| {
            let task = ProductTotal { date: self.date, product: product.into(), orders: self.orders.clone() };
            (product.to_owned(), task)
        };
        let totals = cx.need(index.lines().map(one))?; // suspends here, and returns a map
        let mut ranking = Vec::new();
        for (product, total) in &totals {
            ranking.push((std::cmp::Reverse(total.load()?), product));
        }
        ranking.sort();
        Ok(Text(ranking.iter().map(|(total, product)| format!("{product} {}\n", total.0)).collect()))
    }
}
// ANCHOR_END: ranking

// ANCHOR: all-days
/// Sum up the orders of all days that there are
#[derive(Task)]
pub struct AllDays {
    /// Folder with a file of orders a day
    #[param(default = "orders".into())]
    pub orders: Path,
}

impl Run for AllDays {
    type Requires = Listing; // which days there are
    type Output = Json<u64>;
    fn requires(&self) -> Listing {
        Listing::new(self.orders.join("*.csv"))
    }
    fn run(&self, cx: &Context, listing: Input<Listing>) -> Result<Json<u64>> {
        let mut days = Vec::new();
        for (name, _size) in listing.sizes()? {
            days.push(DayTotal { date: name.trim_end_matches(".csv").parse()?, orders: self.orders.clone() });
        }
        cx.need(days)?.iter().map(Input::load).sum::<Result<u64>>().map(Json)
    }
}
// ANCHOR_END: all-days

/// Reads lines of `product,amount`.
pub(crate) fn lines(text: &str) -> Result<Vec<(String, u64)>> {
    let line = |(number, line): (usize, &str)| {
        let bad = || Error::new(format_args!("line {}: `{line}` is not `product,amount`", number + 1));
        let (product, amount) = line.split_once(',').ok_or_else(bad)?;
        Ok((product.to_owned(), amount.parse().map_err(|_| bad())?))
    };
    text.lines().enumerate().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    // ANCHOR: test
    use wrun_task::testing::TestContext;

    #[test]
    fn a_ranking_needs_every_product_of_the_day() -> Result<()> {
        let test = TestContext::new()?;
        test.give_file("orders/2026-01-01.csv", "tea,3\nrice,10\ntea,4\n")?;
        let made = test.run(&Ranking { date: "2026-01-01".parse()?, orders: "orders".into() })?;
        assert_eq!(made.load::<Text>()?, "rice 10\ntea 7\n");
        assert_eq!(test.ran().len(), 4, "the split, two products, the ranking");
        Ok(())
    }
    // ANCHOR_END: test

    // ANCHOR: test-give
    #[test]
    fn a_month_is_the_sum_of_its_days() -> Result<()> {
        let test = TestContext::new()?;
        let month: Month = "2026-02".parse()?;
        for date in month.days() {
            // The day's task is not run: this is what it returned.
            test.give(&DayTotal { date, orders: "orders".into() }, Json(u64::from(date.day())))?;
        }
        let made = test.run(&MonthTotal { month, orders: "orders".into() })?;
        assert_eq!(made.load::<Json<u64>>()?, 28 * 29 / 2);
        Ok(())
    }
    // ANCHOR_END: test-give

    #[test]
    fn all_days_are_those_of_the_listing() -> Result<()> {
        let test = TestContext::new()?;
        test.give_folder("orders/*.csv", [("2026-01-01.csv", ""), ("2026-01-02.csv", "")])?;
        test.give_file("orders/2026-01-01.csv", "tea,3\n")?;
        test.give_file("orders/2026-01-02.csv", "tea,4\n")?;
        assert_eq!(test.run(&AllDays { orders: "orders".into() })?.load::<Json<u64>>()?, 7);
        Ok(())
    }

    // ANCHOR: test-error
    #[test]
    fn a_bad_line_is_named() -> Result<()> {
        let test = TestContext::new()?;
        test.give_file("orders/2026-01-01.csv", "tea,3\ntea;4\n")?;
        let task = DayTotal { date: "2026-01-01".parse()?, orders: "orders".into() };
        let error = test.run(&task).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("line 2: `tea;4` is not `product,amount`"), "{error}");
        Ok(())
    }
    // ANCHOR_END: test-error
}
