//! Publishing: outputs at places that people and other systems read.
//!
//! - **One file** is one put, which carries a note of what it is: readers see the old one or the new one.
//! - **Several files** go to `DEST/<tree>/`, and then `DEST/_manifest.json` moves by compare-and-swap: who reads the
//!   manifest, and then what it names, never sees a mixture.
//! - **Flat**: several files go to `DEST/` itself, under their own names. Between the first of them and the manifest
//!   readers may see a mixture.
//!
//! A build that started earlier never takes the place of one that started later. What says already that it is of these
//! bytes is left alone.

use crate::rerun::output;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use wrun_core::digest::{ComponentDigest, Digest, TreeDigest};
use wrun_core::param::Params;
use wrun_core::result::{ActionResult, Address};
use wrun_core::tree::{Entry, EntryKind};
use wrun_store::files::{Dir, FilesError};
use wrun_store::objects::{ObjectError, Objects, State};
use wrun_store::{Blob, Store};

/// The format number of manifests and notes.
pub const FORMAT: u32 = 1;
/// The name of a manifest.
pub const MANIFEST: &str = "_manifest.json";
/// So often somebody else may be faster.
const TRIES: usize = 100;

/// How several files lie at their destination.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// Below a folder that is named by their digest.
    #[default]
    Tree,
    /// Under their own names.
    Flat,
}

/// What a manifest says; a single file carries the same without the list, as its note.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// The plugin's id.
    pub plugin: String,
    /// The task type.
    pub task: String,
    /// The result.
    pub result: Address,
    /// Its output.
    pub tree: TreeDigest,
    /// When the build that published it started: milliseconds since 1970.
    pub started: i64,
    /// How the files lie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<Layout>,
    /// The public params.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub params: Params,
    /// The files by path, each with its place relative to the manifest.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, Published>,
    /// The component that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<ComponentDigest>,
    /// What it was made from: results by input.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, Address>,
    /// What it was made from: externals by input.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub externals: BTreeMap<String, String>,
}

fn is_empty(params: &Params) -> bool {
    params.0.iter().next().is_none()
}

/// A file of a manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Published {
    /// Where it is, relative to the manifest.
    pub at: String,
    /// Its bytes.
    pub digest: Digest,
    /// How many.
    pub size: u64,
}

/// What is to be published, and where.
pub struct Publication {
    /// The destination as a folder.
    pub to: Arc<dyn Objects>,
    /// The destination as a file: its folder, and its name. It is one where the output is a single file.
    pub file: Option<(Arc<dyn Objects>, String)>,
    /// How several files lie.
    pub layout: Layout,
    /// The result.
    pub address: Address,
    /// Its record.
    pub result: Box<ActionResult>,
    /// The public params.
    pub params: Params,
    /// When the build started: milliseconds since 1970.
    pub started: i64,
    /// Whether to look at files that a manifest names.
    pub check: bool,
}

/// What became of a publication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is there now: so many files, of so many bytes.
    Written(u64, u64),
    /// It was there.
    There,
    /// A build that started later has published something else there.
    Newer(TreeDigest),
}

/// Why something could not be published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// At the destination.
    #[error(transparent)]
    Object(#[from] ObjectError),
    /// In the store.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// An output without any file.
    #[error("`{task}` has no files to publish")]
    Nothing {
        /// The task.
        task: String,
    },
    /// Somebody else's.
    #[error("`{at}` is where `{other}` publishes, not `{task}`")]
    OtherTask {
        /// The destination.
        at: String,
        /// Whose it is.
        other: String,
        /// Who wants it.
        task: String,
    },
    /// A manifest that is none of ours.
    #[error("`{at}` is there, and not written by wrun")]
    Foreign {
        /// Where.
        at: String,
    },
    /// A file that would take the manifest's place.
    #[error("`{task}` has a file `{MANIFEST}` of its own, which is the manifest's name")]
    Reserved {
        /// The task.
        task: String,
    },
    /// Others were faster, again and again.
    #[error("`{at}` kept changing while it was published")]
    Contended {
        /// Where.
        at: String,
    },
}

