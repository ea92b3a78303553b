//! The descriptions of providers that an operator adds to the built-in ones.

use std::path::Path;

use dormouse_webhook::provider::{LONGEST_DESCRIPTION, Provider, Providers};

use super::ConfigError;

/// The largest number of files in the folder. Nobody needs more providers.
const MOST: usize = 1_000;

/// Reads every `NAME.toml` in a folder, and runs its test vectors. The host does not start with a
/// description that does not work.
pub(super) fn from_folder(folder: &Path) -> Result<Providers, ConfigError> {
    let unreadable = |source| ConfigError::ProvidersUnreadable {
        path: folder.to_owned(),
        source,
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|ending| ending == "toml") {
            files.push(path);
        }
    }
    files.sort();
    if files.len() > MOST {
        return Err(ConfigError::Provider(format!(
            "{} has {} descriptions; it may have {MOST}",
            folder.display(),
            files.len()
        )));
    }
    let own = files.iter().map(|path| from_file(path));
    let own = own.collect::<Result<Vec<_>, _>>()?;
    Providers::with(own).map_err(|name| {
        ConfigError::Provider(format!(
            "{}: a description of {name:?} comes with this version, and a workflow that names it must get the same on every \
             host; give this one another name, in the file and in its `name`",
            folder.join(format!("{name}.toml")).display()
        ))
    })
}

fn from_file(path: &Path) -> Result<Provider, ConfigError> {
    let file = path.display().to_string();
    let unreadable = |source| ConfigError::ProvidersUnreadable {
        path: path.to_owned(),
        source,
    };
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    if size > LONGEST_DESCRIPTION as u64 {
        return Err(ConfigError::Provider(format!(
            "{file} has {size} bytes; a description may have {LONGEST_DESCRIPTION}"
        )));
    }
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    let provider = Provider::compile(&file, &text)
        .map_err(|error| ConfigError::Provider(error.to_string()))?;
    if path.file_stem().is_none_or(|stem| stem != provider.name()) {
        return Err(ConfigError::Provider(format!(
            "{file} has the name {:?}; name the file {}.toml",
            provider.name(),
            provider.name()
        )));
    }
    match provider.run_vectors().into_iter().next() {
        Some((line, why)) => {
            let text = format!("{file}, line {line}: {why}");
            Err(ConfigError::Provider(text))
        }
        None => Ok(provider),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACME: &str = r#"name = "acme"
title = "Acme"
page = "https://acme.example"
[[signature]]
algorithm = "token"
signature = { header = "X-Token" }
[[vector]]
from = "made"
secret = "s"
headers = { "X-Token" = "s" }
verdict = "accepted"
"#;

    fn read(files: &[(&str, &str)]) -> Result<Providers, String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        from_folder(folder.path()).map_err(|error| error.to_string())
    }

    #[track_caller]
    fn check_refused(files: &[(&str, &str)], parts: &[&str]) {
        let text = read(files).unwrap_err();
        for part in parts {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn a_folder_of_descriptions_is_read() {
        let providers = read(&[("acme.toml", ACME), ("README.md", "no description")]).unwrap();
        assert!(providers.get("acme").is_some());
        assert!(providers.get("stripe").is_some());
        assert!(from_folder(Path::new("/no/such/folder")).is_err());
    }

    #[test]
    fn a_broken_description_is_refused_with_file_and_line() {
        check_refused(&[("other.toml", ACME)], &["name the file acme.toml"]);
        check_refused(
            &[("acme.toml", &ACME.replace("\"token\"", "\"md5\""))],
            &["acme.toml, line 5", "hmac-sha256"],
        );
        check_refused(
            &[("acme.toml", &ACME.replace("= \"s\" }", "= \"t\" }"))],
            &["acme.toml, line 7", "signature-wrong"],
        );
        check_refused(
            &[("stripe.toml", &ACME.replace("\"acme\"", "\"stripe\""))],
            &["stripe.toml", "another name"],
        );
    }
}
