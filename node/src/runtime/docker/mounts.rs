//! What a container finds mounted.

use bollard::models::{
    self, MountBindOptions, MountBindOptionsPropagationEnum, MountTmpfsOptions, MountVolumeOptions,
    MountVolumeOptionsDriverConfig,
};
use shoal_scheduler::spec::{ContainerSpec, Mount, MountType, VolumeOptions};

use super::config::Unfit;
use crate::runtime::files::PlacedFile;

/// The mounts of a container, for its engine. A bind source that is missing here is the engine's to
/// refuse, unless it is to be made.
pub(super) fn of(container: &ContainerSpec) -> Result<Vec<models::Mount>, Unfit> {
    container.mounts.iter().map(mount).collect()
}

/// A secret or a config, which the container can't change.
pub(super) fn file(file: &PlacedFile) -> models::Mount {
    models::Mount {
        target: Some(file.target.clone()),
        source: Some(file.source.display().to_string()),
        typ: Some(models::MountType::BIND),
        read_only: Some(true),
        ..models::Mount::default()
    }
}

fn mount(mount: &Mount) -> Result<models::Mount, Unfit> {
    let bind = mount.bind_options.as_ref();
    Ok(models::Mount {
        target: Some(mount.target.clone()),
        source: (!mount.source.is_empty()).then(|| mount.source.clone()),
        typ: Some(kind(mount)?),
        read_only: Some(mount.read_only),
        bind_options: match bind {
            None => None,
            Some(options) => Some(MountBindOptions {
                propagation: propagation(mount, &options.propagation)?,
                create_mountpoint: options.create_mountpoint.then_some(true),
                non_recursive: options.non_recursive.then_some(true),
                read_only_non_recursive: options.read_only_non_recursive.then_some(true),
                read_only_force_recursive: options.read_only_force_recursive.then_some(true),
            }),
        },
        volume_options: mount.volume_options.as_ref().map(volume),
        tmpfs_options: mount
            .tmpfs_options
            .as_ref()
            .map(|options| MountTmpfsOptions {
                size_bytes: i64::try_from(options.size_bytes)
                    .ok()
                    .filter(|size| *size > 0),
                mode: (options.mode != 0).then_some(i64::from(options.mode)),
                options: None,
            }),
        ..models::Mount::default()
    })
}

fn kind(mount: &Mount) -> Result<models::MountType, Unfit> {
    let unfit = |kind| Unfit::Mount {
        target: mount.target.clone(),
        kind,
    };
    match mount.kind {
        MountType::Bind => Ok(models::MountType::BIND),
        MountType::Volume => Ok(models::MountType::VOLUME),
        MountType::Tmpfs => Ok(models::MountType::TMPFS),
        MountType::Npipe => Err(unfit("npipe")),
        MountType::Cluster => Err(unfit("cluster")),
        MountType::Unknown => Err(unfit("such")),
    }
}

fn volume(options: &VolumeOptions) -> MountVolumeOptions {
    let driver = options.driver_config.as_ref();
    MountVolumeOptions {
        no_copy: Some(options.no_copy),
        labels: Some(options.labels.clone().into_iter().collect()),
        driver_config: driver.map(|driver| MountVolumeOptionsDriverConfig {
            name: (!driver.name.is_empty()).then(|| driver.name.clone()),
            options: Some(driver.options.clone().into_iter().collect()),
        }),
        subpath: (!options.subpath.is_empty()).then(|| options.subpath.clone()),
    }
}

fn propagation(
    mount: &Mount,
    name: &str,
) -> Result<Option<MountBindOptionsPropagationEnum>, Unfit> {
    match name.parse() {
        Ok(MountBindOptionsPropagationEnum::EMPTY) => Ok(None),
        Ok(known) => Ok(Some(known)),
        Err(_) => Err(Unfit::Propagation {
            target: mount.target.clone(),
            propagation: name.to_owned(),
        }),
    }
}
