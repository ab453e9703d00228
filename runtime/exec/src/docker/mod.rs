//! Runs containers through the Engine API of Docker, or of Podman.
//!
//! - [`Docker`]: the executor. It talks to the engine when the first container is asked for, and not before.
//! - [`endpoint`]: where the engine is. `engine.rs`: it, and what it says of itself.
//! - [`lock`]: `wrun.lock`. `image.rs`: from a name to content.
//! - `folder.rs`: the folder of one run. `ingest.rs`: from `/out` to a tree. `log.rs`: what it says.
//! - `bucket.rs`: what it writes to a bucket itself.
//! - `watch.rs`: from its start to its end. `ending.rs`: how it ended.
//! - `left.rs`: what is left behind, taken over or removed.
//!
//! A container sees `/in` (read-only), `/out`, a `/tmp` in memory, and its image, which it cannot write to. It has no
//! network unless the task asks for one, no capabilities, and gains no rights; memory, swap, cpus, processes, `/tmp`,
//! output and log are capped.

mod bucket;
mod ending;
pub mod endpoint;
mod engine;
mod folder;
mod image;
mod ingest;
mod left;
pub mod lock;
mod log;
mod watch;

pub use bucket::Staging;
pub use engine::{About, about};
pub use image::platform;

use crate::{Capacity, ContainerRun, Containers, FailureKind, Image, Made, RunContext, RunError, Shown};
use async_trait::async_trait;
use bollard::errors::Error;
use bollard::models::{ContainerCreateBody, DeviceRequest, HostConfig, HostConfigLogConfig, Mount, MountType};
use bollard::query_parameters::CreateContainerOptions;
use bucket::Bucket;
use ending::is_gone;
use endpoint::Surroundings;
use engine::Engine;
use folder::{Folders, ShowError};
use ingest::{IngestError, Most};
use left::{Left, Leftovers};
use lock::LockFile;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OnceCell;
use wrun_core::plan::{ContainerSpec, OUT_URL};
use wrun_store::Store;
use wrun_store::files::FilesError;

/// Bytes of log that are kept, unless the task says otherwise.
const LOG_BYTES: u64 = 1 << 20;
/// Processes and threads of one container.
const PIDS: i64 = 4096;
/// Bytes of `/tmp`, and of `/dev/shm`, unless the task says otherwise.
const TMPFS: u64 = 64 << 20;

/// Where the value of a secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Secret {
    /// A value that was read already.
    Value(Vec<u8>),
    /// A file, read when a container needs it.
    File(PathBuf),
    /// It was named, and is not there: why, in words.
    Absent(String),
}

/// A step of a pull.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Pulled<'a> {
    /// The engine says something of the whole.
    Said(&'a str),
    /// Bytes that are here, and bytes of the layers that are known so far; once a percent.
    Received(u64, u64),
}

