//! Swarm's templates in a spec: what a task is told of itself (swarmkit, `template/context.go`).
//!
//! `{{.Service.ID}}`, `.Service.Name`, `.Service.Labels.NAME`, `.Node.ID`, `.Node.Hostname`,
//! `.Node.Platform.Architecture`, `.Node.Platform.OS`, `.Task.ID`, `.Task.Name`, `.Task.Slot` (a
//! node's id for a global service), and `{{index .Service.Labels "NAME"}}`. In what a config or a secret holds also
//! `{{secret "TARGET"}}`, `{{config "TARGET"}}` and `{{env "NAME"}}` of the same task. Of Go's template language there is
//! nothing else; whatever else is asked for is an error, as a name that is missing is on Swarm.

use shoal_scheduler::spec::FileKind;

use super::{Launch, files::OpenFile};
use crate::architecture::kernel_word;

/// Longest text that a template may become, in bytes.
const EXPANDED_MAX: usize = 1 << 20;

/// Why a text can't be expanded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid template {text:?}: {why}")]
pub struct BadTemplate {
    text: String,
    why: String,
}

/// What texts of a task's spec are expanded with.
#[derive(Clone, Copy)]
pub struct Template<'a> {
    launch: &'a Launch,
    architecture: &'a str,
    files: &'a [OpenFile],
}

impl BadTemplate {
    /// What is wrong, without the text.
    pub(crate) fn why(&self) -> &str {
        &self.why
    }
}

impl<'a> Template<'a> {
    /// Of this task on a machine with this processor, in Docker's word; the task is told the kernel's, as on Swarm.
    #[must_use]
    pub fn new(launch: &'a Launch, architecture: &'a str) -> Self {
        Self {
            launch,
            architecture,
            files: &[],
        }
    }

    /// For what these files hold, which may name each other, and the task's environment.
    #[must_use]
    pub fn with_files(self, files: &'a [OpenFile]) -> Self {
        Self { files, ..self }
    }

    /// The text with its templates filled in.
    ///
    /// # Errors
    /// If there is one that is none, or it becomes too long.
    pub fn expand(&self, text: &str) -> Result<String, BadTemplate> {
        let bad = |why: String| BadTemplate {
            text: text.chars().take(100).collect(),
            why,
        };
        let mut expanded = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let (action, after) = after
                .split_once("}}")
                .ok_or_else(|| bad("{{ without }}".to_owned()))?;
            expanded.push_str(before);
            expanded.push_str(&self.value(action.trim()).map_err(bad)?);
            rest = after;
            if expanded.len() > EXPANDED_MAX {
                return Err(bad("it becomes too long".to_owned()));
            }
        }
        expanded.push_str(rest);
        Ok(expanded)
    }

    fn value(&self, action: &str) -> Result<String, String> {
        let launch = self.launch;
        let labels = &launch.spec.labels;
        if let Some(name) = action.strip_prefix("index ") {
            let name = name
                .trim()
                .strip_prefix(".Service.Labels")
                .unwrap_or("?")
                .trim();
            let name = name
                .strip_prefix('"')
                .and_then(|name| name.strip_suffix('"'));
            let name = name.ok_or("index takes .Service.Labels and a name in quotes")?;
            // A map without the name gives its zero value in Go.
            return Ok(labels.get(name).cloned().unwrap_or_default());
        }
        if let Some(value) = self.of_files(action)? {
            return Ok(value);
        }
        Ok(match action {
            ".Service.ID" => launch.service.to_string(),
            ".Service.Name" => launch.service_name.clone(),
            ".Node.ID" => launch.node.to_string(),
            ".Node.Hostname" => launch.node_name.clone(),
            ".Node.Platform.Architecture" => kernel_word(self.architecture).to_owned(),
            ".Node.Platform.OS" => "linux".to_owned(),
            ".Task.ID" => launch.task.to_string(),
            ".Task.Name" => launch.task_name(),
            ".Task.Slot" => launch.slot_name(),
            other => match other.strip_prefix(".Service.Labels.") {
                Some(name) => labels
                    .get(name)
                    .cloned()
                    .ok_or_else(|| format!("the service has no label {name}"))?,
                None => return Err(format!("there is no {other:?} to fill in")),
            },
        })
    }

    /// What the functions give that only files know.
    fn of_files(&self, action: &str) -> Result<Option<String>, String> {
        let Some((function, argument)) = action.split_once(char::is_whitespace) else {
            return Ok(None);
        };
        let kind = match function {
            _ if self.files.is_empty() => return Ok(None),
            "secret" => FileKind::Secret,
            "config" => FileKind::Config,
            "env" => {
                let name = quoted(argument)?;
                let mut variables = self.launch.spec.container().env.iter();
                let value = variables.find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
                return Ok(Some(value.unwrap_or_default().to_owned()));
            }
            _ => return Ok(None),
        };
        let target = quoted(argument)?;
        let is_it = |file: &&OpenFile| file.kind == kind && file.target.name == target;
        let found = self.files.iter().find(is_it);
        let found =
            found.ok_or_else(|| format!("the task has no {kind} with the target {target:?}"))?;
        let text =
            std::str::from_utf8(&found.value).map_err(|_| format!("{kind} {target} is no text"))?;
        Ok(Some(text.to_owned()))
    }
}

fn quoted(text: &str) -> Result<&str, String> {
    let text = text.trim();
    let inner = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    inner.ok_or_else(|| format!("{text} is no name in quotes"))
}
