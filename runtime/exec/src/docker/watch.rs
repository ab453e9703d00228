//! From the start of a container to its end.

use super::ending::{self, Ended, Stopped, chain, is_gone};
use super::engine::Engine;
use super::ingest::{self, Most};
use super::left::{self, Left};
use super::{Docker, infrastructure, log};
use crate::{ContainerRun, RunError};
use bollard::container::LogOutput;
use bollard::errors::Error;
use bollard::query_parameters::{
    AttachContainerOptionsBuilder, InspectContainerOptions, LogsOptionsBuilder, StartContainerOptions,
    WaitContainerOptions, WaitContainerOptionsBuilder,
};
use futures_util::{Stream, StreamExt as _};
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

/// How often `/out` is measured while a container writes to it; seldom where that takes long.
const MEASURE: Duration = Duration::from_millis(500);
/// So long an engine that went away may stay away.
const PATIENCE: Duration = Duration::from_secs(60);

type Output = Pin<Box<dyn Stream<Item = Result<LogOutput, Error>> + Send>>;

impl Docker {
    /// Starts a container that was just made, and sees to it until it has ended. One that was taken over began at
    /// some time before: so many seconds ago.
    pub(super) async fn watch(
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
        let most = Most::of(&run.limits);
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
        // What has ended well does not run again because the engine went away just then.
        let inspected = loop {
            match api.inspect_container(id, None::<InspectContainerOptions>).await {
                Err(error) if is_gone(&error) => self.back(api).await?,
                inspected => break inspected.map_err(|error| vanished(&error))?,
            }
        };
        let state = inspected.state.unwrap_or_default();
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

    /// Waits until an engine that went away is back: until it answers, whatever it says.
    pub(super) async fn back(&self, api: &bollard::Docker) -> Result<(), RunError> {
        let since = tokio::time::Instant::now();
        let mut pause = Duration::from_millis(100);
        while let Some(error) = api.ping().await.err().filter(is_gone) {
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
}

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
