//! From the name of an image to its content.
//!
//! What is in keys is the image's id: the digest of its config for this platform, which names the content of every
//! layer. An image that came from a registry is pinned in `wrun.lock`; one that was built or imported here has no
//! name that another machine could pull, and counts by its id, looked at anew in every build.

use super::ending::{chain, is_gone};
use super::endpoint::{DockerConfig, docker_config};
use super::engine::Engine;
use super::{Docker, Pulled};
use crate::{FailureKind, Image, RunError};
use bollard::auth::DockerCredentials;
use bollard::errors::Error;
use bollard::models::{CreateImageInfo, ImageInspect};
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::StreamExt as _;
use std::collections::BTreeMap;
use std::path::Path;

fn refused(message: String) -> RunError {
    RunError::Failed { kind: FailureKind::Image, message, log: Vec::new() }
}

/// The platform of this machine as registries call it.
pub fn platform() -> String {
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    format!("linux/{arch}")
}

fn sha256(id: &str) -> String {
    if id.contains(':') { id.to_owned() } else { format!("sha256:{id}") }
}

/// Splits `host/name:tag@digest` into the repository and the rest.
fn repository(reference: &str) -> &str {
    let name = reference.split('@').next().unwrap_or(reference);
    match name.rsplit_once(':') {
        // A colon before a slash is a port.
        Some((name, tag)) if !tag.contains('/') => name,
        _ => name,
    }
}

/// The registry of a reference, as Docker's configuration names it.
fn registry(reference: &str) -> &str {
    match reference.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => host,
        _ => "https://index.docker.io/v1/",
    }
}

/// Returns `name@digest` of an image that a registry has.
fn pullable(inspect: &ImageInspect, reference: &str) -> Option<String> {
    let name = repository(reference);
    let digests = inspect.repo_digests.as_ref()?;
    // `docker.io/library/` goes without saying.
    let short = |name: &str| {
        let name = name.strip_prefix("docker.io/").unwrap_or(name);
        name.strip_prefix("library/").unwrap_or(name).to_owned()
    };
    digests.iter().find(|digest| short(repository(digest)) == short(name)).cloned()
}

/// Tells whether a reference is the id of an image, and nothing else.
fn is_id(reference: &str) -> bool {
    reference.strip_prefix("sha256:").is_some_and(|hex| hex.len() == 64)
}

impl Docker {
    pub(super) async fn find_image(&self, reference: &str, pull: bool) -> Result<Option<Image>, RunError> {
        if let Some(pinned) = self.lock.get(reference, &platform()) {
            return Ok(Some(pinned));
        }
        let engine = self.engine().await?;
        let inspect = match engine.api.inspect_image(reference).await {
            Ok(inspect) => inspect,
            Err(Error::DockerResponseServerError { status_code: 404, .. }) if !pull => return Ok(None),
            Err(Error::DockerResponseServerError { status_code: 404, .. }) if is_id(reference) => {
                return Err(refused(format!(
                    "there is no image `{reference}` on this machine, and an id cannot be pulled"
                )));
            }
            Err(Error::DockerResponseServerError { status_code: 404, .. }) => {
                self.pull(engine, reference).await?;
                engine.api.inspect_image(reference).await.map_err(|error| about(reference, &error))?
            }
            Err(error) => return Err(about(reference, &error)),
        };
        let image = self.read(reference, &inspect)?;
        if pullable(&inspect, reference).is_some() {
            self.lock.pin(&platform(), &image).map_err(RunError::Infrastructure)?;
        }
        Ok(Some(image))
    }

    /// Asks the registry what a tag stands for now, and pins that. Returns what it was before, and is now.
    pub async fn update_image(&self, reference: &str) -> Result<(Option<Image>, Image), RunError> {
        let before = self.lock.get(reference, &platform());
        let engine = self.engine().await?;
        self.pull(engine, reference).await?;
        let inspect = engine.api.inspect_image(reference).await.map_err(|error| about(reference, &error))?;
        let image = self.read(reference, &inspect)?;
        self.lock.pin(&platform(), &image).map_err(RunError::Infrastructure)?;
        Ok((before, image))
    }

    fn read(&self, reference: &str, inspect: &ImageInspect) -> Result<Image, RunError> {
        let arch = inspect.architecture.clone().unwrap_or_default();
        let is = format!("{}/{arch}", inspect.os.clone().unwrap_or_else(|| "linux".into()));
        if !arch.is_empty() && is != platform() {
            return Err(refused(format!(
                "the image `{reference}` is for {is}, and this machine is {}",
                platform()
            )));
        }
        let id = inspect.id.as_deref().map(sha256).unwrap_or_default();
        let from = pullable(inspect, reference).unwrap_or_else(|| id.clone());
        Ok(Image { reference: reference.to_owned(), digest: id, from })
    }

