//! Compiles a description's file, or says in which line it is wrong, and what it may say there.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use dormouse_journal::{OtherBody, Response, Time};
use toml::Spanned;

use super::algorithm::Algorithm;
use super::check::{self, Choice};
use super::condition::{Condition, Test};
use super::format::{self, AlgorithmName, ContentType, EncodingName, KeyFormat, OneOrMany};
use super::handshake::{self, Body};
use super::keys::KeyRule;
use super::place::{Origin, Place, Word};
use super::pointer::Pointer;
use super::template::Template;
use super::url::Spelling;
use super::{Provider, Setting, is_header_name, repeat, shown, vector};

/// Bytes of a description.
pub const LONGEST_DESCRIPTION: usize = 64 << 10;

/// Bytes of a name, and of a title, a page or another text.
const LONGEST_NAME: usize = 64;
const LONGEST_TEXT: usize = 2_048;

/// Alternatives of signatures, of handshakes and of conditions, and settings.
const ALTERNATIVES: usize = 16;

/// Places of a whole description, those in templates included.
const PLACES: usize = 64;

/// The longest tolerance that a description may ask for, in milliseconds: ten years.
const LONGEST_TOLERANCE: u64 = 10 * 365 * 86_400_000;

/// Why a description is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescriptionError {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there, and what is allowed.
    pub message: String,
}

impl fmt::Display for DescriptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}: {}", self.file, self.line, self.message)
    }
}

impl std::error::Error for DescriptionError {}

/// What is wrong, and where in the text.
type Compiled<T> = Result<T, (usize, String)>;

/// Says that something is wrong with a value.
fn wrong<T, V>(value: &Spanned<V>, message: impl Into<String>) -> Compiled<T> {
    Err((value.span().start, message.into()))
}

impl Provider {
    /// Compiles a description. Its vectors are not run.
    ///
    /// # Errors
    /// When it is no description, with the line.
    pub fn compile(file: &str, text: &str) -> Result<Self, DescriptionError> {
        let error = |at: usize, message: String| {
            let before = text.get(..at).unwrap_or(text);
            DescriptionError {
                file: file.to_owned(),
                line: before.bytes().filter(|byte| *byte == b'\n').count() + 1,
                message,
            }
        };
        if text.len() > LONGEST_DESCRIPTION {
            let message = format!(
                "the description has {} bytes; it may have {LONGEST_DESCRIPTION}",
                text.len()
            );
            return Err(error(0, message));
        }
        let parsed: format::File = toml::from_str(text).map_err(|trouble| {
            let at = trouble.span().map_or(0, |span| span.start);
            error(at, trouble.message().to_owned())
        })?;
        let mut compiler = Compiler {
            settings: parsed.settings.keys().cloned().collect(),
            places: 0,
            text,
        };
        let compiled = compiler.provider(parsed);
        compiled.map_err(|(at, message)| error(at, message))
    }
}

struct Compiler<'t> {
    settings: Vec<String>,
    places: usize,
    text: &'t str,
}

