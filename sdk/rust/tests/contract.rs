//! What the SDK answers is what the host takes, and the copy of the WIT is the WIT.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use wrun_core::param::{ParamSpec, Params, Visibility};
use wrun_task::__private::Plugin;
use wrun_task::bindings::wrun::task::types as wit;
use wrun_task::testing::TestContext;
use wrun_task::{
    Call, Choice, Context, Date, Describe, Duration, External, File, Files, Hour, Input, Insignificant, Int,
    Interval, Json, Limits, Listing, Minute, Month, NotBefore, Outputs, Part, Path, Requires, Result, Run, Second,
    Task, Text, Year,
};

#[derive(Choice, Clone, Copy, Debug, PartialEq)]
enum Mode {
    Fast,
    VeryThorough,
    #[choice(name = "best")]
    Slow,
}

/// Has a param of every type
///
/// And a second paragraph.
#[derive(Task)]
#[task(name = "all-types", version = "3", retries = 2, dynamic = false, native_nan, memory = 64 << 20, cpu_ms = 500)]
#[task(outputs("a.csv", "days/"))]
struct Every {
    /// A text
    #[param(positional, default = "a \"b\"")]
    text: String,
    #[param(default = 7, min = 1, max = 31)]
    int: u32,
    #[param(default = "123456789012345678901234567890")]
    big: Int,
    #[param(default = 0.5, min = 0.0, max = 1.0)]
    float: f64,
    #[param(default)]
    flag: bool,
    #[param(default = "2013-01-07")]
    date: Date,
    #[param(default = "2013-01")]
    month: Month,
    #[param(default = "2013")]
    year: Year,
    #[param(default = "2013-01-07T05")]
    hour: Hour,
    #[param(default = "2013-01-07T05:30")]
    minute: Minute,
    #[param(default = "2013-01-07T05:30:15")]
    second: Second,
    #[param(default = "2013-01-01/2013-01-08")]
    interval: Interval,
    #[param(default = Duration::from_seconds(90.5))]
    duration: Duration,
    #[param(default = "data/x.csv")]
    path: Path,
    #[param(default = Call::own("leaf").param("n", &1_u8))]
    task: Call,
    #[param(default = Mode::VeryThorough, hidden)]
    mode: Mode,
    #[param(default = vec![Mode::Slow])]
    modes: Vec<Mode>,
    #[param(default)]
    list: Vec<Date>,
    #[param(default = (1, "x".to_owned()))]
    tuple: (i64, String),
    #[param(default = BTreeMap::from([("k".to_owned(), 1.0)]))]
    map: BTreeMap<String, f64>,
    optional: Option<Year>,
    #[param(default = 4, insignificant, private)]
    threads: Insignificant<u8>,
    #[param(name = "max-rows", default = 10)]
    max_rows: u64,
}

impl Run for Every {
    type Requires = ();
    type Output = Files;
    fn requires(&self) {}
    fn run(&self, cx: &Context, _: ()) -> Result<Files> {
        assert_eq!((self.threads.get(), self.path.text()), (None, None), "`run` sees tokens");
        cx.write("days/x", "")?;
        cx.write("a.csv", self.to_params())
    }
    fn limits(&self) -> Limits {
        Limits { cpu_ms: self.threads.get().map(|threads| u64::from(*threads) * 100), ..Limits::default() }
    }
}

/// A number
#[derive(Task)]
struct Leaf {
    n: u8,
    #[param(default = "none")]
    of: Path,
    #[param(default = 1)]
    threads: Insignificant<u8>,
}

impl Run for Leaf {
    type Requires = ();
    type Output = Json<u8>;
    fn requires(&self) {}
    fn run(&self, _: &Context, _: ()) -> Result<Json<u8>> {
        Ok(Json(self.n))
    }
    fn check(&self) -> Result<()> {
        if self.n > 200 {
            wrun_task::bail!("{} is too large", self.n);
        }
        Ok(())
    }
}

fn leaf(n: u8) -> Leaf {
    Leaf { n, of: "none".into(), threads: 1.into() }
}

/// Every kind of requirement.
#[derive(Requires)]
struct Shape {
    one: Leaf,
    part: Part<Leaf>,
    many: Vec<Leaf>,
    pair: (Leaf, Option<Leaf>),
    none: Option<Leaf>,
    keyed: BTreeMap<String, Leaf>,
    file: File,
    folder: External,
    names: Listing,
    clock: NotBefore,
    other: Call,
}

