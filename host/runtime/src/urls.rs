//! The URLs of webhooks.

use dormouse_engine::Urls;
use dormouse_journal::{RunId, WebhookNumber};
use dormouse_webhook::{Token, TokenMaker, TriggerToken};

/// Makes URLs under the public one, and knows their tokens again.
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

    /// Returns what the text of a token names, if it is genuine.
    pub(crate) fn read(&self, text: &str) -> Option<Address> {
        let webhook = self.tokens.read(text).map(Address::Webhook);
        webhook
            .or_else(|_| self.tokens.read_trigger(text).map(Address::Trigger))
            .ok()
    }

    /// Returns the URL of a trigger. It lies where those of webhooks lie: whoever has let these through a proxy or a firewall
    /// need not do anything for triggers.
    pub(crate) fn of_trigger(&self, token: TriggerToken) -> String {
        self.with(self.tokens.make_trigger(token))
    }

    fn with(&self, token: Option<String>) -> String {
        // A store without a key cannot be opened, so there is one.
        format!("{}/hooks/{}", self.public, token.unwrap_or_default())
    }
}

/// What a genuine token names.
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
