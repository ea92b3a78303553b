//! The descriptions that a host knows.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use super::{Provider, Unsayable};

/// Each file of `host/webhook/providers/`, with its name.
macro_rules! built_in {
    ($($name:literal)*) => {
        &[$((
            concat!($name, ".toml"),
            include_str!(concat!("../../providers/", $name, ".toml")),
        )),*]
    };
}

/// The descriptions that are compiled in, in the order of their names. A test compares this list with the folder.
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

/// Those that were asked for, at the places of their files: most hosts use a few, and compiling all takes a while.
static COMPILED: [OnceLock<Option<Arc<Provider>>>; BUILT_IN.len()] =
    [const { OnceLock::new() }; BUILT_IN.len()];

/// Returns the description of this name, if it is compiled in.
fn built_in(name: &str) -> Option<&'static Arc<Provider>> {
    let mut places = BUILT_IN.iter().zip(&COMPILED);
    let ((file, text), place) = places.find(|((file, _), _)| stem(file) == name)?;
    // A test compiles each: one that did not compile would be one that is not known.
    let compile = || Provider::compile(file, text).ok().map(Arc::new);
    place.get_or_init(compile).as_ref()
}

fn stem(file: &str) -> &str {
    file.strip_suffix(".toml").unwrap_or(file)
}

/// Names that are told to somebody who gave one that is not known.
const ALIKE: usize = 6;

/// Letters by which names are alike.
const START: usize = 3;

/// Returns true if one of two names is in the other, whatever their capitals and signs, or if they begin alike.
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

/// The descriptions that a host knows: those that are compiled in, and those of its operator.
#[derive(Debug, Clone, Default)]
pub struct Providers {
    own: Arc<BTreeMap<String, Arc<Provider>>>,
}

impl Providers {
    /// Those that are compiled in, and these besides.
    ///
    /// # Errors
    /// With the name of one that is there already: two hosts would mean different things by it.
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

    /// The description of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Provider>> {
        built_in(name).or_else(|| self.own.get(name))
    }

    /// All of them, in the order of their names.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Provider>> {
        let compiled = BUILT_IN.iter().filter_map(|(file, _)| built_in(stem(file)));
        let mut all: Vec<&Arc<Provider>> = compiled.chain(self.own.values()).collect();
        all.sort_by_key(|provider| provider.name());
        all.into_iter()
    }

    /// Says why there is no description of this name, or which name may have been meant: half a sentence that follows one.
    #[must_use]
    pub fn instead_of(&self, name: &str) -> String {
        if let Some(unsayable) = Unsayable::of(name) {
            return unsayable.to_string();
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

    /// Returns true if a description of this name is compiled in.
    #[must_use]
    pub fn is_built_in(name: &str) -> bool {
        BUILT_IN.iter().any(|(file, _)| stem(file) == name)
    }

    /// The files that are compiled in: each name with its text.
    #[must_use]
    pub fn built_in_files() -> &'static [(&'static str, &'static str)] {
        BUILT_IN
    }
}
