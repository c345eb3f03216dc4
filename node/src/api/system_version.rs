//! `/version`: of this program and of its API.

use std::collections::HashMap;

use axum::{extract::State, response::Response};
use bollard::models::{SystemVersion, SystemVersionComponents, SystemVersionPlatform};

use super::{
    body::json,
    error::ApiError,
    handle::{Handle, Identity},
    version::ApiVersion,
};
use crate::architecture;

/// What stands where Docker names its compiler.
const LANGUAGE: &str = concat!("none: Rust ", env!("CARGO_PKG_RUST_VERSION"));

/// `GET /version`
pub(super) async fn version(State(handle): State<Handle>) -> Result<Response, ApiError> {
    let identity = &handle.identity;
    let program = architecture::of_this_program();
    let architecture = architecture::family(&program);
    json(&SystemVersion {
        platform: Some(SystemVersionPlatform {
            name: "Shoal".into(),
        }),
        components: Some(vec![SystemVersionComponents {
            name: "Engine".into(),
            version: identity.version.clone(),
            details: Some(details(identity, architecture)),
        }]),
        version: Some(identity.version.clone()),
        api_version: Some(identity.newest_api.to_string()),
        min_api_version: Some(ApiVersion::OLDEST.to_string()),
        git_commit: Some(identity.git_commit.clone()),
        go_version: Some(LANGUAGE.into()),
        os: Some("linux".into()),
        arch: Some(architecture.into()),
        kernel_version: Some(identity.kernel_version.clone()),
        experimental: None,
        build_time: Some(String::new()),
    })
}

fn details(identity: &Identity, architecture: &str) -> HashMap<String, String> {
    [
        ("ApiVersion", identity.newest_api.to_string()),
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
