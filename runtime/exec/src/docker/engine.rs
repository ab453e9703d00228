//! The engine: opening it, and what it says of itself.

use super::ending::chain;
use super::endpoint::{self, Endpoint, Surroundings};
use bollard::errors::Error;
use bollard::models::{ResourcesUlimits, SystemVersion};

/// The oldest API that has all that is asked for: Docker 20.10.
const OLDEST_API: (usize, usize) = (1, 41);

/// An engine that answers.
pub(crate) struct Engine {
    pub(super) api: bollard::Docker,
    /// Whether it is Podman.
    podman: bool,
}

impl Engine {
    /// Asks an engine that was opened what it is.
    pub(super) async fn of(api: bollard::Docker) -> Result<Self, Error> {
        let podman = is_podman(&api.version().await?);
        Ok(Self { api, podman })
    }

    /// Returns the limits of a container's processes. Podman that is given any forgets those of its own configuration,
    /// and then starts nothing where it may not have a million of files: so it is given none.
    pub(super) fn ulimits(&self) -> Option<Vec<ResourcesUlimits>> {
        // Nobody looks at a core.
        let core = ResourcesUlimits { name: Some("core".into()), soft: Some(0), hard: Some(0) };
        (!self.podman).then(|| vec![core])
    }
}

fn is_podman(version: &SystemVersion) -> bool {
    version.components.iter().flatten().any(|part| part.name.contains("Podman"))
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

/// Asks the engine what it is; an error says why there is none.
pub async fn about(around: &Surroundings) -> Result<About, String> {
    let endpoint = endpoint::find(around)?;
    let api = open(&endpoint).await?;
    let cannot = |error: Error| format!("the engine at {} does not answer: {}", endpoint.address, chain(&error));
    let version = api.version().await.map_err(cannot)?;
    let info = api.info().await.map_err(cannot)?;
    let podman = is_podman(&version);
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

/// Opens an engine and agrees on a version; an error says what is wrong with it.
pub(super) async fn open(endpoint: &Endpoint) -> Result<bollard::Docker, String> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use bollard::models::SystemVersionComponents;

    #[test]
    fn podman_keeps_the_limits_of_its_configuration() {
        let named = |name: &str| SystemVersion {
            components: Some(vec![SystemVersionComponents { name: name.into(), ..Default::default() }]),
            ..SystemVersion::default()
        };
        assert!(is_podman(&named("Podman Engine")) && !is_podman(&named("Engine")));
        let api = || bollard::Docker::connect_with_http("tcp://127.0.0.1:1", 1, bollard::API_DEFAULT_VERSION);
        let limits = |podman| api().map(|api| Engine { api, podman }.ulimits().map(|limits| limits.len()));
        assert_eq!(limits(true).ok(), Some(None));
        assert_eq!(limits(false).ok(), Some(Some(1)));
    }
}
