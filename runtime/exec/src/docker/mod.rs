//! Runs containers through the Engine API of Docker, or of Podman.
//!
//! - [`Docker`]: the executor. It talks to the engine when the first container is asked for, and not before.
//! - [`endpoint`]: where the engine is. [`lock`]: `wrun.lock`. `image.rs`: from a name to content.
//! - `folder.rs`: the folder of one run. `ingest.rs`: from `/out` to a tree. `log.rs`: what it says.
//! - `ending.rs`: how it ended. `left.rs`: what is left behind, taken over or removed.
//!
//! A container sees `/in` (read-only), `/out`, a `/tmp` in memory, and its image, which it cannot write to. It has no
//! network unless the task asks for one, no capabilities, and gains no rights; memory, swap, cpus, processes, `/tmp`,
//! output and log are capped.

mod ending;
pub mod endpoint;
mod folder;
mod image;
mod ingest;
mod left;
pub mod lock;
mod log;

pub use image::platform;

use crate::{Capacity, ContainerRun, Containers, FailureKind, Image, Made, RunContext, RunError};
use async_trait::async_trait;
use bollard::container::LogOutput;
use bollard::errors::Error;
use bollard::models::{
    ContainerCreateBody, DeviceRequest, HostConfig, HostConfigLogConfig, Mount, MountType, ResourcesUlimits,
};
use bollard::query_parameters::{
    AttachContainerOptionsBuilder, CreateContainerOptions, InspectContainerOptions, LogsOptionsBuilder,
    StartContainerOptions, WaitContainerOptions, WaitContainerOptionsBuilder,
};
use ending::{Ended, Stopped, chain, is_gone};
use endpoint::{Endpoint, Surroundings};
use folder::{Folders, ShowError};
use futures_util::{Stream, StreamExt as _};
use ingest::{IngestError, Most};
use left::{Left, Leftovers};
use lock::LockFile;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OnceCell;
use wrun_core::plan::ContainerSpec;
use wrun_store::Store;
use wrun_store::files::FilesError;

/// Bytes under `/out`, unless the task says otherwise.
const OUTPUT_BYTES: u64 = 64 << 30;
/// Files and directories under `/out`, unless the task says otherwise.
const OUTPUT_FILES: u64 = 1_000_000;
/// Bytes of log that are kept, unless the task says otherwise.
const LOG_BYTES: u64 = 1 << 20;
/// Processes and threads of one container.
const PIDS: i64 = 4096;
/// Bytes of `/tmp`, and of `/dev/shm`, unless the task says otherwise.
const TMPFS: u64 = 64 << 20;
/// The oldest API that has all that is asked for: Docker 20.10.
const OLDEST_API: (usize, usize) = (1, 41);
/// How often `/out` is measured while a container writes to it; seldom where that takes long.
const MEASURE: Duration = Duration::from_millis(500);
/// So long an engine that went away may stay away.
const PATIENCE: Duration = Duration::from_secs(60);

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

/// Takes steps of a pull: the image, the engine's words, bytes so far and in all.
pub type OnPull = Arc<dyn Fn(&str, &str, Option<(i64, i64)>) + Send + Sync>;

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

/// An engine that answers.
pub(crate) struct Engine {
    api: bollard::Docker,
}

/// What an engine says of itself.
#[derive(Clone, Debug)]
pub struct About {
    /// Where it is.
    pub endpoint: Endpoint,
    /// `Docker 28.2.2`, `Podman 5.0`.
    pub name: String,
    /// Of its API.
    pub api: String,
    /// `linux/amd64`.
    pub platform: String,
    /// Whether it runs without root.
    pub rootless: bool,
    /// What it cannot limit here: `memory`, `swap`, `pids`, `cpus`.
    pub lacks: Vec<String>,
}

/// How inputs were shown to containers so far.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// By reflink.
    pub reflinks: u64,
    /// By hard link.
    pub links: u64,
    /// As copies.
    pub copies: u64,
}

fn infrastructure(why: impl Into<String>) -> RunError {
    RunError::Infrastructure(why.into())
}

