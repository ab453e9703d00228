//! What is wrong with a file that is not a plugin.

/// The most bytes that a component may have.
pub const MOST_COMPONENT_BYTES: u64 = 256 << 20;

/// Why a component cannot be used. Each names the plugin, as the caller calls it.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Other bytes.
    #[error("`{name}` is not WebAssembly: it starts with {start}")]
    NotWasm {
        /// The plugin.
        name: String,
        /// Its first bytes.
        start: String,
    },
    /// A core module that does not speak the contract.
    #[error("`{name}` is a core WebAssembly module that is no task: it does not export {}", list(.missing))]
    CoreModule {
        /// The plugin.
        name: String,
        /// The exports that it lacks.
        missing: Vec<String>,
    },
    /// A core module that was built against the header of another contract.
    #[error("`{name}` was built for `{contract}`; core modules are taken for {} alone", ours())]
    OtherContract {
        /// The plugin.
        name: String,
        /// What it names.
        contract: String,
    },
    /// A binary format of another time.
    #[error("`{name}` has version {version} of the binary format, which this wrun does not know")]
    OtherFormat {
        /// The plugin.
        name: String,
        /// Bytes 4 to 8.
        version: String,
    },
    /// It ends early.
    #[error("`{name}` is truncated: section {section} at byte {at} needs {due} bytes, and {left} are left")]
    Truncated {
        /// The plugin.
        name: String,
        /// The id of the section.
        section: u8,
        /// Where its contents start.
        at: usize,
        /// How long they are.
        due: u64,
        /// How long the rest of the file is.
        left: usize,
    },
    /// Too large.
    #[error("`{name}` has {size} bytes: at most {MOST_COMPONENT_BYTES} are allowed")]
    TooLarge {
        /// The plugin.
        name: String,
        /// Its size.
        size: u64,
    },
    /// It cannot be compiled.
    #[error("`{name}` is not a valid component: {why}")]
    Invalid {
        /// The plugin.
        name: String,
        /// What the validator says.
        why: String,
    },
    /// A component of another world.
    #[error("`{name}` is not a wrun plugin: it does not export {}", list(.missing))]
    OtherWorld {
        /// The plugin.
        name: String,
        /// The exports that it lacks.
        missing: Vec<String>,
    },
    /// A contract of a later version.
    #[error("`{name}` was built for `{contract}`; this wrun knows `wrun:task@0.1`")]
    NewerContract {
        /// The plugin.
        name: String,
        /// What it names.
        contract: String,
    },
    /// It wants what no task may have.
    #[error("`{name}` imports `{import}`, which a task cannot have")]
    Import {
        /// The plugin.
        name: String,
        /// The interface.
        import: String,
    },
    /// Its imports or exports have other types than the contract.
    #[error("`{name}` does not fit the contract `wrun:task@0.1`: {why}")]
    Contract {
        /// The plugin.
        name: String,
        /// What does not fit.
        why: String,
    },
    /// `describe` failed.
    #[error("`{name}` cannot describe itself: {why}")]
    Describe {
        /// The plugin.
        name: String,
        /// Why.
        why: String,
    },
    /// `describe` answered what breaks the contract.
    #[error("`{name}` breaks the contract: {source}")]
    Description {
        /// The plugin.
        name: String,
        /// How.
        source: wrun_core::task::ContractError,
    },
    /// The engine could not be started. Not the plugin's fault.
    #[error("cannot start WebAssembly: {why}")]
    Engine {
        /// Why.
        why: String,
    },
}

impl LoadError {
    /// Returns one thing to try.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotWasm { .. } => "name a component, such as the output of `wrun plugin build DIR -o X.wasm`".into(),
            Self::CoreModule { .. } => {
                "build it for `wasm32-wasip2`, or with `wrun plugin build`: both make a component".into()
            }
            Self::OtherContract { .. } => {
                "build the plugin again with `wrun plugin build`, which brings the SDK of this wrun".into()
            }
            Self::OtherFormat { .. } => "build the plugin with a stable toolchain, or use a newer wrun".into(),
            Self::Truncated { .. } => "build or copy the plugin again".into(),
            Self::TooLarge { .. } => {
                "keep data out of the plugin: let a task read it as an external input".into()
            }
            Self::Invalid { .. } => "build the plugin again with `wrun plugin build`".into(),
            Self::OtherWorld { .. } => {
                "a plugin exports the world `wrun:task/task`; with the Rust SDK, `wrun_task::export!` does".into()
            }
            Self::NewerContract { .. } => "use a newer wrun, or build the plugin with an older SDK".into(),
            Self::Import { import, .. } if import.starts_with("wasi:sockets") || import.starts_with("wasi:http") => {
                "a task has no network: what it would fetch is an input of it, which `requires` names; see `wrun --explain forbidden-import`".into()
            }
            Self::Import { .. } => {
                "a task has only `wrun:task/host` and the WASI 0.2 interfaces cli, clocks, filesystem, io and random"
                    .into()
            }
            Self::Contract { .. } => "build the plugin with the SDK of this wrun".into(),
            Self::Describe { .. } => "`describe` must be pure: no files, clock, randomness or state".into(),
            Self::Description { .. } => "correct what `describe` answers, and build the plugin again".into(),
            Self::Engine { .. } => {
                "each instance reserves 4 GiB of address space: raise `ulimit -v`, or free some memory".into()
            }
        })
    }
}

