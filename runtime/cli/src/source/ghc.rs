//! Compiles a folder of Haskell to a core module, by GHC for WebAssembly, and its tests by GHC for this machine.

use crate::env;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::explain::Code;
use crate::source::{BUILT, clang, compile_with, sdk, sources};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Names the compiler to use.
pub(crate) const CHOSEN: &str = "WRUN_GHC";
/// What it is called on the PATH.
pub(crate) const GHC: &str = "wasm32-wasi-ghc";

/// The compiler of tests.
const NATIVE: &str = "ghc";

/// What GHC for WebAssembly takes for granted (GHC2021), and a GHC of 9.0 does not.
const LANGUAGE: &str = "BangPatterns BinaryLiterals ConstrainedClassMethods ConstraintKinds DeriveDataTypeable \
    DeriveFoldable DeriveFunctor DeriveGeneric DeriveLift DeriveTraversable EmptyCase EmptyDataDeriving \
    ExistentialQuantification FlexibleContexts FlexibleInstances GADTSyntax GeneralizedNewtypeDeriving \
    HexFloatLiterals ImportQualifiedPost InstanceSigs KindSignatures MultiParamTypeClasses NamedWildCards \
    NumericUnderscores PolyKinds PostfixOperators RankNTypes ScopedTypeVariables StandaloneDeriving \
    StandaloneKindSignatures TupleSections TypeApplications TypeOperators TypeSynonymInstances";

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

/// Finds one that is new enough; returns its version as well.
fn find() -> Result<(PathBuf, String)> {
    let path = env::var(CHOSEN).map(PathBuf::from).or_else(|| env::program(GHC));
    let path = path.ok_or_else(|| missing(format!("there is no `{GHC}` on the PATH")))?;
    let output = Command::new(&path).arg("--numeric-version").output();
    let output = output.map_err(|error| missing(format!("cannot run `{}`", path.display())).cause(error))?;
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let mut parts = version.split('.').map(str::parse::<u32>);
    match (parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor))) if (major, minor) >= OLDEST => Ok((path, version)),
        _ if !output.status.success() => {
            let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            Err(missing(format!("`{}` does not answer", path.display())).cause(why))
        }
        _ => Err(missing(format!("`{}` is GHC {version}: 9.6 or newer is needed", path.display()))),
    }
}

/// Says which compiler is there; or what is missing, with how to get it.
pub(crate) fn found() -> Result<String> {
    let (path, version) = find()?;
    Ok(format!("GHC {version}, at {}", path.display()))
}

/// Finds the compiler of tests.
pub(crate) fn of_tests() -> Option<PathBuf> {
    env::program(NATIVE)
}

/// How to get the compiler of tests.
pub(crate) const GET_NATIVE: &str = "install GHC for this machine, 9.0 or newer: apt-get install ghc, or ghcup";

fn below_sdk(name: &str) -> PathBuf {
    Path::new(sdk::FOLDER).join(name)
}

/// Returns a compiler called with what the package and the SDK have: `sdk` are the SDK's sources in C, `objects` is
/// where object files go, relative to the package.
fn compiler(ghc: &Path, dir: &Path, quiet: bool, sdk: &[&str], objects: &Path) -> Result<Command> {
    if !dir.join("src/Plugin.hs").is_file() {
        return Err(CliError::usage(format!("there is no src/Plugin.hs in `{}`", dir.display()))
            .code(Code::BadPackage)
            .hint("the module `Plugin` exports `plugin :: Plugin`"));
    }
    let built = dir.join(BUILT);
    let fail = |error: std::io::Error| CliError::file(Exit::Store, "write", &built, &error);
    std::fs::create_dir_all(dir.join(objects)).map_err(fail)?;
    let border = built.join("WRunBorder.hs");
    // Unchanged, it is not compiled again.
    if std::fs::read_to_string(&border).ok().as_deref() != Some(BORDER) {
        std::fs::write(&border, BORDER).map_err(fail)?;
    }
    let mut command = Command::new(ghc);
    command.args([if quiet { "-v0" } else { "-v1" }, "-isrc"]).arg(format!("-i{}", below_sdk("src").display()));
    for folder in ["-odir", "-hidir", "-stubdir"] {
        command.arg(folder).arg(objects);
    }
    command.arg(format!("-I{}", below_sdk("cbits/wrun").display()));
    command.arg(Path::new(BUILT).join("WRunBorder.hs"));
    // By their paths: GHC puts an object file where its source is, below -odir.
    let wrun = sdk.iter().map(|name| below_sdk("cbits/wrun").join(name));
    command.arg(below_sdk("cbits/shim.c")).args(wrun).args(sources(dir, "src", "c")?);
    for name in ["GHC_ENVIRONMENT", "CPATH", "C_INCLUDE_PATH", "LIBRARY_PATH"] {
        command.env_remove(name);
    }
    command.args(["-package-env", "-"]);
    Ok(command)
}

/// Compiles the package; returns the module and the compiler.
pub(crate) fn module(dir: &Path, quiet: bool) -> Result<(PathBuf, PathBuf)> {
    let (ghc, _) = find()?;
    let module = dir.join(BUILT).join("module.wasm");
    let sdk = [clang::SHARED, clang::BORDER].concat();
    let mut command = compiler(&ghc, dir, quiet, &sdk, &Path::new(BUILT).join("objects"))?;
    command.args(["-O", "-no-hs-main", "-o"]).arg(&module);
    command.args(["-optl-mexec-model=reactor", "-optl-Wl,--strip-all"]);
    // Linked each time: what GHC takes for unchanged is not what the bytes are made of alone.
    _ = std::fs::remove_file(&module);
    let name = dir.file_name().unwrap_or(dir.as_os_str()).to_string_lossy().into_owned();
    compile_with(command, dir, &name)?;
    Ok((module, ghc))
}

/// Compiles a test program of the package for this machine; returns it.
pub(crate) fn native(dir: &Path, test: &Path, quiet: bool) -> Result<PathBuf> {
    let ghc = of_tests().ok_or_else(|| {
        CliError::usage(format!("there is no `ghc` on the PATH, which compiles `{}`", test.display()))
            .code(Code::NoToolchain)
            .hint(GET_NATIVE)
    })?;
    let name = test.file_stem().unwrap_or_default();
    // Apart, as each has a module `Main`.
    let folder = Path::new(BUILT).join("tests").join(name);
    let program = dir.join(&folder).join(name);
    let sdk = [clang::SHARED, &["wrun_test.c"]].concat();
    let mut command = compiler(&ghc, dir, quiet, &sdk, &folder.join("objects"))?;
    command.args(["-O0", "-itests"]).args(LANGUAGE.split_whitespace().map(|name| format!("-X{name}")));
    command.arg(test).arg("-o").arg(&program);
    compile_with(command, dir, &test.display().to_string())?;
    Ok(program)
}