#[derive(Task)]
struct Shaped {
    #[param(default = "dir")]
    dir: Path,
}

impl Run for Shaped {
    type Requires = Shape;
    type Output = Text;
    fn requires(&self) -> Shape {
        Shape {
            one: leaf(1),
            part: Part::new(leaf(2), "value.json"),
            many: vec![leaf(3), leaf(4)],
            pair: (leaf(5), Some(leaf(6))),
            none: None,
            keyed: BTreeMap::from([("a/b".to_owned(), leaf(7))]),
            file: File::new(self.dir.join("f.txt")),
            folder: External::new(&self.dir).wait(),
            names: Listing::new(&self.dir),
            clock: NotBefore::end_of(Date::new(2013, 1, 31).unwrap_or_else(|| unreachable!())),
            other: Call::other("flights", "delays").param("date", &"2013-01-07".to_owned()),
        }
    }
    fn run(&self, cx: &Context, inputs: ShapeInputs) -> Result<Text> {
        let mut found = vec![inputs.one.load()?, inputs.part.text()?.parse()?];
        for leaf in inputs.many.iter().chain([&inputs.pair.0]).chain(&inputs.pair.1).chain(inputs.keyed.values()) {
            found.push(leaf.load()?);
        }
        assert!(inputs.none.is_none());
        assert_eq!(inputs.names.sizes()?, [("f.txt".to_owned(), 4)]);
        assert_eq!(inputs.folder.files()?, ["f.txt"]);
        assert_eq!(inputs.other.read_text("delays.csv")?, "x");
        let () = inputs.clock;

        found.push(cx.need(leaf(8))?.load()?);
        for leaf in cx.need((9..11).map(leaf))? {
            found.push(leaf.load()?);
        }
        for leaf in cx.need(vec![leaf(11)])?.iter().chain(&cx.need([leaf(12)])?) {
            found.push(leaf.load()?);
        }
        let by_key = cx.need(BTreeMap::from([("x", leaf(13)), ("y", leaf(14))]))?;
        found.extend([by_key["x"].load()?, by_key["y"].load()?]);
        let (a, part) = cx.need((leaf(15), Part::new(leaf(16), "value.json")))?;
        found.extend([a.load()?, part.text()?.parse()?]);
        let by_number = cx.need([17, 18].into_iter().map(|n| (n, Part::new(leaf(n), "value.json"))))?;
        found.extend([by_number[&17].text()?.parse::<u8>()?, u8::try_from(by_number[&18].bytes()?.len())?]);
        Ok(Text(format!("{found:?} {}", inputs.file.text()?)))
    }
}

wrun_task::export!(Every, Leaf, Shaped; default = Leaf);

/// The host's check of a param, from what the guest said of it.
fn specs(task: &wit::TaskType) -> Vec<ParamSpec> {
    let spec = |param: &wit::ParamSpec| ParamSpec {
        name: param.name.clone(),
        doc: param.doc.clone(),
        kind: param.kind.parse().unwrap(),
        default: param.default.clone(),
        significant: param.significant,
        visibility: match param.visibility {
            wit::Visibility::Public => Visibility::Public,
            wit::Visibility::Hidden => Visibility::Hidden,
            wit::Visibility::Private => Visibility::Private,
        },
        positional: param.positional,
    };
    task.params.iter().map(spec).collect()
}

#[test]
fn the_copy_of_the_contract_is_the_contract() {
    let copy = include_str!("../wit/task.wit");
    let original = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../wit/task.wit")).unwrap();
    assert_eq!(copy, original, "copy sdk/wit/task.wit to sdk/rust/wit");
}

