//! Images: used when they are there, pulled when they are not.

use std::time::Duration;

use axum::http::HeaderValue;
use bollard::{
    BollardRequest, Docker, auth::DockerCredentials, models::ImageInspect,
    query_parameters::CreateImageOptionsBuilder,
};
use futures_util::StreamExt;
use tokio::{sync::Semaphore, time::timeout};

use super::{credentials::Credentials, error::Trouble};
use shoal_scheduler::placement::runs_programs_for;

use crate::{
    architecture::{family, word_of},
    runtime::BoxFuture,
};

/// Images that are pulled at a time.
const PULLS_MAX: usize = 3;
/// A pull that makes no progress for so long is given up.
const PULL_SILENCE_MAX: Duration = Duration::from_secs(300);
/// Where the kernel says for which processors it has emulators.
const EMULATORS: &str = "/proc/sys/fs/binfmt_misc";

/// Gets images for one engine.
pub(super) struct Images {
    pulls: Semaphore,
}

/// Why an image can't be run here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NoImage {
    /// The engine is not there.
    Unreachable,
    /// It is not to be had here, for this reason.
    Refused(String),
}

impl Default for Images {
    fn default() -> Self {
        Self {
            pulls: Semaphore::new(PULLS_MAX),
        }
    }
}

impl Images {
    /// Makes sure that the engine has an image that runs on this processor. Nobody is asked for credentials
    /// before the registry refused without.
    pub(super) async fn ensure(
        &self,
        docker: &Docker,
        image: &str,
        architecture: &str,
        credentials: BoxFuture<'_, Option<Credentials>>,
    ) -> Result<(), NoImage> {
        if let Some(found) = inspect(docker, image).await? {
            return fits(image, &found, architecture);
        }
        let Ok(_place) = self.pulls.acquire().await else {
            return Err(NoImage::Unreachable);
        };
        // Another task may have brought it meanwhile.
        if inspect(docker, image).await?.is_none() {
            tracing::info!(%image, "pulling an image");
            if let Err(refused) = pull(docker, image, None).await {
                let credentials = match refused {
                    NoImage::Unreachable => None,
                    NoImage::Refused(_) => credentials.await,
                };
                let Some(credentials) = credentials.and_then(|found| found.docker()) else {
                    return Err(refused);
                };
                pull(docker, image, Some(credentials)).await?;
            }
        }
        match inspect(docker, image).await? {
            Some(found) => fits(image, &found, architecture),
            None => Err(NoImage::Refused(format!("No such image: {image}"))),
        }
    }
}

async fn inspect(docker: &Docker, image: &str) -> Result<Option<ImageInspect>, NoImage> {
    match docker.inspect_image(image).await {
        Ok(found) => Ok(Some(found)),
        Err(error) => match Trouble::of(&error) {
            Trouble::NotFound(_) => Ok(None),
            Trouble::Unreachable => Err(NoImage::Unreachable),
            trouble => Err(NoImage::Refused(format!(
                "image {image}: {}",
                trouble.words()
            ))),
        },
    }
}

async fn pull(
    docker: &Docker,
    image: &str,
    credentials: Option<DockerCredentials>,
) -> Result<(), NoImage> {
    let (name, tag) = name_and_tag(image);
    let options = CreateImageOptionsBuilder::default()
        .from_image(name)
        .tag(tag)
        .build();
    let docker = docker.clone().with_request_modifier(url_safe);
    let mut progress = docker.create_image(Some(options), None, credentials);
    loop {
        match timeout(PULL_SILENCE_MAX, progress.next()).await {
            Ok(None) => return Ok(()),
            Ok(Some(Ok(_))) => {}
            Ok(Some(Err(error))) => {
                let trouble = Trouble::of(&error);
                return Err(match trouble {
                    Trouble::Unreachable => NoImage::Unreachable,
                    trouble => NoImage::Refused(format!(
                        "No such image: {image}, and it can't be pulled: {}",
                        trouble.words()
                    )),
                });
            }
            Err(_) => {
                let minutes = PULL_SILENCE_MAX.as_secs() / 60;
                return Err(NoImage::Refused(format!(
                    "No such image: {image}, and its pull made no progress for {minutes} minutes"
                )));
            }
        }
    }
}

