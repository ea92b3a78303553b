//! Signs a request by hand, as a provider would.

use std::path::PathBuf;

use clap::Args;
use dormouse_journal::{Header, Request, Signature};
use dormouse_secret::Secret;
use dormouse_webhook::check_signature;
use dormouse_webhook::provider::{Provider, Providers};

use crate::error::CliError;
use crate::input::without_line_break;
use crate::time::now;

/// The environment variable that can hold the secret. There is no flag for the secret itself, since others on the
/// machine can read the command lines of its processes.
const VARIABLE: &str = "DORMOUSE_WEBHOOK_SECRET";

/// How a request is signed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Signature")]
pub(crate) struct Signing {
    /// Signs the request as this provider does, with the time of this machine; `dormouse providers` lists the names
    #[arg(long, value_name = "PROVIDER")]
    sign: Option<String>,

    /// A file with a description of the provider, if it does not come with Dormouse
    #[arg(long, value_name = "FILE", requires = "sign")]
    sign_description: Option<PathBuf>,

    /// A setting that the provider's description asks for
    #[arg(long, value_name = "NAME=VALUE", requires = "sign", value_parser = setting)]
    sign_setting: Vec<(String, String)>,

    /// A file with the secret. DORMOUSE_WEBHOOK_SECRET can hold the secret itself
    #[arg(long, value_name = "FILE", requires = "sign")]
    secret_file: Option<PathBuf>,

    /// The header of `hmac-sha256`
    #[arg(
        long,
        value_name = "NAME",
        requires = "sign",
        required_if_eq("sign", "hmac-sha256")
    )]
    sign_header: Option<String>,

    /// The text before the digest of `hmac-sha256`, such as `sha256=`
    #[arg(long, value_name = "PREFIX", requires = "sign_header")]
    sign_prefix: Option<String>,
}

impl Signing {
    /// Returns the headers that sign this request. There are none if the command line names no provider.
    pub(crate) fn headers(&self, request: &Request) -> Result<Vec<Header>, CliError> {
        let Some(name) = &self.sign else {
            return Ok(Vec::new());
        };
        let own = self.description()?;
        let known = Providers::default();
        let own = own.as_ref().filter(|own| own.name() == name);
        let provider = own.or_else(|| known.get(name).map(AsRef::as_ref));
        let provider = provider.ok_or_else(|| unknown(name, &known))?;
        let header = self.sign_header.iter().map(|value| ("header", value));
        let prefix = self.sign_prefix.iter().map(|value| ("prefix", value));
        let flags = header.chain(prefix);
        let flags = flags.map(|(name, value)| (name.to_owned(), value.clone()));
        let signature = Signature {
            provider: name.clone(),
            // A check names its secrets. Here is only one, whose name is not shown.
            secrets: vec!["secret".into()],
            settings: flags.chain(self.sign_setting.iter().cloned()).collect(),
        };
        let check = check_signature(provider, &signature).map_err(CliError::Usage)?;
        let secret = self.secret(|name| std::env::var(name).ok())?;
        check
            .sign(secret.expose(), &new_id()?, now(), request)
            .map_err(|error| CliError::Usage(format!("the request cannot be signed: {error}")))
    }

    /// Returns the description that the command line names.
    fn description(&self) -> Result<Option<Provider>, CliError> {
        let Some(path) = &self.sign_description else {
            return Ok(None);
        };
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| CliError::Usage(format!("{file} cannot be read: {error}")))?;
        let provider = Provider::compile(&file, &text);
        let provider = provider.map_err(|error| CliError::Usage(error.to_string()))?;
        Ok(Some(provider))
    }

    fn secret(&self, variable: impl Fn(&str) -> Option<String>) -> Result<Secret, CliError> {
        let (bytes, origin) = match &self.secret_file {
            Some(path) => {
                let bytes = std::fs::read(path).map_err(|error| {
                    CliError::Usage(format!("{} cannot be read: {error}", path.display()))
                })?;
                (bytes, path.display().to_string())
            }
            None => match variable(VARIABLE) {
                Some(text) => (text.into_bytes(), VARIABLE.to_owned()),
                None => {
                    return Err(CliError::Usage(format!(
                        "there is no secret to sign with: give it with --secret-file FILE or in {VARIABLE}"
                    )));
                }
            },
        };
        Secret::new(without_line_break(bytes)).map_err(|error| {
            CliError::Usage(format!("the content of {origin} is not a secret: {error}"))
        })
    }
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn unknown(name: &str, known: &Providers) -> CliError {
    CliError::Usage(format!(
        "{name:?} is not a provider that comes with Dormouse: {}; name a file that describes it with --sign-description FILE",
        known.suggestion(name)
    ))
}

