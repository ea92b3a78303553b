//! Functions that use keys, for signatures, key agreement, encryption and key derivation.

use aes::{Aes128, Aes256};
use aes_gcm::aead::consts::U16;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes128Gcm, Aes256Gcm, AesGcm};
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit, StreamCipher};
use ed25519_dalek::{Signature, Signer, SigningKey, Verifier, VerifyingKey};
use hkdf::Hkdf;
use p256::ecdsa::signature::hazmat::{PrehashSigner, PrehashVerifier};
use pbkdf2::pbkdf2_hmac;
use rquickjs::function::Func;
use rquickjs::{Ctx, Object, Result, TypedArray, Value};
use rsa::pkcs8::{DecodePrivateKey, DecodePublicKey};
use rsa::{Oaep, Pkcs1v15Sign, Pss};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};

use super::crypto::digest_of;
use super::keys::{curve, rsa_private, rsa_public};
use super::rng::RunRng;
use crate::values::{bytes, from_bytes};

pub(super) fn add(host: &Object<'_>) -> Result<()> {
    host.set("sign", Func::from(sign))?;
    host.set("verify", Func::from(verify))?;
    host.set("agree", Func::from(agree))?;
    host.set("gcm", Func::from(gcm))?;
    host.set("aes", Func::from(aes))?;
    host.set("oaep", Func::from(oaep))?;
    host.set("pbkdf2", Func::from(pbkdf2))?;
    host.set("hkdf", Func::from(hkdf))
}

/// Expands to a piece of code with the type of a digest.
macro_rules! hash {
    ($name:expr, $hash:ident => $what:expr) => {
        match $name {
            "SHA-1" => {
                type $hash = Sha1;
                $what
            }
            "SHA-256" => {
                type $hash = Sha256;
                $what
            }
            "SHA-384" => {
                type $hash = Sha384;
                $what
            }
            "SHA-512" => {
                type $hash = Sha512;
                $what
            }
            _ => None,
        }
    };
}

/// Signs data. `scheme` is `RSASSA-PKCS1-V1_5`, `RSA-PSS`, `Ed25519` or a curve's name.
fn sign<'js>(
    ctx: Ctx<'js>,
    scheme: String,
    hash: String,
    key: TypedArray<'js, u8>,
    data: TypedArray<'js, u8>,
    salt: usize,
) -> Result<Option<Value<'js>>> {
    let (key, data) = (from_bytes(&ctx, &key)?, from_bytes(&ctx, &data)?);
    let signature = signature(&scheme, &hash, &key, &data, salt);
    signature.map(|made| bytes(&ctx, made)).transpose()
}

fn signature(scheme: &str, hash: &str, key: &[u8], data: &[u8], salt: usize) -> Option<Vec<u8>> {
    if scheme == "Ed25519" {
        let key = SigningKey::from_pkcs8_der(key).ok()?;
        return Some(key.sign(data).to_bytes().to_vec());
    }
    let digest = digest_of(hash, data)?;
    match scheme {
        "RSASSA-PKCS1-V1_5" => hash!(hash, D => {
            rsa_private(key)?.sign(Pkcs1v15Sign::new::<D>(), &digest).ok()
        }),
        "RSA-PSS" => hash!(hash, D => {
            let scheme = Pss::<D>::new_with_salt(salt);
            rsa_private(key)?.sign_with_rng(&mut RunRng, scheme, &digest).ok()
        }),
        name => curve!(name, curve => {
            let key = curve::SecretKey::from_pkcs8_der(key).ok()?;
            let key = curve::ecdsa::SigningKey::from(&key);
            let signature: curve::ecdsa::Signature = key.sign_prehash(&digest).ok()?;
            Some(signature.to_bytes().to_vec())
        }),
    }
}

#[allow(clippy::too_many_arguments, reason = "it is called by JavaScript")]
fn verify<'js>(
    ctx: Ctx<'js>,
    scheme: String,
    hash: String,
    key: TypedArray<'js, u8>,
    signature: TypedArray<'js, u8>,
    data: TypedArray<'js, u8>,
    salt: usize,
) -> Result<bool> {
    let (key, data) = (from_bytes(&ctx, &key)?, from_bytes(&ctx, &data)?);
    let signature = from_bytes(&ctx, &signature)?;
    Ok(is_signature(&scheme, &hash, &key, &signature, &data, salt).is_some())
}

