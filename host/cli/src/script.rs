//! Deployments of TypeScript and JavaScript files: a bundle of the file's modules, with the variables of `process.env`.
//! The variables of `os.environ` in Python come from the same flags.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::Args;
use dormouse_api::Secrets;
use dormouse_script::Collected;
use dormouse_secret::SecretName;

use crate::client::Client;
use crate::error::CliError;
use crate::python;
use crate::terminal::Terminal;

/// The endings of files that are bundled before they are uploaded.
const ENDINGS: [&str; 8] = ["ts", "tsx", "mts", "cts", "js", "jsx", "mjs", "cjs"];

/// The largest number of variables of a workflow.
const VARIABLES: usize = 1_000;

/// What `process.env` holds.
#[derive(Debug, Default, Args)]
pub struct Environment {
    /// Sets an environment variable of the workflow, which becomes part of the version; give the flag again for others.
    /// TypeScript
    /// and Python only
    #[arg(long = "env", value_name = "NAME=VALUE")]
    env: Vec<String>,

    /// Sets the environment variables in a file, which has one NAME=VALUE on each line. --env takes precedence. TypeScript and
    /// Python only
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,

    /// Sets an environment variable to a placeholder for the host's secret of this name. In the headers of calls
    /// to the origins that the secret may be sent to, the host replaces the placeholder with the secret. Give the flag again for
    /// others. TypeScript and Python only
    #[arg(long = "secret", value_name = "NAME")]
    secrets: Vec<SecretName>,
}

/// Returns true if a file is bundled before it is uploaded.
pub(crate) fn is_script(file: &Path) -> bool {
    let ending = file.extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| ENDINGS.contains(&ending))
}

fn collect(file: &Path) -> Result<Collected, CliError> {
    dormouse_script::collect(file).map_err(|error| CliError::Usage(error.to_string()))
}

impl Environment {
    /// Returns the bytes to deploy for a file, without asking a host: the file itself, or the bundle or component that
    /// is made of it.
    ///
    /// # Errors
    /// If the file cannot be read, or no bundle or component can be made of it.
    pub fn read_component(&self, file: &Path) -> Result<Vec<u8>, CliError> {
        if !is_script(file) {
            return self.read_other(file);
        }
        let (env, secrets) = self.given()?;
        let mut bundle = collect(file)?.bundle;
        bundle.env = env;
        bundle.secrets = secrets.into_iter().collect();
        Ok(bundle.encode())
    }

    /// Reads a file that is not a script. A component is returned as it is and has no environment, and a component is
    /// made of a file in Python.
    pub(crate) fn read_other(&self, file: &Path) -> Result<Vec<u8>, CliError> {
        if python::is_python(file) {
            return python::build(file, &self.arguments());
        }
        self.refuse()?;
        std::fs::read(file)
            .map_err(|error| CliError::Usage(format!("{} cannot be read: {error}", file.display())))
    }

    /// Returns the flags of the environment as they were given.
    fn arguments(&self) -> Vec<String> {
        let env = self.env.iter().map(|variable| ("--env", variable.clone()));
        let file = self.env_file.iter();
        let file = file.map(|file| ("--env-file", file.display().to_string()));
        let secrets = self.secrets.iter().cloned();
        let secrets = secrets.map(|secret| ("--secret", String::from(secret)));
        let all = env.chain(file).chain(secrets);
        all.flat_map(|(name, value)| [name.to_owned(), value])
            .collect()
    }

    /// Returns an error if there are flags of the environment, which a component could not see.
    fn refuse(&self) -> Result<(), CliError> {
        if self.env.is_empty() && self.env_file.is_none() && self.secrets.is_empty() {
            return Ok(());
        }
        Err(CliError::Usage(
            "--env, --env-file and --secret are for files of TypeScript, JavaScript and Python; a component has no environment, \
             so give it what it needs as its input"
                .into(),
        ))
    }

    /// Bundles a file. Prints the names of variables that the program reads and that nothing sets.
    pub(crate) fn bundle(
        &self,
        workflow: &str,
        file: &Path,
        client: &Client,
        terminal: &mut Terminal,
    ) -> Result<Vec<u8>, CliError> {
        let (env, mut secrets) = self.given()?;
        let Collected {
            mut bundle,
            variables,
            listens,
        } = collect(file)?;
        if let Some(place) = listens {
            terminal.note(&format!(
                "{place}: `listen` does nothing: a workflow is not a server, and the host starts its runs"
            ))?;
        }
        let is_unset = |name: &&String| !env.contains_key(*name) && !secrets.contains(*name);
        let unset: Vec<String> = variables.iter().filter(is_unset).cloned().collect();
        let held = sendable(client, workflow, &unset);
        for name in unset.iter().filter(|name| *name != "NODE_ENV") {
            if held.contains(name) {
                terminal.note(&format!("{name} stands for the host's secret {name}"))?;
            } else {
                terminal.note(&format!(
                    "the program reads {name}, which nothing sets; set it with `--env {name}=VALUE`, or with `--secret {name}` if \
                     it is a secret of the host"
                ))?;
            }
        }
        secrets.extend(held);
        bundle.env = env;
        bundle.secrets = secrets.into_iter().collect();
        Ok(bundle.encode())
    }

