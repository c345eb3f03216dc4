//! Whole files: against what docker sent, what they become, what is said of broken ones.

mod broken;
mod forms;
mod hostile;
mod recorded;
mod several;

use super::{ComposeErrors, Environment, Merged, Project, Source, load, read};

/// What the tests' files find around them.
fn environment() -> Environment {
    Environment {
        variables: [("TAG", "1.2"), ("HOME", "/root"), ("EMPTY", "")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        base_dir: "/base".into(),
    }
}

fn source(text: &str) -> Source {
    Source {
        name: "docker-compose.yml".to_owned(),
        bytes: text.as_bytes().to_vec(),
    }
}

fn merged(text: &str) -> Result<Merged, ComposeErrors> {
    read(&[source(text)], &environment())
}

fn project(text: &str) -> Result<Project, ComposeErrors> {
    load(&[source(text)], &environment(), "app")
}

/// Every finding, one a line.
fn findings(text: &str) -> String {
    let found = match load(&[source(text)], &environment(), "app") {
        Ok(project) => project.warnings,
        Err(errors) => errors.diagnostics,
    };
    found.iter().map(|finding| format!("{finding}\n")).collect()
}