/// bollard writes credentials in the plain alphabet of base64; engines read the one that is safe in URLs.
pub(super) fn url_safe(mut request: BollardRequest) -> BollardRequest {
    if let Some(header) = request.headers_mut().get_mut("X-Registry-Auth") {
        let text = header.to_str().unwrap_or_default();
        let safe = text.replace('+', "-").replace('/', "_");
        if let Ok(safe) = HeaderValue::from_str(&safe) {
            *header = safe;
            header.set_sensitive(true);
        }
    }
    request
}

/// An image without a tag is its latest; an engine that is asked for no tag pulls them all.
fn name_and_tag(image: &str) -> (&str, &str) {
    if image.contains('@') {
        return (image, "");
    }
    match image.rsplit_once(':') {
        // A colon before a slash is that of a registry's port.
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (image, "latest"),
    }
}

fn fits(image: &str, found: &ImageInspect, architecture: &str) -> Result<(), NoImage> {
    let of_image = match (found.architecture.as_deref(), found.variant.as_deref()) {
        (Some("arm"), Some(variant)) if !variant.is_empty() => format!("arm/{variant}"),
        (architecture, _) => word_of(architecture.unwrap_or_default()).to_owned(),
    };
    let os = found.os.as_deref().unwrap_or_default();
    let is_own = of_image.is_empty()
        || architecture.is_empty()
        || runs_programs_for(architecture, &of_image);
    let is_linux = matches!(os, "" | "linux");
    if is_linux && (is_own || runs_here(&of_image, architecture)) {
        return Ok(());
    }
    Err(NoImage::Refused(format!(
        "image {image} is for {os}/{of_image}, and this node is linux/{architecture}"
    )))
}

/// Whether this machine runs programs of another processor: its own 32 bits, or by an emulator.
fn runs_here(image: &str, architecture: &str) -> bool {
    let image = family(image);
    let is_own = matches!((image, architecture), ("386", "amd64") | ("arm", "arm64"));
    let name = match image {
        "amd64" => "x86_64",
        "arm64" => "aarch64",
        "386" => "i386",
        other => other,
    };
    is_own
        || std::path::Path::new(EMULATORS)
            .join(format!("qemu-{name}"))
            .exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_tag_is_pulled_and_never_all_of_them() {
        assert_eq!(name_and_tag("nginx"), ("nginx", "latest"));
        assert_eq!(name_and_tag("nginx:1.27"), ("nginx", "1.27"));
        assert_eq!(name_and_tag("pi:5000/a/web"), ("pi:5000/a/web", "latest"));
        assert_eq!(name_and_tag("pi:5000/web:2"), ("pi:5000/web", "2"));
        let pinned = "web:2@sha256:0123";
        assert_eq!(name_and_tag(pinned), (pinned, ""));
    }

    #[test]
    fn an_image_for_another_processor_is_refused_before_it_is_started() {
        let image = |architecture: &str, os: &str| ImageInspect {
            architecture: Some(architecture.into()),
            os: Some(os.into()),
            ..ImageInspect::default()
        };
        assert_eq!(fits("web", &image("amd64", "linux"), "amd64"), Ok(()));
        assert_eq!(fits("web", &image("arm", "linux"), "arm64"), Ok(()));
        assert_eq!(fits("web", &ImageInspect::default(), "arm64"), Ok(()));
        let refused = fits("web", &image("s390y", "linux"), "arm64");
        assert_eq!(
            refused,
            Err(NoImage::Refused(
                "image web is for linux/s390y, and this node is linux/arm64".into()
            ))
        );
        assert!(fits("web", &image("amd64", "windows"), "amd64").is_err());
        let arm = |variant: &str| ImageInspect {
            variant: Some(variant.into()),
            ..image("arm", "linux")
        };
        assert_eq!(fits("web", &arm("v6"), "arm/v7"), Ok(()));
        assert_eq!(fits("web", &arm(""), "arm/v6"), Ok(()));
        assert_eq!(
            fits("web", &arm("v7"), "arm/v6"),
            Err(NoImage::Refused(
                "image web is for linux/arm/v7, and this node is linux/arm/v6".into()
            ))
        );
    }
}
