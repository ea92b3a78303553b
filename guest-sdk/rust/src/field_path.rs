//! Where in a value something does not fit.

/// The path of the field, unless the value as a whole is meant.
pub(crate) fn place(path: &serde_path_to_error::Path) -> String {
    if path.iter().next().is_none() {
        String::new()
    } else {
        format!("at `{path}`: ")
    }
}
