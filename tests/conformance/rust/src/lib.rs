//! The conformance kit in Rust: see ../README.md.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use wrun_task::{
    Call, Choice, Container, Context, Date, Duration, Error, External, Files, Hour, InContainer, Input,
    Insignificant, Int, Interval, Listing, Minute, Month, NotBefore, Part, Path, Requires, Result, Run, Second,
    Task, Year,
};

/// A number in a file
#[derive(Task)]
#[task(version = "1", dynamic = false, outputs("n.txt"))]
pub struct Leaf {
    /// Number
    #[param(default = 0, min = 0, max = 1000000, positional)]
    pub n: i64,
}

impl Run for Leaf {
    type Requires = ();
    type Output = Files;
    fn requires(&self) {}
    fn run(&self, cx: &Context, _: ()) -> Result<Files> {
        cx.write("n.txt", format!("{}\n", self.n))
    }
}

/// Low or high.
#[derive(Choice, Clone, Copy)]
pub enum Level {
    /// `low`
    Low,
    /// `high`
    High,
}

/// Every kind of param
#[derive(Task)]
#[task(version = "1", dynamic = false, outputs("values.txt"))]
pub struct Kinds {
    /// Text
    #[param(default = "é".into())]
    pub text: String,
    /// Whole number
    #[param(default = "123456789012345678901234567890".parse().expect("digits"))]
    pub whole: Int,
    /// Small number
    #[param(default = 1, min = 1, max = 31)]
    pub small: i64,
    /// Number
    #[param(default = 0.5)]
    pub share: f64,
    /// Bool
    #[param(default = true)]
    pub yes: bool,
    /// Date
    pub date: Date,
    /// Month
    pub month: Month,
    /// Year
    pub year: Year,
    /// Hour
    pub hour: Hour,
    /// Minute
    pub minute: Minute,
    /// Second
    pub second: Second,
    /// Interval
    pub interval: Interval,
    /// Duration
    pub duration: Duration,
    /// Path
    #[param(default = "text".into())]
    pub path: Path,
    /// Enum
    #[param(default = Level::Low)]
    pub level: Level,
    /// List
    #[param(default = vec![])]
    pub days: Vec<Date>,
    /// Map
    #[param(default = BTreeMap::new())]
    pub map: BTreeMap<String, i64>,
    /// Optional
    pub maybe: Option<i64>,
    /// Task
    pub call: Call,
    /// Secret
    #[param(default = "s".into())]
    pub secret: Insignificant<String>,
}

impl Run for Kinds {
    type Requires = ();
    type Output = Files;
    fn requires(&self) {}
    fn run(&self, cx: &Context, _: ()) -> Result<Files> {
        let mut out = String::new();
        let hex: String = self.text.bytes().map(|byte| format!("{byte:02x}")).collect();
        _ = writeln!(out, "text {} {hex}", self.text.len());
        _ = writeln!(out, "whole {}", self.whole);
        _ = writeln!(out, "small {}", self.small + 1);
        _ = writeln!(out, "share {}", (self.share * 1000.0).round() as i64);
        _ = writeln!(out, "yes {}", self.yes);
        _ = writeln!(out, "date {}", self.date.days_since_epoch());
        _ = writeln!(out, "month {} {}", self.month.year(), self.month.month());
        _ = writeln!(out, "year {}", self.year.get());
        let hour = |hour: Hour| format!("{} {}", hour.date().days_since_epoch(), hour.hour());
        let minute = |minute: Minute| format!("{} {}", hour(minute.in_hour()), minute.minute());
        _ = writeln!(out, "hour {}", hour(self.hour));
        _ = writeln!(out, "minute {}", minute(self.minute));
        _ = writeln!(out, "second {} {}", minute(self.second.in_minute()), self.second.second());
        _ = writeln!(out, "interval {} {}", self.interval.start(), self.interval.end());
        _ = writeln!(out, "duration {}", (self.duration.seconds() * 1000.0).round() as i64);
        _ = writeln!(out, "path {}", self.path);
        let level = match self.level {
            Level::Low => "low",
            Level::High => "high",
        };
        _ = writeln!(out, "level {level}");
        _ = write!(out, "days {}", self.days.len());
        self.days.iter().for_each(|day| _ = write!(out, " {}", day.days_since_epoch()));
        _ = write!(out, "\nmap {}", self.map.len());
        self.map.iter().for_each(|(key, value)| _ = write!(out, " {key}={value}"));
        _ = writeln!(out, "\nmaybe {}", self.maybe.map_or("none".to_owned(), |n| n.to_string()));
        cx.write("values.txt", out)
    }
}

/// What `shapes` requires.
#[derive(Requires)]
pub struct Shape {
    task: Leaf,
    file: Part<Forest>,
    folder: Part<Forest>,
    files: External,
    names: Listing,
    some: Option<Leaf>,
    chosen: Call,
    _then: NotBefore,
}

