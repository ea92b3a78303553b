//! The URLs of webhooks.

use dormouse_engine::Urls;
use dormouse_journal::{RunId, WebhookNumber};
use dormouse_webhook::{Token, TokenMaker};

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

    pub(crate) fn tokens(&self) -> &TokenMaker {
        &self.tokens
    }
}

impl Urls for WebhookUrls {
    fn url(&self, run: RunId, webhook: WebhookNumber) -> String {
        // A store without a key cannot be opened, so there is one.
        let token = self.tokens.make(Token { run, webhook }).unwrap_or_default();
        format!("{}/hooks/{token}", self.public)
    }
}
