//! The parts of the `shoal` binary, put together: what the command line starts but does not contain.

use std::path::{Path, PathBuf};

use crate::{
    agent,
    cli::{Entry, FilePlan, StackPlan},
    compose::{self, Environment, FileRequest, Source},
    demo, runtime,
};

/// Everything that this binary can do.
#[must_use]
pub fn whole() -> Entry {
    Entry {
        agent: Some(|args| Box::pin(agent::run(args))),
        demo: Some(|args| Box::pin(demo::run(args))),
        task_shim: Some(runtime::shim_main),
        load_stack: Some(load_stack),
    }
}

/// Reads Compose files for a stack.
fn load_stack(files: &[PathBuf], stack: &str) -> Result<StackPlan, String> {
    let open = |path: &PathBuf| {
        Source::open(path).map_err(|error| format!("can't read {}: {error}", path.display()))
    };
    let sources = files.iter().map(open).collect::<Result<Vec<_>, _>>()?;
    let first = files.first().map_or(Path::new("-"), PathBuf::as_path);
    let environment = Environment::of_process(first)
        .map_err(|error| format!("can't tell the current folder: {error}"))?;
    let merged = compose::read(&sources, &environment).map_err(|error| error.to_string())?;
    let project =
        compose::load(&sources, &environment, stack).map_err(|error| error.to_string())?;
    let own_name = |name: &str| {
        name.strip_prefix(stack)
            .and_then(|rest| rest.strip_prefix('_'))
            .unwrap_or(name)
            .to_owned()
    };
    Ok(StackPlan {
        services: project
            .services
            .into_iter()
            .map(|service| (own_name(&service.name), service.spec))
            .collect(),
        networks: project
            .networks
            .into_iter()
            .map(|network| (network.name, network.spec))
            .collect(),
        files: file_plans(true, project.secrets)
            .chain(file_plans(false, project.configs))
            .collect(),
        config: compose::render_config(&merged),
        warnings: project.warnings.iter().map(ToString::to_string).collect(),
    })
}

fn file_plans(is_secret: bool, files: Vec<FileRequest>) -> impl Iterator<Item = FilePlan> {
    files.into_iter().map(move |file| FilePlan {
        is_secret,
        name: file.name,
        file: file.file,
        labels: file.labels.into_iter().collect(),
        template_driver: file.template_driver,
    })
}