fn ours() -> String {
    let package = crate::core_module::CONTRACT.lines().find_map(|line| line.strip_prefix("package "));
    format!("`{}`", package.unwrap_or_default().trim_end_matches(';'))
}

fn list(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

/// Looks at the outermost bytes alone: cheap, and it names what a compiler would only call invalid.
pub(crate) fn check_bytes(name: &str, bytes: &[u8]) -> Result<(), LoadError> {
    let name = || name.to_owned();
    let size = bytes.len() as u64;
    if size > MOST_COMPONENT_BYTES {
        return Err(LoadError::TooLarge { name: name(), size });
    }
    let magic = bytes.get(..4) == Some(b"\0asm");
    let Some(version) = bytes.get(4..8).filter(|_| magic) else {
        let start = match bytes.get(..8).unwrap_or(bytes) {
            [] => "nothing: it is empty".to_owned(),
            start => format!("`{}`", start.escape_ascii()),
        };
        return Err(LoadError::NotWasm { name: name(), start });
    };
    match version {
        [0x0d, 0, 1, 0] | [1, 0, 0, 0] => {}
        other => {
            let version = other.iter().map(|byte| format!("{byte:02x}")).collect();
            return Err(LoadError::OtherFormat { name: name(), version });
        }
    }
    let mut at = 8;
    while let Some(section) = bytes.get(at).copied() {
        let (due, start) = leb(bytes, at + 1).ok_or_else(|| LoadError::Truncated {
            name: name(),
            section,
            at: at + 1,
            due: 1,
            left: bytes.len() - at - 1,
        })?;
        let left = bytes.len() - start;
        match usize::try_from(due).ok().filter(|due| *due <= left) {
            Some(due) => at = start + due,
            None => return Err(LoadError::Truncated { name: name(), section, at: start, due, left }),
        }
    }
    Ok(())
}

/// Reads an unsigned LEB128 of at most 32 bits, and where it ends.
pub(crate) fn leb(bytes: &[u8], mut at: usize) -> Option<(u64, usize)> {
    let mut value = 0;
    for shift in [0, 7, 14, 21, 28] {
        let byte = *bytes.get(at)?;
        at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some((value, at));
        }
    }
    Some((u64::from(u32::MAX), at))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn what_is_no_webassembly_is_told_apart() {
        let check = |bytes: &[u8]| check_bytes("x.wasm", bytes);
        assert!(matches!(check(b""), Err(LoadError::NotWasm { .. })));
        assert!(matches!(check(b"\0as"), Err(LoadError::NotWasm { .. })));
        assert!(matches!(check(b"#!/bin/sh\n"), Err(LoadError::NotWasm { .. })));
        assert!(check(b"\0asm\x01\0\0\0").is_ok());
        assert!(matches!(check(b"\0asm\x0e\0\x01\0"), Err(LoadError::OtherFormat { .. })));
        let huge = vec![0; usize::try_from(MOST_COMPONENT_BYTES).unwrap() + 1];
        assert!(matches!(check(&huge), Err(LoadError::TooLarge { size: 268_435_457, .. })));
        assert!(check(b"\0asm\x0d\0\x01\0").is_ok());
        assert!(check(b"\0asm\x0d\0\x01\0\x00\x02\x01x").is_ok());
        let truncated = check(b"\0asm\x0d\0\x01\0\x00\x05\x01x");
        assert!(matches!(truncated, Err(LoadError::Truncated { at: 10, due: 5, left: 2, .. })), "{truncated:?}");
        assert!(matches!(check(b"\0asm\x0d\0\x01\0\x00\x80"), Err(LoadError::Truncated { .. })));
        assert_eq!(
            check(b"hello, you").unwrap_err().to_string(),
            "`x.wasm` is not WebAssembly: it starts with `hello, y`"
        );
    }
}