/// Takes steps of the pull of an image.
pub type OnPull = Arc<dyn Fn(&str, Pulled<'_>) + Send + Sync>;

/// What an executor stands on.
pub struct DockerSetup {
    /// What decides where the engine is.
    pub around: Surroundings,
    /// Where results go.
    pub store: Arc<dyn Store>,
    /// The store's folder on this machine.
    pub root: PathBuf,
    /// Pinned images.
    pub lock: LockFile,
    /// Secrets by name.
    pub secrets: BTreeMap<String, Secret>,
    /// Where containers write that write to a bucket themselves.
    pub staging: Option<Staging>,
    /// Between TERM and KILL.
    pub grace: Duration,
    /// Takes steps of a pull.
    pub on_pull: OnPull,
    /// Where removals go on.
    pub runtime: tokio::runtime::Handle,
}

/// Runs containers.
pub struct Docker {
    around: Surroundings,
    config_folder: Option<PathBuf>,
    store: Arc<dyn Store>,
    lock: LockFile,
    secrets: BTreeMap<String, Secret>,
    on_pull: OnPull,
    engine: OnceCell<Engine>,
    left: Arc<Leftovers>,
    swept: OnceCell<()>,
}

fn failed(kind: FailureKind, message: String) -> RunError {
    RunError::Failed { kind, message, log: Vec::new() }
}

fn infrastructure(why: impl Into<String>) -> RunError {
    RunError::Infrastructure(why.into())
}

impl Docker {
    /// Makes one. Nothing is asked of the engine yet.
    pub fn new(setup: DockerSetup) -> Self {
        let store = setup.root.display().to_string();
        let bucket = setup.staging.map(Bucket::new);
        let (folders, results) = (Folders::new(&setup.root), setup.store.clone());
        let left = Leftovers::new(folders, results, store, bucket, setup.grace, setup.runtime);
        Self {
            config_folder: setup.around.docker_config.clone(),
            around: setup.around,
            store: setup.store,
            lock: setup.lock,
            secrets: setup.secrets,
            on_pull: setup.on_pull,
            engine: OnceCell::new(),
            left: Arc::new(left),
            swept: OnceCell::new(),
        }
    }

    /// Returns the pinned images.
    pub fn pins(&self) -> lock::Pins {
        self.lock.pins()
    }

    async fn engine(&self) -> Result<&Engine, RunError> {
        self.engine.get_or_try_init(|| self.connect()).await
    }

    async fn connect(&self) -> Result<Engine, RunError> {
        let endpoint = endpoint::find(&self.around).map_err(infrastructure)?;
        let api = engine::open(&endpoint).await.map_err(infrastructure)?;
        self.left.connected(api.clone());
        let cannot = |error: Error| {
            infrastructure(format!(
                "the engine at {} does not answer: {}",
                endpoint.address,
                ending::chain(&error)
            ))
        };
        Engine::of(api).await.map_err(cannot)
    }

    /// Reads the secrets that a container is given.
    fn secrets(&self, spec: &ContainerSpec) -> Result<Vec<(String, Vec<u8>)>, RunError> {
        let refused = |message| RunError::Failed { kind: FailureKind::Secret, message, log: Vec::new() };
        let read = |name: &String| match self.secrets.get(name) {
            Some(Secret::Value(value)) => Ok((name.clone(), value.clone())),
            Some(Secret::File(path)) => match std::fs::read(path) {
                Ok(value) => Ok((name.clone(), value)),
                Err(error) => {
                    let path = path.display();
                    Err(refused(format!("the secret `{name}` cannot be read from `{path}`: {error}")))
                }
            },
            Some(Secret::Absent(why)) => Err(refused(format!("the secret `{name}` is not there: {why}"))),
            None => Err(refused(format!("the task needs the secret `{name}`, which wrun.toml does not name"))),
        };
        spec.secrets.iter().map(read).collect()
    }

    async fn attempt(&self, run: ContainerRun, context: Arc<dyn RunContext>) -> Result<Made, RunError> {
        let _busy = self.left.busy();
        let secrets = self.secrets(&run.spec)?;
        let engine = self.engine().await?;
        // One that is being restarted: a task's attempts would all be over before it is back.
        self.back(&engine.api).await?;
        // Once, and before anything is taken over: a sweep holds every lock for a moment.
        self.swept.get_or_init(|| self.left.sweep_once()).await;
        let values: Vec<Vec<u8>> = secrets.iter().map(|(_, value)| value.clone()).collect();
        let most = run.limits.log_bytes.unwrap_or(LOG_BYTES);
        let mut log = log::Log::new(most, &values, context);
        let (left, began) = match self.left.adopt(&engine.api, &run).await? {
            Some(adopted) => adopted,
            None => (self.create(engine, &run, secrets).await?, None),
        };
        let ended = self.watch(engine, &run, &left, began, &mut log).await?;
        let log = log.finish();
        if let Some(error) = ending::judge(&run.spec, &ended, &log) {
            return Err(error);
        }
        self.ingest(run, left, log).await
    }

    /// Makes the folder and the container, and starts it not yet.
    async fn create(
        &self,
        engine: &Engine,
        run: &ContainerRun,
        secrets: Vec<(String, Vec<u8>)>,
    ) -> Result<Left, RunError> {
        let (leftovers, inputs) = (self.left.clone(), run.inputs.clone());
        let key = run.key.0.to_hex();
        let out_url = run.spec.uses_out_url();
        let prepared = tokio::task::spawn_blocking(move || {
            let folder = leftovers.folders.make(&key[..32]).map_err(RunError::Infrastructure)?;
            // From here on what was made is removed, whatever happens.
            let left = Left::new(&leftovers, folder);
            for (name, dir) in &inputs {
                let at = left.inside("in").join(name);
                leftovers.folders.show(dir, &at).map_err(|error| match error {
                    ShowError::Files(FilesError::Store(error)) => RunError::Store(error),
                    ShowError::Files(_) => RunError::LostInput { input: name.clone() },
                    ShowError::Trouble(why) => RunError::Infrastructure(why),
                })?;
            }
            left.show_secrets(&secrets).map_err(RunError::Infrastructure)?;
            if out_url {
                left.give_prefix().map_err(RunError::Infrastructure)?;
            }
            Ok::<Left, RunError>(left)
        });
        let mut left = prepared.await.map_err(|error| infrastructure(error.to_string()))??;
        let body = self.body(engine, run, &left);
        let create = || engine.api.create_container(None::<CreateContainerOptions>, body.clone());
        let created = match create().await {
            Err(Error::DockerResponseServerError { status_code: 404, message }) if message.contains("image") => {
                self.bring_image(engine, &run.image).await?;
                create().await
            }
            created => created,
        };
        match created {
            Ok(created) => left.created(created.id),
            Err(error) => {
                if is_gone(&error) {
                    left.doubt();
                }
                return Err(ending::engine("create", &error));
            }
        }
        Ok(left)
    }

    /// Says what the container is.
    fn body(&self, engine: &Engine, run: &ContainerRun, left: &Left) -> ContainerCreateBody {
        let spec = &run.spec;
        let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let mut mounts = vec![bind(&left.inside("in"), "/in", true), bind(&left.inside("out"), "/out", false)];
        if let Some(secrets) = left.secrets() {
            mounts.push(bind(&secrets, "/run/secrets", true));
        }
        let tmpfs = spec.tmpfs.unwrap_or(TMPFS);
        let url = left.url();
        let given = |text: &String| match &url {
            Some(url) => text.replace(OUT_URL, url),
            None => text.clone(),
        };
        let mut env: Vec<String> =
            spec.env.iter().map(|(name, value)| format!("{name}={}", given(value))).collect();
        // The idempotency token of whoever acts on the world.
        env.push(format!("WRUN_ACTION={}", run.key));
        let labels = left.labels(run);
        let gpu = DeviceRequest {
            count: Some(spec.gpus.into()),
            capabilities: Some(vec![vec!["gpu".into()]]),
            ..DeviceRequest::default()
        };
        ContainerCreateBody {
            image: Some(run.image.digest.clone()),
            entrypoint: spec.entrypoint.clone(),
            cmd: (!spec.argv.is_empty()).then(|| spec.argv.iter().map(given).collect()),
            env: Some(env),
            working_dir: spec.workdir.clone(),
            user: spec.user.clone(),
            // Else it would be another one in every run.
            hostname: Some("wrun".into()),
            network_disabled: Some(!spec.network),
            labels: Some(labels),
            host_config: Some(HostConfig {
                mounts: Some(mounts),
                network_mode: Some(if spec.network { "bridge" } else { "none" }.into()),
                readonly_rootfs: Some(true),
                cap_drop: Some(vec!["ALL".into()]),
                security_opt: Some(vec!["no-new-privileges".into()]),
                memory: spec.memory.map(signed),
                // The same: so that there is no swap beside it.
                memory_swap: spec.memory.map(signed),
                nano_cpus: spec.cpu_millis.map(|millis| signed(millis.saturating_mul(1_000_000))),
                pids_limit: Some(PIDS),
                tmpfs: Some(HashMap::from([(
                    "/tmp".to_owned(),
                    format!("rw,nosuid,nodev,exec,mode=1777,size={tmpfs}"),
                )])),
                shm_size: Some(signed(tmpfs)),
                ulimits: engine.ulimits(),
                log_config: Some(HostConfigLogConfig {
                    typ: Some("json-file".into()),
                    config: Some(HashMap::from([
                        ("max-size".to_owned(), "16m".to_owned()),
                        ("max-file".to_owned(), "2".to_owned()),
                    ])),
                }),
                device_requests: (spec.gpus > 0).then(|| vec![gpu]),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        }
    }

    async fn ingest(&self, run: ContainerRun, left: Left, log: Vec<u8>) -> Result<Made, RunError> {
        let most = Most::of(&run.limits);
        let failed = |kind, message, log| RunError::Failed { kind, message, log };
        let given = match left.land(most, &self.store).await {
            Err(RunError::Failed { kind, message, .. }) => return Err(failed(kind, message, log)),
            given => given?,
        };
        let (out, store) = (left.inside("out"), self.store.clone());
        let take = move || {
            let take = || ingest::ingest(&out, given.clone(), &run.outputs, most, &store);
            match take() {
                Err(IngestError::Unreadable(_)) if folder::open_up(&out) => take(),
                taken => taken,
            }
        };
        let taken = tokio::task::spawn_blocking(take).await;
        match taken.map_err(|error| infrastructure(error.to_string()))? {
            Ok(output) => Ok(Made { output, log, left: Some(Arc::new(left)) }),
            Err(IngestError::Output(why) | IngestError::Unreadable(why)) => {
                Err(failed(FailureKind::Outputs, why, log))
            }
            Err(IngestError::TooMuch(why)) => Err(failed(FailureKind::OutputLimit, why, log)),
            Err(IngestError::Store(error)) => Err(RunError::Store(error)),
            Err(IngestError::Io(why)) => Err(RunError::Infrastructure(why)),
        }
    }
}

#[async_trait]
impl Containers for Docker {
    async fn image(&self, reference: &str, pull: bool) -> Result<Option<Image>, RunError> {
        self.find_image(reference, pull).await
    }

    async fn run(&self, run: ContainerRun, context: Arc<dyn RunContext>) -> Result<Made, RunError> {
        self.attempt(run, context).await
    }

    fn capacity(&self) -> Capacity {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u64;
        let info = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let total = info.lines().find_map(|line| line.strip_prefix("MemTotal:"));
        let kib = total.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
        Capacity { cpu_millis: cores * 1000, memory: kib.map_or(u64::MAX, |kib| kib << 10) }
    }

    fn stages(&self) -> bool {
        self.left.bucket.is_some()
    }

    fn shown(&self) -> Shown {
        self.left.folders.counts.shown()
    }

    async fn settle(&self, most: Duration) {
        // What a killed wrun left is removed by the next one, although that may run nothing itself.
        if !self.swept.initialized() && self.left.folders.any() && self.engine().await.is_ok() {
            self.swept.get_or_init(|| self.left.sweep_once()).await;
        }
        self.left.settle(most).await;
        // What could not be removed while the engine was away can be once it is back.
        if self.left.missed() {
            self.left.sweep_once().await;
            self.left.settle(most).await;
        }
    }
}

fn bind(source: &Path, target: &str, read_only: bool) -> Mount {
    Mount {
        source: Some(source.display().to_string()),
        target: Some(target.to_owned()),
        typ: Some(MountType::BIND),
        read_only: Some(read_only),
        ..Mount::default()
    }
}
