//! Which line of source an address of a component belongs to.
//!
//! A component is compiled with line tables (DWARF), which [`split`] takes out of it into a file beside it,
//! `X.wasm.symbols`: the component's digest is in every key, and where its source lies is in none. The file
//! is a WebAssembly module of custom sections alone, which other tools can read: `wrun.symbols` with a
//! [`Header`], then the `.debug_*` sections of the component's main module. It is looked at only when a task
//! has trapped, and never believed where it names another component.

use gimli::{EndianSlice, LittleEndian, SectionId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use wrun_core::digest::{ComponentDigest, Digest};

/// The format number of the file.
const FORMAT: u32 = 1;
const HEADER: &str = "wrun.symbols";
const MODULE: &[u8] = b"\0asm\x01\0\0\0";
const CUSTOM: u8 = 0;
/// A core module inside a component.
const CORE_MODULE: u8 = 1;
/// The code of a core module.
const CODE: u8 = 10;
/// Of no use for lines.
const USELESS: [&str; 3] = [".debug_loc", ".debug_pubnames", ".debug_pubtypes"];

/// What the file says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// [`FORMAT`].
    format: u32,
    /// The component that they are of.
    pub component: ComponentDigest,
    /// Which of its core modules they are of, from 0.
    module: usize,
    /// The folder that it was compiled from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<PathBuf>,
}

/// A component without debug information, and what was taken out, if there was any.
#[derive(Debug)]
pub struct Split {
    /// The component.
    pub component: Vec<u8>,
    /// The file beside it.
    pub symbols: Option<Vec<u8>>,
}

/// The line tables of one component.
pub struct Symbols {
    header: Header,
    bytes: Vec<u8>,
    sections: BTreeMap<String, Range<usize>>,
}

/// A place in the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) function: String,
    pub(crate) file: String,
    pub(crate) line: u32,
    pub(crate) column: Option<u32>,
}

/// Names the file beside a component.
pub fn beside(component: &Path) -> PathBuf {
    let mut name = component.as_os_str().to_owned();
    name.push(".symbols");
    PathBuf::from(name)
}

/// One section: its id, all of it, and its contents.
pub(crate) struct Section {
    pub(crate) id: u8,
    pub(crate) whole: Range<usize>,
    pub(crate) contents: Range<usize>,
}

impl Section {
    /// Returns the name of a custom section, and where its payload begins.
    fn name<'a>(&self, bytes: &'a [u8]) -> Option<(&'a str, usize)> {
        if self.id != CUSTOM {
            return None;
        }
        let (length, start) = crate::error::leb(bytes, self.contents.start)?;
        let end = start.checked_add(usize::try_from(length).ok()?)?;
        let name = bytes.get(start..end).filter(|_| end <= self.contents.end)?;
        Some((std::str::from_utf8(name).ok()?, end))
    }
}

/// Lists the sections of a module or component that lies at `within`; nothing where it is broken.
pub(crate) fn sections(bytes: &[u8], within: Range<usize>) -> Option<Vec<Section>> {
    let mut found = Vec::new();
    let mut at = within.start.checked_add(MODULE.len())?;
    if at > within.end {
        return None;
    }
    while at < within.end {
        let id = *bytes.get(at)?;
        let (length, start) = crate::error::leb(bytes, at + 1)?;
        let end = start.checked_add(usize::try_from(length).ok()?)?;
        if end > within.end {
            return None;
        }
        found.push(Section { id, whole: at..end, contents: start..end });
        at = end;
    }
    Some(found)
}

pub(crate) fn push_leb(out: &mut Vec<u8>, mut value: usize) {
    loop {
        let byte = u8::try_from(value & 0x7f).unwrap_or(0);
        value >>= 7;
        if value == 0 {
            return out.push(byte);
        }
        out.push(byte | 0x80);
    }
}

fn push_custom(out: &mut Vec<u8>, name: &str, payload: &[u8]) {
    let mut contents = Vec::with_capacity(name.len() + payload.len() + 5);
    push_leb(&mut contents, name.len());
    contents.extend_from_slice(name.as_bytes());
    contents.extend_from_slice(payload);
    out.push(CUSTOM);
    push_leb(out, contents.len());
    out.extend_from_slice(&contents);
}