impl Docker {
    /// Makes one. Nothing is asked of the engine yet.
    pub fn new(setup: DockerSetup) -> Self {
        let store = setup.root.display().to_string();
        let left =
            Leftovers::new(Folders::new(&setup.root), setup.store.clone(), store, setup.grace, setup.runtime);
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

    /// Tells how inputs were shown so far.
    pub fn shown(&self) -> Shown {
        use std::sync::atomic::Ordering::Relaxed;
        let counts = &self.left.folders.counts;
        Shown {
            reflinks: counts.reflinks.load(Relaxed),
            links: counts.links.load(Relaxed),
            copies: counts.copies.load(Relaxed),
        }
    }

    async fn engine(&self) -> Result<&Engine, RunError> {
        self.engine.get_or_try_init(|| self.connect()).await
    }

    async fn connect(&self) -> Result<Engine, RunError> {
        let endpoint = endpoint::find(&self.around).map_err(infrastructure)?;
        let api = open(&endpoint).await.map_err(infrastructure)?;
        self.left.connected(api.clone());
        Ok(Engine { api })
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
            Ok::<Left, RunError>(left)
        });
        let mut left = prepared.await.map_err(|error| infrastructure(error.to_string()))??;
        let body = self.body(run, &left);
        let create = || engine.api.create_container(None::<CreateContainerOptions>, body.clone());
        let created = match create().await {
            Err(Error::DockerResponseServerError { status_code: 404, message }) if message.contains("image") => {
                self.bring_image(engine, &run.image).await?;
                create().await
            }
            created => created,
        };
        let created = created.map_err(|error| ending::engine("create", &error))?;
        left.created(created.id);
        Ok(left)
    }

    /// Says what the container is.
    fn body(&self, run: &ContainerRun, left: &Left) -> ContainerCreateBody {
        let spec = &run.spec;
        let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let mut mounts = vec![bind(&left.inside("in"), "/in", true), bind(&left.inside("out"), "/out", false)];
        if let Some(secrets) = left.secrets() {
            mounts.push(bind(&secrets, "/run/secrets", true));
        }
        let tmpfs = spec.tmpfs.unwrap_or(TMPFS);
        let mut env: Vec<String> = spec.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
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
            cmd: (!spec.argv.is_empty()).then(|| spec.argv.clone()),
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
                ulimits: Some(vec![ResourcesUlimits { name: Some("core".into()), soft: Some(0), hard: Some(0) }]),
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

    /// Starts a container that was just made, and sees to it until it has ended. One that was taken over began at
    /// some time before: so many seconds ago.
    async fn watch(
        &self,
        engine: &Engine,
        run: &ContainerRun,
        left: &Left,
        began: Option<Duration>,
        log: &mut log::Log,
    ) -> Result<Ended, RunError> {
        let id = left.id();
        let api = &engine.api;
        let mut output: Output = if began.is_some() {
            said(api, id)
        } else {
            let options = AttachContainerOptionsBuilder::default().stdout(true).stderr(true).stream(true).build();
            let attached = api.attach_container(id, Some(options)).await;
            let attached = attached.map_err(|error| ending::engine("attach to", &error))?;
            api.start_container(id, None::<StartContainerOptions>)
                .await
                .map_err(|error| ending::engine("start", &error))?;
            left.started();
            attached.output
        };
        let most = Most {
            bytes: run.limits.output_bytes.unwrap_or(OUTPUT_BYTES),
            files: run.limits.output_files.unwrap_or(OUTPUT_FILES),
        };
        // By a clock that nobody sets.
        let timeout = run.spec.timeout.map(Duration::from_secs);
        let deadline =
            timeout.map(|timeout| tokio::time::Instant::now() + timeout.saturating_sub(began.unwrap_or_default()));
        let mut measuring = std::pin::pin!(outgrown(left.inside("out"), most));
        let mut stopped: Option<Stopped> = None;
        let mut stopping: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(std::future::pending());
        let mut engine_left = false;
        let stop = || -> Pin<Box<dyn Future<Output = ()> + Send>> {
            let (api, id, grace) = (api.clone(), id.to_owned(), self.left.grace);
            Box::pin(async move { left::stop(&api, &id, grace).await })
        };
        loop {
            tokio::select! {
                piece = output.next() => match piece {
                    Some(Ok(piece)) => {
                        let stderr = matches!(piece, LogOutput::StdErr { .. });
                        log.write(&piece.into_bytes(), stderr);
                    }
                    Some(Err(_)) | None => match wait(api, id).await {
                        Ok(()) => break,
                        Err(error) if is_gone(&error) => {
                            engine_left = true;
                            self.back(api).await?;
                            // Unless it was restarted with it, the container goes on; what it says meanwhile is lost.
                            output = said_from_now(api, id);
                        }
                        Err(error) => return Err(vanished(&error)),
                    },
                },
                () = &mut stopping => stopping = Box::pin(std::future::pending()),
                () = until(deadline), if stopped.is_none() => {
                    stopped = Some(Stopped::Timeout(run.spec.timeout.unwrap_or_default()));
                    stopping = stop();
                }
                why = &mut measuring, if stopped.is_none() => {
                    stopped = Some(Stopped::TooMuch(why));
                    stopping = stop();
                }
            }
        }
        left.ended();
        let inspected = api.inspect_container(id, None::<InspectContainerOptions>).await;
        let state = inspected.map_err(|error| vanished(&error))?.state.unwrap_or_default();
        let killed =
            state.exit_code == Some(ending::KILLED) && state.oom_killed != Some(true) && stopped.is_none();
        if killed && !engine_left && removed(api, id).await {
            return Err(vanished_by_others());
        }
        Ok(Ended {
            code: state.exit_code.unwrap_or(-1),
            out_of_memory: state.oom_killed.unwrap_or(false),
            error: state.error.unwrap_or_default(),
            stopped,
            engine_left,
        })
    }

    /// Waits until an engine that went away is back.
    async fn back(&self, api: &bollard::Docker) -> Result<(), RunError> {
        let since = tokio::time::Instant::now();
        let mut pause = Duration::from_millis(100);
        while let Err(error) = api.ping().await {
            if since.elapsed() > PATIENCE {
                return Err(infrastructure(format!(
                    "the container engine went away and stays away: {}",
                    chain(&error)
                )));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(2));
        }
        Ok(())
    }

    async fn ingest(&self, run: ContainerRun, left: Left, log: Vec<u8>) -> Result<Made, RunError> {
        let most = Most {
            bytes: run.limits.output_bytes.unwrap_or(OUTPUT_BYTES),
            files: run.limits.output_files.unwrap_or(OUTPUT_FILES),
        };
        let (out, store) = (left.inside("out"), self.store.clone());
        let taken = tokio::task::spawn_blocking(move || ingest::ingest(&out, &run.outputs, most, &store)).await;
        let failed = |kind, message, log| RunError::Failed { kind, message, log };
        match taken.map_err(|error| infrastructure(error.to_string()))? {
            Ok(output) => Ok(Made { output, log, left: Some(Arc::new(left)) }),
            Err(IngestError::Output(why)) => Err(failed(FailureKind::Outputs, why, log)),
            Err(IngestError::TooMuch(why)) => Err(failed(FailureKind::OutputLimit, why, log)),
            Err(IngestError::Store(error)) => Err(RunError::Store(error)),
            Err(IngestError::Io(why)) => Err(RunError::Infrastructure(why)),
        }
    }
}

