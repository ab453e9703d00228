//! The conformance suite.

use rusqlite::{Connection, params};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use wrun_core::digest::Digest;
use wrun_store::Store;
use wrun_store::conformance::Home;
use wrun_store::local::LocalStore;
use wrun_store::memory::MemoryStore;

struct MemoryHome(Arc<MemoryStore>);

impl Home for MemoryHome {
    fn open(&self) -> Arc<dyn Store> {
        self.0.clone()
    }

    fn corrupt(&self, digest: Digest) -> bool {
        self.0.corrupt_blob(digest);
        true
    }

    fn remove(&self, digest: Digest) {
        self.0.drop_blob(digest);
    }
}

/// A store in a folder of its own.
pub(crate) struct LocalHome(pub(crate) tempfile::TempDir);

impl LocalHome {
    fn file(&self, digest: Digest) -> PathBuf {
        let hex = digest.to_hex();
        self.0.path().join("cas").join(&hex[..2]).join(&hex[2..])
    }

    /// Changes the row of a small blob.
    fn row(&self, digest: Digest, sql: &str) -> bool {
        let connection = Connection::open(self.0.path().join("index.sqlite")).unwrap();
        connection.busy_timeout(std::time::Duration::from_secs(60)).unwrap();
        let name = [&[1][..], digest.as_bytes()].concat();
        connection.execute(sql, params![name]).unwrap() > 0
    }
}

impl Home for LocalHome {
    fn open(&self) -> Arc<dyn Store> {
        LocalStore::open(self.0.path()).unwrap()
    }

    fn corrupt(&self, digest: Digest) -> bool {
        let path = self.file(digest);
        let Ok(mut bytes) = std::fs::read(&path) else {
            // One bit of the last byte.
            return self.row(
                digest,
                "UPDATE log SET body = CAST(substr(body, 1, length(body) - 1) \
                 || CASE substr(body, -1) WHEN x'00' THEN x'01' ELSE x'00' END AS BLOB) WHERE substr(head, 1, 33) = ?1",
            );
        };
        let middle = bytes.len() / 2;
        bytes[middle] ^= 4;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        std::fs::write(&path, bytes).unwrap();
        true
    }

    fn remove(&self, digest: Digest) {
        if std::fs::remove_file(self.file(digest)).is_err() {
            assert!(self.row(digest, "DELETE FROM log WHERE substr(head, 1, 33) = ?1"));
        }
    }
}

mod memory {
    fn home() -> super::MemoryHome {
        super::MemoryHome(super::Arc::default())
    }

    wrun_store::conformance_suite!(home);
}

mod local {
    fn home() -> super::LocalHome {
        super::LocalHome(tempfile::tempdir().unwrap())
    }

    wrun_store::conformance_suite!(home);
}
