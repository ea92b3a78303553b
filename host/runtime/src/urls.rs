//! The URLs of webhooks and triggers.

use dormouse_engine::Urls;
use dormouse_journal::{RunId, WebhookNumber};
use dormouse_webhook::{Token, TokenMaker, TriggerToken};

/// The part of the path before the token.
const PATH: &str = "/hooks/";

/// Makes URLs under the public URL, and reads their tokens.
pub(crate) struct WebhookUrls {
    public: String,
    tokens: TokenMaker,
}

impl WebhookUrls {
    pub(crate) fn new(public: &str, keys: &[(u16, [u8; 32])]) -> Self {
        WebhookUrls {
            public: public.trim_end_matches('/').to_owned(),
            tokens: TokenMaker::new(keys),
        }
    }

    /// Returns what a token names, if the token is genuine.
    pub(crate) fn read(&self, text: &str) -> Option<Address> {
        let webhook = self.tokens.read(text).map(Address::Webhook);
        webhook
            .or_else(|_| self.tokens.read_trigger(text).map(Address::Trigger))
            .ok()
    }

    /// Returns what a URL leads to, if its token is genuine. A sub-path and a query may follow the token, and the
    /// beginning may be another address of the host: the token alone proves that the host made the URL.
    pub(crate) fn read_url(&self, url: &str) -> Option<Address> {
        let path = url.split(['?', '#']).next().unwrap_or_default();
        let mut tokens = path.match_indices(PATH).map(|(place, _)| {
            let rest = &path[place + PATH.len()..];
            rest.split('/').next().unwrap_or_default()
        });
        tokens.find_map(|token| self.read(token))
    }

    /// Returns the URL of a trigger. It begins like the URLs of webhooks, so that a proxy or a firewall which lets
    /// these through needs no change for triggers.
    pub(crate) fn of_trigger(&self, token: TriggerToken) -> String {
        self.with(self.tokens.make_trigger(token))
    }

    fn with(&self, token: Option<String>) -> String {
        // A store without a key cannot be opened, so there is one.
        format!("{}{PATH}{}", self.public, token.unwrap_or_default())
    }
}

/// The webhook or the trigger that a genuine token names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Address {
    /// A webhook of a run.
    Webhook(Token),
    /// A trigger.
    Trigger(TriggerToken),
}

impl Urls for WebhookUrls {
    fn url(&self, run: RunId, webhook: WebhookNumber) -> String {
        self.with(self.tokens.make(Token { run, webhook }))
    }
}

#[cfg(test)]
mod tests {
    use dormouse_journal::TriggerId;

    use super::*;

    #[test]
    fn a_url_is_known_with_what_follows_it_and_at_another_address() {
        let urls = WebhookUrls::new("https://hooks.example/dormouse/", &[(1, [1; 32])]);
        let token = TriggerToken {
            trigger: TriggerId([7; 16]),
            rotation: 2,
        };
        let url = urls.of_trigger(token);
        let path = url.strip_prefix("https://hooks.example").unwrap();
        for url in [
            url.clone(),
            format!("{url}/"),
            format!("{url}/sub/hooks/other?q=/hooks/x#f"),
            format!("http://127.0.0.1:4100/hooks{path}"),
        ] {
            assert_eq!(urls.read_url(&url), Some(Address::Trigger(token)), "{url}");
        }
        for url in ["", "https://hooks.example/hooks/", &url[..url.len() - 1]] {
            assert_eq!(urls.read_url(url), None, "{url}");
        }
        let moved = url.replace("/hooks/", "/other/");
        assert_eq!(urls.read_url(&format!("{moved}?{url}")), None);
    }
}