#[test]
fn attributes_and_comments_are_in_the_description() {
    let description = WrunPlugin::describe();
    assert_eq!((description.id.as_str(), description.default_goal.as_deref()), ("wrun-task", Some("leaf")));
    let every = &description.tasks[0];
    assert_eq!(every.name, "all-types");
    assert_eq!(every.doc, "Has a param of every type\n\nAnd a second paragraph.");
    assert_eq!(
        (every.version.as_deref(), every.retries, every.dynamic, every.native_nan),
        (Some("3"), 2, false, true)
    );
    assert_eq!((every.limits.memory, every.limits.cpu_ms), (Some(64 << 20), Some(500)));
    let outputs: Vec<_> = every.outputs.iter().map(|output| (output.name.as_str(), output.kind)).collect();
    assert_eq!(outputs, [("a.csv", wit::OutputKind::File), ("days", wit::OutputKind::Directory)]);
    let kinds: Vec<String> = every.params.iter().map(|param| format!("{} {}", param.name, param.kind)).collect();
    assert_eq!(
        kinds,
        [
            "text string",
            "int int(1..31)",
            "big int",
            "float float(0..1)",
            "flag bool",
            "date date",
            "month month",
            "year year",
            "hour hour",
            "minute minute",
            "second second",
            "interval interval",
            "duration duration",
            "path path",
            "task task",
            "mode enum(fast|very-thorough|best)",
            "modes list<enum(fast|very-thorough|best)>",
            "list list<date>",
            "tuple tuple<int(-9223372036854775808..9223372036854775807),string>",
            "map map<float>",
            "optional optional<year>",
            "threads int(0..255)",
            "max-rows int(0..18446744073709551615)",
        ]
    );
    let threads = &every.params[21];
    assert!(!threads.significant && threads.visibility == wit::Visibility::Private && every.params[0].positional);
    assert_eq!(description.tasks[1].outputs[0].name, "value.json");
    assert!(description.tasks[1].dynamic, "a task may call `need`, unless it says otherwise");
}

#[test]
fn params_go_to_the_host_and_back_unchanged() {
    let specs = specs(&WrunPlugin::describe().tasks[0]);
    // The host completes an empty call by the defaults, and the task reads and passes on all of it.
    let params = Params::from_json("all-types", &specs, "{}").unwrap();
    let task = Every::from_params(&params.to_json()).unwrap();
    assert_eq!((task.int, task.mode, task.duration.seconds()), (7, Mode::VeryThorough, 90.5));
    assert_eq!(Params::from_json("all-types", &specs, &task.to_params()).unwrap(), params);
    // What `run` sees: tokens, which it passes on as they are.
    let masked = Every::from_params(&params.masked(&specs).to_json()).unwrap();
    assert_eq!((masked.threads.get(), masked.path.text()), (None, None));
    let passed: serde_json::Value = serde_json::from_str(&masked.to_params()).unwrap();
    assert_eq!((&passed["path"], &passed["threads"]), (&"{{wrun:path}}".into(), &"{{wrun:threads}}".into()));
    // The test context masks as the host does.
    let made = TestContext::new().unwrap().run(&task).unwrap().text("a.csv").unwrap();
    let (made, due): (serde_json::Value, serde_json::Value) = (serde_json::from_str(&made).unwrap(), passed);
    assert_eq!(made, due);
}

