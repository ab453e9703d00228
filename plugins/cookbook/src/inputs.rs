//! Inputs that may be missing, that come late, that are many.

use crate::orders::lines;
use std::collections::BTreeMap;
use wrun_task::{
    Context, Date, External, File, Input, Json, Listing, NotBefore, Path, Requires, Result, Run, Task, Text,
};

// ANCHOR: optional
/// The orders, and names of products if somebody has them.
#[derive(Requires)]
pub struct Sources {
    /// Lines of `product,amount`.
    orders: File,
    /// Lines of `product,name`.
    names: Option<File>,
}

/// List the orders of one day, by the products' names where they are known
#[derive(Task)]
#[task(dynamic = false)]
pub struct Labelled {
    /// Day of the orders
    #[param(positional)]
    pub date: Date,
    /// Folder with a file of orders a day
    #[param(default = "orders".into())]
    pub orders: Path,
    /// File with lines of `product,name`
    pub names: Option<Path>,
}

impl Run for Labelled {
    type Requires = Sources;
    type Output = Text;
    fn requires(&self) -> Sources {
        Sources {
            orders: File::new(self.orders.join(&format!("{}.csv", self.date))),
            names: self.names.as_ref().map(File::new),
        }
    }
    fn run(&self, _cx: &Context, inputs: SourcesInputs) -> Result<Text> {
        let names = inputs.names.map(|names| names.text()).transpose()?.unwrap_or_default();
        let names: BTreeMap<&str, &str> = names.lines().filter_map(|line| line.split_once(',')).collect();
        let mut list = String::new();
        for (product, amount) in lines(&inputs.orders.text()?)? {
            let name = names.get(product.as_str()).copied().unwrap_or(&product);
            list += &format!("{name}: {amount}\n");
        }
        Ok(Text(list))
    }
}
// ANCHOR_END: optional

// ANCHOR: waiting
/// Sum up a day that is over, as soon as its orders have come
#[derive(Task)]
#[task(dynamic = false)]
pub struct Closing {
    /// Day of the orders
    #[param(positional)]
    pub date: Date,
    /// Folder with a file of orders a day
    #[param(default = "orders".into())]
    pub orders: Path,
}

impl Run for Closing {
    type Requires = (NotBefore, File);
    type Output = Json<u64>;
    fn requires(&self) -> (NotBefore, File) {
        let file = self.orders.join(&format!("{}.csv", self.date));
        (NotBefore::end_of(self.date), File::new(file).wait())
    }
    fn run(&self, _cx: &Context, (_, orders): ((), Input<File>)) -> Result<Json<u64>> {
        Ok(Json(lines(&orders.text()?)?.iter().map(|(_, amount)| amount).sum()))
    }
}
// ANCHOR_END: waiting

// ANCHOR: glob
/// Sum up every file of orders that there is
#[derive(Task)]
#[task(dynamic = false)]
pub struct Everything {
    /// Files of orders
    #[param(default = "orders/*.csv".into())]
    pub files: Path,
}

impl Run for Everything {
    type Requires = External; // a file, a folder or a glob
    type Output = Json<u64>;
    fn requires(&self) -> External {
        External::new(&self.files)
    }
    fn run(&self, _cx: &Context, orders: Input<External>) -> Result<Json<u64>> {
        let mut total = 0;
        for file in orders.files()? {
            total += lines(&orders.read_text(&file)?)?.iter().map(|(_, amount)| amount).sum::<u64>();
        }
        Ok(Json(total))
    }
}
// ANCHOR_END: glob

// ANCHOR: listing
/// Say how many files of orders there are, and how large
#[derive(Task)]
#[task(dynamic = false)]
pub struct Sizes {
    /// Files of orders
    #[param(default = "orders/*.csv".into())]
    pub files: Path,
}

impl Run for Sizes {
    type Requires = Listing; // names and sizes; the bytes are not read
    type Output = Text;
    fn requires(&self) -> Listing {
        Listing::new(&self.files)
    }
    fn run(&self, _cx: &Context, listing: Input<Listing>) -> Result<Text> {
        let sizes = listing.sizes()?;
        let bytes: u64 = sizes.iter().map(|(_name, size)| size).sum();
        Ok(Text(format!("{} files, {bytes} bytes\n", sizes.len())))
    }
}
// ANCHOR_END: listing

#[cfg(test)]
mod tests {
    use super::*;
    use wrun_task::testing::TestContext;

    fn context() -> Result<TestContext> {
        let test = TestContext::new()?;
        test.give_file("orders/2026-01-01.csv", "tea,3\nrice,10\n")?;
        test.give_folder("orders/*.csv", [("2026-01-01.csv", "tea,3\nrice,10\n"), ("2026-01-02.csv", "tea,1\n")])?;
        Ok(test)
    }

    #[test]
    fn names_are_optional() -> Result<()> {
        let test = context()?;
        test.give_file("names.csv", "tea,Earl Grey\n")?;
        let mut task = Labelled { date: "2026-01-01".parse()?, orders: "orders".into(), names: None };
        assert_eq!(test.run(&task)?.load::<Text>()?, "tea: 3\nrice: 10\n");
        task.names = Some("names.csv".into());
        assert_eq!(test.run(&task)?.load::<Text>()?, "Earl Grey: 3\nrice: 10\n");
        Ok(())
    }

    #[test]
    fn globs_and_listings_see_all_files() -> Result<()> {
        let test = context()?;
        let closing = Closing { date: "2026-01-01".parse()?, orders: "orders".into() };
        assert_eq!(test.run(&closing)?.load::<Json<u64>>()?, 13);
        assert_eq!(test.run(&Everything { files: "orders/*.csv".into() })?.load::<Json<u64>>()?, 14);
        assert_eq!(test.run(&Sizes { files: "orders/*.csv".into() })?.load::<Text>()?, "2 files, 20 bytes\n");
        Ok(())
    }
}