fn is_signature(
    scheme: &str,
    hash: &str,
    key: &[u8],
    signature: &[u8],
    data: &[u8],
    salt: usize,
) -> Option<()> {
    if scheme == "Ed25519" {
        let key = VerifyingKey::from_public_key_der(key).ok()?;
        let signature = Signature::from_slice(signature).ok()?;
        return key.verify(data, &signature).ok();
    }
    let digest = digest_of(hash, data)?;
    match scheme {
        "RSASSA-PKCS1-V1_5" => hash!(hash, D => {
            rsa_public(key)?.verify(Pkcs1v15Sign::new::<D>(), &digest, signature).ok()
        }),
        "RSA-PSS" => hash!(hash, D => {
            rsa_public(key)?.verify(Pss::<D>::new_with_salt(salt), &digest, signature).ok()
        }),
        name => curve!(name, curve => {
            let key = curve::PublicKey::from_public_key_der(key).ok()?;
            let key = curve::ecdsa::VerifyingKey::from(&key);
            let signature = curve::ecdsa::Signature::from_slice(signature).ok()?;
            key.verify_prehash(&digest, &signature).ok()
        }),
    }
}

/// Returns the secret that a private key shares with the public key of another party.
fn agree<'js>(
    ctx: Ctx<'js>,
    curve: String,
    private: TypedArray<'js, u8>,
    public: TypedArray<'js, u8>,
) -> Result<Option<Value<'js>>> {
    let (private, public) = (from_bytes(&ctx, &private)?, from_bytes(&ctx, &public)?);
    let shared = curve!(curve.as_str(), curve => {
        let private = curve::SecretKey::from_pkcs8_der(&private).ok();
        let public = curve::PublicKey::from_public_key_der(&public).ok();
        private.zip(public).map(|(private, public)| {
            private.diffie_hellman(&public).raw_secret_bytes().to_vec()
        })
    });
    shared.map(|shared| bytes(&ctx, shared)).transpose()
}

/// Encrypts or decrypts data by AES-GCM, with a nonce of 12 or 16 bytes and a tag of 16 bytes.
#[allow(clippy::too_many_arguments, reason = "it is called by JavaScript")]
fn gcm<'js>(
    ctx: Ctx<'js>,
    encrypts: bool,
    key: TypedArray<'js, u8>,
    nonce: TypedArray<'js, u8>,
    aad: TypedArray<'js, u8>,
    data: TypedArray<'js, u8>,
) -> Result<Option<Value<'js>>> {
    let (key, nonce) = (from_bytes(&ctx, &key)?, from_bytes(&ctx, &nonce)?);
    let (aad, data) = (from_bytes(&ctx, &aad)?, from_bytes(&ctx, &data)?);
    let cipher = match (key.len(), nonce.len()) {
        (16, 12) => gcm_by::<Aes128Gcm>,
        (32, 12) => gcm_by::<Aes256Gcm>,
        (16, 16) => gcm_by::<AesGcm<Aes128, U16>>,
        (32, 16) => gcm_by::<AesGcm<Aes256, U16>>,
        _ => return Ok(None),
    };
    let done = cipher(encrypts, &key, &nonce, &aad, &data);
    done.map(|done| bytes(&ctx, done)).transpose()
}

fn gcm_by<C: Aead + KeyInit>(
    encrypts: bool,
    key: &[u8],
    nonce: &[u8],
    aad: &[u8],
    data: &[u8],
) -> Option<Vec<u8>> {
    let cipher = C::new_from_slice(key).ok()?;
    let nonce = nonce.try_into().ok()?;
    let payload = Payload { msg: data, aad };
    let done = if encrypts {
        cipher.encrypt(nonce, payload)
    } else {
        cipher.decrypt(nonce, payload)
    };
    done.ok()
}

