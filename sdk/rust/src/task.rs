//! The two traits of a task: [`Task`], which `#[derive(Task)]` writes, and [`Run`], which you write.

use crate::bindings::wrun::task::types as wit;
use crate::param::Tokens;
use crate::{Context, Output, Outputs, Requires, Result};

/// What a task is called and how its params are read and written. `#[derive(Task)]` implements it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a task",
    note = "put `#[derive(Task)]` on the struct of its params"
)]
pub trait Task: Sized {
    /// Its name, such as `split-by-day`.
    const NAME: &'static str;

    /// Reads canonical JSON.
    fn from_params(json: &str) -> Result<Self>;

    /// Writes a JSON object that the host reads as these params.
    fn to_params(&self) -> String;

    /// Returns all that the attributes say of it.
    #[doc(hidden)]
    fn about() -> About;

    /// Puts tokens in place of what `run` cannot read.
    #[doc(hidden)]
    fn mask(self, tokens: &mut Tokens) -> Self;
}

/// What a task requires, makes and does.
///
/// ```
/// use wrun_task::{Context, Input, Json, Result, Run, Task, Text};
///
/// /// Counts up to a number
/// #[derive(Task)]
/// struct Count {
///     /// Last number
///     to: u32,
/// }
/// impl Run for Count {
///     type Requires = ();
///     type Output = Json<Vec<u32>>;
///     fn requires(&self) {}
///     fn run(&self, _cx: &Context, _: ()) -> Result<Json<Vec<u32>>> {
///         Ok(Json((1..=self.to).collect()))
///     }
/// }
///
/// /// Adds them up
/// #[derive(Task)]
/// struct Sum {
///     /// Last number
///     to: u32,
/// }
/// impl Run for Sum {
///     type Requires = Count;
///     type Output = Text;
///     fn requires(&self) -> Count {
///         Count { to: self.to }
///     }
///     fn run(&self, _cx: &Context, count: Input<Count>) -> Result<Text> {
///         Ok(Text(count.load()?.iter().sum::<u32>().to_string()))
///     }
/// }
///
/// let test = wrun_task::testing::TestContext::new()?;
/// assert_eq!(test.run(&Sum { to: 4 })?.load::<Text>()?, "10");
/// # Ok::<(), wrun_task::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a task that can run",
    note = "a task has `#[derive(Task)]`, and `impl Run for {Self}`"
)]
pub trait Run: Task {
    /// What it requires.
    type Requires: Requires;

    /// What it makes.
    type Output: Output;

    /// Says what it requires. It has no files, clock or randomness.
    ///
    /// It is asked once more when the task runs, for the shape of its inputs, and then sees tokens for
    /// paths and insignificant params; so let how many there are depend on the other params alone.
    fn requires(&self) -> Self::Requires;

    /// Makes the outputs.
    fn run(&self, cx: &Context, inputs: <Self::Requires as Requires>::Inputs) -> Result<Self::Output>;

    /// Refuses params that are impossible together, before anything runs.
    fn check(&self) -> Result<()> {
        Ok(())
    }

    /// Declares its outputs, where they depend on the params. It is for [`Files`](crate::Files) alone, as
    /// the outputs of the other types are fixed.
    fn outputs(&self) -> Outputs {
        let named = Self::about().outputs();
        if named.is_empty() { Self::Output::outputs() } else { named }
    }

    /// Returns the caps of one run, where they depend on the params; they are in no key.
    fn limits(&self) -> Limits {
        Limits::default()
    }

    /// Returns the container that does the work; `#[task(container)]` writes it.
    #[doc(hidden)]
    fn container(&self) -> Option<crate::Container> {
        None
    }
}

/// Caps of one run, in no key. What is not set is the host's to say: 1 GiB of memory, an hour of CPU time,
/// 4 GiB in 1,000,000 files of output, 1 MiB of log.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of memory.
    pub memory: Option<u64>,
    /// Milliseconds of CPU time.
    pub cpu_ms: Option<u64>,
    /// Bytes of output.
    pub output_bytes: Option<u64>,
    /// Files and directories of output.
    pub output_files: Option<u64>,
    /// Bytes of log that are kept.
    pub log_bytes: Option<u64>,
}

impl Limits {
    pub(crate) fn into_wit(self) -> wit::Limits {
        wit::Limits {
            memory: self.memory,
            cpu_ms: self.cpu_ms,
            output_bytes: self.output_bytes,
            output_files: self.output_files,
            log_bytes: self.log_bytes,
        }
    }
}

/// What the attributes of a task say.
#[doc(hidden)]
pub struct About {
    pub doc: &'static str,
    pub params: fn() -> Vec<ParamAbout>,
    pub outputs: &'static [&'static str],
    pub limits: Limits,
    pub version: Option<&'static str>,
    pub dynamic: bool,
    pub native_nan: bool,
    pub retries: u32,
}

impl About {
    pub(crate) fn outputs(&self) -> Outputs {
        Outputs::named(self.outputs)
    }
}

/// What the attributes of a param say.
#[doc(hidden)]
pub struct ParamAbout {
    pub name: &'static str,
    pub doc: &'static str,
    pub kind: String,
    pub default: Option<String>,
    pub significant: bool,
    pub visibility: Visibility,
    pub positional: bool,
}

/// Who sees a param in listings.
#[doc(hidden)]
#[derive(Copy, Clone)]
pub enum Visibility {
    Public,
    Hidden,
    Private,
}

impl ParamAbout {
    pub(crate) fn into_wit(self) -> wit::ParamSpec {
        wit::ParamSpec {
            name: self.name.to_owned(),
            doc: self.doc.to_owned(),
            kind: self.kind,
            default: self.default,
            significant: self.significant,
            visibility: match self.visibility {
                Visibility::Public => wit::Visibility::Public,
                Visibility::Hidden => wit::Visibility::Hidden,
                Visibility::Private => wit::Visibility::Private,
            },
            positional: self.positional,
        }
    }
}

/// Writes the default of a param as JSON.
#[doc(hidden)]
pub fn default_json<P: crate::Param>(plain: P::Plain) -> String {
    crate::param::json_of(&P::from_plain(plain))
}

/// Writes the default of a param that is given as text.
#[doc(hidden)]
pub fn default_text<P: crate::Param>(text: &str) -> String {
    // What the type does not take goes to the host as it is, whose message names task and param.
    let mut json = String::new();
    match P::from_text(text) {
        Some(value) => value.write(&mut json),
        None => crate::param::write_text(&mut json, text),
    }
    json
}
