//! A plan whose inputs are digests. Its digest is the cache key.
//!
//! What the key of a wasm action covers (format [`VERSION`]); the mutation test below holds this
//! table, and golden digests hold the bytes:
//!
//! | field | in the key | why |
//! |---|---|---|
//! | component digest, or plugin id + declared `version` | yes | the code; `version` is the author's promise |
//! | task name | yes | one component has several |
//! | significant params | yes | what `run` may read |
//! | inputs: name, kind, tree digest | yes | content, never the key of what made it (early cutoff) |
//! | outputs: name, kind | yes | they decide what `/out` must hold |
//! | sandbox number | yes | what a guest can observe of the host |
//! | NaN mode | yes | bits of a NaN; a native one adds ISA and engine |
//! | salt | yes | the user's way to start afresh |
//! | insignificant params, the text of a `path` | no | `run` sees a token in their place |
//! | limits, retries, attempts, priority, policy | no | a fault never reaches a guest as a value |
//! | paths, mtimes, ETags (unless the user pins by them), host, user, cwd, run id, time | no | nothing in a sandbox can observe them |
//! | docs, defaults, visibility, aliases | no | resolved or shown before the key is made |
//!
//! A dynamic action's trace continues the key: see [`step_key`].
//!
//! What the key of a container action covers, in a domain of its own; a second mutation test holds this table:
//!
//! | field | in the key | why |
//! |---|---|---|
//! | image: the digest for this platform | yes | the code |
//! | entry point, argv, working directory, environment, user | yes | what the program is told |
//! | network mode, number of GPUs | yes | what it may reach |
//! | accepted exit codes | yes | they decide what is a result |
//! | names of secrets | yes | which files it may read below `/run/secrets` |
//! | inputs: name, kind, tree digest; outputs: name, kind | yes | as above |
//! | container-layout number | yes | what a container can observe of how wrun runs it |
//! | salt | yes | the user's way to start afresh |
//! | the plugin, the task's name and params | no | a recompiled plugin that asks for the same runs nothing |
//! | caps (cpus, memory, tmpfs, timeout), labels, values of secrets, whether it is an effect | no | they decide whether and where it runs, not what it makes |

use crate::codec::Encoder;
use crate::digest::{ActionKey, ComponentDigest, TreeDigest};
use crate::param::Params;
use crate::plan::{ContainerSpec, OutputKind, OutputSpec};
use crate::task::CONTAINER_LAYOUT;
use serde::{Deserialize, Serialize};

/// The format version of the key.
pub const VERSION: u64 = 1;
const DOMAIN: &str = "wrun.action.wasm";
const CONTAINER_DOMAIN: &str = "wrun.action.container";
const STEP_DOMAIN: &str = "wrun.step";

/// The code of an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// The component's bytes.
    Component(ComponentDigest),
    /// The author's promise: equal versions make equal bytes.
    Version {
        /// The plugin's declared id.
        plugin: String,
        /// The task type's declared version.
        version: String,
    },
}

/// How NaNs behave.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NanMode {
    /// Canonical bits everywhere.
    #[default]
    Canonical,
    /// Whatever the machine does: its ISA and the engine, such as `x86_64 wasmtime-48`.
    Native(String),
}

/// What an input's digest is of.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InputKind {
    /// The tree that shows under `/in/<name>/`.
    #[default]
    Tree,
    /// The tree that holds the one file `listing`.
    Listing,
    /// The tree that holds the one file `pins`: the versions that a server keeps stand for the content. Weaker: it
    /// is the server's word.
    VersionId,
    /// The same, with the ETags that a server gives.
    Etag,
    /// The tree that holds the one file `reference`: addresses with what a server says of each. A task sees that file in
    /// place of the bytes.
    Reference,
}

impl InputKind {
    /// Tells whether it is the ordinary one.
    pub fn is_tree(&self) -> bool {
        *self == Self::Tree
    }

    /// Tells whether the digest is of what a server says, and not of the bytes.
    pub fn is_weak(self) -> bool {
        matches!(self, Self::VersionId | Self::Etag | Self::Reference)
    }
}

/// One input of an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionInput {
    /// It shows at `/in/<name>/`.
    pub name: String,
    /// What the digest is of.
    #[serde(default)]
    pub kind: InputKind,
    /// The content.
    pub tree: TreeDigest,
}

/// The part of a container action that a wasm action lacks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ContainerAction {
    /// The digest of the image for this platform: `sha256:…`.
    pub image: String,
    /// Entry point, if not the image's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<Vec<String>>,
    /// Arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub argv: Vec<String>,
    /// Working directory, if not the image's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workdir: Option<String>,
    /// Sorted by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<(String, String)>,
    /// User, if not the image's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Whether it has a network.
    #[serde(default)]
    pub network: bool,
    /// GPUs.
    #[serde(default)]
    pub gpus: u32,
    /// Exit codes that are a success, sorted.
    pub accepted: Vec<i32>,
    /// Sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
    /// The number of the container layout.
    pub layout: u64,
}