impl PublishError {
    /// Returns one thing to try.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Object(error) => return error.fault.hint().map(Into::into),
            Self::Files(_) => "build with `--check`: what is gone is made again".into(),
            Self::Nothing { .. } => "publish a task that makes files".into(),
            Self::OtherTask { .. } => {
                "give each task type a destination of its own, such as one with `{task}` in it".into()
            }
            Self::Foreign { .. } => "publish somewhere else, or move away what is there".into(),
            Self::Reserved { .. } => "publish it without `layout = \"flat\"`".into(),
            Self::Contended { .. } => "let fewer builds publish there at once".into(),
        })
    }
}

fn at(to: &dyn Objects, name: &str) -> String {
    format!("{}/{name}", to.describe().trim_end_matches('/'))
}

/// A file of an output.
struct OneFile {
    path: String,
    entry: Entry,
    at: Dir,
}

impl Publication {
    fn task(&self) -> String {
        format!("{}:{}", self.result.provenance.plugin, self.result.action.task)
    }

    /// Publishes it.
    pub async fn publish(&self, store: &Arc<dyn Store>) -> Result<Fate, PublishError> {
        let dir = output(&self.result, store);
        dir.fetch_trees().await?;
        let mut files = Vec::new();
        dir.walk(&mut |path, entry, at| {
            if entry.kind != EntryKind::Directory {
                files.push(OneFile { path: path.to_owned(), entry: entry.clone(), at: at.clone() });
            }
            Ok(())
        })?;
        match (files.as_slice(), &self.file) {
            ([], _) => Err(PublishError::Nothing { task: self.task() }),
            ([one], Some((to, name))) => self.file(&**to, name, one, &dir).await,
            ([one], None) if self.layout == Layout::Tree && !one.path.contains('/') => {
                self.file(&*self.to, &one.path, one, &dir).await
            }
            (files, _) => self.files(files, &dir).await,
        }
    }

    /// Tells what is to be done about what is there.
    fn judge(&self, at: &str, note: Option<&str>) -> Result<Option<Fate>, PublishError> {
        let Some(there) = note.and_then(|note| serde_json::from_str::<Manifest>(note).ok()) else {
            return Err(PublishError::Foreign { at: at.to_owned() });
        };
        let other = format!("{}:{}", there.plugin, there.task);
        if other != self.task() {
            return Err(PublishError::OtherTask { at: at.to_owned(), other, task: self.task() });
        }
        if there.tree == self.result.tree {
            return Ok(Some(Fate::There));
        }
        Ok((there.started > self.started).then_some(Fate::Newer(there.tree)))
    }

    /// Publishes one file, by one put.
    async fn file(&self, to: &dyn Objects, name: &str, file: &OneFile, dir: &Dir) -> Result<Fate, PublishError> {
        let note = serde_json::to_string(&self.manifest()).unwrap_or_default();
        for _ in 0..TRIES {
            let there = to.look(name).await?;
            let again = |there: &State| self.check && there.size != file.entry.size;
            if let Some(seen) = &there
                && let Some(fate) = self.judge(&at(to, name), seen.note.as_deref())?
                && !(fate == Fate::There && again(seen))
            {
                return Ok(fate);
            }
            dir.fetch().await?;
            let body = file.at.file(&file.entry)?;
            let tag = there.as_ref().map(|seen| seen.tag.as_str());
            if to.swap(name, &body, tag, Some(&note)).await? {
                return Ok(Fate::Written(1, file.entry.size));
            }
        }
        Err(PublishError::Contended { at: at(to, name) })
    }

