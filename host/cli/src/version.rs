//! Finds versions by the beginning of their SHA-256, as people write it.

use dormouse_api::Workflow;

use crate::client::Client;
use crate::error::CliError;
use crate::text::plain_line;

/// The number of hexadecimal digits of a whole version.
const WHOLE: usize = 64;

/// Returns the one version of a workflow that begins with `text`. A whole version is returned unchanged: the host
/// knows whether there is such a version.
pub(crate) fn find(client: &Client, workflow: &str, text: &str) -> Result<String, CliError> {
    if is_whole(text) {
        return Ok(text.to_owned());
    }
    let workflow: Workflow = client.get(&client.url(&["workflows", workflow]))?.json()?;
    choose(&workflow, text).map_err(CliError::Usage)
}

/// Returns true if the text is long enough for a whole version.
pub(crate) fn is_whole(text: &str) -> bool {
    text.len() >= WHOLE
}

fn choose(workflow: &Workflow, text: &str) -> Result<String, String> {
    let versions = workflow.versions.iter().map(|known| known.version.as_str());
    let mut found = versions.filter(|version| version.starts_with(text));
    let name = plain_line(&workflow.name);
    match (found.next(), found.next()) {
        (Some(version), None) if !text.is_empty() => Ok(version.to_owned()),
        (None, _) => Err(format!(
            "{name} has no version that begins with {text:?}; `dormouse workflows show {name}` lists those it has"
        )),
        _ => Err(format!(
            "several versions of {name} begin with {text:?}; give more digits"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_named_by_its_beginning() {
        let version = |version: &str| serde_json::json!({"version": version, "deployed": "2026-03-01T08:00:00.000Z", "size": 1});
        let workflow: Workflow = serde_json::from_value(serde_json::json!({
            "name": "approval", "version": "3a0c", "deleted": false,
            "versions": [version("3a0c"), version("3a1d")],
        }))
        .unwrap();
        assert_eq!(choose(&workflow, "3a1").unwrap(), "3a1d");
        for (text, says) in [("3a", "several"), ("", "several"), ("ff", "has no version")] {
            let error = choose(&workflow, text).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }
}