impl ContainerAction {
    /// Takes from a spec what is in a key.
    pub fn new(spec: &ContainerSpec, image: &str) -> Self {
        Self {
            image: image.to_owned(),
            entrypoint: spec.entrypoint.clone(),
            argv: spec.argv.clone(),
            workdir: spec.workdir.clone(),
            env: spec.env.clone(),
            user: spec.user.clone(),
            network: spec.network,
            gpus: spec.gpus,
            accepted: spec.accepted.clone(),
            secrets: spec.secrets.clone(),
            layout: CONTAINER_LAYOUT,
        }
    }

    fn encode(&self, encoder: &mut Encoder) {
        fn texts<'a>(encoder: &mut Encoder, texts: impl ExactSizeIterator<Item = &'a String>) {
            encoder.list(texts.len());
            texts.for_each(|text| _ = encoder.text(text));
        }
        fn optional(encoder: &mut Encoder, text: Option<&String>) {
            match text {
                None => _ = encoder.none(),
                Some(text) => _ = encoder.text(text),
            }
        }
        encoder.text(&self.image);
        match &self.entrypoint {
            None => _ = encoder.none(),
            Some(words) => texts(encoder, words.iter()),
        }
        texts(encoder, self.argv.iter());
        optional(encoder, self.workdir.as_ref());
        encoder.list(self.env.len());
        self.env.iter().for_each(|(name, value)| _ = encoder.text(name).text(value));
        optional(encoder, self.user.as_ref());
        encoder.bool(self.network).uint(self.gpus.into());
        encoder.list(self.accepted.len());
        self.accepted.iter().for_each(|code| _ = encoder.uint(u64::from(code.unsigned_abs())));
        texts(encoder, self.secrets.iter());
    }
}

/// Everything that can change an output, and nothing else. Of a container action `code`, `task`, `params`, `sandbox`
/// and `nan` say who asked first, and are in no key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Action {
    /// The code.
    pub code: Code,
    /// The container that does the work, instead of the component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<ContainerAction>,
    /// The task type's name.
    pub task: String,
    /// The significant params, masked.
    pub params: Params,
    /// Sorted by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<ActionInput>,
    /// Sorted by name.
    pub outputs: Vec<OutputSpec>,
    /// The number of the sandbox.
    pub sandbox: u64,
    /// How NaNs behave.
    #[serde(default)]
    pub nan: NanMode,
    /// The user's salt; empty is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub salt: String,
}

impl Action {
    /// Returns the canonical bytes that the key is the hash of.
    pub fn encode(&self) -> Vec<u8> {
        if let Some(container) = &self.container {
            let mut encoder = Encoder::new(CONTAINER_DOMAIN, VERSION);
            container.encode(&mut encoder);
            self.encode_files(&mut encoder);
            encoder.uint(container.layout).text(&self.salt);
            return encoder.as_bytes().to_vec();
        }
        let mut encoder = Encoder::new(DOMAIN, VERSION);
        match &self.code {
            Code::Component(digest) => _ = encoder.digest(&digest.0),
            Code::Version { plugin, version } => _ = encoder.list(2).text(plugin).text(version),
        }
        encoder.text(&self.task);
        self.params.encode(&mut encoder);
        self.encode_files(&mut encoder);
        encoder.uint(self.sandbox);
        match &self.nan {
            NanMode::Canonical => _ = encoder.none(),
            NanMode::Native(machine) => _ = encoder.text(machine),
        }
        encoder.text(&self.salt);
        encoder.as_bytes().to_vec()
    }

    fn encode_files(&self, encoder: &mut Encoder) {
        encoder.list(self.inputs.len());
        for input in &self.inputs {
            encoder.text(&input.name);
            answer(encoder, input.kind, input.tree);
        }
        encoder.list(self.outputs.len());
        for output in &self.outputs {
            encoder.text(&output.name).uint(match output.kind {
                OutputKind::File => 0,
                OutputKind::Directory => 1,
            });
        }
    }

    /// Returns the cache key: BLAKE3 of [`Self::encode`].
    pub fn key(&self) -> ActionKey {
        ActionKey(crate::digest::Digest::of_blob(&self.encode()))
    }
}

fn answer(encoder: &mut Encoder, kind: InputKind, tree: TreeDigest) {
    let kind = match kind {
        InputKind::Tree => 0,
        InputKind::Listing => 1,
        InputKind::VersionId => 2,
        InputKind::Etag => 3,
        InputKind::Reference => 4,
    };
    encoder.uint(kind).digest(&tree.0);
}

