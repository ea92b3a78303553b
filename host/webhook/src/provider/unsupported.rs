//! Providers that no description can describe, for messages to people who ask for one of them by name.

/// A provider whose requests this host cannot check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnsupportedProvider {
    /// The name by which people would ask for the provider.
    pub name: &'static str,
    /// The provider's usual name, for people to read.
    pub title: &'static str,
    /// Why the provider has no description: a sentence without a full stop.
    pub why: &'static str,
    /// What to do instead: a sentence without a full stop.
    pub instead: &'static str,
}

/// Why a description cannot check a JWT: it has no network, and so cannot fetch keys.
const JWT: &str = "it signs by a JWT, whose keys have to be fetched from the provider";
const CERTIFICATE: &str =
    "it signs by RSA, with a certificate that has to be fetched from the provider";

/// The advice that is possible for every provider: only the provider knows the URL, and its API has the
/// facts.
const ASK: &str = "use no provider, keep the URL to yourself, and let the workflow ask the provider's API for \
    what a request names";

/// The providers, in the order of their names. `docs/reference/providers.md` has the same table; a test
/// compares them.
const ALL: &[UnsupportedProvider] = &[
    UnsupportedProvider {
        name: "apple-app-store",
        title: "Apple App Store",
        why: JWT,
        instead: ASK,
    },
    UnsupportedProvider {
        name: "aws-sns",
        title: "Amazon SNS",
        why: CERTIFICATE,
        instead: "send by an EventBridge API destination with an API key, and take the provider `token`",
    },
    UnsupportedProvider {
        name: "bird",
        title: "Bird (MessageBird)",
        why: JWT,
        instead: ASK,
    },
    UnsupportedProvider {
        name: "braintree",
        title: "Braintree",
        why: "the signature's name is the account's public key, and the answer to its challenge has it too",
        instead: ASK,
    },
    UnsupportedProvider {
        name: "contentful",
        title: "Contentful",
        why: "it signs a list of headers that changes from request to request",
        instead: "give the webhook a secret header in Contentful, and take the provider `token`",
    },
    UnsupportedProvider {
        name: "docker-hub",
        title: "Docker Hub",
        why: "it does not sign",
        instead: ASK,
    },
    UnsupportedProvider {
        name: "fusionauth",
        title: "FusionAuth",
        why: JWT,
        instead: "give the webhook basic authentication or a header in FusionAuth, and take the provider `basic` or `token`",
    },
    UnsupportedProvider {
        name: "google-pubsub",
        title: "Google Cloud Pub/Sub",
        why: JWT,
        instead: "put a secret into the query of the push endpoint's URL, and take the provider `token-in-query`",
    },
    UnsupportedProvider {
        name: "mailchimp",
        title: "Mailchimp Marketing",
        why: "it does not sign",
        instead: ASK,
    },
    UnsupportedProvider {
        name: "netlify",
        title: "Netlify",
        why: "it signs by a JWT that has a digest of the body inside",
        instead: ASK,
    },
    UnsupportedProvider {
        name: "patreon",
        title: "Patreon",
        why: "it signs by HMAC-MD5, which is not offered",
        instead: ASK,
    },
    UnsupportedProvider {
        name: "paypal",
        title: "PayPal",
        why: CERTIFICATE,
        instead: "use no provider, and let the workflow call PayPal's `verify-webhook-signature` with the request's \
            headers and body",
    },
    UnsupportedProvider {
        name: "plaid",
        title: "Plaid",
        why: JWT,
        instead: ASK,
    },
    UnsupportedProvider {
        name: "vonage",
        title: "Vonage",
        why: JWT,
        instead: ASK,
    },
    UnsupportedProvider {
        name: "wise",
        title: "Wise",
        why: "it signs by RSA, which is not offered",
        instead: ASK,
    },
    UnsupportedProvider {
        name: "wix",
        title: "Wix",
        why: "the body itself is a JWT, signed by RSA",
        instead: ASK,
    },
];

impl UnsupportedProvider {
    /// Returns the provider of this name, if no description can describe it.
    #[must_use]
    pub fn of(name: &str) -> Option<&'static UnsupportedProvider> {
        ALL.iter().find(|provider| provider.name == name)
    }

    /// Returns all of these providers, in the order of their names.
    #[must_use]
    pub fn all() -> &'static [UnsupportedProvider] {
        ALL
    }
}

impl std::fmt::Display for UnsupportedProvider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}'s webhooks cannot be checked: {}; {}",
            self.title, self.why, self.instead
        )
    }
}
