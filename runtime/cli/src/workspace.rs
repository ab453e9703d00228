//! What a command works with: wrun.toml, the store, the plugins.
//!
//! Plugins are read and hashed, and what they say of themselves comes from the store where it is known, so
//! a build that runs nothing never starts the WebAssembly engine.

use crate::args::StoreArgs;
use crate::config::{self, Config, list};
use crate::env;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::explain::Code;
use crate::place::{Bucket, Place};
use crate::shell::Shell;
use crate::source;
use jiff::ZonedDateTime;
use jiff::tz::TimeZone;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::runtime::Runtime;
use wrun_build::Plugin;
use wrun_core::codec::Encoder;
use wrun_core::digest::{ComponentDigest, PlanKey};
use wrun_core::suggest::nearest;
use wrun_core::task::{PluginDescription, SANDBOX};
use wrun_exec::wasm::WasmPlugin;
use wrun_plugin::{Host, HostConfig};
use wrun_store::external::Sources;
use wrun_store::local::LocalStore;
use wrun_store::memory::MemoryStore;
use wrun_store::{Store, Write};

/// Where a command works.
pub(crate) struct Workspace {
    pub(crate) shell: Shell,
    pub(crate) config: Config,
    /// The folder of wrun.toml, else the working directory.
    pub(crate) root: PathBuf,
    pub(crate) cwd: PathBuf,
    pub(crate) store: Arc<dyn Store>,
    /// The bucket behind it, if there is one.
    pub(crate) bucket: Option<Box<Bucket>>,
    /// The servers that externals are read from.
    pub(crate) sources: Arc<Sources>,
    pub(crate) runtime: Threads,
    pub(crate) host: Arc<Host>,
    pub(crate) slots: usize,
    zone: TimeZone,
}

/// The threads of a command. Dropping them does not wait for what they still do: what a build made is durable
/// by then, and a large graph takes a while to be taken apart.
pub(crate) struct Threads(Option<Runtime>);

impl std::ops::Deref for Threads {
    type Target = Runtime;

    fn deref(&self) -> &Runtime {
        self.0.as_ref().expect("it is taken only when it is dropped")
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// How much of a store a command needs.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// It is made if it is not there.
    Make,
    /// It has to be there.
    Existing,
    /// It helps where it is there.
    Optional,
}

impl Workspace {
    /// Opens it for a command that names no plugin.
    pub(crate) fn open(shell: &Shell, store: &StoreArgs, slots: Option<u32>, need: Need) -> Result<Self> {
        Self::open_for(shell, store, slots, need, None)
    }

    /// Opens it. Where no wrun.toml is found from the working directory upwards, that of a source folder
    /// which is named counts.
    pub(crate) fn open_for(
        shell: &Shell,
        store: &StoreArgs,
        slots: Option<u32>,
        need: Need,
        named: Option<&Path>,
    ) -> Result<Self> {
        let cwd = env::cwd()?;
        let config::Found { config, folder } = config::find_for(&cwd, named)?;
        let slots = match slots {
            Some(0) => {
                return Err(CliError::usage("`-j 0`: at least one task has to run at once")
                    .hint("leave `-j` out: it is then one a core"));
            }
            given => given.or(config.slots).map_or_else(env::cores, |slots| slots as usize),
        };
        let zone = zone(&config)?;
        // One more than compute at once: look-ups and commits go on beside full slots.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(slots + 1)
            .thread_name("wrun-worker")
            .enable_all()
            .build()
            .map_err(|error| CliError::new(Exit::Internal, "cannot start threads").cause(error))?;
        let (store, bucket) = match Place::of(store, &config, folder.as_deref(), &cwd)? {
            Place::Folder(path) => (local(&path, need)?, None),
            Place::S3(bucket) => {
                if bucket.options.conditional == Some(false) && !bucket.offline {
                    shell.note("`conditional = false`: of two builds that make the same at once the later may overwrite the first");
                }
                (bucket.open(&runtime)?, Some(bucket))
            }
        };
        // Compiled code is the user's, not a store's: an empty store does not mean compiling again.
        let compiled_dir = compiled_dir(shell, store.local_root());
        let host = Host::new(HostConfig { compiled_dir, ..HostConfig::default() });
        let root = folder.unwrap_or_else(|| cwd.clone());
        let runtime = Threads(Some(runtime));
        let sources = Arc::new(Sources::new(config.s3.clone(), env::proxies()));
        Ok(Self { shell: shell.clone(), config, root, cwd, store, bucket, sources, runtime, host, slots, zone })
    }