/// Encrypts or decrypts data by AES-CTR, with a counter of 128 bits, or by AES-CBC, with padding as in PKCS #7. `start` is the
/// first counter or the initialization vector.
fn aes<'js>(
    ctx: Ctx<'js>,
    is_ctr: bool,
    encrypts: bool,
    key: TypedArray<'js, u8>,
    start: TypedArray<'js, u8>,
    data: TypedArray<'js, u8>,
) -> Result<Option<Value<'js>>> {
    let (key, start) = (from_bytes(&ctx, &key)?, from_bytes(&ctx, &start)?);
    let data = from_bytes(&ctx, &data)?;
    let done = match (key.len(), is_ctr) {
        (16, true) => apply_ctr::<ctr::Ctr128BE<Aes128>>(&key, &start, data),
        (32, true) => apply_ctr::<ctr::Ctr128BE<Aes256>>(&key, &start, data),
        (16, false) if encrypts => encrypt_cbc::<cbc::Encryptor<Aes128>>(&key, &start, &data),
        (32, false) if encrypts => encrypt_cbc::<cbc::Encryptor<Aes256>>(&key, &start, &data),
        (16, false) => decrypt_cbc::<cbc::Decryptor<Aes128>>(&key, &start, &data),
        (32, false) => decrypt_cbc::<cbc::Decryptor<Aes256>>(&key, &start, &data),
        _ => None,
    };
    done.map(|done| bytes(&ctx, done)).transpose()
}

fn apply_ctr<C: KeyIvInit + StreamCipher>(
    key: &[u8],
    start: &[u8],
    mut data: Vec<u8>,
) -> Option<Vec<u8>> {
    let mut cipher = C::new_from_slices(key, start).ok()?;
    cipher.try_apply_keystream(&mut data).ok()?;
    Some(data)
}

fn encrypt_cbc<C: KeyIvInit + BlockModeEncrypt>(
    key: &[u8],
    start: &[u8],
    data: &[u8],
) -> Option<Vec<u8>> {
    let cipher = C::new_from_slices(key, start).ok()?;
    Some(cipher.encrypt_padded_vec::<Pkcs7>(data))
}

fn decrypt_cbc<C: KeyIvInit + BlockModeDecrypt>(
    key: &[u8],
    start: &[u8],
    data: &[u8],
) -> Option<Vec<u8>> {
    let cipher = C::new_from_slices(key, start).ok()?;
    cipher.decrypt_padded_vec::<Pkcs7>(data).ok()
}

#[allow(clippy::too_many_arguments, reason = "it is called by JavaScript")]
fn oaep<'js>(
    ctx: Ctx<'js>,
    encrypts: bool,
    hash: String,
    key: TypedArray<'js, u8>,
    label: TypedArray<'js, u8>,
    data: TypedArray<'js, u8>,
) -> Result<Option<Value<'js>>> {
    let (key, data) = (from_bytes(&ctx, &key)?, from_bytes(&ctx, &data)?);
    let label = from_bytes(&ctx, &label)?;
    let done = hash!(hash.as_str(), D => {
        let padding = Oaep::<D>::new_with_label(label);
        if encrypts {
            rsa_public(&key).and_then(|key| key.encrypt(&mut RunRng, padding, &data).ok())
        } else {
            rsa_private(&key).and_then(|key| key.decrypt(padding, &data).ok())
        }
    });
    done.map(|done| bytes(&ctx, done)).transpose()
}

/// How many bytes may be derived at once.
const DERIVED: usize = 1 << 20;

fn pbkdf2<'js>(
    ctx: Ctx<'js>,
    hash: String,
    password: TypedArray<'js, u8>,
    salt: TypedArray<'js, u8>,
    rounds: u32,
    length: usize,
) -> Result<Option<Value<'js>>> {
    let (password, salt) = (from_bytes(&ctx, &password)?, from_bytes(&ctx, &salt)?);
    let mut derived = vec![0; length.min(DERIVED)];
    let done = hash!(hash.as_str(), D => {
        Some(pbkdf2_hmac::<D>(&password, &salt, rounds, &mut derived))
    });
    let done = done.filter(|()| length <= DERIVED);
    done.map(|()| bytes(&ctx, derived)).transpose()
}

fn hkdf<'js>(
    ctx: Ctx<'js>,
    hash: String,
    key: TypedArray<'js, u8>,
    salt: TypedArray<'js, u8>,
    info: TypedArray<'js, u8>,
    length: usize,
) -> Result<Option<Value<'js>>> {
    let (key, salt) = (from_bytes(&ctx, &key)?, from_bytes(&ctx, &salt)?);
    let info = from_bytes(&ctx, &info)?;
    let mut derived = vec![0; length.min(DERIVED)];
    let done = hash!(hash.as_str(), D => {
        Hkdf::<D>::new(Some(&salt), &key).expand(&info, &mut derived).ok()
    });
    let done = done.filter(|()| length <= DERIVED);
    done.map(|()| bytes(&ctx, derived)).transpose()
}
