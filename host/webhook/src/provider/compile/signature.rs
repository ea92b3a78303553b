//! Compiles the ways in which a provider signs.

use std::collections::BTreeMap;

use toml::Spanned;

use super::wrong::{Compiled, wrong};
use super::{Compiler, at_most};
use crate::pointer::Pointer;
use crate::provider::algorithm::Algorithm;
use crate::provider::check::{self, Choice};
use crate::provider::encoding::hex;
use crate::provider::format::{self, AlgorithmName, EncodingName, KeyFormat};
use crate::provider::keys::KeyRule;
use crate::provider::place::{Origin, Place, TextOrSetting};
use crate::provider::url::Spelling;

/// The largest number of prefixes that choose an algorithm.
const PREFIXES: usize = 16;

/// The longest tolerance that a description may ask for, in milliseconds: ten years.
const LONGEST_TOLERANCE: u64 = 10 * 365 * 86_400_000;

impl Compiler<'_> {
    pub(super) fn signature(
        &mut self,
        rule: Spanned<format::Signature>,
    ) -> Compiled<check::Signature> {
        let at = rule.span().start;
        let rule = rule.into_inner();
        let algorithm = choice(&rule.algorithm, rule.algorithms.as_ref())?;
        let is_basic = *rule.algorithm.as_ref() == AlgorithmName::Basic;
        let encoding = encoding(rule.encoding.as_ref(), *rule.algorithm.as_ref())?;
        let place = match (&rule.signature, is_basic) {
            (Some(place), _) => self.place(place)?,
            (None, true) => basic(),
            (None, false) => {
                return Err((
                    at,
                    "the signature has no place; say where it is, such as \
                    `signature = { header = \"X-Signature\" }`"
                        .into(),
                ));
            }
        };
        let signs = algorithm.strongest().1.signs();
        let signed = match (&rule.signed, signs) {
            (Some(text), true) => self.template(text)?,
            (None, false) => self.template(&Spanned::new(at..at, String::new()))?,
            (Some(text), false) => {
                return wrong(text, "a token signs nothing, so that it has no `signed`");
            }
            (None, true) => {
                return Err((
                    at,
                    "say which text is signed, such as `signed = \"{body}\"`".into(),
                ));
            }
        };
        let compiled = check::Signature {
            when: self.conditions(&rule.when)?,
            algorithm,
            place,
            encoding,
            signed,
            body_digest: rule
                .body_digest
                .map(|rule| self.body_digest(rule))
                .transpose()?,
            url: spelling(rule.url)?,
            key: key(rule.key)?,
            timestamp: rule
                .timestamp
                .map(|rule| self.timestamp(rule))
                .transpose()?,
            id: rule
                .id
                .as_ref()
                .map(|place| self.place(place))
                .transpose()?,
            each: rule.each.as_ref().map(pointer).transpose()?,
        };
        check_signature(&compiled, rule.signed.as_ref(), at)?;
        Ok(compiled)
    }

    fn body_digest(&mut self, rule: Spanned<format::BodyDigest>) -> Compiled<check::BodyDigest> {
        let rule = rule.into_inner();
        if *rule.encoding.as_ref() == EncodingName::Text {
            return wrong(&rule.encoding, "a digest is written in hex or base64");
        }
        Ok(check::BodyDigest {
            place: self.place(&rule.place)?,
            hash: rule.algorithm.into(),
            encoding: rule.encoding.into_inner(),
        })
    }

    fn timestamp(&mut self, rule: Spanned<format::Timestamp>) -> Compiled<check::Timestamp> {
        let rule = rule.into_inner();
        Ok(check::Timestamp {
            place: self.place(&rule.place)?,
            unit: rule.unit,
            tolerance: rule.tolerance.as_ref().map(tolerance).transpose()?,
        })
    }
}

/// Checks that the parts of a signature fit together.
fn check_signature(
    rule: &check::Signature,
    signed: Option<&Spanned<String>>,
    at: usize,
) -> Compiled<()> {
    let at = signed.map_or(at, |signed| signed.span().start);
    let says = |has: bool, name: &str, is_there: bool| match (has, is_there) {
        (true, false) => Err((
            at,
            format!("`signed` has `{{{name}}}`, but the signature says no `{name}`"),
        )),
        _ => Ok(()),
    };
    says(
        rule.signed.has_timestamp(),
        "timestamp",
        rule.timestamp.is_some(),
    )?;
    says(rule.signed.has_id(), "id", rule.id.is_some())?;
    let algorithm = rule.algorithm.strongest().1;
    if let Some(timestamp) = &rule.timestamp
        && !rule.signed.has_timestamp()
        && !(timestamp.place.needs_body() && rule.signed.has_body())
    {
        return Err((at, "the timestamp is not signed, so that anybody can change it; put `{timestamp}` into `signed`, or \
            leave `timestamp` out".into()));
    }
    if matches!(algorithm, Algorithm::Digest(_)) && !rule.signed.has_secret() {
        return Err((at, "a plain digest proves nothing without the secret; put `{secret}` into `signed`, or take an HMAC".into()));
    }
    if !matches!(algorithm, Algorithm::Digest(_)) && rule.signed.shows_secret() {
        return Err((at, "`{secret}` stands in `signed` only where the algorithm is a plain digest, such as `sha256`".into()));
    }
    Ok(())
}

