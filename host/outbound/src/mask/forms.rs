//! The forms in which a server may repeat a secret.
//!
//! A form is what stands in the text once its escapes are read: percent-encoding and the escapes of JSON and HTML are no
//! forms, since each program escapes other letters; `scan.rs` reads those. Letters match in either case.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Hex and base64 shorter than this are not searched for. They would be found where they were never meant, and a secret
/// so short is none.
const SHORTEST: usize = 6;

/// What is searched for.
#[derive(PartialEq, Eq)]
pub(super) struct Form {
    /// As it is found.
    pub(super) text: Vec<u8>,
    /// Whether the letter before belongs to it: its bits are partly the secret's.
    pub(super) before: bool,
    /// Whether the letter after does.
    pub(super) after: bool,
}

impl Form {
    /// How many letters it takes, but for the one after.
    pub(super) fn letters(&self) -> usize {
        self.text.len() + usize::from(self.before)
    }
}

/// Every form of this secret.
pub(super) fn of(secret: &[u8]) -> Vec<Form> {
    // Around a header's value, spaces are lost on the way.
    let secret = secret.trim_ascii();
    let mut forms = Vec::new();
    if secret.is_empty() {
        return forms;
    }
    push(&mut forms, secret.to_vec());
    if secret.contains(&b' ') {
        // As HTML forms are encoded.
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

/// What a server may take the bytes beyond ASCII for, since HTTP does not say: UTF-8, or ISO 8859-1.
fn readings(secret: &[u8]) -> impl Iterator<Item = String> {
    let utf8 = std::str::from_utf8(secret).ok().map(str::to_owned);
    let latin = secret.iter().map(|&byte| char::from(byte)).collect();
    utf8.into_iter().chain([latin])
}

/// With JSON's escapes of everything beyond ASCII, which `scan.rs` leaves as they are.
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

/// The secret within base64 of something longer, such as the whole header, that has this many bytes beyond a multiple of
/// three before it. The letters that depend on the secret alone are the form; the ones at its ends also have bits of
/// what is around it.
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
