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

use crate::codec::Encoder;
use crate::digest::{ActionKey, ComponentDigest, TreeDigest};
use crate::param::Params;
use crate::plan::{OutputKind, OutputSpec};
use serde::{Deserialize, Serialize};

/// The format version of the key.
pub const VERSION: u64 = 1;
const DOMAIN: &str = "wrun.action.wasm";
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
}

impl InputKind {
    /// Tells whether it is the ordinary one.
    pub fn is_tree(&self) -> bool {
        *self == Self::Tree
    }

    /// Tells whether the digest is of what a server says, and not of the bytes.
    pub fn is_weak(self) -> bool {
        matches!(self, Self::VersionId | Self::Etag)
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

/// A wasm action: everything that can change its output, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Action {
    /// The code.
    pub code: Code,
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
        let mut encoder = Encoder::new(DOMAIN, VERSION);
        match &self.code {
            Code::Component(digest) => _ = encoder.digest(&digest.0),
            Code::Version { plugin, version } => _ = encoder.list(2).text(plugin).text(version),
        }
        encoder.text(&self.task);
        self.params.encode(&mut encoder);
        encoder.list(self.inputs.len());
        for input in &self.inputs {
            encoder.text(&input.name);
            answer(&mut encoder, input.kind, input.tree);
        }
        encoder.list(self.outputs.len());
        for output in &self.outputs {
            encoder.text(&output.name).uint(match output.kind {
                OutputKind::File => 0,
                OutputKind::Directory => 1,
            });
        }
        encoder.uint(self.sandbox);
        match &self.nan {
            NanMode::Canonical => _ = encoder.none(),
            NanMode::Native(machine) => _ = encoder.text(machine),
        }
        encoder.text(&self.salt);
        encoder.as_bytes().to_vec()
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

    #[test]
    fn an_action_reads_back_from_json_with_the_same_key() {
        let json = serde_json::to_string(&action()).unwrap();
        assert_eq!(serde_json::from_str::<Action>(&json).unwrap().key(), action().key());
    }
}