fn choice(
    name: &Spanned<AlgorithmName>,
    by_prefix: Option<&Spanned<BTreeMap<String, AlgorithmName>>>,
) -> Compiled<Choice> {
    match (Algorithm::of(*name.as_ref()), by_prefix) {
        (Some(algorithm), None) => Ok(Choice::One(algorithm)),
        (Some(_), Some(table)) => {
            wrong(table, "`algorithms` goes with `algorithm = \"by-prefix\"`")
        }
        (None, None) => wrong(
            name,
            "`by-prefix` needs `algorithms`, such as `{ \"sha256=\" = \"hmac-sha256\" }`",
        ),
        (None, Some(table)) => {
            let choices = table.as_ref().iter().map(|(prefix, name)| {
                let algorithm = Algorithm::of(*name);
                let hmac = algorithm.filter(|algorithm| matches!(algorithm, Algorithm::Hmac(_)));
                hmac.map(|algorithm| (prefix.clone(), algorithm))
            });
            match choices.collect::<Option<Vec<_>>>() {
                Some(choices) if (1..=PREFIXES).contains(&choices.len()) => {
                    Ok(Choice::ByPrefix(choices))
                }
                _ => wrong(
                    table,
                    "`algorithms` has 1 to 16 prefixes, each with hmac-sha1, hmac-sha256, hmac-sha384 or \
                    hmac-sha512",
                ),
            }
        }
    }
}

fn encoding(
    given: Option<&Spanned<EncodingName>>,
    algorithm: AlgorithmName,
) -> Compiled<EncodingName> {
    let is_token = algorithm == AlgorithmName::Token;
    match given {
        None if is_token => Ok(EncodingName::Text),
        None if algorithm == AlgorithmName::Basic => Ok(EncodingName::Base64),
        None => Ok(EncodingName::Hex),
        Some(encoding) if *encoding.as_ref() == EncodingName::Text && !is_token => wrong(
            encoding,
            "only a token is written as text; a signature is in hex, base64, base64url, base64-any or \
                hex-or-base64",
        ),
        Some(encoding) => Ok(*encoding.as_ref()),
    }
}

/// Returns the place of a name and a password according to RFC 7617.
fn basic() -> Place {
    Place {
        origin: Origin::Headers(vec![TextOrSetting::Literal("authorization".into())]),
        separator: None,
        part: None,
        items: None,
        prefix: Some(TextOrSetting::Literal("Basic ".into())),
        any_case: true,
    }
}

fn spelling(url: format::UrlSpelling) -> Compiled<Spelling> {
    let escapes = url.decode.into_iter().map(|escape| {
        let byte = escape.as_ref().strip_prefix('%').and_then(hex);
        match byte.as_deref() {
            Some([byte]) if byte.is_ascii_graphic() => Ok((escape.into_inner(), *byte)),
            _ => wrong(
                &escape,
                "`decode` lists escapes of visible ASCII characters, such as `%3A`",
            ),
        }
    });
    Ok(Spelling {
        decode: escapes.collect::<Compiled<Vec<_>>>()?,
        any_port: url.port == format::Port::Both,
    })
}

fn key(key: format::Key) -> Compiled<KeyRule> {
    at_most(&key.remove_prefix, "prefixes of a key")?;
    let prefixes = key.remove_prefix.into_iter().map(Spanned::into_inner);
    Ok(KeyRule {
        prefixes: prefixes.collect(),
        format: key.format.map_or(KeyFormat::Raw, Spanned::into_inner),
        hash: key.hash.map(Into::into),
    })
}

fn pointer(text: &Spanned<String>) -> Compiled<Pointer> {
    let pointer = Pointer::parse(text.as_ref()).map_err(|message| (text.span().start, message))?;
    if pointer.has_each() {
        return wrong(text, "`each` leads to one array, without `*`");
    }
    Ok(pointer)
}

fn tolerance(text: &Spanned<String>) -> Compiled<u64> {
    let given = text.as_ref();
    let end = given
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(given.len());
    let (number, unit) = given.split_at(end);
    let unit = match unit {
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => 0,
    };
    let time = number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(unit));
    match time {
        Some(time) if (1..=LONGEST_TOLERANCE).contains(&time) => Ok(time),
        _ => wrong(
            text,
            "a tolerance is a number and s, m, h or d, such as `5m`",
        ),
    }
}