/// Asks the engine what it is; an error says why there is none.
pub async fn about(around: &Surroundings) -> Result<About, String> {
    let endpoint = endpoint::find(around)?;
    let api = open(&endpoint).await?;
    let cannot = |error: Error| format!("the engine at {} does not answer: {}", endpoint.address, chain(&error));
    let version = api.version().await.map_err(cannot)?;
    let info = api.info().await.map_err(cannot)?;
    let podman = version.components.iter().flatten().any(|part| part.name.contains("Podman"));
    let options = info.security_options.unwrap_or_default();
    let lacks = [
        ("memory", info.memory_limit),
        ("swap", info.swap_limit),
        ("cpus", info.cpu_cfs_quota),
        ("pids", info.pids_limit),
    ];
    Ok(About {
        name: format!("{} {}", if podman { "Podman" } else { "Docker" }, version.version.unwrap_or_default()),
        api: version.api_version.unwrap_or_default(),
        platform: format!("{}/{}", version.os.unwrap_or_default(), version.arch.unwrap_or_default()),
        rootless: options.iter().any(|option| option.contains("rootless")),
        lacks: lacks.iter().filter(|(_, has)| *has == Some(false)).map(|(name, _)| (*name).to_owned()).collect(),
        endpoint,
    })
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

    async fn settle(&self, most: Duration) {
        // What a killed wrun left is removed by the next one, although that may run nothing itself.
        if !self.swept.initialized() && self.left.folders.any() && self.engine().await.is_ok() {
            self.swept.get_or_init(|| self.left.sweep_once()).await;
        }
        self.left.settle(most).await;
    }
}

