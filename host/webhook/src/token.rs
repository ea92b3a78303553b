//! Tokens: what makes a webhook's URL a capability.
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
//! Who does not have the key can only guess, 2^160 to one; a guess is refused without a look at the store, and in a
//! time that does not depend on it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dormouse_journal::{RunId, WebhookNumber};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const SUBJECT: usize = 22;
const TAG: usize = 20;
const LENGTH: usize = SUBJECT + TAG;
const TEXT: usize = LENGTH / 3 * 4;

/// What a genuine token names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// The run.
    pub run: RunId,
    /// Its webhook.
    pub webhook: WebhookNumber,
}

/// A text that is not a token of this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not a webhook of this host")]
pub struct InvalidToken;

/// Makes tokens and knows them again.
pub struct TokenMaker {
    keys: Vec<(u16, Hmac<Sha256>)>,
}

impl TokenMaker {
    /// A maker with these keys, each with its id. The last one makes new tokens, all are accepted: so keys rotate.
    #[must_use]
    pub fn new(keys: &[(u16, [u8; 32])]) -> Self {
        let keys = keys.iter().map(|(id, key)| (*id, keyed(key))).collect();
        TokenMaker { keys }
    }

    /// The token of a webhook. None if there is no key.
    #[must_use]
    pub fn make(&self, token: Token) -> Option<String> {
        let (id, key) = self.keys.last()?;
        let mut bytes = [0; LENGTH];
        bytes[..2].copy_from_slice(&id.to_be_bytes());
        bytes[2..18].copy_from_slice(&token.run.0);
        bytes[18..SUBJECT].copy_from_slice(&token.webhook.0.to_be_bytes());
        let tag = key
            .clone()
            .chain_update(&bytes[..SUBJECT])
            .finalize()
            .into_bytes();
        bytes[SUBJECT..].copy_from_slice(&tag[..TAG]);
        Some(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// What a token names.
    ///
    /// # Errors
    /// When the text was not made by [`TokenMaker::make`] under one of these keys.
    pub fn read(&self, text: &str) -> Result<Token, InvalidToken> {
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
        let (run, webhook) = rest.split_at(16);
        let (Ok(id), Ok(run), Ok(webhook)) = (id.try_into(), run.try_into(), webhook.try_into())
        else {
            return Err(InvalidToken);
        };
        let id = u16::from_be_bytes(id);
        let key = self
            .keys
            .iter()
            .find(|(known, _)| *known == id)
            .ok_or(InvalidToken)?;
        // This comparison takes the same time wherever the tags differ.
        key.1
            .clone()
            .chain_update(subject)
            .verify_truncated_left(tag)
            .map_err(|_| InvalidToken)?;
        Ok(Token {
            run: RunId(run),
            webhook: WebhookNumber(u32::from_be_bytes(webhook)),
        })
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