impl Compiler<'_> {
    fn provider(&mut self, file: format::File) -> Compiled<Provider> {
        let format::File {
            name,
            title,
            page,
            note,
            masked,
            settings,
            signature,
            repeat,
            handshake,
            answer,
            vector,
        } = file;
        check_name(&name)?;
        check_text(&title)?;
        check_text(&page)?;
        note.as_ref().map_or(Ok(()), check_text)?;
        if !page.as_ref().starts_with("https://") {
            return wrong(
                &page,
                "`page` is the address of the provider's page, with `https://`",
            );
        }
        if settings.len() > ALTERNATIVES {
            return Err((
                0,
                format!("a description has at most {ALTERNATIVES} settings"),
            ));
        }
        let settings = settings.into_iter().map(setting);
        let settings = settings.collect::<Compiled<Vec<_>>>()?;
        at_most(&signature, "signatures")?;
        at_most(&handshake, "handshakes")?;
        at_most(&masked, "masked headers")?;
        let signatures = signature.into_iter().map(|rule| self.signature(rule));
        let signatures = signatures.collect::<Compiled<Vec<_>>>()?;
        let has_id = signatures.iter().all(|rule| {
            let is_early = |condition: &Condition| !condition.needs_body();
            let is_in_head = rule.id.as_ref().is_some_and(|id| !id.needs_body());
            is_in_head && rule.signed.has_id() && rule.when.iter().all(is_early)
        });
        at_most(&repeat, "repeats")?;
        let repeats = repeat.into_iter().map(|rule| self.repeat(rule, has_id));
        let repeats = repeats.collect::<Compiled<Vec<_>>>()?;
        let handshakes = handshake.into_iter().map(|rule| self.handshake(rule));
        let handshakes = handshakes.collect::<Compiled<Vec<_>>>()?;
        if vector.is_empty() {
            return wrong(
                &name,
                "the description has no [[vector]]; give at least one request that the provider documents, with its \
                 secret and its verdict",
            );
        }
        let vectors = vector.into_iter().map(|rule| self.vector(rule));
        Ok(Provider {
            vectors: vectors.collect::<Compiled<Vec<_>>>()?,
            masked: masked
                .into_iter()
                .map(masked_header)
                .collect::<Compiled<_>>()?,
            accepted: answer.accepted.map(fixed_answer).transpose()?,
            refused: answer.refused.map(fixed_answer).transpose()?,
            name: name.into_inner(),
            title: title.into_inner(),
            page: page.into_inner(),
            note: note.map(Spanned::into_inner),
            text: self.text.to_owned(),
            settings,
            signatures,
            repeats,
            handshakes,
        })
    }

    fn signature(&mut self, rule: Spanned<format::Signature>) -> Compiled<check::Signature> {
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

    fn repeat(&mut self, rule: Spanned<format::Repeat>, has_id: bool) -> Compiled<repeat::Rule> {
        if rule.as_ref().places.is_empty() {
            return wrong(&rule, "[[repeat]] names at least one place");
        }
        let rule = rule.into_inner();
        let parts = rule.places.iter().map(|place| match place.as_ref().id {
            Some(true) if has_id => Ok(repeat::Part::SignedId),
            Some(_) => wrong(place, "`id = true` names the `id` of the signatures; each of them must say where it is, in \
                the head of the request"),
            None => Ok(repeat::Part::At(self.place(place)?)),
        });
        Ok(repeat::Rule {
            parts: parts.collect::<Compiled<Vec<_>>>()?,
            is_signed: rule.signed,
            other_body: match rule.other_body {
                format::OtherBodyName::Same => OtherBody::Same,
                format::OtherBodyName::Queue => OtherBody::Queue,
            },
        })
    }

    fn handshake(&mut self, rule: Spanned<format::Handshake>) -> Compiled<handshake::Handshake> {
        let at = rule.span().start;
        let rule = rule.into_inner();
        let method = rule.method.as_ref().as_str();
        if !["GET", "POST", "PUT", "PATCH", "OPTIONS"].contains(&method) {
            return wrong(
                &rule.method,
                "a probe comes by GET, POST, PUT, PATCH or OPTIONS, written in capitals",
            );
        }
        if rule.when.is_empty() {
            return Err((
                at,
                "say by `when` what the probe looks like; without it every request would be one"
                    .into(),
            ));
        }
        let answer = rule.answer.as_ref();
        let status = answer.status.unwrap_or(200);
        if !(200..=299).contains(&status) {
            return wrong(
                &rule.answer,
                "the answer to a probe has a status from 200 to 299",
            );
        }
        if answer.content_type == Some(ContentType::Xml) {
            return wrong(
                &rule.answer,
                "the answer to a probe is text/plain or application/json; what an outsider sent is not put into XML",
            );
        }
        let body = match (&answer.text, &answer.json) {
            (Some(_), Some(_)) => return wrong(&rule.answer, "give `text` or `json`, not both"),
            (text, None) => Body::Text(text.as_ref().map(|text| self.answer(text)).transpose()?),
            (None, Some(fields)) => {
                let fields = fields.iter();
                let fields = fields.map(|(name, text)| Ok((name.clone(), self.answer(text)?)));
                Body::Json(fields.collect::<Compiled<Vec<_>>>()?)
            }
        };
        let headers = answer.headers.iter().map(|(name, text)| {
            if !is_header_name(name) {
                return wrong(text, format!("{} is no name of a header", shown(name)));
            }
            Ok((name.to_ascii_lowercase(), self.answer(text)?))
        });
        Ok(handshake::Handshake {
            method: method.to_owned(),
            headers: headers.collect::<Compiled<Vec<_>>>()?,
            when: self.conditions(&rule.when)?,
            is_signed: rule.signed,
            secret_equals: rule
                .secret_equals
                .as_ref()
                .map(|place| self.place(place))
                .transpose()?,
            learns: rule
                .learns
                .as_ref()
                .map(|place| self.place(place))
                .transpose()?,
            status,
            content_type: answer.content_type,
            body,
        })
    }

    /// Compiles a text that is sent back.
    fn answer(&mut self, text: &Spanned<String>) -> Compiled<Template> {
        let template = self.template(text)?;
        if template.shows_secret() {
            return wrong(
                text,
                "an answer may hold the secret only in a digest, such as \
                `{sha256-hex:{query:challenge}{secret}}`",
            );
        }
        if template.has_timestamp() || template.has_id() {
            return wrong(
                text,
                "an answer has no `{timestamp}` and no `{id}`; name their place, such as `{header:X}`",
            );
        }
        Ok(template)
    }

    fn template(&mut self, text: &Spanned<String>) -> Compiled<Template> {
        check_text(text)?;
        let template = Template::parse(text.as_ref(), &self.settings);
        let template = template.map_err(|message| (text.span().start, message))?;
        self.count(template.places(), text.span().start)?;
        Ok(template)
    }

    fn count(&mut self, places: usize, at: usize) -> Compiled<()> {
        self.places += places;
        if self.places > PLACES {
            return Err((at, format!("a description names at most {PLACES} places")));
        }
        Ok(())
    }

    fn word(&self, text: &str, at: usize) -> Compiled<Word> {
        if text.is_empty() || text.len() > LONGEST_TEXT {
            return Err((
                at,
                format!("a name in a place has 1 to {LONGEST_TEXT} bytes"),
            ));
        }
        let setting = text
            .strip_prefix("{setting:")
            .and_then(|rest| rest.strip_suffix('}'));
        let Some(setting) = setting else {
            return Ok(Word::Literal(text.to_owned()));
        };
        let place = self.settings.iter().position(|known| known == setting);
        place.map(Word::Setting).ok_or_else(|| {
            let message =
                format!("there is no setting {setting:?}; define it under [settings.{setting}]");
            (at, message)
        })
    }

    fn origin(&self, place: &format::Place, at: usize) -> Compiled<Origin> {
        let header = |name: &String| match self.word(name, at)? {
            Word::Literal(name) if !is_header_name(&name) => {
                Err((at, format!("{} is no name of a header", shown(&name))))
            }
            word => Ok(word),
        };
        let format::Place {
            header: one,
            headers,
            query,
            form,
            json,
            numbered,
            ..
        } = place;
        Ok(match (one, headers, query, form, json, numbered) {
            (Some(name), None, None, None, None, None) => Origin::Headers(vec![header(name)?]),
            (None, Some(names), None, None, None, None)
                if (1..=ALTERNATIVES).contains(&names.len()) =>
            {
                let names = names.iter().map(header);
                Origin::Headers(names.collect::<Compiled<Vec<_>>>()?)
            }
            (None, None, Some(name), None, None, None) => Origin::Query(self.word(name, at)?),
            (None, None, None, Some(name), None, None) => Origin::Form(self.word(name, at)?),
            (None, None, None, None, Some(pointer), None) => {
                let pointer = Pointer::parse(pointer);
                Origin::Json(pointer.map_err(|message| (at, message))?)
            }
            (None, None, None, Some(name), Some(pointer), None) => {
                let pointer = Pointer::parse(pointer).map_err(|message| (at, message))?;
                Origin::FormJson(self.word(name, at)?, pointer)
            }
            (None, None, None, None, None, Some(name)) if is_header_name(name) => {
                Origin::Numbered(name.clone())
            }
            _ => {
                return Err((at, "a place is exactly one of `header`, `headers` (a list, the first that is there), \
                    `numbered` (headers that end in 1, 2, …), `query`, `form` and `json`; `form` and `json` together are JSON \
                    in a field of a form".into()));
            }
        })
    }

    fn place(&mut self, place: &Spanned<format::Place>) -> Compiled<Place> {
        let at = place.span().start;
        self.count(1, at)?;
        let raw = place.as_ref();
        if raw.id.is_some() {
            return wrong(place, "`id` is a place of [[repeat]] alone");
        }
        let separator = match (&raw.separator, &raw.part) {
            (Some(separator), _) if separator.is_empty() || separator.len() > LONGEST_NAME => {
                return wrong(place, "`separator` has 1 to 64 bytes, such as `,`");
            }
            (Some(separator), _) => Some(separator.clone()),
            (None, Some(_)) => Some(",".to_owned()),
            (None, None) => {
                let is_list = raw.item.is_some() || raw.items_from.is_some();
                is_list.then(|| ",".to_owned())
            }
        };
        Ok(Place {
            origin: self.origin(raw, at)?,
            separator,
            items: items(place)?,
            part: raw
                .part
                .as_ref()
                .map(|part| self.word(part, at))
                .transpose()?,
            prefix: raw
                .prefix
                .as_ref()
                .map(|prefix| self.word(prefix, at))
                .transpose()?,
            any_case: false,
        })
    }

    fn conditions(
        &mut self,
        conditions: &[Spanned<format::Condition>],
    ) -> Compiled<Vec<Condition>> {
        if let Some(last) = conditions.get(ALTERNATIVES) {
            return wrong(
                last,
                format!("at most {ALTERNATIVES} conditions stand together"),
            );
        }
        let conditions = conditions.iter().map(|condition| self.condition(condition));
        conditions.collect()
    }

    fn condition(&mut self, spanned: &Spanned<format::Condition>) -> Compiled<Condition> {
        let at = spanned.span().start;
        let raw = spanned.as_ref();
        let place = format::Place {
            header: raw.header.clone(),
            headers: raw.headers.clone(),
            query: raw.query.clone(),
            form: raw.form.clone(),
            json: raw.json.clone(),
            ..format::Place::default()
        };
        let has_place = raw.header.is_some()
            || raw.headers.is_some()
            || raw.query.is_some()
            || raw.form.is_some()
            || raw.json.is_some();
        let tests = [
            raw.absent.is_some(),
            raw.equals.is_some(),
            raw.one_of.is_some(),
            raw.starts_with.is_some(),
            raw.is.is_some(),
        ];
        let tests = tests.iter().filter(|is_there| **is_there).count();
        match (
            &raw.content_type,
            raw.empty_body,
            (&raw.json_fields, &raw.form_fields),
            has_place,
        ) {
            (Some(media_type), None, (None, None), false) if tests == 0 => {
                return Ok(Condition::ContentType(media_type.clone()));
            }
            (None, Some(is_empty), (None, None), false) if tests == 0 => {
                return Ok(Condition::EmptyBody(is_empty));
            }
            (None, None, (Some(fields), None), false) if tests == 0 && fields.len() <= PLACES => {
                return Ok(Condition::Fields(fields.clone()));
            }
            (None, None, (None, Some(fields)), false) if tests == 0 && fields.len() <= PLACES => {
                return Ok(Condition::FormFields(fields.clone()));
            }
            (None, None, (None, None), true) if tests <= 1 => {}
            _ => {
                return wrong(
                    spanned,
                    "a condition is a place (`header`, `headers`, `query`, `form` or `json`) with at \
                    most one of `absent = true`, `equals`, `one_of`, `starts_with` and `is`, or one of `content_type`, \
                    `empty_body`, `json_fields` and `form_fields`",
                );
            }
        }
        self.count(1, at)?;
        let test = match (
            &raw.equals,
            &raw.one_of,
            &raw.starts_with,
            raw.is,
            raw.absent,
        ) {
            (Some(value), ..) => Test::OneOf(vec![value.clone()]),
            (_, Some(values), ..) => Test::OneOf(values.clone()),
            (_, _, Some(start), ..) => Test::StartsWith(start.clone()),
            (_, _, _, Some(shape), _) => Test::of_shape(shape, raw.at_most),
            (_, _, _, _, Some(true)) => Test::Absent,
            _ => Test::Present,
        };
        let is_number = matches!(test, Test::Number(_));
        if raw.at_most.is_some() && !is_number {
            return wrong(
                spanned,
                "`at_most` says how many digits a number has; write `is = \"number\"` with it",
            );
        }
        let origin = self.origin(&place, at)?;
        let place = Place {
            origin,
            separator: None,
            part: None,
            items: None,
            prefix: None,
            any_case: false,
        };
        Ok(Condition::At(place, test))
    }

    fn vector(&self, rule: Spanned<format::Vector>) -> Compiled<vector::Vector> {
        let at = rule.span().start;
        let line = self.text.get(..at).unwrap_or(self.text);
        let line = line.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let rule = rule.into_inner();
        let body = match (rule.body, rule.body_base64) {
            (Some(text), None) => text.into_bytes(),
            (None, Some(text)) => match STANDARD.decode(text.as_ref()) {
                Ok(body) => body,
                Err(error) => return wrong(&text, format!("`body_base64` is not base64: {error}")),
            },
            (None, None) => Vec::new(),
            (Some(_), Some(_)) => {
                return Err((at, "a vector has `body` or `body_base64`, not both".into()));
            }
        };
        let time = rule.time.checked_mul(1_000);
        let time = time.ok_or((at, "`time` is a time in Unix seconds".to_owned()))?;
        let headers = rule.headers.into_iter().flat_map(|(name, values)| {
            let values = match values {
                OneOrMany::One(value) => vec![value],
                OneOrMany::Many(values) => values,
            };
            values.into_iter().map(move |value| (name.clone(), value))
        });
        let secrets = rule.secrets.into_iter().flatten().chain(rule.secret);
        Ok(vector::Vector {
            line,
            origin: rule.from,
            secrets: secrets.collect(),
            settings: rule.settings.into_iter().collect(),
            time: Time(time),
            request: vector::Vector::request(rule.method, rule.url, headers.collect(), body),
            verdict: rule.verdict,
            key: rule.key,
            answer: rule.answer,
            answer_headers: rule.answer_headers.into_iter().collect(),
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

fn check_name(name: &Spanned<String>) -> Compiled<()> {
    let text = name.as_ref();
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if (1..=LONGEST_NAME).contains(&text.len()) && text.bytes().all(is_letter) {
        return Ok(());
    }
    wrong(
        name,
        format!(
            "a provider's name has 1 to {LONGEST_NAME} small letters, digits and `-`, such as `acme`"
        ),
    )
}

fn check_text(text: &Spanned<String>) -> Compiled<()> {
    if text.as_ref().len() > LONGEST_TEXT {
        return wrong(
            text,
            format!("this text has more than {LONGEST_TEXT} bytes"),
        );
    }
    Ok(())
}

fn at_most<T>(all: &[Spanned<T>], what: &str) -> Compiled<()> {
    match all.get(ALTERNATIVES) {
        Some(last) => wrong(
            last,
            format!("a description has at most {ALTERNATIVES} {what}"),
        ),
        None => Ok(()),
    }
}

fn setting((name, setting): (String, Spanned<format::Setting>)) -> Compiled<Setting> {
    let at = setting.span().start;
    let format::Setting {
        help,
        kind,
        default,
    } = setting.into_inner();
    let compiled = Setting {
        name,
        help,
        default,
        kind,
    };
    if let Some(default) = &compiled.default {
        compiled.check(default).map_err(|message| (at, message))?;
    }
    Ok(compiled)
}

fn masked_header(name: Spanned<String>) -> Compiled<String> {
    if is_header_name(name.as_ref()) {
        return Ok(name.into_inner().to_ascii_lowercase());
    }
    let message = format!("{} is no name of a header", shown(name.as_ref()));
    wrong(&name, message)
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
                Some(choices) if (1..=ALTERNATIVES).contains(&choices.len()) => {
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

/// Where RFC 7617 puts a name and a password.
fn basic() -> Place {
    Place {
        origin: Origin::Headers(vec![Word::Literal("authorization".into())]),
        separator: None,
        part: None,
        items: None,
        prefix: Some(Word::Literal("Basic ".into())),
        any_case: true,
    }
}

fn spelling(url: format::UrlSpelling) -> Compiled<Spelling> {
    let escapes = url.decode.into_iter().map(|escape| {
        let byte = escape
            .as_ref()
            .strip_prefix('%')
            .and_then(super::encoding::hex);
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

/// Returns which items of a list are meant.
fn items(place: &Spanned<format::Place>) -> Compiled<Option<(usize, bool)>> {
    let raw = place.as_ref();
    match (raw.item, raw.items_from) {
        (None, None) => Ok(None),
        (Some(number), None) if number > 0 => Ok(Some((number, false))),
        (None, Some(number)) if number > 0 => Ok(Some((number, true))),
        _ => wrong(
            place,
            "`item` is the number of one item of the list, from 1; `items_from` is that of the first of several",
        ),
    }
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

fn fixed_answer(answer: Spanned<format::FixedAnswer>) -> Compiled<Response> {
    let at = answer.span().start;
    let answer = answer.into_inner();
    let mut headers: Vec<(String, Bytes)> = Vec::new();
    if let Some(content_type) = answer.content_type {
        headers.push(("content-type".into(), Bytes::from(content_type.text())));
    } else if !answer.body.is_empty() {
        headers.push(("content-type".into(), Bytes::from(ContentType::Text.text())));
    }
    for (name, value) in answer.headers {
        headers.push((name.to_ascii_lowercase(), Bytes::from(value)));
    }
    let response = Response {
        status: answer.status,
        headers,
        body: answer.body.into(),
    };
    crate::check_response(&response).map_err(|message| (at, message))?;
    Ok(response)
}
