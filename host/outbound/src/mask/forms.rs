//! The forms in which a server may repeat a secret.
//!
//! A form is a text without escapes: `scan.rs` resolves percent-encoding and the escapes of JSON and HTML before it
//! compares. Programs differ in the letters that they escape, so a list of escaped forms would never be complete. Letters
//! match in either case.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// The number of letters of the shortest hex and base64 that is searched for. Shorter texts would be found where no secret
/// is meant, and a secret that short is easily guessed.
const SHORTEST: usize = 6;

/// A text that is searched for.
#[derive(PartialEq, Eq)]
pub(super) struct Form {
    /// The text.
    pub(super) text: Vec<u8>,
    /// True if the letter before the text is masked too, since some of its bits are the secret's.
    pub(super) before: bool,
    /// True if the letter after the text is masked too, since some of its bits are the secret's.
    pub(super) after: bool,
}

impl Form {
    /// Returns how many letters the form has, with the letter before the text and without the letter after it.
    pub(super) fn letters(&self) -> usize {
        self.text.len() + usize::from(self.before)
    }
}

/// Returns every form of a secret.
pub(super) fn of(secret: &[u8]) -> Vec<Form> {
    // Spaces around a header's value are not sent.
    let secret = secret.trim_ascii();
    let mut forms = Vec::new();
    if secret.is_empty() {
        return forms;
    }
    push(&mut forms, secret.to_vec());
    if secret.contains(&b' ') {
        // Forms of HTML encode a space as `+`.
        push(&mut forms, replace(secret, b' ', b'+'));
    }
    if !secret.is_ascii() {
        for text in readings(secret) {
            push(&mut forms, escaped(&text));
            push(&mut forms, text.into_bytes());
        }
    }
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    if hex.len() >= SHORTEST {
        push(&mut forms, hex.into_bytes());
    }
    for alignment in 0..3 {
        base64(&mut forms, secret, alignment);
    }
    forms
}

fn push(forms: &mut Vec<Form>, text: Vec<u8>) {
    forms.push(Form {
        text,
        before: false,
        after: false,
    });
}

fn replace(text: &[u8], from: u8, to: u8) -> Vec<u8> {
    let replaced = text
        .iter()
        .map(|&byte| if byte == from { to } else { byte });
    replaced.collect()
}

/// Returns a secret as text in each encoding that a server may read it in: UTF-8 and ISO 8859-1. HTTP does not say
/// which encoding a header has.
fn readings(secret: &[u8]) -> impl Iterator<Item = String> {
    let utf8 = std::str::from_utf8(secret).ok().map(str::to_owned);
    let latin = secret.iter().map(|&byte| char::from(byte)).collect();
    utf8.into_iter().chain([latin])
}

/// Returns a text in which everything beyond ASCII is escaped as in JSON. `scan.rs` does not resolve these escapes.
fn escaped(text: &str) -> Vec<u8> {
    let mut escaped = String::new();
    for unit in text.encode_utf16() {
        match u8::try_from(unit) {
            Ok(byte) if byte.is_ascii() => escaped.push(char::from(byte)),
            _ => escaped.push_str(&format!("\\u{unit:04x}")),
        }
    }
    escaped.into_bytes()
}

/// Adds the forms of a secret within the base64 of a longer text, such as the whole header. `alignment` is the number of
/// bytes before the secret, modulo three. A form has the letters that depend on the secret alone. The letters before and
/// after the form may also have bits of the text around the secret.
fn base64(forms: &mut Vec<Form>, secret: &[u8], alignment: usize) {
    let bytes = [&[0, 0][..alignment], secret].concat();
    let start = [0, 2, 3][alignment];
    let end = bytes.len() * 8 / 6;
    if end < start + SHORTEST {
        return;
    }
    for alphabet in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
        forms.push(Form {
            text: alphabet.encode(&bytes).as_bytes()[start..end].to_vec(),
            before: alignment != 0,
            after: !(bytes.len() * 8).is_multiple_of(6),
        });
    }
}