    /// Returns the variables and the names of secrets that the flags give.
    fn given(&self) -> Result<(BTreeMap<String, String>, BTreeSet<String>), CliError> {
        let env = self.variables()?;
        let secrets: BTreeSet<String> = self.secrets.iter().cloned().map(String::from).collect();
        match secrets.iter().find(|name| env.contains_key(*name)) {
            None => Ok((env, secrets)),
            Some(twice) => Err(CliError::Usage(format!(
                "{twice} is given as a variable and as a secret; give only one of them"
            ))),
        }
    }

    /// Returns the variables of the file and of the flags.
    fn variables(&self) -> Result<BTreeMap<String, String>, CliError> {
        let mut variables = BTreeMap::new();
        if let Some(file) = &self.env_file {
            let text = std::fs::read_to_string(file).map_err(|error| {
                CliError::Usage(format!("{} cannot be read: {error}", file.display()))
            })?;
            for (number, line) in text.lines().enumerate() {
                let of_line = line_of_file(line).map_err(|why| {
                    // The line is not shown, since it may hold a secret.
                    let place = format!("{}:{}", file.display(), number + 1);
                    CliError::Usage(format!("{place}: {why}"))
                })?;
                variables.extend(of_line);
            }
        }
        for given in &self.env {
            let (name, value) = given
                .split_once('=')
                .ok_or_else(|| CliError::Usage("--env takes NAME=VALUE".into()))?;
            check_name(name).map_err(|why| CliError::Usage(format!("--env: {why}")))?;
            variables.insert(name.to_owned(), value.to_owned());
        }
        if variables.len() > VARIABLES {
            let why = format!("a workflow has {VARIABLES} variables at most");
            return Err(CliError::Usage(why));
        }
        Ok(variables)
    }
}

/// Returns the variable that a line of a file sets, if there is one.
fn line_of_file(line: &str) -> Result<Option<(String, String)>, String> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line
        .split_once('=')
        .ok_or("a line is NAME=VALUE, or begins with # and is skipped")?;
    let (name, value) = (name.trim(), value.trim());
    check_name(name)?;
    Ok(Some((name.to_owned(), unquoted(value)?)))
}

/// Returns a value without its quotes. In double quotes, `\n` is a line break.
fn unquoted(value: &str) -> Result<String, String> {
    let Some(quote) = value.chars().next().filter(|first| "\"'`".contains(*first)) else {
        let end = value.find(" #").unwrap_or(value.len());
        return Ok(value.get(..end).unwrap_or(value).trim_end().to_owned());
    };
    let inner = value.get(1..).unwrap_or_default();
    let (inner, _) = inner
        .rsplit_once(quote)
        .ok_or("the value's quote is not closed on its line")?;
    Ok(if quote == '"' {
        inner.replace("\\n", "\n").replace("\\\"", "\"")
    } else {
        inner.to_owned()
    })
}

fn check_name(name: &str) -> Result<(), String> {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let begins = name
        .bytes()
        .next()
        .is_some_and(|byte| !byte.is_ascii_digit());
    if begins && name.len() <= 256 && name.bytes().all(is_letter) {
        return Ok(());
    }
    Err("a variable's name has letters, digits and _, and does not begin with a digit".into())
}

/// Returns those of these names that are secrets of the host which calls of the workflow may carry. The workflows whose
/// names begin with this one's name and a `-` count too, since they are of the same file. The result is empty if the
/// host does not list its secrets: it will then refuse the deployment too.
fn sendable(client: &Client, workflow: &str, names: &[String]) -> BTreeSet<String> {
    if names.is_empty() {
        return BTreeSet::new();
    }
    let listed = client.get(&client.url(&["secrets"]));
    let listed = listed.ok().and_then(|answer| answer.json::<Secrets>().ok());
    let secrets = listed.map(|listed| listed.secrets).unwrap_or_default();
    let is_own = |name: &str| {
        let rest = name.strip_prefix(workflow);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    let sendable = secrets.into_iter().filter(|secret| {
        names.contains(&secret.name)
            && secret
                .uses
                .iter()
                .any(|granted| is_own(&granted.workflow) && granted.send_to.is_some())
    });
    sendable.map(|secret| secret.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_file_of_variables() {
        let value = |line: &str| line_of_file(line).map(|set| set.map(|(_, value)| value));
        for (line, expected) in [
            ("", None),
            ("  # a comment", None),
            ("A=b", Some("b")),
            ("export A = b c # why", Some("b c")),
            ("A='b # c'", Some("b # c")),
            ("A=\"b\\nc\"", Some("b\nc")),
            ("A=", Some("")),
            ("A=b=c", Some("b=c")),
        ] {
            assert_eq!(value(line), Ok(expected.map(str::to_owned)), "{line}");
        }
        for line in ["A", "1A=b", "A-B=c", "A=\"b", "=b"] {
            assert!(value(line).is_err(), "{line}");
        }
    }
}
