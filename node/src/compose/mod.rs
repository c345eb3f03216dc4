//! Compose files, for `shoal stack deploy` and `shoal stack config`.
//!
//! Files are read, their variables replaced, brought into one canonical form, merged, and turned
//! into what `docker stack deploy` sends for them. Everything that is wrong is found in one pass
//! and named with its line. Nothing here talks to a cluster; what is read is in [`Source`] and
//! [`Environment`].
//!
//! The steps, one file each: `yaml`, `substitute`, `normal` (along the tables of `schema`),
//! `resolve`, `merge`, then `convert` or `render`. The format is the Compose specification
//! (<https://github.com/compose-spec/compose-spec>); where it and the docker client differ, the
//! docker client is followed, since `docker stack deploy` against Shoal must mean the same.
//! Where docker drops silently what would change what runs, Shoal refuses.

mod convert;
mod diagnostic;
mod merge;
mod node;
mod normal;
mod quantity;
mod render;
mod resolve;
mod scalar;
mod schema;
mod short;
mod source;
mod substitute;
#[cfg(test)]
mod tests;
mod yaml;

use std::{collections::BTreeMap, path::PathBuf};

pub use diagnostic::{ComposeErrors, Diagnostic, Severity};
pub use source::{Environment, Source};

use diagnostic::Report;
use node::{At, Node};
use schema::{FILE, Kind};

/// Most files of one call.
const FILES_MAX: usize = 64;

/// Compose files, read and merged.
#[derive(Clone, Debug)]
pub struct Merged {
    top: Node,
    /// What was ignored, sorted by place.
    pub warnings: Vec<Diagnostic>,
}

/// A stack, ready to be sent.
#[derive(Clone, Debug)]
pub struct Project {
    /// Name of the stack.
    pub name: String,
    /// Its services, by name.
    pub services: Vec<ServiceRequest>,
    /// The networks that its services use.
    pub networks: Vec<NetworkRequest>,
    /// The volumes that it declares.
    pub volumes: Vec<VolumeRequest>,
    /// The secrets that it declares.
    pub secrets: Vec<FileRequest>,
    /// The configs that it declares.
    pub configs: Vec<FileRequest>,
    /// What was ignored, sorted by place.
    pub warnings: Vec<Diagnostic>,
}

/// A service to create or to update.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceRequest {
    /// Its name, `stack_service`.
    pub name: String,
    /// Its spec, as Docker's API has it. Where it uses secrets or configs, `SecretID` and
    /// `ConfigID` are empty: whoever sends it looks them up by name.
    pub spec: serde_json::Value,
}

/// A network that must be there.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkRequest {
    /// Its name in the cluster.
    pub name: String,
    /// The body of Docker's `POST /networks/create`. None: it is external and must exist.
    pub spec: Option<serde_json::Value>,
}

/// A volume. Nodes make it when a task first mounts it, so nothing needs to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeRequest {
    /// Its name in the cluster.
    pub name: String,
    /// Whether it exists without the stack.
    pub is_external: bool,
    /// Its driver; empty for the local one.
    pub driver: String,
    /// Options of the driver.
    pub driver_options: BTreeMap<String, String>,
    /// Its labels, the stack's among them.
    pub labels: BTreeMap<String, String>,
}

/// A secret or config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRequest {
    /// Its name in the cluster.
    pub name: String,
    /// The file with its content, absolute. None: it is external and must exist.
    pub file: Option<PathBuf>,
    /// Its labels, the stack's among them.
    pub labels: BTreeMap<String, String>,
    /// What expands templates in it; empty for nothing.
    pub template_driver: String,
}

/// Reads and merges Compose files; later ones beat earlier ones.
///
/// # Errors
/// Everything that is wrong with them, sorted by place.
pub fn read(files: &[Source], environment: &Environment) -> Result<Merged, ComposeErrors> {
    let (top, report) = gather(files, environment);
    let has_errors = report.has_errors();
    let diagnostics = report.finish();
    match top {
        Some(top) if !has_errors => Ok(Merged {
            top,
            warnings: diagnostics,
        }),
        _ => Err(ComposeErrors { diagnostics }),
    }
}

/// Reads Compose files and makes a stack of them.
///
/// # Errors
/// Everything that is wrong with them, sorted by place.
pub fn load(
    files: &[Source],
    environment: &Environment,
    stack: &str,
) -> Result<Project, ComposeErrors> {
    let (top, mut report) = gather(files, environment);
    let project = top.map(|top| {
        let mut later = report.fresh();
        let project = convert::convert(stack, &top, &mut later);
        report.absorb(later);
        project
    });
    let has_errors = report.has_errors();
    let diagnostics = report.finish();
    match project {
        Some(project) if !has_errors => Ok(Project {
            warnings: diagnostics,
            ..project
        }),
        _ => Err(ComposeErrors { diagnostics }),
    }
}

/// The merged files as YAML: long forms, variables replaced, keys in docker's order. Keys that were
/// ignored, and `env_file` (its variables are under `environment`), do not appear.
#[must_use]
pub fn render_config(merged: &Merged) -> String {
    render::file(&merged.top)
}

/// The merged files in canonical form, as far as they are right, and what was found. None: one of
/// them could not be read at all, so that the rest says little.
fn gather(files: &[Source], environment: &Environment) -> (Option<Node>, Report) {
    let mut report = Report::new(files.iter().map(|file| file.name.clone()).collect());
    let mut substitution = substitute::Substitution::new(&environment.variables);
    let mut merged: Option<Node> = None;
    let mut is_whole = true;
    if files.is_empty() {
        report.error(
            At::default(),
            "",
            "no Compose file is given: name one with -c",
        );
    }
    for (index, source) in (0..).zip(files) {
        if usize::from(index) >= FILES_MAX {
            let at = At {
                file: index,
                ..At::default()
            };
            report.error(at, "", format!("more than {FILES_MAX} files"));
            break;
        }
        let Some(mut top) = read_one(index, source, &mut report) else {
            is_whole = false;
            continue;
        };
        substitution.file(&mut top, &mut report);
        let mut canonical = normal::file(&top, &mut report);
        resolve::resolve(&mut canonical, environment, &mut report);
        merged = Some(match merged {
            None => canonical,
            Some(base) => merge::merge(Kind::Object(&FILE), base, canonical),
        });
    }
    (merged.filter(|_| is_whole), report)
}

fn read_one(index: u16, source: &Source, report: &mut Report) -> Option<Node> {
    let at = At {
        file: index,
        ..At::default()
    };
    if source.bytes.len() as u64 > source::FILE_BYTES_MAX {
        report.error(
            at,
            "",
            format!("the file is larger than {} bytes", source::FILE_BYTES_MAX),
        );
        return None;
    }
    match std::str::from_utf8(&source.bytes) {
        Ok(text) => yaml::read(index, text.trim_start_matches('\u{feff}'), report),
        Err(error) => {
            let good = &source.bytes[..error.valid_up_to()];
            let lines = good.iter().filter(|byte| **byte == b'\n').count();
            let line = u32::try_from(lines).map_or(u32::MAX, |lines| lines + 1);
            report.error(
                At {
                    line,
                    column: 1,
                    ..at
                },
                "",
                "not valid UTF-8",
            );
            None
        }
    }
}
