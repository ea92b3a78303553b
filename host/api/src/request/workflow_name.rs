//! Names of workflows.

use super::Malformed;

/// The longest name of a workflow.
const LONGEST: usize = 64;

/// Checks the name of a workflow that may not exist yet.
///
/// # Errors
/// When a workflow cannot have this name.
pub fn workflow_name(name: &str) -> Result<&str, Malformed> {
    let allowed =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
    if (1..=LONGEST).contains(&name.len()) && name.bytes().all(allowed) {
        return Ok(name);
    }
    Err(Malformed::new(
        "invalid-workflow-name",
        &format!("{name:?}"),
        format!(
            "is not the name of a workflow: a name has 1 to {LONGEST} characters out of a-z, 0-9, - and _"
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_workflows_can_have() {
        let longest = "a".repeat(LONGEST);
        for name in ["a", "approval", "fan-out_2", longest.as_str()] {
            assert_eq!(workflow_name(name), Ok(name));
        }
    }

    #[test]
    fn names_that_they_cannot() {
        let too_long = "a".repeat(LONGEST + 1);
        for name in [
            "",
            "Approval",
            "a b",
            "a/b",
            "\u{fc}",
            ".",
            too_long.as_str(),
        ] {
            let error = workflow_name(name).unwrap_err();
            assert_eq!(error.code, "invalid-workflow-name");
            assert!(error.detail.contains("a-z, 0-9, - and _"), "{error}");
        }
    }
}
