//! `/version`: of this program and of its API.

use std::collections::HashMap;

use axum::{extract::State, response::Response};
use bollard::models::{SystemVersion, SystemVersionComponents, SystemVersionPlatform};

use super::{
    body::json, error::ApiError, handle::Handle, passing, query::Spoken, version::ApiVersion,
};
use crate::architecture;

/// What stands where Docker names its compiler.
const LANGUAGE: &str = concat!("none: Rust ", env!("CARGO_PKG_RUST_VERSION"));

/// `GET /version`: the engine's, with this program as one more component; without an engine this program's own.
pub(super) async fn version(
    State(handle): State<Handle>,
    Spoken(spoken): Spoken,
) -> Result<Response, ApiError> {
    let own = own(&handle);
    let engine = passing::ask::<SystemVersion>(&handle, spoken, "/version").await;
    let Some(engine) = engine else {
        return json(&own);
    };
    let components = own.components.into_iter().chain(engine.components);
    json(&SystemVersion {
        platform: own.platform,
        components: Some(components.flatten().collect()),
        api_version: own.api_version,
        min_api_version: own.min_api_version,
        ..engine
    })
}

fn own(handle: &Handle) -> SystemVersion {
    let identity = &handle.identity;
    let program = architecture::of_this_program();
    let architecture = architecture::family(&program);
    SystemVersion {
        platform: Some(SystemVersionPlatform {
            name: format!("Shoal {}", identity.version),
        }),
        components: Some(vec![SystemVersionComponents {
            name: "Shoal".into(),
            version: identity.version.clone(),
            details: Some(details(handle, architecture)),
        }]),
        version: Some(identity.version.clone()),
        api_version: Some(handle.newest_api().to_string()),
        min_api_version: Some(ApiVersion::OLDEST.to_string()),
        git_commit: Some(identity.git_commit.clone()),
        go_version: Some(LANGUAGE.into()),
        os: Some("linux".into()),
        arch: Some(architecture.into()),
        kernel_version: Some(identity.kernel_version.clone()),
        experimental: None,
        build_time: Some(String::new()),
    }
}

fn details(handle: &Handle, architecture: &str) -> HashMap<String, String> {
    let identity = &handle.identity;
    [
        ("ApiVersion", handle.newest_api().to_string()),
        ("Arch", architecture.to_owned()),
        ("BuildTime", String::new()),
        ("Experimental", "false".to_owned()),
        ("GitCommit", identity.git_commit.clone()),
        ("GoVersion", LANGUAGE.to_owned()),
        ("KernelVersion", identity.kernel_version.clone()),
        ("MinAPIVersion", ApiVersion::OLDEST.to_string()),
        ("Os", "linux".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}
