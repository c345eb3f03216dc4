//! What the command line needs from a reader of Compose files.

use serde_json::Value;

use super::files::FilePlan;

/// What a stack's files ask for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StackPlan {
    /// Services: the name within the stack, and Docker's `ServiceSpec` with the whole name
    /// (`stack_service`) and the stack's label.
    pub services: Vec<(String, Value)>,
    /// Networks: the name in the cluster, and Docker's `NetworkCreateRequest`; none for one that must be
    /// there already.
    pub networks: Vec<(String, Option<Value>)>,
    /// Secrets and configs.
    pub files: Vec<FilePlan>,
    /// The files, merged and filled in, as one Compose file.
    pub config: String,
    /// What a person should know, a sentence each, with file and line.
    pub warnings: Vec<String>,
}
