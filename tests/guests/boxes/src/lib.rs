//! Tasks that a container does, whatever a test wants of it: scripts run in the shell of the image that the tests make.

use wrun_task::{
    Container, Context, External, Files, InContainer, Input, Insignificant, Limits, Outputs, Path, Requires,
    Result, Run, Task, Text, export,
};

/// A text, and when it was asked for
#[derive(Task)]
struct Words {
    /// Which
    text: String,
}

impl Run for Words {
    type Requires = ();
    type Output = Files;
    fn requires(&self) {}
    fn run(&self, cx: &Context, _: ()) -> Result<Files> {
        cx.write("words.txt", &self.text)?;
        // More than rides inside a record, so that a container sees a file of the store.
        cx.write("large.bin", vec![b'x'; 100_000])?;
        cx.write("empty/none.txt", "")
    }
}

/// What a script sees
#[derive(Requires)]
struct Shown {
    words: Words,
    given: Option<External>,
}

/// Runs a script over some words
#[derive(Task)]
#[task(container, retries = 0)]
struct Script {
    /// For `sh -c`
    #[param(positional)]
    script: String,
    /// The image
    #[param(default = "wrun-test:latest")]
    image: String,
    /// The words
    #[param(default = "b\na\nc\n")]
    text: String,
    /// Something else to show, as `given`
    #[param(default)]
    given: Option<Path>,
    /// Files to make; none is whatever there is
    #[param(default)]
    files: Vec<String>,
    /// Started in place of a shell
    #[param(default)]
    entrypoint: Vec<String>,
    /// Arguments in place of the script
    #[param(default)]
    args: Vec<String>,
    /// User
    #[param(default)]
    user: String,
    /// Environment: names and values by turns
    #[param(default)]
    env: Vec<String>,
    /// Secrets
    #[param(default)]
    secrets: Vec<String>,
    /// More exit codes that are a success
    #[param(default)]
    accept: Vec<i32>,
    /// Has a network
    #[param(default = false)]
    network: bool,
    /// Acts on the world
    #[param(default = false)]
    effect: bool,
    /// Bytes of memory; 0 is no cap
    #[param(insignificant, default = 0)]
    memory: Insignificant<u64>,
    /// Thousandths of a CPU core; 0 is no cap
    #[param(insignificant, default = 0)]
    cpu: Insignificant<u64>,
    /// Seconds; 0 is no end
    #[param(insignificant, default = 0)]
    timeout: Insignificant<u64>,
    /// Bytes of /tmp; 0 is the usual
    #[param(insignificant, default = 0)]
    tmpfs: Insignificant<u64>,
    /// Bytes of output; 0 is the usual
    #[param(insignificant, default = 0)]
    output: Insignificant<u64>,
}

fn cap(cap: &Insignificant<u64>) -> Option<u64> {
    cap.get().copied().filter(|cap| *cap > 0)
}

impl InContainer for Script {
    type Requires = Shown;

    fn requires(&self) -> Shown {
        Shown { words: Words { text: self.text.clone() }, given: self.given.as_ref().map(External::new) }
    }

    fn container(&self) -> Container {
        let mut it = Container::new(&self.image);
        it = match (&self.entrypoint[..], &self.args[..]) {
            ([], []) => it.args(["sh", "-c", &self.script]),
            ([], args) => it.args(args),
            (entrypoint, args) => it.entrypoint(entrypoint).args(args),
        };
        if !self.user.is_empty() {
            it = it.user(&self.user);
        }
        it = self.env.chunks_exact(2).fold(it, |it, pair| it.env(&pair[0], &pair[1]));
        it = self.secrets.iter().fold(it, |it, name| it.secret(name));
        if !self.accept.is_empty() {
            it = it.accept([0]).accept(self.accept.iter().copied());
        }
        if self.network {
            it = it.network();
        }
        if self.effect {
            it = it.effect();
        }
        it = cap(&self.memory).into_iter().fold(it, Container::memory);
        it = cap(&self.cpu).into_iter().fold(it, Container::cpu_millis);
        it = cap(&self.timeout).into_iter().fold(it, Container::timeout);
        cap(&self.tmpfs).into_iter().fold(it, Container::tmpfs)
    }

    fn outputs(&self) -> Outputs {
        if self.files.is_empty() {
            return Outputs::anything();
        }
        let files = self.files.iter();
        files.fold(Outputs::new(), |all, name| match name.strip_suffix('/') {
            Some(name) => all.directory(name),
            None => all.file(name),
        })
    }

    fn limits(&self) -> Limits {
        Limits { output_bytes: cap(&self.output), ..Limits::default() }
    }
}

/// Counts what a container made: code after a container
#[derive(Task)]
struct Count {
    /// For `sh -c`
    #[param(positional)]
    script: String,
}

fn script(script: &str) -> Script {
    Script {
        script: script.to_owned(),
        image: "wrun-test:latest".into(),
        text: "b\na\nc\n".into(),
        given: None,
        files: Vec::new(),
        entrypoint: Vec::new(),
        args: Vec::new(),
        user: String::new(),
        env: Vec::new(),
        secrets: Vec::new(),
        accept: Vec::new(),
        network: false,
        effect: false,
        memory: 0.into(),
        cpu: 0.into(),
        timeout: 0.into(),
        tmpfs: 0.into(),
        output: 0.into(),
    }
}

impl Run for Count {
    type Requires = Script;
    type Output = Text;
    fn requires(&self) -> Script {
        script(&self.script)
    }
    fn run(&self, _: &Context, made: Input<Script>) -> Result<Text> {
        Ok(Text(format!("{} files", made.files()?.len())))
    }
}

/// Many containers, and what they made in one place
#[derive(Task)]
struct Many {
    /// How many
    #[param(positional)]
    n: u32,
    /// For `sh -c`; `$i` is the number
    #[param(default = "echo $i > /out/i")]
    script: String,
}

impl Run for Many {
    type Requires = ();
    type Output = Text;
    fn requires(&self) {}
    fn run(&self, cx: &Context, _: ()) -> Result<Text> {
        let each = (0..self.n).map(|i| script(&format!("i={i}; {}", self.script)));
        let mut all = String::new();
        for made in cx.need(each)? {
            all.push_str(&made.read_text("i")?);
        }
        Ok(Text(all))
    }
}

/// A container that requires nothing
#[derive(Task)]
#[task(container)]
struct Alone {}

impl InContainer for Alone {
    type Requires = ();
    fn requires(&self) {}
    fn container(&self) -> Container {
        Container::new("wrun-test:latest")
    }
}

export!(Words, Script, Count, Many, Alone);
