//! Workflows and their versions.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Timestamp;

/// All workflows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Workflows {
    /// Those that are not deleted, by name.
    pub workflows: Vec<Workflow>,
}

/// A workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Workflow {
    /// Its name.
    #[schema(example = "approval")]
    pub name: String,
    /// The version that new runs get: the SHA-256 of its component.
    pub version: String,
    /// Whether it was deleted, so that no new runs are started until it is deployed again.
    pub deleted: bool,
    /// Since when its runs are paused. Absent if the workflow is not paused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<Timestamp>,
    /// All versions that were ever deployed, oldest first.
    pub versions: Vec<Version>,
}

/// A version of a workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Version {
    /// The SHA-256 of its component.
    pub version: String,
    /// When it was first deployed.
    pub deployed: Timestamp,
    /// The size of its component in bytes.
    pub size: u64,
}

/// What was deployed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Deployed {
    /// The workflow's name.
    #[schema(example = "approval")]
    pub name: String,
    /// The version that new runs get from now on: the SHA-256 of the component.
    pub version: String,
    /// Whether the upload was a core module, of which the host made the component.
    pub wrapped: bool,
}
