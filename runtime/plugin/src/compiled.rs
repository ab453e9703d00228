//! Compiled code on disk, by component digest and engine hash.
//!
//! Compiled code is machine code: whoever can write it can run anything as this user. So it is loaded
//! only from a folder and a file that this user owns and nobody else may write, and is compiled again
//! otherwise.

use std::hash::{Hash as _, Hasher};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use wasmtime::Engine;
use wasmtime::component::Component;
use wrun_core::digest::{ComponentDigest, Digest};

/// Loads a component's compiled form, or compiles it and leaves the compiled form for the next time.
pub(crate) fn load(
    engine: &Engine,
    folder: Option<&Path>,
    digest: ComponentDigest,
    bytes: &[u8],
) -> wasmtime::Result<Component> {
    let Some(folder) = folder else { return Component::from_binary(engine, bytes) };
    let path = path(engine, folder, digest);
    if is_ours(folder)
        && is_ours(&path)
        && let Ok(component) = deserialize(engine, &path)
    {
        return Ok(component);
    }
    let component = Component::from_binary(engine, bytes)?;
    // A cache that cannot be written costs time, and nothing else.
    if let Ok(code) = component.serialize() {
        let _ = write(folder, &path, &code);
    }
    Ok(component)
}

fn deserialize(engine: &Engine, path: &Path) -> wasmtime::Result<Component> {
    #[expect(unsafe_code, reason = "loading compiled code has no safe form")]
    // SAFETY: the file and its folder belong to this user and nobody else may write them, and this
    // crate is what writes there: a whole file, synced before it was renamed into place, made by an
    // engine of the same hash.
    unsafe {
        Component::deserialize_file(engine, path)
    }
}

fn path(engine: &Engine, folder: &Path, digest: ComponentDigest) -> PathBuf {
    let mut hasher = Blake3Hasher(blake3::Hasher::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    let hash = Digest::from_bytes(*hasher.0.finalize().as_bytes());
    folder.join(format!("{}-{}.cwasm", digest.0.to_hex(), &hash.to_hex()[..32]))
}

fn is_ours(path: &Path) -> bool {
    const OTHERS_WRITE: u32 = 0o022;
    path.symlink_metadata().is_ok_and(|meta| {
        let user = rustix::process::geteuid().as_raw();
        meta.uid() == user && meta.mode() & OTHERS_WRITE == 0 && !meta.is_symlink()
    })
}

fn write(folder: &Path, path: &Path, code: &[u8]) -> std::io::Result<()> {
    if !folder.exists() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    if !is_ours(folder) {
        return Ok(());
    }
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(code)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// The standard hasher is not stable between builds of the standard library.
struct Blake3Hasher(blake3::Hasher);

impl Hasher for Blake3Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let mut head = [0; 8];
        head.copy_from_slice(&self.0.finalize().as_bytes()[..8]);
        u64::from_le_bytes(head)
    }
}