#[test]
fn a_plan_names_its_inputs_after_the_fields() {
    let plan = WrunPlugin::declare("shaped", r#"{"dir":"dir"}"#).unwrap();
    let input = |input: &wit::Input| {
        let what = match &input.source {
            wit::Source::Task(source) => {
                let plugin = source.call.plugin.as_deref().unwrap_or("self");
                format!(
                    "{plugin} {} {}{}",
                    source.call.task,
                    source.call.params,
                    source.path.as_deref().unwrap_or("")
                )
            }
            wit::Source::External(external) => format!("{} {:?} {}", external.uri, external.mode, external.wait),
            wit::Source::Clock(instant) => instant.clone(),
        };
        format!("{}: {what}", input.name)
    };
    let leaf = |n: u8| format!(r#"self leaf {{"n":{n},"of":"none","threads":1}}"#);
    let inputs: Vec<String> = plan.inputs.iter().map(input).collect();
    assert_eq!(
        inputs,
        [
            format!("one: {}", leaf(1)),
            format!("part: {}value.json", leaf(2)),
            format!("many.0: {}", leaf(3)),
            format!("many.1: {}", leaf(4)),
            format!("pair.0: {}", leaf(5)),
            format!("pair.1: {}", leaf(6)),
            format!("keyed.a%2Fb: {}", leaf(7)),
            "file: dir/f.txt ExternalMode::Content false".to_owned(),
            "folder: dir ExternalMode::Content true".to_owned(),
            "names: dir ExternalMode::Listing false".to_owned(),
            "clock: 2013-02-01T00:00:00Z".to_owned(),
            r#"other: flights delays {"date":"2013-01-07"}"#.to_owned(),
        ]
    );
    let every = WrunPlugin::declare(
        "all-types",
        &Params::from_json("t", &specs(&WrunPlugin::describe().tasks[0]), "{}").unwrap().to_json(),
    );
    assert_eq!(every.unwrap().limits.cpu_ms, Some(400), "`declare` may read insignificant params");
}

#[test]
fn what_was_asked_for_comes_back_in_the_same_shape() {
    let test = TestContext::new().unwrap();
    test.give_file("dir/f.txt", "file").unwrap();
    test.give_folder("dir", [("f.txt", "file")]).unwrap();
    let call = Call::other("flights", "delays").param("date", &"2013-01-07".to_owned());
    test.give_call(&call, [("delays.csv", "x")]).unwrap();
    test.give(&leaf(3), Json(30)).unwrap();
    let made = test.run(&Shaped { dir: "dir".into() }).unwrap();
    let due = "[1, 2, 30, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 2] file";
    assert_eq!(made.load::<Text>().unwrap(), due);
}

#[test]
fn bad_calls_are_errors_that_say_why() {
    let error = |task, params| WrunPlugin::declare(task, params).err().unwrap();
    assert_eq!(error("none", "{}"), "there is no task `none` in this plugin");
    assert_eq!(error("leaf", r#"{"n":201,"of":"x","threads":1}"#), "201 is too large");
    assert_eq!(error("leaf", r#"{"n":1.5}"#), "param `n`: `1.5` is not a int(0..255)");
    assert!(error("leaf", "[]").starts_with("params are not an object"), "{}", error("leaf", "[]"));
}

/// Makes what it was told to make.
#[derive(Task)]
#[task(outputs("a", "d/"))]
struct Careless {
    makes: Vec<String>,
}

impl Run for Careless {
    type Requires = ();
    type Output = Files;
    fn requires(&self) {}
    fn run(&self, cx: &Context, _: ()) -> Result<Files> {
        for name in &self.makes {
            cx.write(name, "").context("writing")?;
        }
        Ok(Files)
    }
}

/// Declares outputs by its params.
#[derive(Task)]
struct Free {
    name: String,
}

impl Run for Free {
    type Requires = ();
    type Output = Files;
    fn requires(&self) {}
    fn outputs(&self) -> Outputs {
        Outputs::new().file(&self.name)
    }
    fn run(&self, cx: &Context, _: ()) -> Result<Files> {
        std::io::Write::write_all(&mut cx.create(&self.name)?, b"x")?;
        cx.progress(0.5, "half");
        Ok(Files)
    }
}

#[test]
fn a_test_context_holds_a_task_to_its_outputs() {
    let test = TestContext::new().unwrap();
    let run = |makes: &[&str]| {
        let makes = makes.iter().map(|name| (*name).to_owned()).collect();
        test.run(&Careless { makes }).err().map(|error| error.to_string()).unwrap_or_default()
    };
    assert_eq!(run(&["a", "d/x/y"]), "");
    for (makes, says) in [
        (vec!["a"], "the declared output `d` was not made"),
        (vec!["a", "d"], "the output `d` is a file, and was declared as a directory"),
        (vec!["a", "d/x", "b"], "\"b\" was made and is no declared output"),
        (vec!["../a"], "`../a` is not a path inside the output"),
        (vec!["/a"], "`/a` is not a path inside the output"),
    ] {
        let error = run(&makes);
        assert!(error.starts_with("`careless`") && error.contains(says), "{error}");
    }
    let made = test.run(&Free { name: "x".to_owned() }).unwrap();
    assert_eq!((made.files().unwrap(), made.text("x").unwrap()), (vec!["x".to_owned()], "x".to_owned()));
    assert_eq!(test.progress(), [(Some(0.5), "half".to_owned())]);
    assert!(test.run(&Careless { makes: vec![] }).is_err());
}

/// Requires itself.
#[derive(Task)]
struct Round {}

impl Run for Round {
    type Requires = Round;
    type Output = ();
    fn requires(&self) -> Round {
        Round {}
    }
    fn run(&self, _: &Context, _: Input<Round>) -> Result<()> {
        Ok(())
    }
}

#[test]
fn a_cycle_is_an_error() {
    let error = TestContext::new().unwrap().run(&Round {}).err().unwrap();
    assert!(error.to_string().contains("requires itself"), "{error}");
}
