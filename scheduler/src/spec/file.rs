//! Secrets and configs, as clients ask for them: Docker's `SecretSpec` and `ConfigSpec` without what they hold.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use super::{DriverConfig, SpecError, json::null_default};

/// Most labels.
const LABELS_MAX: usize = 1_000;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileKind {
    /// What it holds is encrypted everywhere but in memory of the tasks that use it.
    Secret,
    /// Anybody may read it.
    Config,
}

impl FileKind {
    /// Its word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Config => "config",
        }
    }

    /// Most bytes that one may hold: Swarm's limits.
    #[must_use]
    pub fn bytes_max(self) -> usize {
        match self {
            Self::Secret => 512_000 - 1,
            Self::Config => 1_024_000 - 1,
        }
    }
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A secret or a config.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct FileSpec {
    /// Its name.
    #[serde(deserialize_with = "null_default")]
    pub name: String,
    /// Labels.
    #[serde(deserialize_with = "null_default")]
    pub labels: BTreeMap<String, String>,
    /// `golang`: it is a template, which is filled in for each task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub templating: Option<DriverConfig>,
    /// A plugin that holds the value. None here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub driver: Option<DriverConfig>,
}

impl FileSpec {
    /// Checks what must hold of every one before it is written.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn validate(&self) -> Result<(), SpecError> {
        let is_end = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let bytes = self.name.as_bytes();
        let is_fine = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
        if bytes.is_empty()
            || bytes.len() > 64
            || !bytes.iter().all(is_fine)
            || !is_end(bytes.first())
            || !is_end(bytes.last())
        {
            return Err(SpecError::FileName);
        }
        if self.labels.len() > LABELS_MAX {
            return Err(SpecError::TooManyLabels(LABELS_MAX));
        }
        if let Some(driver) = self
            .driver
            .as_ref()
            .filter(|driver| !driver.name.is_empty())
        {
            return Err(SpecError::SecretDriver(driver.name.clone()));
        }
        match self.templating.as_ref().map(|one| one.name.as_str()) {
            None | Some("" | "golang") => Ok(()),
            Some(other) => Err(SpecError::Templating(other.to_owned())),
        }
    }

    /// Whether what it holds is to be filled in for each task.
    #[must_use]
    pub fn is_template(&self) -> bool {
        self.templating
            .as_ref()
            .is_some_and(|one| !one.name.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> Result<(), SpecError> {
        serde_json::from_str::<FileSpec>(text).unwrap().validate()
    }

    #[test]
    fn names_and_drivers_are_checked_as_swarm_does() {
        assert_eq!(
            checked(r#"{"Name":"db.pass_word-1","Labels":null}"#),
            Ok(())
        );
        assert_eq!(
            checked(r#"{"Name":"a","Templating":{"Name":"golang"}}"#),
            Ok(())
        );
        for bad in ["", "-a", "a-", "a b", "a/b", &"x".repeat(65)] {
            let text = format!(r#"{{"Name":"{bad}"}}"#);
            assert_eq!(checked(&text), Err(SpecError::FileName), "{bad}");
        }
        assert_eq!(
            checked(r#"{"Name":"a","Driver":{"Name":"vault"}}"#),
            Err(SpecError::SecretDriver("vault".into()))
        );
        assert_eq!(
            checked(r#"{"Name":"a","Templating":{"Name":"jinja"}}"#),
            Err(SpecError::Templating("jinja".into()))
        );
    }
}