/// Requirements of every shape
#[derive(Task)]
#[task(version = "1", dynamic = false, outputs("sums.txt"))]
pub struct Shapes {
    /// Whether there is one more
    #[param(default = false)]
    pub more: bool,
    /// Task
    pub call: Call,
}

impl Run for Shapes {
    type Requires = Shape;
    type Output = Files;
    fn requires(&self) -> Shape {
        Shape {
            task: Leaf { n: 1 },
            file: Part::new(Forest { count: 3 }, "d1/f1.txt"),
            folder: Part::new(Forest { count: 3 }, "d2"),
            files: External::new("text"),
            names: Listing::new("text"),
            some: self.more.then_some(Leaf { n: 2 }),
            chosen: self.call.clone(),
            _then: NotBefore::instant("2013-01-01T00:00:00Z"),
        }
    }
    fn run(&self, cx: &Context, inputs: ShapeInputs) -> Result<Files> {
        let mut out = String::new();
        _ = write!(out, "task {}", inputs.task.read_text("n.txt")?);
        _ = write!(out, "file {}", inputs.file.text()?);
        _ = write!(out, "folder {}", inputs.folder.read_text("f2.txt")?);
        _ = write!(out, "files {}", inputs.files.read_text("b.txt")?);
        _ = write!(out, "names {}", inputs.names.text()?);
        _ = write!(out, "chosen {}", inputs.chosen.read_text("n.txt")?);
        if let Some(some) = inputs.some {
            _ = write!(out, "some {}", some.read_text("n.txt")?);
        }
        cx.write("sums.txt", out)
    }
}

/// Many files in folders
#[derive(Task)]
#[task(version = "1", dynamic = false)]
pub struct Forest {
    /// Files
    #[param(default = 3, min = 0, max = 100000)]
    pub count: i64,
}

impl Run for Forest {
    type Requires = ();
    type Output = Files;
    fn requires(&self) {}
    fn run(&self, cx: &Context, _: ()) -> Result<Files> {
        for i in 0..self.count {
            cx.write(&format!("d{}/f{i}.txt", i % 10), format!("{i}\n"))?;
        }
        Ok(Files)
    }
}

/// A big file
#[derive(Task)]
#[task(version = "1", dynamic = false, outputs("big.txt"))]
pub struct Big {
    /// Lines of 16 bytes
    #[param(default = 0, min = 0, max = 100000000)]
    pub lines: i64,
}

impl Run for Big {
    type Requires = ();
    type Output = Files;
    fn requires(&self) {}
    fn run(&self, cx: &Context, _: ()) -> Result<Files> {
        let mut out = cx.create("big.txt")?;
        for i in 0..self.lines {
            std::io::Write::write_all(&mut out, format!("{i:015}\n").as_bytes())
                .map_err(|error| Error::new(error.to_string()))?;
        }
        std::io::Write::flush(&mut out).map_err(|error| Error::new(error.to_string()))?;
        Ok(Files)
    }
}

/// A sum by halves, while it runs
#[derive(Task)]
#[task(version = "1", dynamic = true, outputs("n.txt"))]
pub struct Halves {
    /// First
    #[param(default = 0)]
    pub from: i64,
    /// Behind the last
    #[param(default = 8)]
    pub to: i64,
}

impl Run for Halves {
    type Requires = ();
    type Output = Files;
    fn requires(&self) {}
    fn run(&self, cx: &Context, _: ()) -> Result<Files> {
        let read = |text: String| text.trim().parse::<i64>().map_err(|error| Error::new(error.to_string()));
        cx.progress(0.5, "half");
        let sum = if self.to - self.from <= 1 {
            read(cx.need(Leaf { n: self.from })?.read_text("n.txt")?)?
        } else {
            let middle = (self.from + self.to) / 2;
            let halves = [Halves { from: self.from, to: middle }, Halves { from: middle, to: self.to }];
            let mut sum = 0;
            for half in cx.need(halves)? {
                sum += read(half.read_text("n.txt")?)?;
            }
            sum
        };
        cx.write("n.txt", format!("{sum}\n"))
    }
}

/// How to fail.
#[derive(Choice, Clone, Copy, PartialEq)]
pub enum How {
    /// `error`
    Error,
    /// `declare`
    Declare,
    /// `abort`
    Abort,
    /// `exit`
    Exit,
    /// `loop`
    Loop,
    /// `memory`
    Memory,
    /// `unmade`
    Unmade,
    /// `output`
    Output,
    /// `need`
    Need,
    /// `unknown`
    Unknown,
    /// `itself`
    Itself,
    /// `stack`
    Stack,
}

/// Calls itself without end.
fn deep(n: u64) -> u64 {
    let room = std::hint::black_box([n; 64]);
    if n == 0 { 0 } else { room[1] + deep(std::hint::black_box(n + 1)) }
}

/// Fail
#[derive(Task)]
#[task(
    version = "1",
    dynamic = true,
    outputs("n.txt"),
    cpu_ms = 1500,
    memory = 67_108_864,
    output_bytes = 100_000
)]
pub struct Fails {
    /// How
    #[param(positional)]
    pub how: How,
}

