//! Compiles a folder of C to a core module, by clang of the distribution or of wasi-sdk.
//!
//! Files are named relative to the package, so that no folder gets into the bytes; the SDK lies below it.
//! Line tables are made, and taken out again when the module is put into a component.

use crate::env;
use crate::error::{CliError, Result};
use crate::explain::Code;
use crate::source::{BUILT, compile_with, sdk, sources};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Names the compiler to use.
pub(crate) const CHOSEN: &str = "WRUN_CLANG";
/// Names the folder of a wasi-sdk.
pub(crate) const WASI_SDK: &str = "WASI_SDK_PATH";

/// The oldest clang whose WebAssembly is what the SDK was tested with.
const OLDEST: u32 = 14;
const NEWEST_NAMED: u32 = 24;

/// The SDK's sources, whatever is compiled for.
pub(crate) const SHARED: &[&str] = &["wrun.c", "wrun_values.c", "wrun_files.c"];
/// Those that speak to the host.
pub(crate) const BORDER: &[&str] = &["wrun_border.c", "src/wrun_abi.c"];

const GET: &str = "on Debian or Ubuntu: apt-get install clang lld wasi-libc libclang-rt-14-dev-wasm32; elsewhere install wasi-sdk and set WASI_SDK_PATH to its folder";

fn missing(what: String) -> CliError {
    CliError::usage(what).code(Code::NoToolchain).hint(GET)
}

/// A compiler and its C library.
struct Clang {
    path: PathBuf,
    /// What it says of itself.
    version: String,
    /// None is the compiler's own.
    sysroot: Option<PathBuf>,
}

impl Clang {
    /// Finds one that is complete.
    fn find() -> Result<Self> {
        let named = env::var(CHOSEN).map(PathBuf::from);
        let of_sdk = env::var(WASI_SDK).map(|folder| PathBuf::from(folder).join("bin/clang"));
        let is_sdk = named.is_none() && of_sdk.is_some();
        let numbered = || (OLDEST..=NEWEST_NAMED).rev().find_map(|n| env::program(&format!("clang-{n}")));
        let path = named.or(of_sdk).or_else(|| env::program("clang")).or_else(numbered);
        let path = path.ok_or_else(|| missing("there is no `clang` on the PATH".to_owned()))?;
        let shown = path.display();
        let ask = |args: &[&str]| -> Result<String> {
            let output = Command::new(&path).args(args).output();
            let output = output.map_err(|error| missing(format!("cannot run `{shown}`")).cause(error))?;
            if !output.status.success() {
                let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
                return Err(missing(format!("`{shown}` does not answer")).cause(why));
            }
            Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        };
        let version = ask(&["--version"])?;
        let number = version.split("version ").nth(1).and_then(|rest| rest.split('.').next()?.parse::<u32>().ok());
        if number.is_none_or(|number| number < OLDEST) {
            let first = version.lines().next().unwrap_or_default();
            return Err(missing(format!("`{shown}` is too old: it says `{first}`, and {OLDEST} is needed")));
        }
        let sysroot = match is_sdk {
            true => None,
            false => {
                let there = Path::new("/usr/include/wasm32-wasi/stdio.h");
                if !there.is_file() {
                    return Err(missing("there is no C library for WebAssembly (wasi-libc)".to_owned()));
                }
                Some(PathBuf::from("/usr"))
            }
        };
        let builtins = ask(&["--target=wasm32-wasi", "-print-libgcc-file-name"])?;
        if !Path::new(&builtins).is_file() {
            let package = number.map_or_else(String::new, |n| format!(" (Debian: libclang-rt-{n}-dev-wasm32)"));
            return Err(missing(format!("`{shown}` has no run-time library for WebAssembly{package}")));
        }
        let linker = ask(&["--target=wasm32-wasi", "-print-prog-name=wasm-ld"])?;
        if !Path::new(&linker).is_file() && env::program(&linker).is_none() {
            return Err(missing("there is no linker for WebAssembly, `wasm-ld` (Debian: lld)".to_owned()));
        }
        Ok(Self { path, version, sysroot })
    }
}

/// Says which compiler is there, and with which C library; or what is missing, with how to get it.
pub(crate) fn found() -> Result<String> {
    let Clang { path, version, sysroot } = Clang::find()?;
    let first = version.lines().next().unwrap_or_default();
    let library = if sysroot.is_some() { "with wasi-libc" } else { "of a wasi-sdk" };
    Ok(format!("{first} {library}, at {}", path.display()))
}

/// Compiles the package; returns the module and the compiler.
pub(crate) fn module(dir: &Path) -> Result<(PathBuf, PathBuf)> {
    let clang = Clang::find()?;
    let built = dir.join(BUILT);
    std::fs::create_dir_all(&built)
        .map_err(|error| CliError::file(crate::exit::Exit::Store, "write", &built, &error))?;
    let mut command = Command::new(&clang.path);
    command.args(["--target=wasm32-wasi", "-std=c11", "-O2", "-g", "-fdebug-compilation-dir=."]);
    command.args(["-mexec-model=reactor", "-Wall", "-Wno-missing-field-initializers", "-Isrc"]);
    command.arg("-I").arg(sdk::FOLDER);
    if let Some(sysroot) = &clang.sysroot {
        command.arg(format!("--sysroot={}", sysroot.display()));
    }
    // What else would change the bytes is not taken from the environment.
    for name in ["CPATH", "C_INCLUDE_PATH", "LIBRARY_PATH", "SOURCE_DATE_EPOCH", "CCC_OVERRIDE_OPTIONS"] {
        command.env_remove(name);
    }
    command.args(sources(dir, "src", "c")?);
    command.args(SHARED.iter().chain(BORDER).map(|name| Path::new(sdk::FOLDER).join(name)));
    let module = built.join("module.wasm");
    // The stack comes first: one that overflows traps, instead of writing over data.
    command.args(["-Wl,--stack-first", "-Wl,-z,stack-size=1048576", "-o"]).arg(&module);
    compile_with(command, dir, &shown(dir))?;
    Ok((module, clang.path))
}

/// Compiles a test program of the package for this machine; returns it.
pub(crate) fn native(dir: &Path, test: &Path) -> Result<PathBuf> {
    let compiler = ["cc", "clang", "gcc"].iter().find_map(|name| env::program(name));
    let compiler = compiler.ok_or_else(|| {
        CliError::usage("there is no C compiler, `cc`, on the PATH")
            .code(Code::NoToolchain)
            .hint("apt-get install gcc")
    })?;
    let name = test.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let folder = dir.join(BUILT).join("tests");
    std::fs::create_dir_all(&folder)
        .map_err(|error| CliError::file(crate::exit::Exit::Store, "write", &folder, &error))?;
    let program = folder.join(&name);
    let mut command = Command::new(compiler);
    command.args(["-std=gnu11", "-O1", "-g", "-Wall", "-Wno-missing-field-initializers", "-Isrc", "-I"]);
    command.arg(sdk::FOLDER).arg(test).args(sources(dir, "src", "c")?);
    command.args(SHARED.iter().chain(&["wrun_test.c"]).map(|name| Path::new(sdk::FOLDER).join(name)));
    command.arg("-o").arg(&program).arg("-lm");
    compile_with(command, dir, &test.display().to_string())?;
    Ok(program)
}

fn shown(dir: &Path) -> String {
    dir.file_name().unwrap_or(dir.as_os_str()).to_string_lossy().into_owned()
}
