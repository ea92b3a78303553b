//! Tokens: the secret parts of the URLs of webhooks. Whoever has such a URL may call the webhook.
//!
//! A token is 42 bytes in 56 characters of base64url without padding, so that no character carries spare bits and every
//! token has exactly one spelling:
//!
//! | bytes | what |
//! |---|---|
//! | 2 | id of the key, big-endian |
//! | 16 | run |
//! | 4 | number of the webhook, big-endian |
//! | 20 | the first 160 bits of HMAC-SHA-256 under the key, over the 22 bytes before |
//!
//! The token of a trigger is made in the same way. Its 16 bytes are the trigger's id, its 4 bytes are the number of the
//! URL, which rises with each rotation, and the MAC is over [`TRIGGER`] and the 22 bytes. The two kinds of tokens have
//! MACs over texts of different lengths, so no token is ever of both kinds.
//!
//! Without the key, a token can only be guessed, with a chance of 1 in 2^160. A guess is refused without a look at the
//! store, and in a time that does not depend on the guess.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dormouse_journal::{RunId, TriggerId, WebhookNumber};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const SUBJECT: usize = 22;
const TAG: usize = 20;
const LENGTH: usize = SUBJECT + TAG;
const TEXT: usize = LENGTH / 3 * 4;

/// The subject of a genuine token of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// The run.
    pub run: RunId,
    /// The number of the webhook in its run.
    pub webhook: WebhookNumber,
}

/// The bytes before the subject in the text of a trigger's MAC.
const TRIGGER: &[u8] = b"dormouse trigger";

/// The subject of a genuine token of a trigger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TriggerToken {
    /// The trigger.
    pub trigger: TriggerId,
    /// The number of the trigger's URL.
    pub rotation: u32,
}

/// A text that is not a token of this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not a webhook of this host")]
pub struct InvalidToken;

/// Makes tokens and recognises them.
pub struct TokenMaker {
    keys: Vec<(u16, Hmac<Sha256>)>,
}

impl TokenMaker {
    /// Returns a maker with these keys, each with its id. The last key makes new tokens, and tokens of all keys are
    /// accepted, so that keys can be rotated.
    #[must_use]
    pub fn new(keys: &[(u16, [u8; 32])]) -> Self {
        let keys = keys.iter().map(|(id, key)| (*id, keyed(key))).collect();
        TokenMaker { keys }
    }

    /// Returns the token of a webhook, or `None` if there is no key.
    #[must_use]
    pub fn make(&self, token: Token) -> Option<String> {
        self.make_for(b"", token.run.0, token.webhook.0)
    }

    /// Returns the token of a trigger, or `None` if there is no key.
    #[must_use]
    pub fn make_trigger(&self, token: TriggerToken) -> Option<String> {
        self.make_for(TRIGGER, token.trigger.0, token.rotation)
    }

    /// Reads the token of a webhook, and returns its subject.
    ///
    /// # Errors
    /// If the text was not made by [`TokenMaker::make`] under one of these keys.
    pub fn read(&self, text: &str) -> Result<Token, InvalidToken> {
        let (run, webhook) = self.read_for(b"", text)?;
        Ok(Token {
            run: RunId(run),
            webhook: WebhookNumber(webhook),
        })
    }

    /// Reads the token of a trigger, and returns its subject.
    ///
    /// # Errors
    /// If the text was not made by [`TokenMaker::make_trigger`] under one of these keys.
    pub fn read_trigger(&self, text: &str) -> Result<TriggerToken, InvalidToken> {
        let (trigger, rotation) = self.read_for(TRIGGER, text)?;
        Ok(TriggerToken {
            trigger: TriggerId(trigger),
            rotation,
        })
    }

    fn make_for(&self, kind: &[u8], owner: [u8; 16], number: u32) -> Option<String> {
        let (id, key) = self.keys.last()?;
        let mut bytes = [0; LENGTH];
        bytes[..2].copy_from_slice(&id.to_be_bytes());
        bytes[2..18].copy_from_slice(&owner);
        bytes[18..SUBJECT].copy_from_slice(&number.to_be_bytes());
        let mac = key.clone().chain_update(kind);
        let tag = mac.chain_update(&bytes[..SUBJECT]).finalize().into_bytes();
        bytes[SUBJECT..].copy_from_slice(&tag[..TAG]);
        Some(URL_SAFE_NO_PAD.encode(bytes))
    }

