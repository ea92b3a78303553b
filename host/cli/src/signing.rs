//! Signing a request by hand, as a provider would.

use std::path::PathBuf;

use clap::Args;
use dormouse_api::SignatureScheme;
use dormouse_journal::{Header, Signature};
use dormouse_secret::Secret;
use dormouse_webhook::{check_signature, sign};

use crate::error::CliError;
use crate::input::without_line_break;
use crate::time::now;

/// The environment variable that can hold the secret. There is no flag for the secret itself: others on the machine can
/// read the command lines of its processes.
const VARIABLE: &str = "DORMOUSE_WEBHOOK_SECRET";

/// How a request is signed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Signature")]
pub(crate) struct Signing {
    /// Signs the request by this scheme, with the time of this machine
    #[arg(long, value_name = "SCHEME")]
    sign: Option<SignatureScheme>,

    /// A file that holds the secret. DORMOUSE_WEBHOOK_SECRET can hold the secret itself
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

    /// What stands before the digest of `hmac-sha256`, such as `sha256=`
    #[arg(long, value_name = "PREFIX", requires = "sign_header")]
    sign_prefix: Option<String>,
}

impl Signing {
    /// Returns the headers that sign this body: none if the command line names no scheme.
    pub(crate) fn headers(&self, body: &[u8]) -> Result<Vec<Header>, CliError> {
        let Some(scheme) = self.sign else {
            return Ok(Vec::new());
        };
        let check = Signature {
            scheme: scheme.into(),
            // A check names its secrets. Here there is only one, whose name nobody sees.
            secrets: vec!["secret".into()],
            header: self.sign_header.clone(),
            prefix: self.sign_prefix.clone(),
        };
        check_signature(&check).map_err(CliError::Usage)?;
        let secret = self.secret(|name| std::env::var(name).ok())?;
        sign(&check, secret.expose(), &new_id()?, now(), body)
            .map_err(|error| CliError::Usage(format!("the request cannot be signed: {error}")))
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
        Secret::new(without_line_break(bytes))
            .map_err(|error| CliError::Usage(format!("what {origin} holds is no secret: {error}")))
    }
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

    use super::*;

    const SECRET: &str = "c2VjcmV0LW9mLWEtdGVzdA==";

    fn signing(scheme: SignatureScheme, file: &tempfile::NamedTempFile) -> Signing {
        Signing {
            sign: Some(scheme),
            secret_file: Some(file.path().to_owned()),
            sign_header: None,
            sign_prefix: None,
        }
    }

    fn secret_file(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    #[test]
    fn every_scheme_makes_what_the_host_accepts() {
        use clap::ValueEnum as _;
        let file = secret_file(&format!("{SECRET}\n"));
        for scheme in SignatureScheme::value_variants() {
            let mut signing = signing(*scheme, &file);
            let generic = *scheme == SignatureScheme::HmacSha256;
            signing.sign_header = generic.then(|| "X-Mine".to_owned());
            signing.sign_prefix = generic.then(|| "v=".to_owned());
            let request = dormouse_journal::Request {
                method: "POST".into(),
                url: String::new(),
                headers: signing.headers(b"body").unwrap(),
                body: "body".into(),
            };
            let check = Signature {
                scheme: (*scheme).into(),
                secrets: vec!["s".into()],
                header: signing.sign_header,
                prefix: signing.sign_prefix,
            };
            let verified =
                dormouse_webhook::verify(&check, &[SECRET.as_bytes()], &request, now(), 60_000);
            assert_eq!(verified, Ok(()), "{scheme:?}");
        }
    }

    #[test]
    fn what_is_no_secret_is_not_repeated() {
        for text in ["short", "has a\ttab in it"] {
            let file = secret_file(text);
            let error = signing(SignatureScheme::Github, &file)
                .headers(b"")
                .unwrap_err()
                .to_string();
            assert!(error.contains("is no secret"), "{error}");
            assert!(!error.contains(text), "{error}");
        }
    }

    #[test]
    fn the_file_goes_before_the_variable_and_one_of_them_is_needed() {
        let file = secret_file("from the file");
        let mut signing = signing(SignatureScheme::Github, &file);
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
