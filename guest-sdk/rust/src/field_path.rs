//! The place in a value at which something is wrong.

/// Returns the path of the field, or `None` if the value as a whole is wrong.
pub(crate) fn place(path: &serde_path_to_error::Path) -> String {
    if path.iter().next().is_none() {
        String::new()
    } else {
        format!("at `{path}`: ")
    }
}
