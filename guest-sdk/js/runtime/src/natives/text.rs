//! Text as bytes and bytes as text.

use rquickjs::function::Func;
use rquickjs::{Ctx, Object, Result, TypedArray, Value};

use crate::values::{bytes, from_bytes, wrong};

pub(super) fn add(host: &Object<'_>) -> Result<()> {
    host.set("encode", Func::from(encode))?;
    host.set("decode", Func::from(decode))
}

fn encode<'js>(ctx: Ctx<'js>, text: rquickjs::Coerced<String>) -> Result<Value<'js>> {
    bytes(&ctx, text.0.into_bytes())
}

/// With `fatal`, what is no UTF-8 is an error; else each wrong part becomes U+FFFD.
fn decode<'js>(ctx: Ctx<'js>, encoded: TypedArray<'js, u8>, fatal: bool) -> Result<String> {
    let encoded = from_bytes(&ctx, &encoded)?;
    match String::from_utf8(encoded) {
        Ok(text) => Ok(text),
        Err(_) if fatal => Err(wrong(&ctx, "the bytes are no UTF-8")),
        Err(error) => Ok(String::from_utf8_lossy(error.as_bytes()).into_owned()),
    }
}
