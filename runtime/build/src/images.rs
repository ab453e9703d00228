//! The images of a session's containers: each is looked for once, whoever asks.

use crate::jobs::Shared;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;
use wrun_exec::{Image, RunError};

/// Images by the names that tasks gave them.
#[derive(Default)]
pub(crate) struct Images {
    found: Mutex<BTreeMap<String, Arc<OnceCell<Option<Image>>>>>,
    /// Whether an image that is not here may be pulled: a preview does not.
    pub(crate) pull: bool,
}

impl Images {
    pub(crate) fn new(pull: bool) -> Self {
        Self { found: Mutex::default(), pull }
    }

    /// Finds an image; `None` is one that would have to be pulled.
    pub(crate) async fn find(&self, shared: &Shared, reference: &str) -> Result<Option<Image>, RunError> {
        let containers =
            shared.setup.containers.as_ref().ok_or_else(|| {
                RunError::Infrastructure("this wrun was given nothing that runs containers".into())
            })?;
        let cell = {
            let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
            found.entry(reference.to_owned()).or_default().clone()
        };
        cell.get_or_try_init(|| containers.image(reference, self.pull)).await.cloned()
    }

    /// Returns what was found, by name: what is in keys.
    pub(crate) fn all(&self) -> BTreeMap<String, String> {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let known =
            found.iter().filter_map(|(name, cell)| Some((name.clone(), cell.get()?.as_ref()?.digest.clone())));
        known.collect()
    }
}
