//! Functions for digests and HMACs.

use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use rquickjs::function::Func;
use rquickjs::{Ctx, Object, Result, TypedArray, Value};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::values::{bytes, from_bytes, wrong};

pub(super) fn add(host: &Object<'_>) -> Result<()> {
    host.set("digest", Func::from(digest))?;
    host.set("hmac", Func::from(hmac))
}

fn digest<'js>(ctx: Ctx<'js>, name: String, data: TypedArray<'js, u8>) -> Result<Value<'js>> {
    let data = from_bytes(&ctx, &data)?;
    let digest = digest_of(&name, &data);
    bytes(&ctx, digest.ok_or_else(|| wrong(&ctx, "no such digest"))?)
}

/// Returns the digest of some data. None if there is no digest function of this name.
pub(super) fn digest_of(name: &str, data: &[u8]) -> Option<Vec<u8>> {
    Some(match name {
        // The web's API has no MD5. Node has it, for checksums.
        "MD5" => Md5::digest(data).to_vec(),
        "SHA-1" => Sha1::digest(data).to_vec(),
        "SHA-256" => Sha256::digest(data).to_vec(),
        "SHA-384" => Sha384::digest(data).to_vec(),
        "SHA-512" => Sha512::digest(data).to_vec(),
        _ => return None,
    })
}

fn hmac<'js>(
    ctx: Ctx<'js>,
    name: String,
    key: TypedArray<'js, u8>,
    data: TypedArray<'js, u8>,
) -> Result<Value<'js>> {
    let (key, data) = (from_bytes(&ctx, &key)?, from_bytes(&ctx, &data)?);
    let code = match name.as_str() {
        "MD5" => code::<Hmac<Md5>>(&key, &data),
        "SHA-1" => code::<Hmac<Sha1>>(&key, &data),
        "SHA-256" => code::<Hmac<Sha256>>(&key, &data),
        "SHA-384" => code::<Hmac<Sha384>>(&key, &data),
        "SHA-512" => code::<Hmac<Sha512>>(&key, &data),
        _ => None,
    };
    bytes(&ctx, code.ok_or_else(|| wrong(&ctx, "no such digest"))?)
}

/// Returns an HMAC. It is never none, since a key of HMAC may have any length.
fn code<M: Mac + KeyInit>(key: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    let mut code = <M as KeyInit>::new_from_slice(key).ok()?;
    code.update(data);
    Some(code.finalize().into_bytes().to_vec())
}
