//! Signs a request as a provider does, for tests and for people who try a webhook by hand.

use bytes::Bytes;
use dormouse_journal::{Request, Time};

use super::Check;
use super::check::{Headers, Signature};
use super::encoding::encode;
use super::moment;
use super::place::{Origin, Place, Reading};
use crate::BadSecret;

/// Why a request cannot be signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotSign {
    /// The secret cannot be a key.
    #[error(transparent)]
    Secret(#[from] BadSecret),
    /// The provider does not sign.
    #[error("this provider does not sign its requests; send the request without a signature")]
    Unsigned,
    /// Only the provider has the key.
    #[error(
        "this provider signs with a private key that only it has; take a signed request of its own, or check another way"
    )]
    Asymmetric,
    /// The signature, or a value that it covers, is not in a header.
    #[error(
        "this provider's signature is not in headers alone: {0} is in the request's address or body, where it must be \
         put before the request is signed"
    )]
    NotInHeaders(&'static str),
}

impl Check<'_> {
    /// Returns the headers that sign a request. `id` names the request, if the provider signs an id.
    ///
    /// # Errors
    /// If this secret cannot sign a request, or if headers alone cannot hold the signature.
    pub fn sign(
        &self,
        secret: &[u8],
        id: &str,
        now: Time,
        request: &Request,
    ) -> Result<Headers, CannotSign> {
        if secret.is_empty() {
            return Err(BadSecret::Empty.into());
        }
        let mut trouble = CannotSign::Unsigned;
        for signature in self.provider().signatures.iter().rev() {
            if let Err(error) = self.sign_by(signature, secret, id, now, request) {
                trouble = error;
            }
        }
        let signatures = self.provider().signatures.iter();
        let made = signatures.filter_map(|rule| {
            let headers = self.sign_by(rule, secret, id, now, request).ok()?;
            Some((rule, headers))
        });
        let made: Vec<(&Signature, Headers)> = made.collect();
        let applies = made
            .iter()
            .position(|(rule, headers)| self.is_checked_by(rule, headers, request));
        made.into_iter()
            .nth(applies.unwrap_or_default())
            .map(|(_, headers)| headers)
            .ok_or(trouble)
    }

    /// Returns true if this rule, and no other one, checks the request when these headers are added to it.
    fn is_checked_by(&self, rule: &Signature, headers: &Headers, request: &Request) -> bool {
        let mut signed = request.clone();
        signed.headers.extend(headers.iter().cloned());
        let applying = self.applying(self.reading(&signed, &signed.body));
        applying.is_some_and(|applying| std::ptr::eq(applying, rule))
    }

    fn sign_by(
        &self,
        rule: &Signature,
        secret: &[u8],
        id: &str,
        now: Time,
        request: &Request,
    ) -> Result<Headers, CannotSign> {
        let reading = self.reading(request, &request.body);
        let mut made = Headers::new();
        let mut timestamp = String::new();
        if let Some(time) = &rule.timestamp {
            timestamp = match time.place.value(reading) {
                Ok(value) => value.into_owned(),
                Err(_) => {
                    let value = moment::write(time.unit, now);
                    put(&time.place, &value, reading, &mut made, "the timestamp")?;
                    value
                }
            };
        }
        let mut name = id.to_owned();
        if let Some(place) = &rule.id {
            match place.value(reading) {
                Ok(value) => name = value.into_owned(),
                Err(_) => put(place, id, reading, &mut made, "the id")?,
            }
        }
        let mut whole = request.clone();
        whole.headers.extend(made.iter().cloned());
        let signed = self.reading(&whole, &whole.body);
        let bytes = rule.made(signed, &timestamp, &name, secret)?;
        let bytes = bytes.ok_or(CannotSign::Asymmetric)?;
        let (prefix, _) = rule.algorithm.strongest();
        let value = format!("{prefix}{}", encode(rule.encoding, &bytes));
        put(&rule.place, &value, reading, &mut made, "the signature")?;
        Ok(made)
    }
}

/// Puts a value into the header at a place.
fn put(
    place: &Place,
    value: &str,
    reading: Reading<'_>,
    made: &mut Headers,
    what: &'static str,
) -> Result<(), CannotSign> {
    let names = place.headers(reading.settings);
    let Some(name) = names.first() else {
        return Err(CannotSign::NotInHeaders(what));
    };
    let prefix = place.prefix.as_ref();
    let prefix = prefix.map_or("", |prefix| prefix.text(reading.settings));
    let part = place.part.as_ref().map(|part| part.text(reading.settings));
    let item = match part {
        Some(part) => format!("{part}={prefix}{value}"),
        None => format!("{prefix}{value}"),
    };
    let is_list = matches!(place.origin, Origin::Headers(_)) && place.separator.is_some();
    let before = made.iter_mut().find(|(given, _)| given == name);
    match (before, &place.separator) {
        (Some((_, before)), Some(separator)) if is_list => {
            let list = [before.as_ref(), separator.as_bytes(), item.as_bytes()].concat();
            *before = Bytes::from(list);
        }
        _ => made.push((name.clone(), Bytes::from(item))),
    }
    Ok(())
}
