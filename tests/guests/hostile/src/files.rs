//! What a well-behaved program does with files.

use crate::run::text;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

/// Lists everything below a directory: paths, sizes and the start of each file.
pub(crate) fn list(place: &str) -> Result<String, String> {
    fn below(dir: &Path, said: &mut String) -> std::io::Result<()> {
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            if path.is_dir() {
                *said += &format!("{}/\n", path.display());
                below(&path, said)?;
            } else {
                let bytes = fs::read(&path)?;
                let start = String::from_utf8_lossy(&bytes[..bytes.len().min(10)]).into_owned();
                *said += &format!("{} {} {start}\n", path.display(), bytes.len());
            }
        }
        Ok(())
    }
    let mut said = String::new();
    below(Path::new(place), &mut said).map_err(text)?;
    Ok(said + "--\n")
}

fn check(what: &str, good: bool) -> Result<(), String> {
    if good { Ok(()) } else { Err(format!("{what} is wrong")) }
}

fn kind<T>(result: std::io::Result<T>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

/// Uses every operation, small and large, and checks what it sees.
pub(crate) fn exercise() -> Result<(), String> {
    directories()?;
    small()?;
    large()?;
    open_and_gone()
}

fn directories() -> Result<(), String> {
    fs::create_dir_all("/out/a/b/c").map_err(text)?;
    fs::create_dir_all("/out/a/b/c").map_err(text)?;
    fs::create_dir_all("/in/data").map_err(text)?;
    check("mkdir of what exists", kind(fs::create_dir("/out/a")) == Some(ErrorKind::AlreadyExists))?;
    check("mkdir in /in", kind(fs::create_dir("/in/new")) == Some(ErrorKind::ReadOnlyFilesystem))?;
    check("rmdir of a full one", fs::remove_dir("/out/a").is_err())?;
    check("rename into itself", fs::rename("/out/a", "/out/a/b/x").is_err())?;
    fs::write("/out/a/b/c/file", "x").map_err(text)?;
    fs::rename("/out/a/b", "/out/moved").map_err(text)?;
    check("the moved file", fs::read("/out/moved/c/file").map_err(text)? == b"x")?;
    check("where it was", !Path::new("/out/a/b").exists())?;
    check("dots", fs::read("/out/moved/./c/../c//file").map_err(text)? == b"x")?;
    check("a file as a directory", kind(fs::read("/out/moved/c/file/x")) == Some(ErrorKind::NotADirectory))?;
    check("a slash after a file", fs::read("/out/moved/c/file/").is_err())?;
    check("rmdir of a file", kind(fs::remove_dir("/out/moved/c/file")) == Some(ErrorKind::NotADirectory))?;
    check("unlink of a directory", fs::remove_file("/out/moved/c").is_err())?;
    fs::remove_dir_all("/out/moved").map_err(text)?;
    fs::remove_dir("/out/a").map_err(text)?;
    let long = "x".repeat(256);
    check("a long name", fs::write(format!("/out/{long}"), "").is_err())?;
    let deep = "/out".to_owned() + &"/d".repeat(1000);
    check("a deep path", fs::create_dir_all(deep).is_err())?;
    fs::remove_dir_all("/out/d").map_err(text)?;
    for name in ["z", "a", "M"] {
        fs::write(format!("/out/{name}"), name).map_err(text)?;
    }
    let names: Vec<_> = fs::read_dir("/out")
        .map_err(text)?
        .map(|entry| entry.map(|e| e.file_name()))
        .collect::<Result<_, _>>()
        .map_err(text)?;
    check("the order of names", names == ["M", "a", "z"])?;
    fs::rename("/out/a", "/out/z").map_err(text)?;
    check("the replaced file", fs::read("/out/z").map_err(text)? == b"a")
}

fn small() -> Result<(), String> {
    let mut file = OpenOptions::new().read(true).write(true).create_new(true).open("/out/small").map_err(text)?;
    check("create_new of what exists", kind(File::create_new("/out/small")) == Some(ErrorKind::AlreadyExists))?;
    file.write_all(b"hello world").map_err(text)?;
    file.seek(SeekFrom::Start(6)).map_err(text)?;
    file.write_all(b"W").map_err(text)?;
    file.seek(SeekFrom::End(2)).map_err(text)?;
    file.write_all(b"!").map_err(text)?;
    file.seek(SeekFrom::Start(0)).map_err(text)?;
    let mut back = String::new();
    file.read_to_string(&mut back).map_err(text)?;
    check("the small file", back == "hello World\0\0!")?;
    file.set_len(5).map_err(text)?;
    file.sync_all().map_err(text)?;
    drop(file);
    let mut file = OpenOptions::new().append(true).open("/out/small").map_err(text)?;
    file.write_all(b", you").map_err(text)?;
    check("reading what is open for appending", file.read(&mut [0; 4]).is_err())?;
    check("the length", file.metadata().map_err(text)?.len() == 10)?;
    drop(file);
    check("the appended file", fs::read("/out/small").map_err(text)? == b"hello, you")?;
    let mut file = File::open("/out/small").map_err(text)?;
    check("writing what is open for reading", file.write(b"x").is_err())?;
    check("metadata of nothing", kind(fs::metadata("/out/nothing")) == Some(ErrorKind::NotFound))?;
    check("a link", fs::hard_link("/out/small", "/out/link").is_err())?;
    check("exists", Path::new("/out/small").exists() && !Path::new("/out/smal").exists())
}

fn pattern(from: usize, count: usize) -> Vec<u8> {
    (from..from + count).map(|i| (i % 251) as u8).collect()
}

fn large() -> Result<(), String> {
    // Past the spill, appended to in uneven pieces, and read back while it grows.
    let mut file =
        OpenOptions::new().read(true).write(true).create(true).truncate(true).open("/out/large").map_err(text)?;
    let mut length = 0;
    for piece in (1..60).map(|i| i * 1001) {
        file.write_all(&pattern(length, piece)).map_err(text)?;
        length += piece;
    }
    check("the growing file", fs::read("/out/large").map_err(text)? == pattern(0, length))?;
    file.write_all(&pattern(length, 1 << 20)).map_err(text)?;
    length += 1 << 20;
    check("the grown file", fs::read("/out/large").map_err(text)? == pattern(0, length))?;
    drop(file);
    fs::copy("/out/large", "/out/patched").map_err(text)?;
    let mut file = OpenOptions::new().read(true).write(true).open("/out/patched").map_err(text)?;
    file.seek(SeekFrom::Start(1000)).map_err(text)?;
    file.write_all(b"patched").map_err(text)?;
    file.seek(SeekFrom::End(0)).map_err(text)?;
    file.write_all(b"more").map_err(text)?;
    let mut due = pattern(0, length);
    due[1000..1007].copy_from_slice(b"patched");
    due.extend_from_slice(b"more");
    check("the patched file", fs::read("/out/patched").map_err(text)? == due)?;
    file.set_len(2000).map_err(text)?;
    file.set_len(3000).map_err(text)?;
    due.truncate(2000);
    due.resize(3000, 0);
    check("the cut file", fs::read("/out/patched").map_err(text)? == due)?;
    // A gap is zeros.
    let mut file = File::create("/out/sparse").map_err(text)?;
    file.seek(SeekFrom::Start(1 << 20)).map_err(text)?;
    file.write_all(b"end").map_err(text)?;
    let sparse = fs::read("/out/sparse").map_err(text)?;
    check("the sparse file", sparse.len() == (1 << 20) + 3 && sparse[..1 << 20].iter().all(|byte| *byte == 0))?;
    // Written again from nothing, the bytes are those of one that was never large.
    fs::copy("/out/large", "/out/again").map_err(text)?;
    fs::write("/out/again", "small again").map_err(text)
}

fn open_and_gone() -> Result<(), String> {
    let mut file =
        OpenOptions::new().read(true).write(true).create(true).truncate(true).open("/out/gone").map_err(text)?;
    fs::remove_file("/out/gone").map_err(text)?;
    file.write_all(b"still here").map_err(text)?;
    file.seek(SeekFrom::Start(0)).map_err(text)?;
    let mut back = Vec::new();
    file.read_to_end(&mut back).map_err(text)?;
    check("the removed file", back == b"still here")?;
    check("its name", !Path::new("/out/gone").exists())
}

/// More large files than may be open at once; then each is written once more.
pub(crate) fn many() -> Result<(), String> {
    for i in 0..150_usize {
        fs::write(format!("/out/{i:03}"), pattern(i, 300 << 10)).map_err(text)?;
    }
    for i in 0..150_usize {
        let mut file = OpenOptions::new().append(true).open(format!("/out/{i:03}")).map_err(text)?;
        file.write_all(b"end").map_err(text)?;
    }
    for i in 0..150_usize {
        let mut due = pattern(i, 300 << 10);
        due.extend_from_slice(b"end");
        check("one of many files", fs::read(format!("/out/{i:03}")).map_err(text)? == due)?;
    }
    Ok(())
}