    /// Opens another store: a folder, or a bucket with the same `[s3]` options.
    pub(crate) fn other(&self, named: &Path, need: Need) -> Result<Arc<dyn Store>> {
        let args = StoreArgs { store: Some(named.to_owned()), cache: None, cache_size: None, offline: false };
        match Place::of(&args, &self.config, None, &self.cwd)? {
            Place::Folder(path) => local(&path, need),
            Place::S3(bucket) => bucket.open(&self.runtime),
        }
    }

    /// Returns now, where the user is.
    pub(crate) fn now(&self) -> ZonedDateTime {
        env::now().to_zoned_datetime(self.zone.clone())
    }

    /// Loads the plugin that was named, then those of wrun.toml.
    pub(crate) fn plugins(&self, named: &Path) -> Result<Vec<Plugin>> {
        let mut plugins = vec![self.named(named)?];
        plugins.extend(self.aliased()?);
        Ok(plugins)
    }

    /// Loads the plugins of wrun.toml.
    pub(crate) fn aliased(&self) -> Result<Vec<Plugin>> {
        let load = |(alias, path): (&String, &PathBuf)| {
            self.load(alias, &self.root.join(path)).map_err(|mut error| {
                error.message = format!("the alias `{alias}` of wrun.toml: {}", error.message);
                error
            })
        };
        self.config.plugins.iter().map(load).collect()
    }

    /// Loads a plugin by its alias, else by its path.
    fn named(&self, named: &Path) -> Result<Plugin> {
        if let Some(path) = named.to_str().and_then(|name| self.config.plugins.get(name)) {
            return self.load("", &self.root.join(path));
        }
        let path = self.cwd.join(named);
        self.load("", &path).map_err(|error| {
            // What is there and is no plugin has a better hint than another name.
            let hint = if path.exists() { None } else { self.meant(named, &path) };
            match hint {
                Some(hint) => CliError { hint: Some(hint), ..error },
                None => error,
            }
        })
    }

    /// Says what may have been meant by a name of which there is neither an alias nor a file.
    fn meant(&self, named: &Path, path: &Path) -> Option<String> {
        let name = named.file_name()?.to_str()?;
        let bare = named.components().count() == 1 && !name.contains('.');
        let aliases: Vec<&str> = self.config.plugins.keys().map(String::as_str).filter(|_| bare).collect();
        if let Some(near) = nearest(name, aliases.iter().copied()) {
            return Some(format!("did you mean `{near}`?"));
        }
        let component = name.strip_suffix(".wasm");
        let there = path.parent().and_then(|folder| folder.read_dir().ok()).into_iter().flatten().flatten();
        let there: Vec<String> = there
            .filter_map(|entry| {
                let other = entry.file_name().into_string().ok()?;
                match component {
                    Some(_) => other.strip_suffix(".wasm").map(str::to_owned),
                    None => entry.path().is_dir().then_some(other),
                }
            })
            .collect();
        if let Some(near) = nearest(component.unwrap_or(name), there.iter().map(String::as_str)) {
            let near =
                named.with_file_name(if component.is_some() { format!("{near}.wasm") } else { near.to_owned() });
            return Some(format!("did you mean `{}`?", near.display()));
        }
        bare.then(|| match aliases.as_slice() {
            [] => "name a component file, a source folder, or an alias under [plugins] of wrun.toml".to_owned(),
            aliases => format!("wrun.toml has {}", list(aliases)),
        })
    }

