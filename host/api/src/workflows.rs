//! Workflows and their versions.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Timestamp;

/// All workflows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Workflows {
    /// The workflows that are not deleted, by name.
    pub workflows: Vec<Workflow>,
}

/// A workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Workflow {
    /// The name of the workflow.
    #[schema(example = "approval")]
    pub name: String,
    /// The version that new runs get: the SHA-256 of its component.
    pub version: String,
    /// True if the workflow was deleted, so that no new runs are started until it is deployed again.
    pub deleted: bool,
    /// Since when the workflow is paused. Absent if it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<Timestamp>,
    /// All versions that were ever deployed, oldest first.
    pub versions: Vec<Version>,
}

/// A version of a workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Version {
    /// The SHA-256 of the component.
    pub version: String,
    /// When the version was first deployed.
    pub deployed: Timestamp,
    /// The size of the component, in bytes.
    pub size: u64,
}

/// The result of a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Deployed {
    /// The workflow's name.
    #[schema(example = "approval")]
    pub name: String,
    /// The version that new runs get from now on: the SHA-256 of the component.
    pub version: String,
    /// True if the upload was a core module, of which the host made the component.
    pub wrapped: bool,
    /// The workflows that have this version now: `name` alone, except for TypeScript. A file with `serveMany` is one workflow
    /// for each function, `NAME-FUNCTION`, and none of the name itself. A `failureFunction` is one more, `NAME-failed`.
    #[serde(default)]
    #[schema(example = json!(["approval"]))]
    pub workflows: Vec<String>,
    /// What the author of the workflow should be told, such as an option of `serve` that has no effect.
    #[serde(default)]
    pub notes: Vec<String>,
}
