use crate::support::{config, hostile_bytes};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use wrun_plugin::{Host, HostConfig, Plugin};

fn describe(folder: &std::path::Path) {
    let host = Host::new(HostConfig { compiled_dir: Some(folder.to_owned()), ..config() });
    Plugin::open(&host, hostile_bytes(), "x.wasm").unwrap().describe().unwrap();
}

fn files(folder: &std::path::Path) -> Vec<PathBuf> {
    folder.read_dir().map(|list| list.map(|entry| entry.unwrap().path()).collect()).unwrap_or_default()
}

#[test]
fn compiled_code_is_kept_and_used_only_where_nobody_else_writes() {
    let temp = tempfile::tempdir().unwrap();
    let folder = temp.path().join("compiled");
    describe(&folder);
    let kept = files(&folder);
    assert_eq!(kept.len(), 1);
    assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    let inode = |path: &PathBuf| std::os::unix::fs::MetadataExt::ino(&path.metadata().unwrap());
    let before = inode(&kept[0]);
    describe(&folder);
    assert_eq!(inode(&kept[0]), before, "it is loaded, not made again");

    // Others may write the file: it is made again.
    fs::set_permissions(&kept[0], fs::Permissions::from_mode(0o666)).unwrap();
    describe(&folder);
    assert_ne!(inode(&kept[0]), before);

    // It is damaged: it is made again.
    fs::write(&kept[0], b"not machine code").unwrap();
    describe(&folder);
    assert!(kept[0].metadata().unwrap().len() > 1000);

    // Others may write the folder: nothing is kept in it.
    fs::remove_file(&kept[0]).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    describe(&folder);
    assert_eq!(files(&folder).len(), 0);
}
