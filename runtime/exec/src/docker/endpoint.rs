//! Where the engine is: what `docker` itself would talk to, else the sockets that engines make.

use serde::Deserialize;
use std::path::{Path, PathBuf};

/// What of the surroundings decides; the command line reads them.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// `DOCKER_HOST`.
    pub docker_host: Option<String>,
    /// `DOCKER_CONTEXT`.
    pub docker_context: Option<String>,
    /// `DOCKER_CONFIG`, else `.docker` of the home folder.
    pub docker_config: Option<PathBuf>,
    /// `XDG_RUNTIME_DIR`.
    pub runtime_dir: Option<PathBuf>,
}

/// The address of an engine, and who says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// `unix:///path` or `tcp://host:port`.
    pub address: String,
    /// For people: `DOCKER_HOST`, `the context …`, `the default socket` …
    pub by: String,
}

/// Docker's own configuration file, as far as it is read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct DockerConfig {
    #[serde(rename = "currentContext")]
    current_context: Option<String>,
    pub(crate) auths: std::collections::BTreeMap<String, Auth>,
    #[serde(rename = "credsStore")]
    pub(crate) creds_store: Option<String>,
    #[serde(rename = "credHelpers")]
    pub(crate) cred_helpers: std::collections::BTreeMap<String, String>,
}

/// The credentials of one registry.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Auth {
    pub(crate) auth: Option<String>,
    pub(crate) identitytoken: Option<String>,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(rename = "Name")]
    name: String,
    #[serde(rename = "Endpoints")]
    endpoints: std::collections::BTreeMap<String, MetaEndpoint>,
}

#[derive(Deserialize)]
struct MetaEndpoint {
    #[serde(rename = "Host")]
    host: String,
}

/// Reads Docker's configuration; none is an empty one.
pub(crate) fn docker_config(folder: Option<&Path>) -> Result<DockerConfig, String> {
    let Some(path) = folder.map(|folder| folder.join("config.json")) else { return Ok(DockerConfig::default()) };
    let cannot = |why: String| format!("cannot read Docker's configuration `{}`: {why}", path.display());
    match std::fs::read(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(DockerConfig::default()),
        Err(error) => Err(cannot(error.to_string())),
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| cannot(error.to_string())),
    }
}

/// Returns the address of a context; its folder is named by a hash, so all are looked at.
fn context(folder: &Path, name: &str) -> Option<String> {
    for entry in std::fs::read_dir(folder.join("contexts/meta")).ok()?.flatten() {
        let bytes = std::fs::read(entry.path().join("meta.json")).ok();
        let meta = bytes.and_then(|bytes| serde_json::from_slice::<Meta>(&bytes).ok());
        if let Some(mut meta) = meta.filter(|meta| meta.name == name) {
            return meta.endpoints.remove("docker").map(|endpoint| endpoint.host);
        }
    }
    None
}

/// Finds the engine. An error says what was asked for and is not there.
pub fn find(around: &Surroundings) -> Result<Endpoint, String> {
    if let Some(host) = around.docker_host.as_ref().filter(|host| !host.is_empty()) {
        return Ok(Endpoint { address: host.clone(), by: "DOCKER_HOST".into() });
    }
    let named = around.docker_context.clone().map(|name| (name, "DOCKER_CONTEXT"));
    let named = match named {
        None => {
            let config = docker_config(around.docker_config.as_deref())?;
            config.current_context.map(|name| (name, "Docker's configuration"))
        }
        named => named,
    };
    if let Some((name, by)) = named.filter(|(name, _)| !name.is_empty() && name != "default") {
        let found = around.docker_config.as_deref().and_then(|folder| context(folder, &name));
        let address = found.ok_or_else(|| format!("there is no Docker context `{name}`, which {by} names"))?;
        return Ok(Endpoint { address, by: format!("the context `{name}`") });
    }
    let own = |name: &str| around.runtime_dir.as_ref().map(|folder| folder.join(name));
    let sockets = [
        (Some("/var/run/docker.sock".into()), "the default socket"),
        (own("docker.sock"), "the socket of rootless Docker"),
        (own("podman/podman.sock"), "the socket of your Podman"),
        (Some("/run/podman/podman.sock".into()), "the socket of Podman"),
    ];
    let there = sockets.into_iter().filter_map(|(path, by)| Some((path.filter(|path| path.exists())?, by)));
    let may_use = |path: &Path| rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok();
    choose(there.collect(), may_use)
        .ok_or_else(|| "no engine: there is no DOCKER_HOST, no context and no socket of Docker or Podman".into())
}

/// Chooses the first socket that this user may use: one of a rootless engine counts beside one of root's. Where none
/// may be used the first it is, so that it is said why not.
fn choose(mut there: Vec<(PathBuf, &str)>, may_use: impl Fn(&Path) -> bool) -> Option<Endpoint> {
    let at = there.iter().position(|(path, _)| may_use(path)).unwrap_or(0);
    if there.is_empty() {
        return None;
    }
    let (path, by) = there.swap_remove(at);
    Some(Endpoint { address: format!("unix://{}", path.display()), by: by.to_owned() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn what_is_named_comes_before_what_is_found() {
        let home = tempfile::tempdir().unwrap();
        let config = home.path().join(".docker");
        let meta = config.join("contexts/meta/0123");
        std::fs::create_dir_all(&meta).unwrap();
        let text = r#"{"Name":"far","Metadata":{},"Endpoints":{"docker":{"Host":"unix:///far.sock"}}}"#;
        std::fs::write(meta.join("meta.json"), text).unwrap();
        std::fs::write(config.join("config.json"), r#"{"currentContext":"far","auths":{}}"#).unwrap();
        let mut around = Surroundings { docker_config: Some(config), ..Surroundings::default() };
        let found = find(&around).unwrap();
        assert_eq!((found.address.as_str(), found.by.as_str()), ("unix:///far.sock", "the context `far`"));
        around.docker_context = Some("near".into());
        assert!(find(&around).unwrap_err().contains("`near`, which DOCKER_CONTEXT names"));
        around.docker_host = Some("tcp://host:1".into());
        assert_eq!(find(&around).unwrap().by, "DOCKER_HOST");
    }

    #[test]
    fn sockets_of_the_user_are_found() {
        if Path::new("/var/run/docker.sock").exists() {
            // It comes first; the order of the others is the same code.
            assert_eq!(find(&Surroundings::default()).unwrap().by, "the default socket");
            return;
        }
        let runtime = tempfile::tempdir().unwrap();
        std::fs::create_dir(runtime.path().join("podman")).unwrap();
        std::fs::write(runtime.path().join("podman/podman.sock"), "").unwrap();
        let around = Surroundings { runtime_dir: Some(runtime.path().into()), ..Surroundings::default() };
        assert_eq!(find(&around).unwrap().by, "the socket of your Podman");
    }

    #[test]
    fn a_socket_that_may_not_be_used_is_passed_over_for_one_that_may() {
        let both = || vec![(PathBuf::from("/of/root"), "root's"), (PathBuf::from("/of/user"), "the user's")];
        let by = |may_use: fn(&Path) -> bool| choose(both(), may_use).unwrap().by;
        assert_eq!(by(|_| true), "root's");
        assert_eq!(by(|path| path.ends_with("user")), "the user's");
        assert_eq!(by(|_| false), "root's");
        assert_eq!(choose(Vec::new(), |_| true), None);
    }
}
