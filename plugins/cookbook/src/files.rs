//! Files that are big, packed, or of a format.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{BufRead as _, Write as _};
use wrun_task::{Context, Error, File, Files, Input, Json, Path, Result, Run, Task, Text};

// ANCHOR: unpack
/// Unpack a gzip file
#[derive(Task)]
#[task(outputs("data"), dynamic = false)]
pub struct Unpack {
    /// File to unpack
    #[param(positional)]
    pub file: Path,
}

impl Run for Unpack {
    type Requires = File;
    type Output = Files;
    fn requires(&self) -> File {
        File::new(&self.file)
    }
    fn run(&self, cx: &Context, file: Input<File>) -> Result<Files> {
        let packed = std::fs::File::open(file.file()?)?;
        let mut unpacked = flate2::read::MultiGzDecoder::new(std::io::BufReader::new(packed));
        let mut out = cx.create("data")?;
        std::io::copy(&mut unpacked, &mut out)?; // piece by piece: it is never all in memory
        out.flush()?;
        Ok(Files)
    }
}
// ANCHOR_END: unpack

// ANCHOR: summary
/// One line of the table.
#[derive(Deserialize)]
struct Order {
    product: String,
    amount: u64,
    #[serde(default)]
    note: String,
}

/// What the orders of one product come to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Product {
    orders: u64,
    amount: u64,
    notes: Vec<String>,
}

/// Sum up a CSV file with a header, by product, as JSON
#[derive(Task)]
#[task(dynamic = false)]
pub struct Summary {
    /// gzip file of a table with the columns `product`, `amount` and perhaps `note`
    #[param(positional)]
    pub file: Path,
}

impl Run for Summary {
    type Requires = Unpack;
    type Output = Json<BTreeMap<String, Product>>;
    fn requires(&self) -> Unpack {
        Unpack { file: self.file.clone() }
    }
    fn run(&self, _cx: &Context, table: Input<Unpack>) -> Result<Self::Output> {
        let mut products: BTreeMap<String, Product> = BTreeMap::new();
        for order in csv::Reader::from_reader(table.open("data")?).deserialize() {
            let Order { product, amount, note } = order?;
            let product = products.entry(product).or_default();
            product.orders += 1;
            product.amount += amount;
            product.notes.extend((!note.is_empty()).then_some(note));
        }
        Ok(Json(products))
    }
}
// ANCHOR_END: summary

// ANCHOR: largest
/// Find the longest line of a file
#[derive(Task)]
#[task(dynamic = false, memory = 33_554_432)]
pub struct Largest {
    /// File to read
    #[param(positional)]
    pub file: Path,
}

impl Run for Largest {
    type Requires = File;
    type Output = Text;
    fn requires(&self) -> File {
        File::new(&self.file)
    }
    fn run(&self, cx: &Context, file: Input<File>) -> Result<Text> {
        let path = file.file()?;
        let bytes = path.metadata()?.len() as f64;
        let (mut longest, mut read) = (String::new(), 0);
        let mut lines = std::io::BufReader::new(std::fs::File::open(path)?);
        let mut line = String::new();
        for number in 0_u64.. {
            line.clear();
            if lines.read_line(&mut line)? == 0 {
                break;
            }
            read += line.len();
            if line.len() > longest.len() {
                longest.clone_from(&line);
            }
            if number.is_multiple_of(100_000) {
                cx.progress(read as f64 / bytes, &format!("{number} lines"));
            }
        }
        if longest.is_empty() { Err(Error::new("the file is empty")) } else { Ok(Text(longest)) }
    }
}
// ANCHOR_END: largest

#[cfg(test)]
mod tests {
    use super::*;
    use wrun_task::testing::TestContext;

    #[test]
    fn a_packed_table_is_summed_up() -> Result<()> {
        let test = TestContext::new()?;
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packed.write_all(b"product,amount,note\ntea,3,\ntea,4,\"late, but here\"\n")?;
        test.give_file("orders.csv.gz", packed.finish()?)?;
        let made = test.run(&Summary { file: "orders.csv.gz".into() })?;
        let tea = Product { orders: 2, amount: 7, notes: vec!["late, but here".into()] };
        assert_eq!(made.load::<Json<BTreeMap<String, Product>>>()?, BTreeMap::from([("tea".into(), tea)]));
        Ok(())
    }

    #[test]
    fn the_longest_line_is_found_and_progress_said() -> Result<()> {
        let test = TestContext::new()?;
        test.give_file("log.txt", "a\nabc\nab\n")?;
        assert_eq!(test.run(&Largest { file: "log.txt".into() })?.load::<Text>()?, "abc\n");
        assert_eq!(test.progress().len(), 1);
        test.give_file("empty.txt", "")?;
        assert!(test.run(&Largest { file: "empty.txt".into() }).is_err());
        Ok(())
    }
}
