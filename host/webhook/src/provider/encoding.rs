//! The text encodings of bytes: hexadecimal and base64.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::format::EncodingName;

const PADDED_OR_NOT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const ANY_STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, PADDED_OR_NOT);
const ANY_URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, PADDED_OR_NOT);

/// Decodes bytes. `length` is their number, if it is known: it decides between hexadecimal and base64.
pub(super) fn decode(encoding: EncodingName, text: &str, length: Option<usize>) -> Option<Vec<u8>> {
    match encoding {
        EncodingName::Hex => hex(text),
        EncodingName::Base64 => STANDARD.decode(text).ok(),
        EncodingName::Base64url => ANY_URL_SAFE.decode(text).ok(),
        EncodingName::Base64Any => any_base64(text),
        EncodingName::HexOrBase64 => match length {
            Some(length) if text.len() == 2 * length => hex(text),
            _ => any_base64(text),
        },
        EncodingName::Text => Some(text.as_bytes().to_vec()),
    }
}

/// Encodes bytes in a form that [`decode`] reads.
pub(super) fn encode(encoding: EncodingName, bytes: &[u8]) -> String {
    match encoding {
        EncodingName::Hex | EncodingName::HexOrBase64 => to_hex(bytes),
        EncodingName::Base64 | EncodingName::Base64Any => STANDARD.encode(bytes),
        EncodingName::Base64url => URL_SAFE_NO_PAD.encode(bytes),
        EncodingName::Text => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// Decodes base64 of either alphabet, but not of a mixture, with or without padding.
pub(super) fn any_base64(text: &str) -> Option<Vec<u8>> {
    let is_url_safe = text.contains(['-', '_']);
    let engine = if is_url_safe {
        ANY_URL_SAFE
    } else {
        ANY_STANDARD
    };
    engine.decode(text).ok()
}

/// Decodes hexadecimal digits in either case.
pub(super) fn hex(text: &str) -> Option<Vec<u8>> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
        return None;
    };
    let bytes = pairs
        .iter()
        .map(|[high, low]| Some(nibble(*high)? << 4 | nibble(*low)?));
    bytes.collect()
}

/// Encodes bytes as hexadecimal digits.
pub(super) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}