impl Run for Fails {
    type Requires = Vec<Call>;
    type Output = Files;
    fn requires(&self) -> Vec<Call> {
        Vec::new()
    }
    fn check(&self) -> Result<()> {
        if self.how == How::Declare { Err(Error::new("as was asked")) } else { Ok(()) }
    }
    fn run(&self, cx: &Context, _: Vec<Input<Call>>) -> Result<Files> {
        match self.how {
            How::Error | How::Declare => Err(Error::new("as was asked")),
            How::Abort => std::process::abort(),
            How::Exit => std::process::exit(1),
            How::Loop => loop {
                std::hint::black_box(0);
            },
            How::Memory => {
                let mut all = Vec::new();
                loop {
                    all.push(std::hint::black_box(vec![1_u8; 1 << 20]));
                }
            }
            How::Unmade => Ok(Files),
            How::Output => cx.write("n.txt", vec![b'x'; 200_000]),
            How::Need => {
                cx.need(Fails { how: How::Error })?;
                Ok(Files)
            }
            How::Itself => {
                cx.need(Fails { how: How::Itself })?;
                Ok(Files)
            }
            How::Stack => cx.write("n.txt", deep(1).to_string()),
            How::Unknown => {
                cx.need(Call::own("nowhere"))?;
                Ok(Files)
            }
        }
    }
}

/// A cell of a grid that is ten wide
#[derive(Task)]
#[task(version = "1", dynamic = false, outputs("n.txt"))]
pub struct Cell {
    /// Row
    #[param(default = 5, min = 0, max = 100000)]
    pub row: i64,
    /// Column
    #[param(default = 0, min = 0, max = 9)]
    pub column: i64,
}

/// The cells above.
#[derive(Requires)]
pub struct Above {
    left: Option<Cell>,
    right: Option<Cell>,
}

impl Run for Cell {
    type Requires = Above;
    type Output = Files;
    fn requires(&self) -> Above {
        let above = |column: i64| (self.row > 0).then_some(Cell { row: self.row - 1, column });
        Above { left: above(self.column), right: above((self.column + 1) % 10) }
    }
    fn run(&self, cx: &Context, inputs: AboveInputs) -> Result<Files> {
        let mut sum = self.column + 1;
        for above in [inputs.left, inputs.right].into_iter().flatten() {
            let text = above.read_text("n.txt")?;
            sum += text.trim().parse::<i64>().map_err(|error| Error::new(error.to_string()))?;
        }
        cx.write("n.txt", format!("{}\n", sum % 1_000_003))
    }
}

/// Count the lines of a file
#[derive(Task)]
#[task(version = "1", dynamic = false, outputs("n.txt"))]
pub struct Lines {
    /// File
    #[param(default = "text/a.txt".into())]
    pub source: Path,
}

impl Run for Lines {
    type Requires = External;
    type Output = Files;
    fn requires(&self) -> External {
        External::new(&self.source)
    }
    fn run(&self, cx: &Context, source: Input<External>) -> Result<Files> {
        let path = source.file()?;
        let fail = |error: std::io::Error| Error::new(error.to_string());
        let mut file = std::fs::File::open(path).map_err(fail)?;
        let (mut lines, mut buffer) = (0_u64, vec![0; 1 << 16]);
        loop {
            let got = std::io::Read::read(&mut file, &mut buffer).map_err(fail)?;
            if got == 0 {
                return cx.write("n.txt", format!("{lines}\n"));
            }
            lines += buffer[..got].iter().map(|byte| u64::from(*byte == b'\n')).sum::<u64>();
        }
    }
}

/// What a container does
#[derive(Task)]
#[task(name = "box", version = "1", container, dynamic = false, outputs("n.txt"))]
pub struct Boxed {
    /// How much is said of it
    #[param(default = 0, min = 0, max = 3)]
    pub said: i64,
    /// Arguments
    #[param(default = vec![])]
    pub words: Vec<String>,
}

impl InContainer for Boxed {
    type Requires = Option<Leaf>;
    fn requires(&self) -> Option<Leaf> {
        (self.said > 0).then_some(Leaf { n: 1 })
    }
    fn container(&self) -> Container {
        let mut it = Container::new("kit.invalid/box:1").args(&self.words);
        if self.said > 1 {
            it = it.entrypoint(["/bin/sh", "-c"]).workdir("/out").user("1000:1000").network().effect().gpus(2);
            it = it.cpu_millis(1500).memory(8_589_934_592).timeout(3600).tmpfs(1_048_576).accept([0, 3]);
            it = it.env("Z", "last").env("A", "é\n=").secret("token").secret("key").label("disk", "fast");
        }
        // That name is wrun's own.
        if self.said > 2 { it.env("WRUN_X", "1") } else { it }
    }
}

wrun_task::export!(Kinds, Shapes, Forest, Big, Halves, Fails, Cell, Lines, Boxed, Leaf);
