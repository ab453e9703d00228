//! Orders of folders, what is known of files, and the errors of what is forbidden.

use crate::values::line;
use std::ffi::CString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Names as they come, folder by folder.
pub(crate) fn order(below: &Path) -> String {
    fn walk(dir: &Path, prefix: &str, out: &mut String) {
        let entries = match fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) => return line(out, prefix, format_args!("{:?}", error.kind())),
        };
        for entry in entries.flatten() {
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            let kind = entry.file_type().map_err(|error| error.kind());
            line(out, &name, format_args!("{:?}", kind.map(|kind| kind.is_dir())));
            if kind.is_ok_and(|kind| kind.is_dir()) {
                walk(&entry.path(), &format!("{name}/"), out);
            }
        }
    }
    let mut out = String::new();
    walk(below, "", &mut out);
    out
}

/// All that the standard library and the C library tell of every file below the folders, and of an output.
pub(crate) fn metadata(folders: &[&Path], outputs: &Path) -> String {
    let mut out = String::new();
    let mut paths: Vec<PathBuf> = vec![outputs.to_owned(), outputs.join("clock.txt")];
    for folder in folders {
        paths.push((*folder).to_owned());
        collect(folder, &mut paths);
    }
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match fs::metadata(&path) {
            Err(error) => line(&mut out, &name, format_args!("{:?}", error.kind())),
            Ok(data) => {
                let since = |time: std::io::Result<SystemTime>| {
                    time.map(|time| time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos())
                        .map_err(|error| error.kind())
                };
                let times = [since(data.modified()), since(data.accessed()), since(data.created())];
                let readonly = data.permissions().readonly();
                line(&mut out, &name, format_args!("{} {readonly} {times:?}", data.len()));
            }
        }
        line(&mut out, "  stat", stat(&path));
    }
    out
}

fn collect(dir: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        paths.push(entry.path());
        if entry.path().is_dir() {
            collect(&entry.path(), paths);
        }
    }
}

fn stat(path: &Path) -> String {
    let Ok(name) = CString::new(path.to_string_lossy().as_bytes()) else { return String::new() };
    // SAFETY: all zeroes is a valid `stat`, and the C library fills it; the name ends in NUL.
    let (code, data) = unsafe {
        let mut data: libc::stat = std::mem::zeroed();
        (libc::stat(name.as_ptr(), &raw mut data), data)
    };
    format!(
        "{code} dev {} ino {} nlink {} mode {:o} uid {} gid {} size {} blocks {} blksize {}",
        data.st_dev,
        data.st_ino,
        data.st_nlink,
        data.st_mode,
        data.st_uid,
        data.st_gid,
        data.st_size,
        data.st_blocks,
        data.st_blksize
    )
}

/// What happens where a task does what it must not.
pub(crate) fn errors(input: &Path, outputs: &Path) -> String {
    let mut out = String::new();
    let mut say = |name: &str, result: std::io::Result<()>| {
        let shown = result.map_err(|error| (error.kind(), error.raw_os_error()));
        line(&mut out, name, format_args!("{shown:?}"));
    };
    let file = input.join("a");
    // A native test must not reach out of its own folder.
    if cfg!(target_family = "wasm") {
        say("read /etc/passwd", fs::read("/etc/passwd").map(drop));
        say("read .. of all", fs::read("/in/../../etc/passwd").map(drop));
        say("list /", fs::read_dir("/").map(drop));
        say("write to /", fs::write("/x", "x"));
        say("write to /in", fs::write("/in/x", "x"));
        say("overwrite an input", fs::write(&file, "x"));
        say("append to an input", fs::OpenOptions::new().append(true).open(&file).map(drop));
        say("truncate an input", fs::OpenOptions::new().write(true).truncate(true).open(&file).map(drop));
        say("remove an input", fs::remove_file(&file));
        say("remove a folder of inputs", fs::remove_dir_all(input));
        say("rename an input", fs::rename(&file, input.join("aa")));
        say("move an input out", fs::rename(&file, outputs.join("aa")));
        say("link an input", fs::hard_link(&file, outputs.join("link")));
        say("make a folder in an input", fs::create_dir(input.join("new")));
        say("time of an input", fs::File::open(&file).and_then(|file| file.set_modified(SystemTime::UNIX_EPOCH)));
    }
    say("read what is not there", fs::read(input.join("none")).map(drop));
    say("read a folder", fs::read(input).map(drop));
    say("list a file", fs::read_dir(&file).map(drop));
    say("file as folder", fs::read(file.join("x")).map(drop));
    say("read a link", fs::read_link(&file).map(drop));
    let kept = outputs.join("kept");
    say("make a folder", fs::create_dir(&kept));
    say("make it again", fs::create_dir(&kept));
    say("write in it", fs::write(kept.join("x"), "x"));
    say("create what is there", fs::File::create_new(kept.join("x")).map(drop));
    say("remove it with what is in it", fs::remove_dir(&kept));
    say("remove it as a file", fs::remove_file(&kept));
    say("remove a file as a folder", fs::remove_dir(kept.join("x")));
    say("rename it", fs::rename(kept.join("x"), kept.join("y")));
    say("rename over a folder", fs::rename(kept.join("y"), &kept));
    say("rename what is not there", fs::rename(kept.join("z"), kept.join("x")));
    say("write below a file", fs::write(kept.join("y/z"), "x"));
    say("a long name", fs::write(outputs.join("n".repeat(300)), "x"));
    out
}