    fn read_for(&self, kind: &[u8], text: &str) -> Result<([u8; 16], u32), InvalidToken> {
        if text.len() != TEXT {
            return Err(InvalidToken);
        }
        let mut bytes = [0; LENGTH];
        let length = URL_SAFE_NO_PAD
            .decode_slice(text, &mut bytes)
            .map_err(|_| InvalidToken)?;
        if length != LENGTH {
            return Err(InvalidToken);
        }
        let (subject, tag) = bytes.split_at(SUBJECT);
        let (id, rest) = subject.split_at(2);
        let (owner, number) = rest.split_at(16);
        let (Ok(id), Ok(owner), Ok(number)) = (id.try_into(), owner.try_into(), number.try_into())
        else {
            return Err(InvalidToken);
        };
        let id = u16::from_be_bytes(id);
        let key = self
            .keys
            .iter()
            .find(|(known, _)| *known == id)
            .ok_or(InvalidToken)?;
        // This comparison takes the same time wherever the two MACs differ.
        key.1
            .clone()
            .chain_update(kind)
            .chain_update(subject)
            .verify_truncated_left(tag)
            .map_err(|_| InvalidToken)?;
        Ok((owner, u32::from_be_bytes(number)))
    }
}

fn keyed(key: &[u8; 32]) -> Hmac<Sha256> {
    match Hmac::new_from_slice(key) {
        Ok(hmac) => hmac,
        Err(_) => unreachable!("HMAC takes a key of any length"),
    }
}

impl std::fmt::Debug for TokenMaker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.keys.iter().map(|(id, _)| id))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TOKEN: Token = Token {
        run: RunId([7; 16]),
        webhook: WebhookNumber(3),
    };

    fn maker() -> TokenMaker {
        TokenMaker::new(&[(1, [1; 32])])
    }

    #[test]
    fn a_token_is_known_again() {
        let text = maker().make(TOKEN).unwrap();
        assert_eq!(text.len(), TEXT);
        assert_eq!(maker().read(&text), Ok(TOKEN));
    }

    #[test]
    fn every_other_text_of_its_length_is_refused() {
        let text = maker().make(TOKEN).unwrap();
        for place in 0..text.len() {
            for other in ['A', 'B', '_', '-', '+', '=', '.', '%'] {
                let mut changed: Vec<char> = text.chars().collect();
                if changed[place] == other {
                    continue;
                }
                changed[place] = other;
                let changed: String = changed.into_iter().collect();
                assert_eq!(maker().read(&changed), Err(InvalidToken), "{changed}");
            }
        }
    }

    #[test]
    fn a_truncated_or_lengthened_token_is_refused() {
        let text = maker().make(TOKEN).unwrap();
        assert!(maker().read(&text[..TEXT - 4]).is_err());
        assert!(maker().read(&format!("{text}AAAA")).is_err());
        assert!(maker().read(&format!("{text}=")).is_err());
        assert!(maker().read("").is_err());
    }

    #[test]
    fn a_token_of_another_host_is_refused() {
        let text = TokenMaker::new(&[(1, [2; 32])]).make(TOKEN).unwrap();
        assert!(maker().read(&text).is_err());
    }

    #[test]
    fn keys_rotate() {
        let old = maker().make(TOKEN).unwrap();
        let both = TokenMaker::new(&[(1, [1; 32]), (2, [2; 32])]);
        assert_eq!(both.read(&old), Ok(TOKEN));
        let new = both.make(TOKEN).unwrap();
        assert_eq!(both.read(&new), Ok(TOKEN));
        assert!(maker().read(&new).is_err());
    }

    #[test]
    fn tokens_of_webhooks_and_triggers_are_never_confused() {
        let token = TriggerToken {
            trigger: TriggerId(TOKEN.run.0),
            rotation: TOKEN.webhook.0,
        };
        let text = maker().make_trigger(token).unwrap();
        assert_eq!(maker().read_trigger(&text), Ok(token));
        assert_eq!(maker().read(&text), Err(InvalidToken));
        let webhook = maker().make(TOKEN).unwrap();
        assert_eq!(maker().read_trigger(&webhook), Err(InvalidToken));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,80}") {
            prop_assert!(maker().read(&text).is_err());
        }

        #[test]
        fn any_token_survives(run: [u8; 16], webhook: u32) {
            let token = Token { run: RunId(run), webhook: WebhookNumber(webhook) };
            prop_assert_eq!(maker().read(&maker().make(token).unwrap()), Ok(token));
        }
    }
}
