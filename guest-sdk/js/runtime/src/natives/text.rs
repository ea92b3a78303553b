//! Functions that encode and decode text, and that answer questions about texts faster than JavaScript can.

use rquickjs::function::Func;
use rquickjs::{Ctx, Object, Result, TypedArray, Value};

use crate::values::{Text, bytes, from_bytes, wrong};

pub(super) fn add(host: &Object<'_>) -> Result<()> {
    host.set("encode", Func::from(encode))?;
    host.set("decode", Func::from(decode))?;
    host.set("isNested", Func::from(is_nested))?;
    host.set("span", Func::from(span))
}

fn encode<'js>(ctx: Ctx<'js>, text: Text) -> Result<Value<'js>> {
    bytes(&ctx, text.0.into_bytes())
}

/// Decodes UTF-8. If `fatal` is true, bytes that are not UTF-8 are an error. Otherwise each invalid part becomes U+FFFD.
fn decode<'js>(ctx: Ctx<'js>, encoded: TypedArray<'js, u8>, fatal: bool) -> Result<String> {
    let encoded = from_bytes(&ctx, &encoded)?;
    match String::from_utf8(encoded) {
        Ok(text) => Ok(text),
        Err(_) if fatal => Err(wrong(&ctx, "the bytes are not UTF-8")),
        Err(error) => Ok(String::from_utf8_lossy(error.as_bytes()).into_owned()),
    }
}

/// Returns whether JSON is nested deeper than `levels`. For a text that is not JSON, the result means nothing, and the
/// parser refuses the text.
fn is_nested(Text(text): Text, levels: u32) -> bool {
    let (mut depth, mut is_text) = (0_u32, false);
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => is_text = !is_text,
            b'\\' if is_text => {
                bytes.next();
            }
            b'[' | b'{' if !is_text => {
                depth += 1;
                if depth > levels {
                    return true;
                }
            }
            b']' | b'}' if !is_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// Returns the milliseconds of a span of time such as `10s`, `1.5 h`, or `7`, which is in seconds. None if the text is not a
/// span.
fn span(Text(text): Text) -> Option<f64> {
    let text = text.trim();
    let digits = text.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
    let number = text.strip_suffix(digits).unwrap_or_default();
    let unit = match digits.trim_start() {
        "ms" => 1.0,
        "" | "s" => 1e3,
        "m" => 6e4,
        "h" => 36e5,
        "d" => 864e5,
        "w" => 6048e5,
        "mo" => 2592e6,
        "y" => 31536e6,
        _ => return None,
    };
    // Rust parses `.5` and `5.` as numbers, but a span may not have them.
    let is_whole = !number.starts_with('.') && !number.ends_with('.');
    let number = number.parse::<f64>().ok().filter(|_| is_whole)?;
    Some(number * unit)
}
