//! Signatures: how a signature is read from a request, and how it is checked.

use dormouse_journal::{Header, Time};

use super::algorithm::{Algorithm, Hash};
use super::condition::Condition;
use super::encoding::decode;
use super::format::{EncodingName, TimeUnit};
use super::keys::KeyRule;
use super::moment;
use super::place::{Place, Reading};
use super::template::{Message, Template, TemplateValues, ValuePolicy};
use super::url::Spelling;
use crate::pointer::Pointer;
use crate::{BadSecret, Rejected};

/// One way in which a provider signs.
#[derive(Debug)]
pub(super) struct Signature {
    pub(super) when: Vec<Condition>,
    pub(super) algorithm: Choice,
    pub(super) place: Place,
    pub(super) encoding: EncodingName,
    pub(super) signed: Template,
    pub(super) body_digest: Option<BodyDigest>,
    pub(super) url: Spelling,
    pub(super) key: KeyRule,
    pub(super) timestamp: Option<Timestamp>,
    pub(super) id: Option<Place>,
    pub(super) each: Option<Pointer>,
}

/// The algorithm, or the prefixes of signatures that choose it.
#[derive(Debug)]
pub(super) enum Choice {
    One(Algorithm),
    ByPrefix(Vec<(String, Algorithm)>),
}

#[derive(Debug)]
pub(super) struct BodyDigest {
    pub(super) place: Place,
    pub(super) hash: Hash,
    pub(super) encoding: EncodingName,
}

#[derive(Debug)]
pub(super) struct Timestamp {
    pub(super) place: Place,
    pub(super) unit: TimeUnit,
    pub(super) tolerance: Option<u64>,
}

/// How far a signed time may be from the host's time, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tolerance {
    /// The webhook's value, which takes precedence over that in the provider's description.
    pub own: Option<u64>,
    /// The host's default, if there is neither.
    pub usual: u64,
    /// The largest value that is allowed.
    pub most: u64,
}

/// The data that was read of one signature.
#[derive(Debug, Clone)]
pub(super) struct SignatureData {
    signatures: Vec<(Algorithm, Vec<u8>)>,
    timestamp: String,
    id: String,
}

impl Choice {
    /// Returns the algorithm by which keys are checked. All algorithms that a prefix chooses from take
    /// the same keys.
    pub(super) fn first(&self) -> Algorithm {
        match self {
            Choice::One(algorithm) => *algorithm,
            Choice::ByPrefix(choices) => choices
                .first()
                .map_or(Algorithm::Hmac(Hash::Sha256), |(_, algorithm)| *algorithm),
        }
    }

    /// Returns the algorithm for signing, and the prefix of its signature: the one with the longest
    /// digest.
    pub(super) fn strongest(&self) -> (&str, Algorithm) {
        match self {
            Choice::One(algorithm) => ("", *algorithm),
            Choice::ByPrefix(choices) => choices
                .iter()
                .max_by_key(|(_, algorithm)| algorithm.length())
                .map_or(("", self.first()), |(prefix, algorithm)| {
                    (prefix, *algorithm)
                }),
        }
    }
}

impl Signature {
    pub(super) fn applies(&self, reading: Reading<'_>) -> bool {
        self.when
            .iter()
            .all(|condition| condition.holds(reading, true))
    }

    /// Returns true if the signature, or data that belongs to it, is in the body.
    pub(super) fn needs_body(&self) -> bool {
        let timestamp = self.timestamp.iter().map(|timestamp| &timestamp.place);
        let mut places = [&self.place].into_iter().chain(&self.id).chain(timestamp);
        self.each.is_some() || places.any(Place::needs_body)
    }

    pub(super) fn read(
        &self,
        reading: Reading<'_>,
        now: Time,
        tolerance: Tolerance,
    ) -> Result<SignatureData, Rejected> {
        let values = self.place.values(reading)?;
        if values.is_empty() {
            return Err(Rejected::Missing);
        }
        let mut id = String::new();
        if let Some(place) = &self.id {
            id = place.value(reading)?.into_owned();
            let after = self.signed.after_id().unwrap_or_default();
            if id.is_empty() || !after.is_empty() && id.contains(after) {
                return Err(Rejected::Malformed);
            }
        }
        let mut timestamp = String::new();
        let mut signed_at = None;
        if let Some(rule) = &self.timestamp {
            timestamp = rule.place.value(reading)?.into_owned();
            let time = moment::read(rule.unit, &timestamp).ok_or(Rejected::Malformed)?;
            signed_at = Some((rule, time));
        }
        let signatures = values.iter().map(|value| self.decoded(value));
        let signatures = signatures.collect::<Option<Vec<_>>>();
        let signatures = signatures.ok_or(Rejected::Malformed)?;
        if let Some((rule, time)) = signed_at
            && time.abs_diff(now.0) > tolerance.of(rule)
        {
            return Err(Rejected::Stale);
        }
        Ok(SignatureData {
            signatures,
            timestamp,
            id,
        })
    }

