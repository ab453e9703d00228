//! Core modules that speak the contract's core ABI, made into components.
//!
//! A compiler that knows no components makes a core module: its functions are imported and exported by the
//! canonical ABI of the contract, and its C library speaks WASI preview 1. What it lacks is put around it
//! here: the types of the contract, and the adapter from preview 1 to what a plugin may import. That depends
//! on the module's bytes and on this wrun alone.

use crate::error::{LoadError, leb};
use crate::symbols::{push_leb, sections};
use std::borrow::Cow;
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The contract that is put around a module.
pub const CONTRACT: &str = include_str!("../../../sdk/wit/task.wit");

/// Where imports from the host come from in a module.
const HOST: &str = "wrun:task/host@";

/// Tells whether bytes are a core module.
pub fn is_core_module(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\0asm\x01\0\0\0")
}

/// Returns the component of a core module. `name` is what messages call it.
pub fn componentise(name: &str, module: &[u8]) -> Result<Vec<u8>, LoadError> {
    let name = || name.to_owned();
    let seen = Seen::of(module).map_err(|why| LoadError::Invalid { name: name(), why })?;
    if let Some(contract) = seen.other_contract() {
        return Err(LoadError::OtherContract { name: name(), contract });
    }
    let missing: Vec<String> = ["describe", "declare", "run"]
        .iter()
        .filter(|due| !seen.exports.iter().any(|export| export == *due))
        .map(|due| (*due).to_owned())
        .collect();
    if !missing.is_empty() {
        return Err(LoadError::CoreModule { name: name(), missing });
    }
    let made = encode(module, seen.has_types);
    made.map_err(|error| LoadError::Contract { name: name(), why: format!("{error:#}") })
}

/// What a module says outside of its code.
#[derive(Default)]
struct Seen {
    exports: Vec<String>,
    /// Modules that are imported from.
    imports: Vec<String>,
    /// Whether its own toolchain left the types of a world in it.
    has_types: bool,
}

impl Seen {
    fn of(module: &[u8]) -> Result<Self, String> {
        let mut seen = Self::default();
        for payload in wasmparser::Parser::new(0).parse_all(module) {
            let fail = |error: wasmparser::BinaryReaderError| error.to_string();
            match payload.map_err(fail)? {
                wasmparser::Payload::ImportSection(reader) => {
                    for import in reader.into_imports() {
                        seen.imports.push(import.map_err(fail)?.module.to_owned());
                    }
                }
                wasmparser::Payload::ExportSection(reader) => {
                    for export in reader {
                        seen.exports.push(export.map_err(fail)?.name.to_owned());
                    }
                }
                wasmparser::Payload::CustomSection(section) => {
                    seen.has_types |= section.name().starts_with("component-type");
                }
                _ => {}
            }
        }
        Ok(seen)
    }

    /// Returns the version of the contract that it was built for, where that is another one.
    fn other_contract(&self) -> Option<String> {
        let ours =
            CONTRACT.lines().find_map(|line| line.strip_prefix("package wrun:task@"))?.trim_end_matches(';');
        let theirs = self.imports.iter().find(|module| module.starts_with(HOST))?;
        (theirs[HOST.len()..] != *ours).then(|| theirs.clone())
    }
}

/// Pages of 64 KiB that a module's memory is made larger by.
const ROOM: u64 = 16;

/// Makes the memory of a module begin larger, so that what a C library allocates at its start needs no growth:
/// growing an instance's memory, and shrinking it for the next one, costs more than a small task. Nothing where
/// the memory is bounded, or is not as a linker makes it.
fn with_room(module: &[u8]) -> Option<Vec<u8>> {
    const MEMORY: u8 = 5;
    const UNBOUNDED: u8 = 0;
    let section = sections(module, 0..module.len())?.into_iter().find(|section| section.id == MEMORY)?;
    let (1, at) = leb(module, section.contents.start)? else { return None };
    if *module.get(at)? != UNBOUNDED {
        return None;
    }
    let (pages, _) = leb(module, at + 1)?;
    let mut contents = vec![1, UNBOUNDED];
    push_leb(&mut contents, usize::try_from((pages + ROOM).min(1 << 16)).ok()?);
    let mut out = module.get(..section.whole.start)?.to_vec();
    out.push(MEMORY);
    push_leb(&mut out, contents.len());
    out.extend_from_slice(&contents);
    out.extend_from_slice(module.get(section.whole.end..)?);
    Some(out)
}

fn encode(module: &[u8], has_types: bool) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let mut module = with_room(module).map_or(Cow::Borrowed(module), Cow::Owned);
    if !has_types {
        let mut resolve = Resolve::default();
        let package = resolve.push_str("task.wit", CONTRACT)?;
        let world = resolve.select_world(&[package], Some("task"))?;
        embed_component_metadata(module.to_mut(), &resolve, world, StringEncoding::UTF8)?;
    }
    let encoder = ComponentEncoder::default().validate(true).module(&module)?;
    let encoder = encoder.adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER)?;
    Ok({ encoder }.encode()?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn only_a_memory_without_bounds_is_made_larger() {
        let module = |memory: &[u8]| [b"\0asm\x01\0\0\0\x05", memory, b"\x0b\x01\x00"].concat();
        assert_eq!(with_room(&module(b"\x03\x01\x00\x02")).unwrap(), module(b"\x03\x01\x00\x12"));
        assert_eq!(with_room(&module(b"\x03\x01\x00\x78")).unwrap(), module(b"\x04\x01\x00\x88\x01"));
        assert!(with_room(&module(b"\x04\x01\x01\x02\x03")).is_none());
        assert!(with_room(b"\0asm\x01\0\0\0").is_none());
        assert!(with_room(b"\0asm\x01\0\0\0\x05\x7f").is_none());
    }

    #[test]
    fn what_is_no_task_says_what_it_lacks() {
        let bare = componentise("x", b"\0asm\x01\0\0\0").unwrap_err();
        assert!(matches!(&bare, LoadError::CoreModule { missing, .. } if missing.len() == 3), "{bare}");
        let broken = componentise("x", b"\0asm\x01\0\0\0\x01\x7f").unwrap_err();
        assert!(matches!(broken, LoadError::Invalid { .. }), "{broken}");
    }
}