type Output = Pin<Box<dyn Stream<Item = Result<LogOutput, Error>> + Send>>;

/// All that a container says, from its beginning.
fn said(api: &bollard::Docker, id: &str) -> Output {
    let options = LogsOptionsBuilder::default().follow(true).stdout(true).stderr(true).build();
    let (api, id) = (api.clone(), id.to_owned());
    Box::pin(api.logs(&id, Some(options)))
}

fn said_from_now(api: &bollard::Docker, id: &str) -> Output {
    let options = LogsOptionsBuilder::default().follow(true).stdout(true).stderr(true).tail("0").build();
    Box::pin(api.logs(id, Some(options)))
}

/// Waits until a container does not run.
async fn wait(api: &bollard::Docker, id: &str) -> Result<(), Error> {
    let mut answers = std::pin::pin!(api.wait_container(id, None::<WaitContainerOptions>));
    match answers.next().await {
        // A code that is not 0 is told by an error of this kind.
        Some(Ok(_) | Err(Error::DockerContainerWaitError { .. })) => Ok(()),
        Some(Err(error)) => Err(error),
        None => Err(Error::RequestTimeoutError),
    }
}

/// Tells whether somebody removes a container that was killed: the engine kills first.
async fn removed(api: &bollard::Docker, id: &str) -> bool {
    const MOST: Duration = Duration::from_secs(1);
    let options = WaitContainerOptionsBuilder::default().condition("removed").build();
    let mut answers = std::pin::pin!(api.wait_container(id, Some(options)));
    // An answer, of whatever kind, says that it is gone; none, that it stays.
    tokio::time::timeout(MOST, answers.next()).await.is_ok()
}

fn vanished_by_others() -> RunError {
    infrastructure("the container was removed while it ran, and not by this wrun")
}

/// A container that is not there any more, or of which nothing is known.
fn vanished(error: &Error) -> RunError {
    match error {
        Error::DockerResponseServerError { status_code: 404, .. } => vanished_by_others(),
        error => infrastructure(format!("the container cannot be looked at: {}", chain(error))),
    }
}

/// Says so once more lies in a folder than may.
async fn outgrown(out: PathBuf, most: Most) -> String {
    let mut pause = MEASURE;
    loop {
        tokio::time::sleep(pause).await;
        let (began, path) = (std::time::Instant::now(), out.clone());
        let (bytes, files) = tokio::task::spawn_blocking(move || ingest::usage(&path)).await.unwrap_or_default();
        if bytes > most.bytes {
            return format!("the container wrote more than {} bytes", most.bytes);
        }
        if files > most.files {
            return format!("the container wrote more than {} files and directories", most.files);
        }
        pause = MEASURE.max(20 * began.elapsed());
    }
}

async fn until(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
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

/// Opens an engine and agrees on a version; an error says what is wrong with it.
async fn open(endpoint: &Endpoint) -> Result<bollard::Docker, String> {
    const TIMEOUT: u64 = 120;
    let Endpoint { address, by } = endpoint;
    let version = bollard::API_DEFAULT_VERSION;
    let opened = match address.split_once("://") {
        Some(("unix", path)) => match std::os::unix::net::UnixStream::connect(path) {
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                return Err(format!(
                    "you may not use the engine at {address} ({by}): join the group `docker`, or run a rootless one"
                ));
            }
            Err(error) => return Err(format!("no engine answers at {address} ({by}): {error}")),
            Ok(_) => bollard::Docker::connect_with_unix(path, TIMEOUT, version),
        },
        Some(("tcp" | "http", _)) => bollard::Docker::connect_with_http(address, TIMEOUT, version),
        _ => {
            return Err(format!(
                "the engine at {address} ({by}) cannot be talked to: only unix:// and tcp:// can"
            ));
        }
    };
    let cannot = |error: Error| format!("no engine answers at {address} ({by}): {}", chain(&error));
    let api = opened.map_err(cannot)?.negotiate_version().await.map_err(cannot)?;
    let agreed = api.client_version();
    if (agreed.major_version, agreed.minor_version) < OLDEST_API {
        return Err(format!(
            "the engine at {address} ({by}) has version {agreed} of the API, and {}.{} is needed: Docker 20.10 or later",
            OLDEST_API.0, OLDEST_API.1
        ));
    }
    Ok(api)
}