/// Returns a new id for a request, as Standard Webhooks writes it.
fn new_id() -> Result<String, CliError> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(CliError::NoRandomness)?;
    Ok(format!("msg_{:032x}", u128::from_be_bytes(random)))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use dormouse_webhook::provider::Tolerance;

    use super::*;

    const SECRET: &str = "c2VjcmV0LW9mLWEtdGVzdA==";

    fn signing(provider: &str, file: &tempfile::NamedTempFile) -> Signing {
        Signing {
            sign: Some(provider.to_owned()),
            sign_description: None,
            sign_setting: Vec::new(),
            secret_file: Some(file.path().to_owned()),
            sign_header: None,
            sign_prefix: None,
        }
    }

    fn request() -> Request {
        Request {
            method: "POST".into(),
            url: "https://hooks.example/hooks/AAEB".into(),
            headers: Vec::new(),
            body: "body".into(),
        }
    }

    fn secret_file(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    #[test]
    fn a_signed_request_is_accepted() {
        let file = secret_file(&format!("{SECRET}\n"));
        let known = Providers::default();
        for name in [
            "standard-webhooks",
            "github",
            "stripe",
            "slack",
            "hmac-sha256",
        ] {
            let mut signing = signing(name, &file);
            let generic = name == "hmac-sha256";
            signing.sign_header = generic.then(|| "X-Mine".to_owned());
            signing.sign_prefix = generic.then(|| "v=".to_owned());
            let headers = signing.headers(&request()).unwrap();
            let request = Request {
                headers,
                ..request()
            };
            let setting = |name: &str, value: &str| (name.to_owned(), value.to_owned());
            let settings = match generic {
                true => vec![setting("header", "X-Mine"), setting("prefix", "v=")],
                false => Vec::new(),
            };
            let check = known.get(name).unwrap().check(&settings).unwrap();
            let tolerance = Tolerance {
                own: None,
                usual: 60_000,
                most: 60_000,
            };
            let signatures = check.read_head(&request, now(), tolerance).unwrap();
            let proven = check.verify(&signatures, &[SECRET.as_bytes()], &request);
            assert_eq!(proven, Ok(()), "{name}");
        }
    }

    #[test]
    fn a_provider_that_is_not_known_is_named_with_those_that_are() {
        let file = secret_file(SECRET);
        let error = signing("strip", &file).headers(&request()).unwrap_err();
        let error = error.to_string();
        assert!(error.contains("--sign-description"), "{error}");
        assert!(error.contains("stripe"), "{error}");
    }

    #[test]
    fn an_invalid_secret_is_not_repeated() {
        for text in ["short", "has a\ttab in it"] {
            let file = secret_file(text);
            let error = signing("github", &file)
                .headers(&request())
                .unwrap_err()
                .to_string();
            assert!(error.contains("is not a secret"), "{error}");
            assert!(!error.contains(text), "{error}");
        }
    }

    #[test]
    fn the_file_goes_before_the_variable_and_one_of_them_is_needed() {
        let file = secret_file("from the file");
        let mut signing = signing("github", &file);
        let variable = |_: &str| Some("from the variable".to_owned());
        let secret = signing.secret(variable).unwrap();
        assert_eq!(secret.expose_text(), "from the file");
        signing.secret_file = None;
        let secret = signing.secret(variable).unwrap();
        assert_eq!(secret.expose_text(), "from the variable");
        let error = signing.secret(|_| None).unwrap_err().to_string();
        assert!(error.contains("--secret-file"), "{error}");
    }
}
