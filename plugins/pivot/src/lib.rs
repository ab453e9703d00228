//! A runner of pivots, as a queue of containers once did it: a blob is fetched, a tool in an image turns it on its side,
//! the table is published, and a look at it ends the work. `wrun build pivot.wasm pivot --publish DEST` puts it anywhere.

use wrun_task::{Container, Context, File, Files, InContainer, Input, Path, Result, Run, Task, Text, export};

// ANCHOR: pivot
/// Fetch the lines `row,column,value`
#[derive(Task)]
#[task(outputs("blob.csv"), dynamic = false)]
pub struct Blob {
    /// Where they are
    #[param(default = "blob.csv".into())]
    pub source: Path,
}

impl Run for Blob {
    type Requires = File;
    type Output = Files;
    fn requires(&self) -> File {
        File::new(&self.source)
    }
    fn run(&self, cx: &Context, source: Input<File>) -> Result<Files> {
        let text = source.text()?;
        let lines = text.lines().filter(|line| !line.is_empty());
        cx.write("blob.csv", lines.map(|line| format!("{line}\n")).collect::<String>())
    }
}

/// Make a column of each name in the second field
#[derive(Task)]
#[task(container, outputs("pivot.csv"), retries = 2)]
pub struct Pivot {
    /// Where the lines are
    #[param(default = "blob.csv".into())]
    pub source: Path,
    /// What stands where there is no value
    #[param(default = "0")]
    pub empty: String,
    /// An image with awk
    #[param(default = "busybox:1.36")]
    pub image: String,
}

impl InContainer for Pivot {
    type Requires = Blob;
    fn requires(&self) -> Blob {
        Blob { source: self.source.clone() }
    }
    fn container(&self) -> Container {
        // The param is data: awk gets it as a variable, and no shell sees it.
        let empty = format!("empty={}", self.empty);
        Container::new(&self.image)
            .args(["awk", "-F,", "-v", &empty, PIVOT, "/in/blob/blob.csv"])
            .memory(256 << 20)
            .timeout(600)
    }
}

const PIVOT: &str = r#"
!($1 in rows) { rows[$1]; row[++n] = $1 }
!($2 in columns) { columns[$2]; column[++m] = $2 }
{ value[$1, $2] = $3 }
END {
    out = "/out/pivot.csv"
    printf "row" > out
    for (j = 1; j <= m; j++) printf ",%s", column[j] > out
    printf "\n" > out
    for (i = 1; i <= n; i++) {
        printf "%s", row[i] > out
        for (j = 1; j <= m; j++) printf ",%s", ((row[i], column[j]) in value) ? value[row[i], column[j]] : empty > out
        printf "\n" > out
    }
}
"#;

/// Say how large the table is: code after a container is a task that requires it
#[derive(Task)]
#[task(dynamic = false)]
pub struct Size {
    /// Where the lines are
    #[param(default = "blob.csv".into())]
    pub source: Path,
    /// An image with awk
    #[param(default = "busybox:1.36")]
    pub image: String,
}

impl Run for Size {
    type Requires = Pivot;
    type Output = Text;
    fn requires(&self) -> Pivot {
        Pivot { source: self.source.clone(), empty: "0".into(), image: self.image.clone() }
    }
    fn run(&self, _: &Context, pivot: Input<Pivot>) -> Result<Text> {
        let table = pivot.read_text("pivot.csv")?;
        let columns = table.lines().next().map_or(0, |line| line.split(',').count() - 1);
        Ok(Text(format!("{} rows, {columns} columns\n", table.lines().count().saturating_sub(1))))
    }
}
// ANCHOR_END: pivot

export!(Blob, Pivot, Size; default = Pivot);

#[cfg(test)]
mod tests {
    use super::*;
    use wrun_task::testing::TestContext;

    #[test]
    fn empty_lines_do_not_count() -> Result<()> {
        let test = TestContext::new()?;
        let path = std::env::temp_dir().join(format!("wrun-pivot-{}.csv", std::process::id()));
        std::fs::write(&path, "a,x,1\n\nb,y,2").map_err(wrun_task::Error::new)?;
        let source: Path = path.display().to_string().as_str().into();
        let made = test.run(&Blob { source })?.text("blob.csv")?;
        std::fs::remove_file(path).map_err(wrun_task::Error::new)?;
        assert_eq!(made, "a,x,1\nb,y,2\n");
        Ok(())
    }
}