    /// Makes sure that an image that is known by its digest is here.
    pub(super) async fn bring_image(&self, engine: &Engine, image: &Image) -> Result<(), RunError> {
        match engine.api.inspect_image(&image.digest).await {
            Ok(_) => return Ok(()),
            Err(Error::DockerResponseServerError { status_code: 404, .. }) if is_id(&image.from) => {
                return Err(refused(format!(
                    "the image `{}` ({}) is gone from this machine",
                    image.reference, image.from
                )));
            }
            Err(Error::DockerResponseServerError { status_code: 404, .. }) => {}
            Err(error) => return Err(about(&image.reference, &error)),
        }
        self.pull(engine, &image.from).await?;
        let found = engine.api.inspect_image(&image.from).await.map_err(|error| about(&image.from, &error))?;
        let id = found.id.as_deref().map(sha256).unwrap_or_default();
        if id != image.digest {
            return Err(refused(format!(
                "`{}` is the image {id} here, and {} where it was pinned; `wrun images update` pins it anew for builds",
                image.from, image.digest
            )));
        }
        Ok(())
    }

    /// Fetches an image; one that is being fetched already is waited for by the engine.
    async fn pull(&self, engine: &Engine, reference: &str) -> Result<(), RunError> {
        let options = CreateImageOptionsBuilder::default().from_image(reference).platform(&platform()).build();
        let known = credentials(self.config_folder.as_deref(), registry(reference)).await;
        // Without credentials it is still asked: many images are everybody's.
        let (credentials, unknown) = match known {
            Ok(credentials) => (credentials, String::new()),
            Err(why) => (None, format!("; no credentials were sent: {why}")),
        };
        let mut steps = std::pin::pin!(engine.api.create_image(Some(options), None, credentials));
        let mut layers = Layers::default();
        while let Some(step) = steps.next().await {
            let step = step.map_err(|error| match error {
                Error::DockerResponseServerError { status_code: 404, message } => refused(format!(
                    "there is no image `{reference}`, neither on this machine nor in its registry: {message}{unknown}"
                )),
                error => match about(reference, &error) {
                    RunError::Failed { kind, message, log } => {
                        RunError::Failed { kind, message: message + &unknown, log }
                    }
                    passing => passing,
                },
            })?;
            let status = step.status.as_deref().unwrap_or_default();
            if status.starts_with("Pulling from") || status.starts_with("Status:") {
                (self.on_pull)(reference, Pulled::Said(status));
            } else if let Some((received, total)) = layers.step(&step) {
                (self.on_pull)(reference, Pulled::Received(received, total));
            }
        }
        Ok(())
    }
}

/// How far the layers of an image are: bytes that are here, and in all.
#[derive(Default)]
struct Layers {
    known: BTreeMap<String, (u64, u64)>,
    said: Option<u64>,
}

impl Layers {
    /// Takes a step; returns the sums where they are another percent than before.
    fn step(&mut self, step: &CreateImageInfo) -> Option<(u64, u64)> {
        let id = step.id.as_ref()?;
        let number = |number: Option<i64>| number.and_then(|number| u64::try_from(number).ok());
        match step.status.as_deref()? {
            // The same layer is then extracted, which moves no bytes.
            "Downloading" => {
                let detail = step.progress_detail.as_ref()?;
                let (received, total) = (number(detail.current)?, number(detail.total)?);
                self.known.insert(id.clone(), (received.min(total), total));
            }
            "Download complete" => {
                let (received, total) = self.known.get_mut(id)?;
                *received = *total;
            }
            _ => return None,
        }
        let sums = self.known.values().fold((0, 0), |sum, layer| (sum.0 + layer.0, sum.1 + layer.1));
        let percent = sums.0.saturating_mul(100) / sums.1.max(1);
        (self.said.replace(percent) != Some(percent)).then_some(sums)
    }
}

fn about(reference: &str, error: &Error) -> RunError {
    let refuses =
        |message: &str| ["denied", "unauthorized", "authentication"].iter().any(|no| message.contains(no));
    if let Error::DockerStreamError { error } = error {
        let what = format!("the image `{reference}` cannot be fetched: {error}");
        return if refuses(error) { refused(what) } else { RunError::Infrastructure(what) };
    }
    if is_gone(error) {
        return RunError::Infrastructure(format!(
            "the engine cannot look at the image `{reference}`: {}",
            chain(error)
        ));
    }
    match error {
        Error::DockerResponseServerError { status_code: 500.., message } if !refuses(message) => {
            RunError::Infrastructure(format!("the image `{reference}` cannot be fetched: {message}"))
        }
        error => refused(format!("the image `{reference}` cannot be had: {}", chain(error))),
    }
}