    fn load(&self, alias: &str, path: &Path) -> Result<Plugin> {
        let shown = match path.strip_prefix(&self.cwd).unwrap_or(path) {
            here if here.as_os_str().is_empty() => Path::new("."),
            shown => shown,
        };
        let name = shown.display().to_string();
        let component = match path.is_dir() {
            true => source::component(&self.shell, shown)?,
            false => path.to_owned(),
        };
        let bytes =
            std::fs::read(&component).map_err(|error| CliError::file(Exit::BadPlugin, "read", shown, &error))?;
        let component = wrun_plugin::Plugin::open(&self.host, bytes, &name)?.with_path(component);
        let digest = component.digest();
        let key = describe_key(digest);
        let cached = self.runtime.block_on(self.store.plans(&[key]))?.into_iter().next().flatten();
        let known = cached.and_then(|bytes| serde_json::from_slice::<PluginDescription>(&bytes).ok());
        let component = match known {
            Some(description) => component.with_description(description),
            None => {
                let description = component.description()?;
                if let Ok(json) = serde_json::to_vec(description) {
                    self.runtime.block_on(self.store.commit(vec![Write::Plan(key, json.into())]))?;
                }
                component
            }
        };
        let plugin = Arc::new(WasmPlugin::new(component, self.store.clone())?);
        Ok(Plugin { alias: alias.to_owned(), component: digest, planner: plugin.clone(), executor: plugin })
    }
}

/// Tells whether a folder has things in it that are not a store's.
fn occupied(folder: &Path) -> bool {
    !folder.join("index.sqlite").exists()
        && folder.read_dir().is_ok_and(|entries| {
            entries.flatten().any(|entry| {
                let name = entry.file_name();
                !["cas", "locks", "staging", "corrupt", "lost+found"].iter().any(|own| name == *own)
            })
        })
}

/// Returns the key under which a store keeps what a component says of itself.
pub(crate) fn describe_key(component: ComponentDigest) -> PlanKey {
    let mut encoder = Encoder::new("wrun.describe", 1);
    encoder.digest(&component.0).uint(SANDBOX);
    PlanKey(encoder.finish())
}

fn zone(config: &Config) -> Result<TimeZone> {
    let Some(name) = &config.timezone else { return Ok(TimeZone::system()) };
    TimeZone::get(name).map_err(|_| {
        CliError::usage(format!("`{name}`, the timezone of wrun.toml, is not known"))
            .code(Code::BadConfig)
            .hint("write a name of the IANA database, such as `Europe/Berlin` or `UTC`")
    })
}

/// Opens a store in a folder.
fn local(path: &Path, need: Need) -> Result<Arc<dyn Store>> {
    let there = path.join("cas").is_dir();
    Ok(match need {
        Need::Existing if !there => {
            return Err(CliError::new(Exit::Store, format!("there is no store at `{}`", path.display()))
                .code(Code::NoStore)
                .hint("name another with `--store DIR`, or build something first"));
        }
        Need::Optional if !there => Arc::new(MemoryStore::default()),
        Need::Make if !there && occupied(path) => {
            let message = format!("`{}` is not a store, and not empty", path.display());
            return Err(CliError::new(Exit::Store, message)
                .code(Code::NoStore)
                .hint("name a folder that is new or empty; a store fills it with files of its own"));
        }
        _ => LocalStore::open(path)?,
    })
}

/// Returns the user's cache folder of this program.
pub(crate) fn cache_folder() -> Option<PathBuf> {
    let cache = env::var("XDG_CACHE_HOME").map(PathBuf::from).filter(|cache| cache.is_absolute());
    let cache = cache.or_else(|| env::var("HOME").map(|home| PathBuf::from(home).join(".cache")));
    cache.map(|cache| cache.join("wrun"))
}

/// Decides where compiled code is kept: in the user's cache, and where that cannot be written, in the store.
fn compiled_dir(shell: &Shell, store: Option<PathBuf>) -> Option<PathBuf> {
    let cache = cache_folder();
    let usable = |folder: &PathBuf| {
        let nearest = folder.ancestors().find(|folder| folder.exists());
        nearest.is_some_and(|folder| rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).is_ok())
    };
    // Compiled code that is there can be read, whether or not more can be written.
    if let Some(folder) = cache.as_ref().map(|cache| cache.join("compiled"))
        && (usable(&folder) || folder.is_dir())
    {
        return Some(folder);
    }
    let folder = store.map(|store| store.join("compiled"));
    if shell.verbose {
        let why = match &cache {
            Some(cache) => format!("`{}` cannot be written", cache.display()),
            None => "there is no HOME".to_owned(),
        };
        let instead = match &folder {
            Some(folder) => format!("compiled code is kept in `{}`", folder.display()),
            None => "compiled code is not kept".to_owned(),
        };
        shell.note(&format!("{why}: {instead}"));
    }
    folder
}

/// Returns what a component says of itself, for completions: from the user's cache, else from the component.
/// Builds never use this.
pub(crate) fn described(path: &Path) -> Option<PluginDescription> {
    let bytes = std::fs::read(path).ok()?;
    let cache = cache_folder()?;
    let host = Host::new(HostConfig { compiled_dir: Some(cache.join("compiled")), ..HostConfig::default() });
    let component = wrun_plugin::Plugin::open(&host, bytes, "plugin").ok()?;
    let folder = cache.join("described");
    let file = folder.join(format!("{}.json", describe_key(component.digest()).0.to_hex()));
    let known = std::fs::read(&file).ok().and_then(|json| serde_json::from_slice(&json).ok());
    if let Some(description) = known {
        return Some(description);
    }
    let description = component.description().ok()?.clone();
    if let Ok(json) = serde_json::to_vec(&description) {
        // A cache that cannot be written costs time, and nothing else.
        let beside = folder.join(format!("{}.part", std::process::id()));
        let written = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&beside, json));
        _ = written.and_then(|()| std::fs::rename(&beside, &file));
    }
    Some(description)
}

/// Returns the first plugin's description.
pub(crate) fn description(plugins: &[Plugin]) -> Result<&PluginDescription> {
    let first = plugins.first().ok_or_else(|| CliError::new(Exit::Internal, "no plugin was loaded"))?;
    Ok(first.planner.description())
}