/// Takes the debug information out of a component. What is no component stays as it is: others say so.
pub fn split(bytes: &[u8], source: Option<&Path>) -> Split {
    let as_it_is = || Split { component: bytes.to_vec(), symbols: None };
    let Some(all) = sections(bytes, 0..bytes.len()) else { return as_it_is() };
    let mut out = bytes.get(..MODULE.len()).unwrap_or_default().to_vec();
    let mut taken: Option<(usize, Vec<u8>)> = None;
    let mut modules = 0;
    for section in all {
        if section.id != CORE_MODULE {
            out.extend_from_slice(&bytes[section.whole]);
            continue;
        }
        let Some(inner) = sections(bytes, section.contents.clone()) else { return as_it_is() };
        let (mut module, mut debug) = (bytes[section.contents.start..][..MODULE.len()].to_vec(), Vec::new());
        for inner in inner {
            match inner.name(bytes) {
                Some((name, at)) if name.starts_with(".debug_") => {
                    if !USELESS.contains(&name) {
                        push_custom(&mut debug, name, &bytes[at..inner.contents.end]);
                    }
                }
                _ => module.extend_from_slice(&bytes[inner.whole]),
            }
        }
        out.push(CORE_MODULE);
        push_leb(&mut out, module.len());
        out.extend_from_slice(&module);
        if !debug.is_empty() && taken.is_none() {
            taken = Some((modules, debug));
        }
        modules += 1;
    }
    let symbols = taken.and_then(|(module, debug)| {
        let component = ComponentDigest(Digest::of_blob(&out));
        let header = Header { format: FORMAT, component, module, source: source.map(Path::to_owned) };
        let mut file = MODULE.to_vec();
        push_custom(&mut file, HEADER, &serde_json::to_vec(&header).ok()?);
        file.extend_from_slice(&debug);
        Some(file)
    });
    Split { component: out, symbols }
}

impl Symbols {
    /// Reads the file beside a component, or beside what a link to it names, if it is of this component.
    pub fn read(component: &Path, digest: ComponentDigest) -> Option<Self> {
        let real = || component.canonicalize().ok().and_then(|real| Self::open(&beside(&real)));
        [Self::open(&beside(component)), real()].into_iter().flatten().find(|it| it.header.component == digest)
    }

    fn open(path: &Path) -> Option<Self> {
        Self::parse(std::fs::read(path).ok()?)
    }

    fn parse(bytes: Vec<u8>) -> Option<Self> {
        if !bytes.starts_with(MODULE) {
            return None;
        }
        let (mut header, mut found) = (None::<Header>, BTreeMap::new());
        for section in sections(&bytes, 0..bytes.len())? {
            let Some((name, at)) = section.name(&bytes) else { continue };
            if name == HEADER {
                header = serde_json::from_slice(&bytes[at..section.contents.end]).ok();
            } else {
                found.insert(name.to_owned(), at..section.contents.end);
            }
        }
        let header = header.filter(|header| header.format == FORMAT)?;
        Some(Self { header, bytes, sections: found })
    }

    /// Returns what the file says of itself.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Returns the places of addresses, each an offset in the component: the innermost first where functions
    /// are inlined, and none where nothing is known.
    pub(crate) fn locate(&self, component: &[u8], offsets: &[usize]) -> Vec<Vec<Place>> {
        self.try_locate(component, offsets).unwrap_or_default()
    }

    fn try_locate(&self, component: &[u8], offsets: &[usize]) -> Option<Vec<Vec<Place>>> {
        let code = self.code(component)?;
        let load = |id: SectionId| -> Result<EndianSlice<'_, LittleEndian>, gimli::Error> {
            let range = self.sections.get(id.name()).cloned().unwrap_or_default();
            Ok(EndianSlice::new(self.bytes.get(range).unwrap_or_default(), LittleEndian))
        };
        let context = addr2line::Context::from_dwarf(gimli::Dwarf::load(load).ok()?).ok()?;
        let mut out = Vec::with_capacity(offsets.len());
        for offset in offsets {
            let mut places = Vec::new();
            if let Some(at) = offset.checked_sub(code)
                && let Ok(mut frames) = context.find_frames(at as u64).skip_all_loads()
            {
                while let Ok(Some(frame)) = frames.next() {
                    places.extend(place(&frame));
                }
            }
            out.push(places);
        }
        Some(out)
    }

    /// Returns where the code of the module begins in the component: DWARF counts from there.
    fn code(&self, component: &[u8]) -> Option<usize> {
        let all = sections(component, 0..component.len())?;
        let module = all.into_iter().filter(|section| section.id == CORE_MODULE).nth(self.header.module)?;
        let inner = sections(component, module.contents)?;
        inner.into_iter().find(|section| section.id == CODE).map(|section| section.contents.start)
    }
}

