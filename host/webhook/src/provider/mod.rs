//! Providers: how they sign, probe and repeat, as descriptions in files instead of code.
//!
//! A description is TOML; `docs/reference/provider-format.md` explains it. It is compiled once ([`Provider::compile`])
//! and then used for each request: [`Check::read_head`] reads the head, and [`Check::verify`] and [`Check::probe`] read the
//! whole request. Requests are read strictly: what a provider would never send is refused, even if a digest could be
//! extracted from it.

mod algorithm;
mod catalogue;
mod check;
mod compile;
mod condition;
mod delivery;
mod encoding;
mod format;
mod handshake;
mod head_signatures;
mod keys;
mod moment;
mod place;
mod probe;
mod repeat;
mod sign;
mod template;
mod trial;
mod unsupported;
mod url;
mod vector;

use dormouse_journal::{Request, Response};

pub use catalogue::Providers;
pub use check::Tolerance;
pub use compile::{DescriptionError, LONGEST_DESCRIPTION};
pub use delivery::Repeat;
pub use handshake::{Probe, Unanswered};
pub use head_signatures::HeadSignatures;
pub use probe::MayBeProbe;
pub use sign::CannotSign;
pub use unsupported::UnsupportedProvider;

/// The compiled description of a provider.
#[derive(Debug)]
pub struct Provider {
    name: String,
    title: String,
    page: String,
    note: Option<String>,
    text: String,
    masked: Vec<String>,
    settings: Vec<Setting>,
    signatures: Vec<check::Signature>,
    repeats: Vec<repeat::Rule>,
    handshakes: Vec<handshake::Handshake>,
    accepted: Option<Response>,
    refused: Option<Response>,
    vectors: Vec<vector::Vector>,
}

/// A setting that a webhook gives for a description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The name of the setting.
    pub name: String,
    /// The purpose of the setting.
    pub help: String,
    /// The value if the webhook gives none. Without a default, the webhook must give a value.
    pub default: Option<String>,
    kind: format::SettingKind,
}

/// A description together with the values that a webhook gives to its settings.
#[derive(Debug, Clone)]
pub struct Check<'a> {
    provider: &'a Provider,
    settings: Vec<&'a str>,
}

/// The longest value of a setting, in bytes.
const LONGEST_SETTING: usize = 64;

impl Provider {
    /// Returns the name by which webhooks ask for the provider.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the name that people know.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Returns the URL of the provider's own page about its webhooks.
    #[must_use]
    pub fn page(&self) -> &str {
        &self.page
    }

    /// Returns a note that users must know.
    #[must_use]
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// Returns the text of the description.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the settings that a webhook can or must give.
    #[must_use]
    pub fn settings(&self) -> &[Setting] {
        &self.settings
    }

    /// Returns true if the provider signs its requests, or proves itself by a token.
    #[must_use]
    pub fn signs(&self) -> bool {
        !self.signatures.is_empty()
    }

    /// Returns true if the provider probes a URL.
    #[must_use]
    pub fn probes(&self) -> bool {
        !self.handshakes.is_empty()
    }

    /// Returns true if a probe's answer depends on a secret.
    #[must_use]
    pub fn probes_with_secret(&self) -> bool {
        self.handshakes
            .iter()
            .any(handshake::Handshake::needs_secret)
    }

    /// Returns true if repeats of a request are recognised by data that the provider sends.
    #[must_use]
    pub fn repeats(&self) -> bool {
        !self.repeats.is_empty()
    }

    /// Returns true if a probe contains the secret.
    #[must_use]
    pub fn probe_contains_secret(&self) -> bool {
        self.handshakes.iter().any(|probe| probe.learns.is_some())
    }

    /// Returns the answer that the provider wants to an accepted request, if it wants a particular one.
    #[must_use]
    pub fn accepted(&self) -> Option<&Response> {
        self.accepted.as_ref()
    }

    /// Returns the answer that the provider wants to a request without proof, if it wants a particular one.
    #[must_use]
    pub fn refused(&self) -> Option<&Response> {
        self.refused.as_ref()
    }

    /// Checks the settings of a webhook.
    ///
    /// # Errors
    /// When a setting is missing, unknown, given twice, or has an invalid value. The sentence tells the author what to
    /// change.
    pub fn check<'a>(&'a self, given: &'a [(String, String)]) -> Result<Check<'a>, String> {
        if let Some((name, _)) = given
            .iter()
            .find(|(name, _)| !self.settings.iter().any(|known| known.name == *name))
        {
            return Err(self.unknown_setting(name));
        }
        let mut settings = Vec::with_capacity(self.settings.len());
        for setting in &self.settings {
            let mut values = given.iter().filter(|(name, _)| *name == setting.name);
            let value = match (values.next(), values.next(), &setting.default) {
                (Some((_, value)), None, _) => value,
                (Some(_), Some(_), _) => {
                    return Err(format!(
                        "the setting {:?} of `{}` was given twice; give it once",
                        setting.name, self.name
                    ));
                }
                (None, _, Some(default)) => default,
                (None, _, None) => {
                    return Err(format!(
                        "`{}` was given no setting `{}`: {}",
                        self.name, setting.name, setting.help
                    ));
                }
            };
            setting.check(value)?;
            settings.push(value.as_str());
        }
        Ok(Check {
            provider: self,
            settings,
        })
    }

    fn unknown_setting(&self, name: &str) -> String {
        let known: Vec<&str> = self
            .settings
            .iter()
            .map(|known| known.name.as_str())
            .collect();
        let known = match known.as_slice() {
            [] => "none".to_owned(),
            known => known.join(", "),
        };
        format!(
            "`{}` was given the setting {}, which it does not have; it has {known}",
            self.name,
            shown(name)
        )
    }
}

impl Setting {
    fn check(&self, value: &str) -> Result<(), String> {
        let is_right = match self.kind {
            format::SettingKind::Header => is_header_name(value),
            // HTTP removes spaces from the start of a value.
            format::SettingKind::Text => {
                value.bytes().all(|byte| (b' '..=b'~').contains(&byte))
                    && !value.starts_with(' ')
                    && value.len() <= LONGEST_SETTING
            }
        };
        if is_right {
            return Ok(());
        }
        let wanted = match self.kind {
            format::SettingKind::Header => "the name of a header, such as `X-Signature`",
            format::SettingKind::Text => "visible ASCII characters that do not begin with a space",
        };
        Err(format!(
            "the setting `{}` is {}; it must be {wanted}, with at most {LONGEST_SETTING} characters",
            self.name,
            shown(value)
        ))
    }
}

impl<'a> Check<'a> {
    /// Returns the description.
    #[must_use]
    pub fn provider(&self) -> &'a Provider {
        self.provider
    }

    fn settings(&self) -> &[&'a str] {
        &self.settings
    }

    fn reading<'r>(&'r self, head: &'r Request, body: &'r [u8]) -> place::Reading<'r> {
        place::Reading {
            head,
            body,
            settings: &self.settings,
            element: None,
        }
    }
}

/// Returns true if a text is a token of RFC 9110, section 5.6.2.
fn is_header_name(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    (1..=LONGEST_SETTING).contains(&name.len()) && name.bytes().all(is_letter)
}

/// Returns as much of a text as fits into a sentence.
pub(crate) fn shown(text: &str) -> String {
    let start: String = text.chars().take(LONGEST_SETTING).collect();
    let more = if start.len() < text.len() { "…" } else { "" };
    format!("{start:?}{more}")
}