/// Reads the credentials of a registry from Docker's configuration, or asks the helper that it names. An error says why
/// those that are configured cannot be had.
async fn credentials(folder: Option<&Path>, registry: &str) -> Result<Option<DockerCredentials>, String> {
    let config: DockerConfig = docker_config(folder)?;
    if let Some(auth) =
        config.auths.get(registry).filter(|auth| auth.auth.is_some() || auth.identitytoken.is_some())
    {
        let plain = auth.auth.as_deref().and_then(decode);
        let (username, password) = plain.unzip();
        if username.is_none() && auth.identitytoken.is_none() {
            return Err(format!(
                "what Docker's configuration has for `{registry}` is no `user:password` in base64"
            ));
        }
        return Ok(Some(DockerCredentials {
            username,
            password,
            identitytoken: auth.identitytoken.clone(),
            serveraddress: Some(registry.to_owned()),
            ..DockerCredentials::default()
        }));
    }
    let Some(helper) = config.cred_helpers.get(registry).or(config.creds_store.as_ref()).cloned() else {
        return Ok(None);
    };
    let registry = registry.to_owned();
    let asked = tokio::task::spawn_blocking(move || ask_helper(&helper, &registry)).await;
    asked.map_err(|error| error.to_string())?
}

fn decode(auth: &str) -> Option<(String, String)> {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD.decode(auth).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    text.split_once(':').map(|(user, password)| (user.to_owned(), password.to_owned()))
}

/// Asks a credential helper; one that has none for a registry says so by failing.
fn ask_helper(helper: &str, registry: &str) -> Result<Option<DockerCredentials>, String> {
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer {
        username: String,
        secret: String,
    }
    let program = format!("docker-credential-{helper}");
    let cannot = |why: &dyn std::fmt::Display| format!("the helper `{program}` cannot be asked: {why}");
    let mut command = Command::new(&program);
    command.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| cannot(&error))?;
    // One that ends without reading is judged by how it ends.
    _ = child.stdin.take().map(|mut stdin| stdin.write_all(registry.as_bytes()));
    let output = child.wait_with_output().map_err(|error| cannot(&error))?;
    if !output.status.success() {
        return match String::from_utf8_lossy(&output.stdout).contains("credentials not found") {
            true => Ok(None),
            false => Err(cannot(&format!("it ended with {}", output.status))),
        };
    }
    let answer: Answer = serde_json::from_slice(&output.stdout).map_err(|_| cannot(&"its answer is not JSON"))?;
    let token = answer.username == "<token>";
    Ok(Some(DockerCredentials {
        username: (!token).then_some(answer.username),
        password: (!token).then(|| answer.secret.clone()),
        identitytoken: token.then_some(answer.secret),
        serveraddress: Some(registry.to_owned()),
        ..DockerCredentials::default()
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart_as_docker_does() {
        for (reference, name, host) in [
            ("busybox", "busybox", "https://index.docker.io/v1/"),
            ("busybox:1.36", "busybox", "https://index.docker.io/v1/"),
            ("me/tool:1@sha256:00", "me/tool", "https://index.docker.io/v1/"),
            ("host:5000/me/tool", "host:5000/me/tool", "host:5000"),
            ("host.example/tool:2", "host.example/tool", "host.example"),
            ("localhost/tool", "localhost/tool", "localhost"),
        ] {
            assert_eq!((repository(reference), registry(reference)), (name, host), "{reference}");
        }
        assert_eq!(decode("dXNlcjpwYTpzcw=="), Some(("user".into(), "pa:ss".into())));
        assert!(is_id(&format!("sha256:{}", "0".repeat(64))) && !is_id("sha256:1") && !is_id("busybox"));
    }

    #[test]
    fn an_image_is_a_registrys_only_under_the_name_that_was_asked_for() {
        let inspect = ImageInspect {
            repo_digests: Some(vec!["other@sha256:1".into(), "busybox@sha256:2".into()]),
            ..ImageInspect::default()
        };
        assert_eq!(pullable(&inspect, "docker.io/library/busybox:1").as_deref(), Some("busybox@sha256:2"));
        assert_eq!(pullable(&inspect, "mine:1"), None);
    }
}
