//! Tasks that a container does: [`InContainer`] and [`Container`].

use crate::bindings::wrun::task::types as wit;
use crate::{Limits, Outputs, Requires, Result, Task};

/// A task whose work a container does. `#[task(container)]` beside `#[derive(Task)]` makes it one.
///
/// The container sees `/in/<input>/` (read-only) and writes `/out`; it has no network, no rights, and no shell unless
/// its image has one. What it makes is kept under the image's digest, its arguments and the content of its inputs:
/// compiling the plugin anew runs no container.
///
/// ```
/// use wrun_task::{Container, Context, Files, InContainer, Input, Result, Run, Task, Text};
///
/// /// Words to sort
/// #[derive(Task)]
/// struct Words {}
/// impl Run for Words {
///     type Requires = ();
///     type Output = Text;
///     fn requires(&self) {}
///     fn run(&self, _: &Context, _: ()) -> Result<Text> {
///         Ok(Text("b\na\n".into()))
///     }
/// }
///
/// /// Sorts the words with a tool that is in an image
/// #[derive(Task)]
/// #[task(container, outputs("sorted.txt"))]
/// struct Sorted {}
/// impl InContainer for Sorted {
///     type Requires = Words;
///     fn requires(&self) -> Words {
///         Words {}
///     }
///     fn container(&self) -> Container {
///         Container::new("busybox:1.36").args(["sort", "-o", "/out/sorted.txt", "/in/words/value.txt"])
///     }
/// }
///
/// /// Looks at what the container made: code after a container is a task that requires it
/// #[derive(Task)]
/// struct First {}
/// impl Run for First {
///     type Requires = Sorted;
///     type Output = Text;
///     fn requires(&self) -> Sorted {
///         Sorted {}
///     }
///     fn run(&self, _: &Context, sorted: Input<Sorted>) -> Result<Text> {
///         Ok(Text(sorted.read_text("sorted.txt")?.lines().next().unwrap_or_default().into()))
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say what its container is",
    note = "`#[task(container)]` asks for `impl InContainer for {Self}`"
)]
pub trait InContainer: Task {
    /// What it requires.
    type Requires: Requires;

    /// Says what it requires. It has no files, clock or randomness.
    fn requires(&self) -> Self::Requires;

    /// Says what runs.
    fn container(&self) -> Container;

    /// Refuses params that are impossible together, before anything runs.
    fn check(&self) -> Result<()> {
        Ok(())
    }

    /// Declares its outputs, where they depend on the params.
    fn outputs(&self) -> Outputs {
        let named = Self::about().outputs();
        if named.is_empty() { Outputs::anything() } else { named }
    }

    /// Returns the caps on output and log, where they depend on the params; they are in no key.
    fn limits(&self) -> Limits {
        Limits::default()
    }
}

/// What a container runs, and within what. Arguments are data: no shell reads them, unless the image's program is one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Container {
    image: String,
    entrypoint: Option<Vec<String>>,
    args: Vec<String>,
    workdir: Option<String>,
    env: Vec<(String, String)>,
    user: Option<String>,
    network: bool,
    cpu_millis: Option<u64>,
    memory: Option<u64>,
    gpus: u32,
    timeout: Option<u64>,
    tmpfs: Option<u64>,
    accepted: Vec<i32>,
    secrets: Vec<String>,
    labels: Vec<(String, String)>,
    effect: bool,
}

impl Container {
    /// In an argument or a variable: the address of an empty prefix of a bucket, `s3://…/`. What the container writes
    /// there is part of its output, by the path below it, as if it were written below `/out`. It needs
    /// [a network](Self::network).
    pub const OUT_URL: &str = "{out-url}";

    /// Names the image: `name:tag`, `name@sha256:…`, or the id of one that is on the machine alone.
    pub fn new(image: impl Into<String>) -> Self {
        Self {
            image: image.into(),
            entrypoint: None,
            args: Vec::new(),
            workdir: None,
            env: Vec::new(),
            user: None,
            network: false,
            cpu_millis: None,
            memory: None,
            gpus: 0,
            timeout: None,
            tmpfs: None,
            accepted: Vec::new(),
            secrets: Vec::new(),
            labels: Vec::new(),
            effect: false,
        }
    }

