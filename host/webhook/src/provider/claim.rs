//! Claims: what a request proves, by its head first, and by its body then.

use dormouse_journal::{Request, Time};

use super::Check;
use super::check::{Given, Signature, Tolerance};
use super::condition::Condition;
use super::place::Reading;
use crate::pointer::elements;
use crate::{BadSecret, Rejected};

/// Elements of a body that are signed each for itself.
const ELEMENTS: usize = 10;

/// Bytes that are read of a body whose elements are signed each for itself: the body is read for each value of each.
const READ: usize = 64 << 20;

/// The signatures that a request carries. Its head was spelled as the description says, and its timestamp is good as far as
/// the head shows them; whether one of the signatures is right is known once the body is there.
#[derive(Debug, Clone)]
pub struct Claim {
    now: Time,
    tolerance: Tolerance,
    /// Which of the description's signatures it is, if the head tells it, and what was read.
    read: Option<(usize, Given)>,
}

impl Check<'_> {
    /// Reads the signatures of a request from its head. The body is not looked at.
    ///
    /// # Errors
    /// When the request could prove nothing, whatever its body is.
    pub fn claim(
        &self,
        head: &Request,
        now: Time,
        tolerance: Tolerance,
    ) -> Result<Claim, Rejected> {
        let reading = self.reading(head, b"");
        let late = Claim {
            now,
            tolerance,
            read: None,
        };
        let signatures = &self.provider().signatures;
        for (place, signature) in signatures.iter().enumerate() {
            if signature.when.iter().any(Condition::needs_body) {
                return Ok(late);
            }
            if !signature.applies(reading) {
                continue;
            }
            if signature.needs_body() {
                return Ok(late);
            }
            let given = signature.read(reading, now, tolerance)?;
            return Ok(Claim {
                read: Some((place, given)),
                ..late
            });
        }
        Err(Rejected::Missing)
    }

    /// Checks the signatures of a request, now that its body is there. `secrets` are the values of the secrets that the
    /// webhook names, any of which may match, so that they can be rotated.
    ///
    /// # Errors
    /// When none of the signatures is that of one of the secrets.
    pub fn prove(
        &self,
        claim: &Claim,
        secrets: &[&[u8]],
        request: &Request,
    ) -> Result<(), Rejected> {
        let reading = self.reading(request, &request.body);
        let signatures = &self.provider().signatures;
        if let Some((place, given)) = &claim.read {
            let signature = signatures.get(*place).ok_or(Rejected::Missing)?;
            return signature.prove(given, secrets, reading);
        }
        let signature = self.applying(reading).ok_or(Rejected::Missing)?;
        let read_and_prove = |reading| {
            let given = signature.read(reading, claim.now, claim.tolerance)?;
            signature.prove(&given, secrets, reading)
        };
        let Some(each) = &signature.each else {
            return read_and_prove(reading);
        };
        let count = elements(each, reading.body, ELEMENTS).ok_or(Rejected::Malformed)?;
        let values = signature.signed.places() + 3;
        if reading.body.len().saturating_mul(count * values) > READ {
            return Err(Rejected::Malformed);
        }
        (0..count).try_for_each(|element| {
            read_and_prove(Reading {
                element: Some(element),
                ..reading
            })
        })
    }

    /// Returns the signature that a request is to be checked by.
    pub(super) fn applying(&self, reading: Reading<'_>) -> Option<&Signature> {
        let mut signatures = self.provider().signatures.iter();
        signatures.find(|signature| signature.applies(reading))
    }

    /// Checks that a secret can be a key of one of the provider's signatures.
    ///
    /// # Errors
    /// When it can be none.
    pub fn check_secret(&self, secret: &[u8]) -> Result<(), BadSecret> {
        let mut trouble = BadSecret::Empty;
        for signature in &self.provider().signatures {
            match signature.key.key(signature.algorithm.first(), secret) {
                Ok(_) => return Ok(()),
                Err(bad) => trouble = bad,
            }
        }
        Err(trouble)
    }

    /// Returns the names of headers that carry proof, in small letters, so that they can be masked where people look.
    #[must_use]
    pub fn signature_headers(&self) -> Vec<String> {
        let provider = self.provider();
        let places = provider.signatures.iter().map(|signature| &signature.place);
        let probes = provider.handshakes.iter();
        let probes = probes.flat_map(|probe| probe.secret_equals.iter().chain(&probe.learns));
        let names = places
            .chain(probes)
            .flat_map(|place| place.headers(self.settings()));
        let mut names: Vec<String> = names.chain(provider.masked.iter().cloned()).collect();
        names.sort();
        names.dedup();
        names
    }
}
