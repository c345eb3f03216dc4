//! Credentials of registries, from where `docker login` keeps them: `config.json` in `$DOCKER_CONFIG` or
//! `~/.docker`, and the helpers that it names.

use std::{fs::File, io, path::PathBuf};

use base64::{Engine, engine::general_purpose::URL_SAFE};
use clap::Args;
use docker_credential::{CredentialRetrievalError, DockerCredential, get_credential_from_reader};
use serde_json::{Value, json};

use super::{error::CliError, lookup::Lookup, session::Session};

/// What Docker's own registry is called among credentials.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// Credentials for the nodes that pull.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct RegistryArgs {
    /// Send your credentials of the image's registry along, for the nodes that pull it
    #[arg(long)]
    with_registry_auth: bool,
}

impl RegistryArgs {
    /// The header `X-Registry-Auth` for a service, if it is wanted and there are credentials.
    ///
    /// # Errors
    /// Credentials that can't be read.
    pub(super) fn header(
        self,
        session: &mut Session,
        spec: &Value,
    ) -> Result<Option<String>, CliError> {
        match spec.text("/TaskTemplate/ContainerSpec/Image") {
            image if self.with_registry_auth && !matches!(image, "" | "scratch") => {
                find(session, registry_of(image))
            }
            _ => Ok(None),
        }
    }
}

/// That there are none is said: nodes that have to ask for the image will be refused.
fn find(session: &mut Session, registry: &str) -> Result<Option<String>, CliError> {
    let path = config_path();
    let file = path.as_ref().map(File::open);
    let found = match file {
        Some(Ok(file)) => from(file, registry),
        Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => Err(error.to_string()),
        _ => Ok(None),
    };
    let place = path.unwrap_or_else(|| "config.json".into());
    let found = found.map_err(|reason| {
        CliError::failed(format!(
            "can't read the credentials of {registry} in {}: {reason}",
            place.display()
        ))
    })?;
    if found.is_none() {
        let name = match registry == DOCKER_HUB {
            true => "",
            false => registry,
        };
        session.out.note(&format!(
            "warning: no credentials of {registry} in {}; to log in: docker login {name}",
            place.display()
        ))?;
    }
    Ok(found)
}

fn config_path() -> Option<PathBuf> {
    let folder = std::env::var_os("DOCKER_CONFIG").filter(|folder| !folder.is_empty());
    let folder = folder.map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".docker"));
    Some(folder.or_else(home)?.join("config.json"))
}

/// Those of a registry in a file of that form, as the header has them.
fn from(config: impl io::Read, registry: &str) -> Result<Option<String>, String> {
    let auth = match get_credential_from_reader(config, registry) {
        Ok(DockerCredential::IdentityToken(token)) => {
            json!({"identitytoken": token, "serveraddress": registry})
        }
        Ok(DockerCredential::UsernamePassword(name, password)) => {
            json!({"username": name, "password": password, "serveraddress": registry})
        }
        Err(CredentialRetrievalError::NoCredentialConfigured) => return Ok(None),
        // What helpers say of a registry to which nobody logged in (docker-credential-helpers).
        Err(CredentialRetrievalError::HelperFailure { stdout, .. })
            if stdout.contains("credentials not found") =>
        {
            return Ok(None);
        }
        Err(error) => return Err(error.to_string().trim_end().to_owned()),
    };
    Ok(Some(URL_SAFE.encode(auth.to_string())))
}

/// The registry of an image, under the name that credentials have it: what is before the first slash, if
/// it looks like a host, or else Docker's.
fn registry_of(image: &str) -> &str {
    match image.split_once('/') {
        Some((host, _)) if host == "localhost" || host.contains(['.', ':']) => match host {
            "docker.io" | "index.docker.io" => DOCKER_HUB,
            _ => host,
        },
        _ => DOCKER_HUB,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::docker::Credentials;

    #[test]
    fn an_image_names_its_registry() {
        for (image, registry) in [
            ("nginx", DOCKER_HUB),
            ("me/app:1", DOCKER_HUB),
            ("docker.io/me/app", DOCKER_HUB),
            ("localhost/app", "localhost"),
            ("127.0.0.1:5000/app@sha256:00", "127.0.0.1:5000"),
            ("ghcr.io/a/b/c:2", "ghcr.io"),
        ] {
            assert_eq!(registry_of(image), registry, "{image}");
        }
    }

    #[test]
    fn what_docker_login_keeps_is_what_an_agent_reads() {
        let config = r#"{"auths": {"https://index.docker.io/v1/": {"auth": "bWU6czpjcmV0"},
            "ghcr.io": {"identitytoken": "t0ken"}}}"#;
        let of = |registry: &str| from(config.as_bytes(), registry).unwrap();
        for (registry, fields) in [
            (DOCKER_HUB, ["me", "s:cret"].as_slice()),
            ("ghcr.io", &["t0ken"]),
        ] {
            let credentials = Credentials::of_header(&of(registry).unwrap()).unwrap();
            for field in fields {
                assert!(credentials.json().contains(field), "{registry}: {field}");
            }
        }
        assert_eq!(of("quay.io"), None);
    }

    #[test]
    fn what_cannot_be_read_is_said_and_nothing_of_it_shown() {
        let damaged = from(r#"{"auths": {"a.b": {"auth": "c2VjcmV0"#.as_bytes(), "a.b");
        assert_eq!(damaged, Err("Unable to read config".to_owned()));
        let helper = r#"{"credHelpers": {"a.b": "of-nobody"}}"#;
        let missing = from(helper.as_bytes(), "a.b");
        assert_eq!(
            missing,
            Err("Unable to communicate with credential helper".to_owned())
        );
    }
}
