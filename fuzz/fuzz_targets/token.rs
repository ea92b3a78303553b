//! Tokens in the URLs of webhooks. Checks that no text makes reading panic, that a token has only one spelling, and that every
//! token which the host makes can be read.

#![no_main]

use arbitrary::Arbitrary;
use dormouse_journal::{RunId, WebhookNumber};
use dormouse_webhook::{Token, TokenMaker};
use libfuzzer_sys::fuzz_target;

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    text: &'a str,
    run: [u8; 16],
    webhook: u32,
    /// The place at which a genuine token is changed, and the byte that is written there.
    place: usize,
    byte: u8,
}

fuzz_target!(|input: Input<'_>| {
    let maker = TokenMaker::new(&[(1, [1; 32]), (2, [2; 32])]);
    if let Ok(token) = maker.read(input.text) {
        assert_eq!(maker.make(token).as_deref(), Some(input.text));
    }

    let token = Token {
        run: RunId(input.run),
        webhook: WebhookNumber(input.webhook),
    };
    let text = maker.make(token).expect("there is a key");
    assert_eq!(maker.read(&text), Ok(token));

    let mut changed = text.clone().into_bytes();
    let place = input.place % changed.len();
    changed[place] = input.byte;
    if let Ok(changed) = String::from_utf8(changed)
        && changed != text
    {
        maker
            .read(&changed)
            .expect_err("a changed token was accepted");
    }
});
