//! Credentials of registries, as clients send them with a service. In memory only: they are on no disk,
//! in no entry that others hold, and in no log.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use base64::{Engine, engine::general_purpose};
use bollard::auth::DockerCredentials;
use shoal_scheduler::task::ServiceId;

use crate::runtime::BoxFuture;

/// Services whose credentials are kept; beyond, those of others are forgotten.
const SERVICES_MAX: usize = 1_000;
/// Most bytes of one service's.
pub const CREDENTIALS_BYTES_MAX: usize = 16 * 1024;

/// Docker's `AuthConfig` of a registry, as JSON.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials(String);

/// Nothing of it is ever printed.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
}

impl Credentials {
    /// Those of a header `X-Registry-Auth`: base64 of JSON. None: it has none, or is none.
    #[must_use]
    pub fn of_header(header: &str) -> Option<Self> {
        if header.len() > CREDENTIALS_BYTES_MAX {
            return None;
        }
        let engines = [
            &general_purpose::URL_SAFE,
            &general_purpose::STANDARD,
            &general_purpose::URL_SAFE_NO_PAD,
        ];
        let decoded = engines
            .iter()
            .find_map(|one| one.decode(header.trim()).ok());
        Self::of_json(String::from_utf8(decoded?).ok()?)
    }

    /// Those of this JSON. None: it names nobody, or is none.
    #[must_use]
    pub fn of_json(json: String) -> Option<Self> {
        let read: DockerCredentials = serde_json::from_str(&json).ok()?;
        let is_something = [
            &read.username,
            &read.auth,
            &read.identitytoken,
            &read.registrytoken,
        ];
        let is_something = is_something
            .into_iter()
            .any(|one| one.as_ref().is_some_and(|text| !text.is_empty()));
        (is_something && json.len() <= CREDENTIALS_BYTES_MAX).then_some(Self(json))
    }

    /// The JSON itself, for another node.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.0
    }

    /// For the engine.
    pub(super) fn docker(&self) -> Option<DockerCredentials> {
        serde_json::from_str(&self.0).ok()
    }
}

/// Credentials by the service that they were sent with.
#[derive(Debug, Default)]
pub struct CredentialStore(Mutex<BTreeMap<ServiceId, Credentials>>);

impl CredentialStore {
    fn held(&self) -> MutexGuard<'_, BTreeMap<ServiceId, Credentials>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps those of a service, in place of what it had.
    pub fn keep(&self, service: ServiceId, credentials: Credentials) {
        let mut held = self.held();
        if held.len() >= SERVICES_MAX && !held.contains_key(&service) {
            held.pop_first();
        }
        held.insert(service, credentials);
    }

    /// Those of a service.
    #[must_use]
    pub fn get(&self, service: ServiceId) -> Option<Credentials> {
        self.held().get(&service).cloned()
    }

    /// Forgets those of a service.
    pub fn forget(&self, service: ServiceId) {
        self.held().remove(&service);
    }
}

/// Whoever knows the credentials of a service, or whom to ask.
pub trait CredentialSource: Send + Sync {
    /// Those of a service, from here or from another node.
    fn find(&self, service: ServiceId) -> BoxFuture<'_, Option<Credentials>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_sends_is_read_and_what_is_nothing_is_nothing() {
        // With what is different in the two alphabets of base64.
        let json = r#"{"username":"u","password":"~~~???>>>","serveraddress":"r"}"#;
        let standard = general_purpose::STANDARD.encode(json);
        let url = general_purpose::URL_SAFE.encode(json);
        assert_ne!(standard, url);
        for header in [standard, url] {
            let read = Credentials::of_header(&header).unwrap();
            assert_eq!(read.json(), json);
            assert_eq!(
                read.docker().unwrap().password.as_deref(),
                Some("~~~???>>>")
            );
            assert_eq!(format!("{read:?}"), "Credentials");
        }
        // What docker sends when nobody is logged in.
        assert_eq!(
            Credentials::of_header(&general_purpose::URL_SAFE.encode("{}")),
            None
        );
        assert_eq!(Credentials::of_header("%%%"), None);
        assert_eq!(
            Credentials::of_header(&"A".repeat(CREDENTIALS_BYTES_MAX + 1)),
            None
        );
    }

    #[test]
    fn memory_for_them_is_bounded() {
        let store = CredentialStore::default();
        let one = Credentials::of_json(r#"{"username":"u"}"#.into()).unwrap();
        for number in 0..SERVICES_MAX as u128 + 5 {
            store.keep(ServiceId(number), one.clone());
        }
        assert_eq!(store.held().len(), SERVICES_MAX);
        assert_eq!(store.get(ServiceId(0)), None);
        store.forget(ServiceId(100));
        assert_eq!(store.get(ServiceId(100)), None);
        assert!(store.get(ServiceId(101)).is_some());
    }
}
