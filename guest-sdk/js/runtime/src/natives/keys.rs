//! Functions for keys of RSA, elliptic curves and Ed25519. `js/` keeps a private key as PKCS #8 and a public key as
//! SPKI, and passes it to each function, so this module keeps no keys.
//!
//! A function returns none if it fails, and `js/` then throws an error.

use ed25519_dalek::pkcs8::KeypairBytes;
use ed25519_dalek::{SigningKey, VerifyingKey};
use rquickjs::function::Func;
use rquickjs::{Ctx, Object, Result, TypedArray, Value};
use rsa::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey};
use rsa::traits::{PrivateKeyParts, PublicKeyParts};
use rsa::{BoxedUint, PrivateKey, PublicKey};

use super::context::draw;
use super::rng::RunRng;
use crate::values::{bytes, from_bytes};

pub(super) fn add(host: &Object<'_>) -> Result<()> {
    host.set("readKey", Func::from(read))?;
    host.set("keyOfParts", Func::from(of_parts))?;
    host.set("partsOfKey", Func::from(parts))?;
    host.set("publicKey", Func::from(public))?;
    host.set("newKey", Func::from(new))
}

/// The sizes in bits that an RSA key may have. Larger keys take too much processor time.
const RSA_BITS: std::ops::RangeInclusive<usize> = 512..=8192;

/// A private key as PKCS #8, or a public key as SPKI.
type Der = Vec<u8>;

/// The numbers of a key by their names in a JSON Web Key.
type Parts = Vec<(&'static str, Vec<u8>)>;

/// Expands to a piece of code with the types of a curve.
macro_rules! curve {
    ($name:expr, $curve:ident => $what:expr) => {
        match $name {
            "P-256" => {
                use p256 as $curve;
                $what
            }
            "P-384" => {
                use p384 as $curve;
                $what
            }
            _ => None,
        }
    };
}
pub(super) use curve;

fn private_der(key: &impl EncodePrivateKey) -> Option<Der> {
    Some(key.to_pkcs8_der().ok()?.as_bytes().to_vec())
}

/// Returns a private key without its public key, which the web's API leaves out and some programs cannot read.
fn ed25519_der(key: &SigningKey) -> Option<Der> {
    private_der(&KeypairBytes {
        secret_key: key.to_bytes(),
        public_key: None,
    })
}

fn public_der(key: &impl EncodePublicKey) -> Option<Der> {
    Some(key.to_public_key_der().ok()?.as_bytes().to_vec())
}

/// Checks a key, and returns it as PKCS #8 or SPKI. `format` is `pkcs8`, `spki` or, for a public key, `raw`.
fn read<'js>(
    ctx: Ctx<'js>,
    algorithm: String,
    format: String,
    data: TypedArray<'js, u8>,
) -> Result<Option<Value<'js>>> {
    let data = from_bytes(&ctx, &data)?;
    let key = match (algorithm.as_str(), format.as_str()) {
        ("RSA", "pkcs8") => rsa_private(&data).and_then(|key| private_der(&key)),
        ("RSA", "spki") => rsa_public(&data).and_then(|key| public_der(&key)),
        ("Ed25519", "pkcs8") => SigningKey::from_pkcs8_der(&data)
            .ok()
            .and_then(|key| ed25519_der(&key)),
        ("Ed25519", "spki") => VerifyingKey::from_public_key_der(&data)
            .ok()
            .and_then(|key| public_der(&key)),
        ("Ed25519", "raw") => ed25519_public(&data).and_then(|key| public_der(&key)),
        (name, "pkcs8") => curve!(name, curve => {
            curve::SecretKey::from_pkcs8_der(&data).ok().and_then(|key| private_der(&key))
        }),
        (name, "spki") => curve!(name, curve => {
            curve::PublicKey::from_public_key_der(&data).ok().and_then(|key| public_der(&key))
        }),
        (name, "raw") => curve!(name, curve => {
            curve::PublicKey::from_sec1_bytes(&data).ok().and_then(|key| public_der(&key))
        }),
        _ => None,
    };
    key.map(|key| bytes(&ctx, key)).transpose()
}

pub(super) fn rsa_private(der: &[u8]) -> Option<PrivateKey> {
    let key = PrivateKey::from_pkcs8_der(der).ok()?;
    RSA_BITS.contains(&(key.size() * 8)).then_some(key)
}

pub(super) fn rsa_public(der: &[u8]) -> Option<PublicKey> {
    let key = PublicKey::from_public_key_der(der).ok()?;
    RSA_BITS.contains(&(key.size() * 8)).then_some(key)
}

fn ed25519_public(raw: &[u8]) -> Option<VerifyingKey> {
    VerifyingKey::from_bytes(raw.try_into().ok()?).ok()
}

/// Returns the key with the numbers of a JSON Web Key. If they include `d`, the key is a private one.
fn of_parts<'js>(
    ctx: Ctx<'js>,
    algorithm: String,
    parts: Object<'js>,
) -> Result<Option<Value<'js>>> {
    let part = |name: &str| -> Option<Vec<u8>> {
        let part: TypedArray<'js, u8> = parts.get(name).ok()?;
        from_bytes(&ctx, &part).ok()
    };
    let key = match algorithm.as_str() {
        "RSA" => rsa_of_parts(&part),
        "Ed25519" => match part("d") {
            Some(seed) => seed
                .as_slice()
                .try_into()
                .ok()
                .and_then(|seed| ed25519_der(&SigningKey::from_bytes(seed))),
            None => part("x")
                .and_then(|raw| ed25519_public(&raw))
                .and_then(|key| public_der(&key)),
        },
        name => curve!(name, curve => match (part("d"), part("x"), part("y")) {
            (Some(scalar), ..) => {
                curve::SecretKey::from_slice(&scalar).ok().and_then(|key| private_der(&key))
            }
            (None, Some(x), Some(y)) => {
                let point = [&[4], x.as_slice(), y.as_slice()].concat();
                curve::PublicKey::from_sec1_bytes(&point).ok().and_then(|key| public_der(&key))
            }
            _ => None,
        }),
    };
    key.map(|key| bytes(&ctx, key)).transpose()
}

