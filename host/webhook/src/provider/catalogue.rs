//! The descriptions that a host knows.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use super::{Provider, UnsupportedProvider};

/// The files of `host/webhook/providers/`, each with its name.
macro_rules! built_in {
    ($($name:literal)*) => {
        &[$((
            concat!($name, ".toml"),
            include_str!(concat!("../../providers/", $name, ".toml")),
        )),*]
    };
}

/// The built-in descriptions, in the order of their names. A test compares this list with the folder.
const BUILT_IN: &[(&str, &str)] = built_in! {
    "adyen"
    "airtable"
    "alchemy"
    "asana"
    "auth0"
    "azure-devops"
    "azure-event-grid"
    "basic"
    "bitbucket"
    "box"
    "buildkite"
    "cal-com"
    "calendly"
    "chargebee"
    "circleci"
    "clerk"
    "cloudevents"
    "cloudflare-stream"
    "cloudflare"
    "cloudinary"
    "coinbase-commerce"
    "customer-io"
    "discord-events"
    "discord"
    "discourse"
    "docusign"
    "dropbox"
    "elevenlabs"
    "figma"
    "flutterwave"
    "forgejo"
    "ghost"
    "gitea"
    "github"
    "gitlab"
    "gocardless"
    "google-channels"
    "grafana"
    "help-scout"
    "heroku"
    "hmac-sha1"
    "hmac-sha256"
    "hmac-sha512"
    "hubspot"
    "intercom"
    "jira"
    "klaviyo"
    "ko-fi"
    "launchdarkly"
    "lemon-squeezy"
    "line"
    "linear"
    "mailgun"
    "mandrill"
    "meta"
    "microsoft-graph"
    "microsoft-teams"
    "mollie"
    "monday"
    "mux"
    "notion"
    "okta"
    "paddle"
    "pagerduty"
    "paystack"
    "postmark"
    "pusher"
    "quickbooks"
    "razorpay"
    "recurly"
    "resend"
    "sanity"
    "segment"
    "sendgrid"
    "sentry"
    "shopify"
    "slack"
    "snyk"
    "square"
    "standard-webhooks"
    "strava"
    "stripe"
    "svix"
    "tally"
    "telegram"
    "telnyx"
    "terraform"
    "token-in-query"
    "token"
    "trello"
    "twilio"
    "twitch"
    "typeform"
    "vercel"
    "viber"
    "webflow"
    "websub"
    "whatsapp"
    "woocommerce"
    "workos"
    "xero"
    "zendesk"
    "zoom"
};

/// The compiled descriptions, at the places of their files. They are compiled when they are first needed: most hosts
/// use a few, and compiling all takes some time.
static COMPILED: [OnceLock<Option<Arc<Provider>>>; BUILT_IN.len()] =
    [const { OnceLock::new() }; BUILT_IN.len()];

/// Returns the description of this name, if it is built in.
fn built_in(name: &str) -> Option<&'static Arc<Provider>> {
    let mut places = BUILT_IN.iter().zip(&COMPILED);
    let ((file, text), place) = places.find(|((file, _), _)| stem(file) == name)?;
    // A test compiles each of them. A description that did not compile would be unknown.
    let compile = || Provider::compile(file, text).ok().map(Arc::new);
    place.get_or_init(compile).as_ref()
}

fn stem(file: &str) -> &str {
    file.strip_suffix(".toml").unwrap_or(file)
}

/// The largest number of known names in the error for an unknown one.
const ALIKE: usize = 6;

/// The number of letters by which names are similar.
const START: usize = 3;

/// Returns true if one of two names is contained in the other, ignoring capitals and signs, or if they have the same
/// beginning.
fn is_alike(known: &str, given: &str) -> bool {
    let letters = |name: &str| -> String {
        let letters = name.chars().filter(char::is_ascii_alphanumeric);
        letters.map(|letter| letter.to_ascii_lowercase()).collect()
    };
    let (known, given) = (letters(known), letters(given));
    let start = given.get(..START);
    known.contains(&given) && !given.is_empty()
        || given.contains(&known)
        || start.is_some_and(|start| known.starts_with(start))
}

/// The descriptions that a host knows: the built-in ones, and those of its operator.
#[derive(Debug, Clone, Default)]
pub struct Providers {
    own: Arc<BTreeMap<String, Arc<Provider>>>,
}

impl Providers {
    /// Creates the set of the built-in descriptions and these.
    ///
    /// # Errors
    /// With the name of a description that exists already: otherwise the name would have another meaning on another
    /// host.
    pub fn with(own: impl IntoIterator<Item = Provider>) -> Result<Self, String> {
        let mut all = BTreeMap::new();
        for provider in own {
            let name = provider.name().to_owned();
            if Self::is_built_in(&name) || all.contains_key(&name) {
                return Err(name);
            }
            all.insert(name, Arc::new(provider));
        }
        Ok(Providers { own: Arc::new(all) })
    }

    /// Returns the description of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Provider>> {
        built_in(name).or_else(|| self.own.get(name))
    }

    /// Returns all descriptions, in the order of their names.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Provider>> {
        let compiled = BUILT_IN.iter().filter_map(|(file, _)| built_in(stem(file)));
        let mut all: Vec<&Arc<Provider>> = compiled.chain(self.own.values()).collect();
        all.sort_by_key(|provider| provider.name());
        all.into_iter()
    }

    /// Returns the end of a sentence that says why there is no description of this name, or which name may have been
    /// meant.
    #[must_use]
    pub fn suggestion(&self, name: &str) -> String {
        if let Some(unsupported) = UnsupportedProvider::of(name) {
            return unsupported.to_string();
        }
        let built_in = BUILT_IN.iter().map(|(file, _)| stem(file));
        let known = built_in.chain(self.own.keys().map(String::as_str));
        let alike: Vec<&str> = known
            .filter(|known| is_alike(known, name))
            .take(ALIKE)
            .collect();
        let count = BUILT_IN.len() + self.own.len();
        match alike.as_slice() {
            [] => format!("it knows {count} others, which `dormouse providers` lists"),
            alike => format!(
                "it knows {count} others, {} among them, which `dormouse providers` lists",
                alike.join(", ")
            ),
        }
    }

    /// Returns true if a description of this name is built in.
    #[must_use]
    pub fn is_built_in(name: &str) -> bool {
        BUILT_IN.iter().any(|(file, _)| stem(file) == name)
    }

    /// Returns the built-in files, each name with its text.
    #[must_use]
    pub fn built_in_files() -> &'static [(&'static str, &'static str)] {
        BUILT_IN
    }
}