    /// Decodes a signature.
    fn decoded(&self, text: &str) -> Option<(Algorithm, Vec<u8>)> {
        let (algorithm, text) = match &self.algorithm {
            Choice::One(algorithm) => (*algorithm, text),
            Choice::ByPrefix(choices) => choices.iter().find_map(|(prefix, algorithm)| {
                Some((*algorithm, text.strip_prefix(prefix.as_str())?))
            })?,
        };
        let bytes = decode(self.encoding, text, algorithm.length())?;
        let is_right = algorithm
            .length()
            .is_none_or(|length| length == bytes.len());
        is_right.then_some((algorithm, bytes))
    }

    pub(super) fn verify(
        &self,
        given: &SignatureData,
        secrets: &[&[u8]],
        reading: Reading<'_>,
    ) -> Result<(), Rejected> {
        let mut is_proven = false;
        let mut is_verifiable = false;
        for (algorithm, _) in &given.signatures {
            let bytes: Vec<&[u8]> = given
                .signatures
                .iter()
                .filter(|(other, _)| other == algorithm)
                .map(|(_, bytes)| bytes.as_slice())
                .collect();
            for secret in secrets {
                let Ok(key) = self.key.key(*algorithm, secret) else {
                    continue;
                };
                is_verifiable = true;
                for url in self.url.of(&reading.head.url) {
                    let values = self.values(given, reading, &url, secret);
                    let mut message = Vec::new();
                    self.signed.render(values, &mut message)?;
                    is_proven |= algorithm.check(&key, &message, &bytes);
                }
            }
            // Signatures of the same algorithm are compared together.
            if given.signatures.iter().all(|(other, _)| other == algorithm) {
                break;
            }
        }
        match (is_proven, is_verifiable) {
            (true, _) => self.check_body(reading),
            (false, true) => Err(Rejected::Wrong),
            (false, false) => Err(Rejected::Unverifiable),
        }
    }

    fn values<'a>(
        &self,
        given: &'a SignatureData,
        reading: Reading<'a>,
        url: &'a str,
        secret: &'a [u8],
    ) -> TemplateValues<'a> {
        TemplateValues {
            reading,
            timestamp: &given.timestamp,
            id: &given.id,
            url,
            secret,
            policy: ValuePolicy::NotSent,
        }
    }

    /// Checks the digest of the body, if not the body is signed but a text that contains its digest.
    fn check_body(&self, reading: Reading<'_>) -> Result<(), Rejected> {
        let Some(rule) = &self.body_digest else {
            return Ok(());
        };
        let value = rule.place.value(reading)?;
        let given = decode(rule.encoding, &value, Some(rule.hash.length()));
        let given = given.ok_or(Rejected::Malformed)?;
        if given == rule.hash.digest(&[reading.body]) {
            Ok(())
        } else {
            Err(Rejected::Wrong)
        }
    }

    /// Returns the signature of a request, if it can be made here.
    pub(super) fn made(
        &self,
        reading: Reading<'_>,
        timestamp: &str,
        id: &str,
        secret: &[u8],
    ) -> Result<Option<Vec<u8>>, BadSecret> {
        let (_, algorithm) = self.algorithm.strongest();
        let key = self.key.key(algorithm, secret)?;
        let given = SignatureData {
            signatures: Vec::new(),
            timestamp: timestamp.to_owned(),
            id: id.to_owned(),
        };
        let urls = self.url.of(&reading.head.url);
        let url = urls.first().map_or("", String::as_str);
        let mut message: Message<'_> = Vec::new();
        let rendered = self
            .signed
            .render(self.values(&given, reading, url, secret), &mut message);
        Ok(rendered.ok().and_then(|()| algorithm.sign(&key, &message)))
    }
}

impl Tolerance {
    fn of(self, rule: &Timestamp) -> u64 {
        let said = self.own.or(rule.tolerance).unwrap_or(self.usual);
        said.min(self.most)
    }
}

/// The headers by which a caller proves itself.
pub(super) type Headers = Vec<Header>;