/// Returns the next key of a dynamic action's trace: keyᵢ₊₁ = H(keyᵢ, kinds and digests in the order asked).
///
/// Names and calls are not in it: what a deterministic guest asks for next is a function of what it
/// has been given, so the key before already decides them.
pub fn step_key(before: ActionKey, answers: &[(InputKind, TreeDigest)]) -> ActionKey {
    let mut encoder = Encoder::new(STEP_DOMAIN, VERSION);
    encoder.digest(&before.0).list(answers.len());
    for (kind, tree) in answers {
        answer(&mut encoder, *kind, *tree);
    }
    ActionKey(encoder.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::param::Value;

    fn tree(text: &str) -> TreeDigest {
        TreeDigest(Digest::of_blob(text.as_bytes()))
    }

    pub(super) fn action() -> Action {
        let params = [("date", Value::Text("2013-01-07".into())), ("window", Value::Int("7".into()))];
        Action {
            code: Code::Component(ComponentDigest(Digest::of_blob(b"component"))),
            container: None,
            task: "delays".into(),
            params: Params(params.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
            inputs: vec![ActionInput { name: "day".into(), kind: InputKind::Tree, tree: tree("day") }],
            outputs: vec![OutputSpec { name: "delays.csv".into(), kind: OutputKind::File }],
            sandbox: 1,
            nan: NanMode::Canonical,
            salt: String::new(),
        }
    }

    #[test]
    fn golden_digests() {
        assert_eq!(
            action().key().to_string(),
            "b3:61d7e2124884b4a4d686517d715e42c38a3543f4d70490e35b3a3c30ee669373"
        );
        let step = step_key(action().key(), &[(InputKind::Tree, tree("a")), (InputKind::Listing, tree("b"))]);
        assert_eq!(step.to_string(), "b3:42b70f7dadb0499a30d16e7f892f31bdcdd88e905859fd6c96cdda93873b8e55");
        let mut versioned = action();
        versioned.code = Code::Version { plugin: "report".into(), version: "2".into() };
        assert_eq!(
            versioned.key().to_string(),
            "b3:11e1d34a83e9b1cd24598c417da365b816dea805a84aa0fc979a12873d0358b2"
        );
    }

    #[test]
    fn every_field_in_the_table_changes_the_key() {
        type Mutation = (&'static str, fn(&mut Action));
        let mutations: Vec<Mutation> = vec![
            ("component", |a| a.code = Code::Component(ComponentDigest(Digest::of_blob(b"other")))),
            ("version", |a| a.code = Code::Version { plugin: "p".into(), version: "1".into() }),
            ("version text", |a| a.code = Code::Version { plugin: "p".into(), version: "2".into() }),
            ("version plugin", |a| a.code = Code::Version { plugin: "q".into(), version: "1".into() }),
            ("task", |a| a.task = "week".into()),
            ("param value", |a| _ = a.params.0.insert("window".into(), Value::Int("8".into()))),
            ("param type", |a| _ = a.params.0.insert("window".into(), Value::Text("7".into()))),
            ("param float", |a| _ = a.params.0.insert("window".into(), Value::Float(7.0))),
            ("param null", |a| _ = a.params.0.insert("window".into(), Value::Null)),
            ("param list", |a| _ = a.params.0.insert("window".into(), Value::List(vec![Value::Int("7".into())]))),
            ("param name", |a| {
                a.params.0.remove("window");
                a.params.0.insert("windows".into(), Value::Int("7".into()));
            }),
            ("param gone", |a| _ = a.params.0.remove("window")),
            ("input name", |a| a.inputs[0].name = "days".into()),
            ("input kind", |a| a.inputs[0].kind = InputKind::Listing),
            ("input digest", |a| a.inputs[0].tree = tree("other")),
            ("input gone", |a| a.inputs.clear()),
            ("output name", |a| a.outputs[0].name = "delay.csv".into()),
            ("output kind", |a| a.outputs[0].kind = OutputKind::Directory),
            ("sandbox", |a| a.sandbox = 2),
            ("nan", |a| a.nan = NanMode::Native("x86_64 e".into())),
            ("nan machine", |a| a.nan = NanMode::Native("aarch64 e".into())),
            ("salt", |a| a.salt = "s".into()),
        ];
        let mut keys = std::collections::BTreeMap::from([(action().key(), "none")]);
        for (name, mutate) in mutations {
            let mut changed = action();
            mutate(&mut changed);
            if let Some(same) = keys.insert(changed.key(), name) {
                panic!("{name} has the key of {same}");
            }
            // And `why` has a word for it; another task it does not compare with.
            assert_eq!(crate::reason::diff(&action(), &changed).is_empty(), name == "task", "{name}");
        }
    }

    fn container() -> Action {
        let container = ContainerAction {
            image: format!("sha256:{}", "1".repeat(64)),
            entrypoint: None,
            argv: vec!["sort".into(), "/in/day/a.csv".into()],
            workdir: Some("/tmp".into()),
            env: vec![("LC_ALL".into(), "C".into())],
            user: None,
            network: false,
            gpus: 0,
            accepted: vec![0],
            secrets: Vec::new(),
            layout: 1,
        };
        Action { container: Some(container), ..action() }
    }

    #[test]
    fn golden_digests_of_containers() {
        assert_eq!(
            container().key().to_string(),
            "b3:79f59e0c21f4ec527538abc72c0d9f76de15a1dd2a3ca7ae5d74104a16a4a22d"
        );
        let mut full = container();
        let it = full.container.as_mut().unwrap();
        it.entrypoint = Some(vec!["/bin/sh".into(), "-c".into()]);
        it.user = Some("1000:1000".into());
        (it.network, it.gpus) = (true, 2);
        it.accepted = vec![0, 3];
        it.secrets = vec!["pg".into()];
        full.salt = "s".into();
        assert_eq!(full.key().to_string(), "b3:5e7fc4023f830544b1e8e41324afca4d221aedd3adbfa4dd1fe37ca1101579c3");
    }

    #[test]
    fn every_field_in_the_table_of_containers_changes_the_key() {
        type Mutation = (&'static str, fn(&mut ContainerAction));
        let mutations: Vec<Mutation> = vec![
            ("image", |c| c.image = "sha256:2".into()),
            ("entry point", |c| c.entrypoint = Some(vec!["sort".into()])),
            ("no entry point", |c| c.entrypoint = Some(Vec::new())),
            ("argument", |c| c.argv[0] = "cat".into()),
            ("argument gone", |c| _ = c.argv.pop()),
            ("arguments joined", |c| c.argv = vec!["sort/in/day/a.csv".into()]),
            ("working directory", |c| c.workdir = Some("/".into())),
            ("no working directory", |c| c.workdir = None),
            ("environment name", |c| c.env[0].0 = "LANG".into()),
            ("environment value", |c| c.env[0].1 = "C.UTF-8".into()),
            ("environment gone", |c| c.env.clear()),
            ("user", |c| c.user = Some("0".into())),
            ("network", |c| c.network = true),
            ("gpus", |c| c.gpus = 1),
            ("accepted", |c| c.accepted = vec![0, 1]),
            ("other accepted", |c| c.accepted = vec![1]),
            ("secrets", |c| c.secrets = vec!["pg".into()]),
            ("layout", |c| c.layout = 2),
        ];
        let mut keys = std::collections::BTreeMap::from([(container().key(), "none"), (action().key(), "wasm")]);
        let mut check = |name: &'static str, changed: &Action| {
            if let Some(same) = keys.insert(changed.key(), name) {
                panic!("{name} has the key of {same}");
            }
            assert!(!crate::reason::diff(&container(), changed).is_empty(), "{name}");
        };
        for (name, mutate) in mutations {
            let mut changed = container();
            mutate(changed.container.as_mut().unwrap());
            check(name, &changed);
        }
        type Shared = (&'static str, fn(&mut Action));
        let shared: Vec<Shared> = vec![
            ("input name", |a| a.inputs[0].name = "days".into()),
            ("input kind", |a| a.inputs[0].kind = InputKind::Listing),
            ("input digest", |a| a.inputs[0].tree = tree("other")),
            ("input gone", |a| a.inputs.clear()),
            ("output name", |a| a.outputs[0].name = "delay.csv".into()),
            ("output kind", |a| a.outputs[0].kind = OutputKind::Directory),
            ("salt", |a| a.salt = "s".into()),
        ];
        for (name, mutate) in shared {
            let mut changed = container();
            mutate(&mut changed);
            check(name, &changed);
        }
        let out: Vec<Shared> = vec![
            ("component", |a| a.code = Code::Component(ComponentDigest(Digest::of_blob(b"other")))),
            ("task", |a| a.task = "week".into()),
            ("params", |a| a.params = Params::default()),
            ("sandbox", |a| a.sandbox = 2),
            ("nan", |a| a.nan = NanMode::Native("x86_64 e".into())),
        ];
        for (name, mutate) in out {
            let mut changed = container();
            mutate(&mut changed);
            assert_eq!(changed.key(), container().key(), "{name}");
            assert_eq!(crate::reason::diff(&container(), &changed), [], "{name}");
        }
    }

    #[test]
    fn an_action_reads_back_from_json_with_the_same_key() {
        let json = serde_json::to_string(&action()).unwrap();
        assert_eq!(serde_json::from_str::<Action>(&json).unwrap().key(), action().key());
        let json = serde_json::to_string(&container()).unwrap();
        assert_eq!(serde_json::from_str::<Action>(&json).unwrap(), container());
    }
}