fn rsa_of_parts(part: &impl Fn(&str) -> Option<Vec<u8>>) -> Option<Der> {
    let number = |name: &str| part(name).map(|bytes| BoxedUint::from_be_slice_vartime(&bytes));
    let (n, e) = (number("n")?, number("e")?);
    let Some(d) = number("d") else {
        return public_der(&PublicKey::new(n, e).ok()?);
    };
    let primes = [number("p"), number("q")].into_iter().flatten().collect();
    private_der(&PrivateKey::from_components(n, e, d, primes).ok()?)
}

/// Returns the numbers of a key.
fn parts<'js>(
    ctx: Ctx<'js>,
    algorithm: String,
    is_private: bool,
    der: TypedArray<'js, u8>,
) -> Result<Option<Object<'js>>> {
    let der = from_bytes(&ctx, &der)?;
    let Some(parts) = parts_of(&algorithm, is_private, &der) else {
        return Ok(None);
    };
    let object = Object::new(ctx.clone())?;
    for (name, part) in parts {
        object.set(name, bytes(&ctx, part)?)?;
    }
    Ok(Some(object))
}

fn parts_of(algorithm: &str, is_private: bool, der: &[u8]) -> Option<Parts> {
    match algorithm {
        "RSA" if is_private => rsa_private_parts(&rsa_private(der)?),
        "RSA" => {
            let key = rsa_public(der)?;
            Some(vec![("n", number(key.n())), ("e", number(key.e()))])
        }
        "Ed25519" if is_private => {
            let key = SigningKey::from_pkcs8_der(der).ok()?;
            let public = key.verifying_key().to_bytes().to_vec();
            Some(vec![("d", key.to_bytes().to_vec()), ("x", public)])
        }
        "Ed25519" => {
            let key = VerifyingKey::from_public_key_der(der).ok()?;
            Some(vec![("x", key.to_bytes().to_vec())])
        }
        name => curve!(name, curve => {
            let secret = is_private.then(|| curve::SecretKey::from_pkcs8_der(der).ok());
            let public = match &secret {
                Some(secret) => secret.as_ref()?.public_key(),
                None => curve::PublicKey::from_public_key_der(der).ok()?,
            };
            let point = public.to_sec1_bytes();
            // The first byte says that both coordinates follow.
            let (x, y) = point.get(1..)?.split_at(point.len() / 2);
            let mut parts = vec![("x", x.to_vec()), ("y", y.to_vec())];
            if let Some(secret) = secret.flatten() {
                parts.push(("d", secret.to_bytes().to_vec()));
            }
            Some(parts)
        }),
    }
}

fn rsa_private_parts(key: &PrivateKey) -> Option<Parts> {
    let [p, q] = key.primes() else {
        return None;
    };
    Some(vec![
        ("n", number(key.n())),
        ("e", number(key.e())),
        ("d", number(key.d())),
        ("p", number(p)),
        ("q", number(q)),
        ("dp", number(key.dp()?)),
        ("dq", number(key.dq()?)),
        ("qi", number(&key.crt_coefficient()?)),
    ])
}

fn number(number: &BoxedUint) -> Vec<u8> {
    number.to_be_bytes_trimmed_vartime().to_vec()
}

/// Returns the public key of a private key.
fn public<'js>(
    ctx: Ctx<'js>,
    algorithm: String,
    der: TypedArray<'js, u8>,
) -> Result<Option<Value<'js>>> {
    let der = from_bytes(&ctx, &der)?;
    let key = public_of(&algorithm, &der);
    key.map(|key| bytes(&ctx, key)).transpose()
}

fn public_of(algorithm: &str, der: &[u8]) -> Option<Der> {
    match algorithm {
        "RSA" => public_der(&rsa_private(der)?.to_public_key()),
        "Ed25519" => public_der(&SigningKey::from_pkcs8_der(der).ok()?.verifying_key()),
        name => curve!(name, curve => {
            public_der(&curve::SecretKey::from_pkcs8_der(der).ok()?.public_key())
        }),
    }
}

/// Returns a new private key. `bits` is the size of an RSA key.
fn new<'js>(ctx: Ctx<'js>, algorithm: String, bits: usize) -> Result<Option<Value<'js>>> {
    let key = match algorithm.as_str() {
        "RSA" if RSA_BITS.contains(&bits) => PrivateKey::new(&mut RunRng, bits)
            .ok()
            .and_then(|key| private_der(&key)),
        "Ed25519" => draw(32)
            .as_slice()
            .try_into()
            .ok()
            .and_then(|seed| ed25519_der(&SigningKey::from_bytes(seed))),
        // Nearly all numbers of this length are valid keys.
        "P-256" => (0..64).find_map(|_| private_der(&p256::SecretKey::from_slice(&draw(32)).ok()?)),
        "P-384" => (0..64).find_map(|_| private_der(&p384::SecretKey::from_slice(&draw(48)).ok()?)),
        _ => None,
    };
    key.map(|key| bytes(&ctx, key)).transpose()
}
