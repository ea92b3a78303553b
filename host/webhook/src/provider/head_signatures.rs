//! Checks the signatures of a request: first its head alone, so that a hopeless request is refused before its body is read,
//! and then the whole request.

use dormouse_journal::{Request, Time};

use super::Check;
use super::check::{Signature, SignatureData, Tolerance};
use super::condition::Condition;
use super::place::Reading;
use crate::pointer::elements;
use crate::{BadSecret, Rejected};

/// The largest number of elements of a body that are signed separately.
const ELEMENTS: usize = 10;

/// The number of bytes that are read of a body whose elements are signed separately: the body is read for each value of
/// each element.
const READ: usize = 64 << 20;

/// The signatures in a request, as far as its head shows them. [`Check::read_head`] has checked their form and the
/// timestamp. Only [`Check::verify`], which also reads the body, decides whether one of the signatures is right.
#[derive(Debug, Clone)]
pub struct HeadSignatures {
    now: Time,
    tolerance: Tolerance,
    /// The number of the signature in the description, if the head decides it, and the data that was read.
    read: Option<(usize, SignatureData)>,
}

impl Check<'_> {
    /// Reads the signatures of a request from its head, without the body.
    ///
    /// # Errors
    /// When the request cannot prove anything, whatever its body is.
    pub fn read_head(
        &self,
        head: &Request,
        now: Time,
        tolerance: Tolerance,
    ) -> Result<HeadSignatures, Rejected> {
        let reading = self.reading(head, b"");
        let late = HeadSignatures {
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
            return Ok(HeadSignatures {
                read: Some((place, given)),
                ..late
            });
        }
        Err(Rejected::Missing)
    }

    /// Checks the signatures of a request whose body has been read. `secrets` are the values of the secrets that the
    /// webhook names. Any of them may match, so that secrets can be rotated.
    ///
    /// # Errors
    /// When no signature was made with one of the secrets.
    pub fn verify(
        &self,
        head: &HeadSignatures,
        secrets: &[&[u8]],
        request: &Request,
    ) -> Result<(), Rejected> {
        let reading = self.reading(request, &request.body);
        let signatures = &self.provider().signatures;
        if let Some((place, given)) = &head.read {
            let signature = signatures.get(*place).ok_or(Rejected::Missing)?;
            return signature.verify(given, secrets, reading);
        }
        let signature = self.applying(reading).ok_or(Rejected::Missing)?;
        let read_and_prove = |reading| {
            let given = signature.read(reading, head.now, head.tolerance)?;
            signature.verify(&given, secrets, reading)
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

    /// Returns the signature by which a request is checked.
    pub(super) fn applying(&self, reading: Reading<'_>) -> Option<&Signature> {
        let mut signatures = self.provider().signatures.iter();
        signatures.find(|signature| signature.applies(reading))
    }

    /// Checks that a secret is a valid key for one of the provider's signatures.
    ///
    /// # Errors
    /// When it is not.
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

    /// Returns the names of the headers that contain proof, in lower case, so that they can be masked where people read
    /// them.
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