fn place(frame: &addr2line::Frame<'_, EndianSlice<'_, LittleEndian>>) -> Option<Place> {
    let location = frame.location.as_ref()?;
    let name = frame.function.as_ref().and_then(|function| function.raw_name().ok());
    let function = name.map(|name| format!("{:#}", rustc_demangle::demangle(&name))).unwrap_or_default();
    let file = location.file?;
    Some(Place { function, file: file.to_owned(), line: location.line?, column: location.column })
}

impl Place {
    /// Tells whether it is the user's: neither of the standard library nor of the SDK.
    pub(crate) fn is_own(&self) -> bool {
        !["/rustc/", "/rust/deps/", "/s/wrun-task/", "/s/wrun-task-derive/"]
            .iter()
            .any(|start| self.file.starts_with(start))
            && !self.file.contains("/rustlib/src/rust/")
            // What `export!` makes: its names are those of the contract, in no crate.
            && !["run", "declare", "describe"].contains(&self.function.as_str())
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Folders have constant names in a component, of which the first says only that it is a package's.
        let file = self.file.strip_prefix("/s/").or(self.file.strip_prefix("/c/")).unwrap_or(&self.file);
        write!(f, "{file}:{}", self.line)?;
        if let Some(column) = self.column {
            write!(f, ":{column}")?;
        }
        if !self.function.is_empty() {
            write!(f, " in {}", self.function)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

    fn section(id: u8, contents: &[u8]) -> Vec<u8> {
        let mut out = vec![id];
        push_leb(&mut out, contents.len());
        [out, contents.to_vec()].concat()
    }

    fn custom(name: &str, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        push_custom(&mut out, name, payload);
        out
    }

    #[test]
    fn debug_information_is_taken_out_and_nothing_else() {
        let long = vec![7; 300];
        let plain = |debug: &[u8]| {
            let module = [MODULE, &section(CODE, b"code"), debug, &custom("name", b"n")].concat();
            let other = [MODULE, &custom("producers", b"p")].concat();
            [COMPONENT, &section(CORE_MODULE, &other), &section(CORE_MODULE, &module), &section(7, b"types")]
                .concat()
        };
        let with = plain(&[custom(".debug_line", &long), custom(".debug_loc", b"x")].concat());
        let made = split(&with, Some(Path::new("/here")));
        assert_eq!(made.component, plain(b""));
        let symbols = Symbols::parse(made.symbols.unwrap()).unwrap();
        let header = symbols.header().clone();
        let digest = ComponentDigest(Digest::of_blob(&made.component));
        assert_eq!((header.component, header.module, header.source), (digest, 1, Some("/here".into())));
        assert_eq!(symbols.sections.keys().collect::<Vec<_>>(), [".debug_line"]);
        let code = symbols.code(&made.component).unwrap();
        assert_eq!(&made.component[code..code + 4], b"code");
        // Nothing is known of any address, and nothing breaks.
        assert!(symbols.locate(&made.component, &[0, code, usize::MAX]).concat().is_empty());
        // What has none stays as it is.
        let again = split(&made.component, None);
        assert_eq!(again.component, made.component);
        assert!(again.symbols.is_none());
    }

    #[test]
    fn broken_files_say_nothing() {
        for bytes in [&b""[..], b"\0asm", b"text", &COMPONENT[..7], b"\0asm\x0d\0\x01\0\x01\x05\0"] {
            let made = split(bytes, None);
            assert_eq!((made.component.as_slice(), made.symbols), (bytes, None));
            assert!(Symbols::parse(bytes.to_vec()).is_none());
        }
        let other = [MODULE, &custom(HEADER, b"{}")].concat();
        assert!(Symbols::parse(other).is_none());
    }

    #[test]
    fn places_for_people() {
        let place = |file: &str| Place { function: "f".into(), file: file.into(), line: 3, column: Some(9) };
        assert_eq!(place("/s/report/src/lib.rs").to_string(), "report/src/lib.rs:3:9 in f");
        assert!(place("/s/report/src/lib.rs").is_own() && place("/c/csv-1.3.0/src/lib.rs").is_own());
        assert!(!place("/rustc/0a/library/core/src/panicking.rs").is_own());
        assert!(!place("/s/wrun-task/src/plugin.rs").is_own());
    }
}
