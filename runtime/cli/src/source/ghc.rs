//! Compiles a folder of Haskell to a core module, by GHC for WebAssembly.

use crate::env;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::explain::Code;
use crate::source::{BUILT, compile_with, sdk, sources};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Names the compiler to use.
pub(crate) const CHOSEN: &str = "WRUN_GHC";
/// What it is called on the PATH.
pub(crate) const GHC: &str = "wasm32-wasi-ghc";

const OLDEST: (u32, u32) = (9, 6);

const GET: &str = "install it with ghc-wasm-meta, https://gitlab.haskell.org/haskell-wasm/ghc-wasm-meta, and put it on the PATH; or set WRUN_GHC to the path of wasm32-wasi-ghc";

/// Joins the plugin to the host: the only module that exports functions.
const BORDER: &str = "module WRunBorder where\n\
    import Plugin (plugin)\n\
    import WRun.Border\n\
    foreign export ccall wrun_hs_describe :: IO ()\n\
    foreign export ccall wrun_hs_requires :: Bytes -> Length -> Bytes -> Length -> Handle -> IO Code\n\
    foreign export ccall wrun_hs_run :: Bytes -> Length -> Bytes -> Length -> IO Code\n\
    wrun_hs_describe :: IO ()\n\
    wrun_hs_describe = borderDescribe plugin\n\
    wrun_hs_requires :: Bytes -> Length -> Bytes -> Length -> Handle -> IO Code\n\
    wrun_hs_requires = borderRequires plugin\n\
    wrun_hs_run :: Bytes -> Length -> Bytes -> Length -> IO Code\n\
    wrun_hs_run = borderRun plugin\n";

fn missing(what: String) -> CliError {
    CliError::usage(what).code(Code::NoToolchain).hint(GET)
}

fn find() -> Result<PathBuf> {
    let path = env::var(CHOSEN).map(PathBuf::from).or_else(|| env::program(GHC));
    let path = path.ok_or_else(|| missing(format!("there is no `{GHC}` on the PATH")))?;
    let output = Command::new(&path).arg("--numeric-version").output();
    let output = output.map_err(|error| missing(format!("cannot run `{}`", path.display())).cause(error))?;
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let mut parts = version.split('.').map(str::parse::<u32>);
    match (parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor))) if (major, minor) >= OLDEST => Ok(path),
        _ if !output.status.success() => {
            let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            Err(missing(format!("`{}` does not answer", path.display())).cause(why))
        }
        _ => Err(missing(format!("`{}` is GHC {version}: 9.6 or newer is needed", path.display()))),
    }
}

/// Compiles the package; returns the module and the compiler.
pub(crate) fn module(dir: &Path, quiet: bool) -> Result<(PathBuf, PathBuf)> {
    let ghc = find()?;
    let built = dir.join(BUILT);
    let objects = built.join("objects");
    let fail = |error: std::io::Error| CliError::file(Exit::Store, "write", &built, &error);
    std::fs::create_dir_all(&objects).map_err(fail)?;
    let border = built.join("WRunBorder.hs");
    // Unchanged, it is not compiled again.
    if std::fs::read_to_string(&border).ok().as_deref() != Some(BORDER) {
        std::fs::write(&border, BORDER).map_err(fail)?;
    }
    if !dir.join("src/Plugin.hs").is_file() {
        return Err(CliError::usage(format!("there is no src/Plugin.hs in `{}`", dir.display()))
            .code(Code::BadPackage)
            .hint("the module `Plugin` exports `plugin :: Plugin`"));
    }
    let below = |name: &str| Path::new(sdk::FOLDER).join(name);
    let mut command = Command::new(&ghc);
    command
        .args([if quiet { "-v0" } else { "-v1" }, "-O", "-no-hs-main", "-isrc"])
        .arg(format!("-i{}", below("src").display()));
    command.arg("-odir").arg(Path::new(BUILT).join("objects")).arg("-hidir").arg(Path::new(BUILT).join("objects"));
    command.arg("-stubdir").arg(Path::new(BUILT).join("objects"));
    command.arg(format!("-I{}", below("cbits/wrun").display()));
    command.arg(Path::new(BUILT).join("WRunBorder.hs"));
    // By their paths: GHC puts an object file where its source is, below -odir.
    let cbits = ["cbits/shim.c", "cbits/wrun/wrun.c", "cbits/wrun/src/wrun_abi.c"];
    command.args(cbits.map(below)).args(sources(dir, "src", "c")?);
    let module = built.join("module.wasm");
    command.arg("-o").arg(&module).args(["-optl-mexec-model=reactor", "-optl-Wl,--strip-all"]);
    for name in ["GHC_ENVIRONMENT", "CPATH", "C_INCLUDE_PATH", "LIBRARY_PATH"] {
        command.env_remove(name);
    }
    command.args(["-package-env", "-"]);
    // Linked each time: what GHC takes for unchanged is not what the bytes are made of alone.
    _ = std::fs::remove_file(&module);
    let name = dir.file_name().unwrap_or(dir.as_os_str()).to_string_lossy().into_owned();
    compile_with(command, dir, &name)?;
    Ok((module, ghc))
}