    /// Publishes several files, then moves the manifest.
    async fn files(&self, files: &[OneFile], dir: &Dir) -> Result<Fate, PublishError> {
        let folder = match self.layout {
            Layout::Tree => format!("{}/", self.result.tree.0.to_hex()),
            Layout::Flat if files.iter().any(|file| file.path == MANIFEST) => {
                return Err(PublishError::Reserved { task: self.task() });
            }
            Layout::Flat => String::new(),
        };
        let mut manifest = self.manifest();
        manifest.layout = Some(self.layout);
        manifest.component = Some(self.result.provenance.component);
        manifest.params = self.params.clone();
        manifest.inputs = self.result.provenance.inputs.clone();
        manifest.externals = self.result.provenance.externals.clone();
        for file in files {
            let at = format!("{folder}{}", file.path);
            let published = Published { at, digest: file.entry.digest, size: file.entry.size };
            manifest.files.insert(file.path.clone(), published);
        }
        let body: wrun_store::Bytes = serde_json::to_vec_pretty(&manifest).unwrap_or_default().into();
        let mut written = (0, 0);
        let mut sent = false;
        for _ in 0..TRIES {
            let seen = self.to.look(MANIFEST).await?;
            let known = match &seen {
                Some(_) => self.to.get(MANIFEST).await?,
                None => None,
            };
            let text = known.as_deref().map(String::from_utf8_lossy);
            if seen.is_some() {
                match self.judge(&at(&*self.to, MANIFEST), text.as_deref())? {
                    Some(Fate::There) if self.check && !sent => {
                        written = self.send(files, &folder, dir, true).await?;
                        return Ok(if written.0 > 0 { Fate::Written(written.0, written.1) } else { Fate::There });
                    }
                    Some(fate) => return Ok(fate),
                    None => {}
                }
            }
            if !sent {
                written = self.send(files, &folder, dir, self.layout == Layout::Tree).await?;
                sent = true;
            }
            let tag = seen.as_ref().map(|seen| seen.tag.as_str());
            if self.to.swap(MANIFEST, &Blob::Memory(body.clone()), tag, None).await? {
                self.tidy(text.as_deref(), &manifest).await?;
                return Ok(Fate::Written(written.0, written.1));
            }
        }
        Err(PublishError::Contended { at: at(&*self.to, MANIFEST) })
    }

    /// Writes the files, or those that are not there with the right size; returns how many, and their bytes.
    async fn send(
        &self,
        files: &[OneFile],
        folder: &str,
        dir: &Dir,
        only_absent: bool,
    ) -> Result<(u64, u64), PublishError> {
        let listed = match only_absent {
            true => self.to.list(folder, "").await?,
            false => Vec::new(),
        };
        let there: BTreeMap<&str, u64> = listed.iter().map(|one| (one.name.as_str(), one.size)).collect();
        let absent =
            |file: &&OneFile| there.get(format!("{folder}{}", file.path).as_str()) != Some(&file.entry.size);
        let due: Vec<&OneFile> = files.iter().filter(absent).collect();
        if !due.is_empty() {
            dir.fetch().await?;
        }
        let mut written = (0, 0);
        for file in due {
            let body = file.at.file(&file.entry)?;
            self.to.upload(&format!("{folder}{}", file.path), &body, true).await?;
            written = (written.0 + 1, written.1 + file.entry.size);
        }
        Ok(written)
    }

    /// Removes what lay there flat before, and belongs to the output no more.
    async fn tidy(&self, before: Option<&str>, now: &Manifest) -> Result<(), PublishError> {
        let Some(before) = before.and_then(|text| serde_json::from_str::<Manifest>(text).ok()) else {
            return Ok(());
        };
        if before.layout != Some(Layout::Flat) {
            return Ok(());
        }
        let kept = |at: &String| now.files.values().any(|file| file.at == *at);
        let gone: Vec<String> = before.files.into_values().map(|file| file.at).filter(|at| !kept(at)).collect();
        // Names of a manifest lead nowhere else.
        let gone: Vec<String> = gone.into_iter().filter(|at| wrun_core::tree::split_path(at).is_some()).collect();
        if !gone.is_empty() {
            self.to.remove(&gone).await?;
        }
        Ok(())
    }

    fn manifest(&self) -> Manifest {
        Manifest {
            format: FORMAT,
            plugin: self.result.provenance.plugin.clone(),
            task: self.result.action.task.clone(),
            result: self.address,
            tree: self.result.tree,
            started: self.started,
            layout: None,
            params: Params::default(),
            files: BTreeMap::new(),
            component: None,
            inputs: BTreeMap::new(),
            externals: BTreeMap::new(),
        }
    }
}