    /// Starts this in place of the image's own entry point.
    pub fn entrypoint<S: Into<String>>(mut self, words: impl IntoIterator<Item = S>) -> Self {
        self.entrypoint = Some(words.into_iter().map(Into::into).collect());
        self
    }

    /// Adds an argument: a text, a number, a date; whatever it holds, it is one argument.
    pub fn arg(mut self, word: impl std::fmt::Display) -> Self {
        self.args.push(word.to_string());
        self
    }

    /// Adds arguments.
    pub fn args<S: std::fmt::Display>(self, words: impl IntoIterator<Item = S>) -> Self {
        words.into_iter().fold(self, Self::arg)
    }

    /// Starts in this folder, an absolute path, in place of the image's own.
    pub fn workdir(mut self, path: impl Into<String>) -> Self {
        self.workdir = Some(path.into());
        self
    }

    /// Sets an environment variable. It is in the key, so no place for a secret.
    pub fn env(mut self, name: impl Into<String>, value: impl std::fmt::Display) -> Self {
        self.env.push((name.into(), value.to_string()));
        self
    }

    /// Runs as this user, `name` or `uid:gid`, in place of the image's own.
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// Has a network, in place of none. What it fetches is in no key.
    pub fn network(mut self) -> Self {
        self.network = true;
        self
    }

    /// Uses so many CPU cores at most, in thousandths: `1500` is one and a half. As many have to be free for it to
    /// start; without this it takes what is there, and a slot.
    pub fn cpu_millis(mut self, millis: u64) -> Self {
        self.cpu_millis = Some(millis);
        self
    }

    /// Has so many bytes of memory, and no swap. As many have to be free for it to start.
    pub fn memory(mut self, bytes: u64) -> Self {
        self.memory = Some(bytes);
        self
    }

    /// Sees so many GPUs.
    pub fn gpus(mut self, count: u32) -> Self {
        self.gpus = count;
        self
    }

    /// Is stopped after so many seconds.
    pub fn timeout(mut self, seconds: u64) -> Self {
        self.timeout = Some(seconds);
        self
    }

    /// Has so many bytes of `/tmp`, which is memory; without this 64 MiB.
    pub fn tmpfs(mut self, bytes: u64) -> Self {
        self.tmpfs = Some(bytes);
        self
    }

    /// Takes these exit codes for a success, in place of 0 alone.
    pub fn accept(mut self, codes: impl IntoIterator<Item = i32>) -> Self {
        self.accepted.extend(codes);
        self
    }

    /// Reads this secret in `/run/secrets/<name>`; wrun.toml says where its value is. Only the name is in the key.
    pub fn secret(mut self, name: impl Into<String>) -> Self {
        self.secrets.push(name.into());
        self
    }

    /// Asks for a place: a machine with this label.
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.push((name.into(), value.into()));
        self
    }

    /// Acts on the world: it loads a database, sends mail. It is never repeated to verify; that it runs at least once
    /// is what is promised, and `WRUN_ACTION` in its environment is the same in every attempt: a token by which the
    /// world can tell a repetition.
    pub fn effect(mut self) -> Self {
        self.effect = true;
        self
    }

    pub(crate) fn into_wit(self) -> wit::Container {
        wit::Container {
            image: self.image,
            entrypoint: self.entrypoint,
            argv: self.args,
            workdir: self.workdir,
            env: self.env,
            user: self.user,
            network: if self.network { wit::Network::Full } else { wit::Network::None },
            cpu_millis: self.cpu_millis,
            memory: self.memory,
            gpus: self.gpus,
            timeout_seconds: self.timeout,
            tmpfs: self.tmpfs,
            accepted_exit_codes: self.accepted,
            secrets: self.secrets,
            labels: self.labels,
            effect: self.effect,
        }
    }
}
