//! The keys of a description's file, for serde. `docs/reference/provider-format.md` explains them. Whether they fit
//! together is checked where they are compiled.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) name: Spanned<String>,
    pub(super) title: Spanned<String>,
    pub(super) page: Spanned<String>,
    pub(super) note: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) masked: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) settings: BTreeMap<String, Spanned<Setting>>,
    #[serde(default)]
    pub(super) signature: Vec<Spanned<Signature>>,
    #[serde(default)]
    pub(super) repeat: Vec<Spanned<Repeat>>,
    #[serde(default)]
    pub(super) handshake: Vec<Spanned<Handshake>>,
    #[serde(default)]
    pub(super) answer: Answers,
    #[serde(default)]
    pub(super) vector: Vec<Spanned<Vector>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Setting {
    pub(super) help: String,
    pub(super) kind: SettingKind,
    pub(super) default: Option<String>,
}

/// The kind of a setting's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum SettingKind {
    /// The name of a header.
    Header,
    /// Visible characters.
    Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Signature {
    #[serde(default)]
    pub(super) when: Vec<Spanned<Condition>>,
    pub(super) algorithm: Spanned<AlgorithmName>,
    pub(super) algorithms: Option<Spanned<BTreeMap<String, AlgorithmName>>>,
    pub(super) signature: Option<Spanned<Place>>,
    pub(super) encoding: Option<Spanned<EncodingName>>,
    pub(super) signed: Option<Spanned<String>>,
    pub(super) body_digest: Option<Spanned<BodyDigest>>,
    #[serde(default)]
    pub(super) url: UrlSpelling,
    #[serde(default)]
    pub(super) key: Key,
    pub(super) timestamp: Option<Spanned<Timestamp>>,
    pub(super) id: Option<Spanned<Place>>,
    pub(super) each: Option<Spanned<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum AlgorithmName {
    HmacSha1,
    HmacSha256,
    HmacSha384,
    HmacSha512,
    Sha1,
    Sha256,
    Sha384,
    Sha512,
    Ed25519,
    EcdsaP256,
    Token,
    Basic,
    ByPrefix,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum EncodingName {
    Hex,
    Base64,
    Base64url,
    Base64Any,
    HexOrBase64,
    Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BodyDigest {
    pub(super) place: Spanned<Place>,
    pub(super) algorithm: DigestName,
    pub(super) encoding: Spanned<EncodingName>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum DigestName {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UrlSpelling {
    #[serde(default)]
    pub(super) decode: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) port: Port,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Port {
    #[default]
    AsIs,
    Both,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Key {
    #[serde(default)]
    pub(super) remove_prefix: Vec<Spanned<String>>,
    pub(super) format: Option<Spanned<KeyFormat>>,
    pub(super) hash: Option<DigestName>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum KeyFormat {
    Raw,
    Hex,
    Base64,
    Base64Any,
    Spki,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Timestamp {
    pub(super) place: Spanned<Place>,
    pub(super) unit: TimeUnit,
    pub(super) tolerance: Option<Spanned<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum TimeUnit {
    #[serde(rename = "s")]
    Seconds,
    #[serde(rename = "ms")]
    Milliseconds,
    #[serde(rename = "rfc3339")]
    Rfc3339,
}

/// The place of a value. Exactly one of the first seven keys is present, except that a form's field may contain JSON.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Place {
    pub(super) id: Option<bool>,
    pub(super) header: Option<String>,
    pub(super) headers: Option<Vec<String>>,
    pub(super) query: Option<String>,
    pub(super) form: Option<String>,
    pub(super) json: Option<String>,
    pub(super) numbered: Option<String>,
    pub(super) part: Option<String>,
    pub(super) item: Option<usize>,
    pub(super) items_from: Option<usize>,
    pub(super) separator: Option<String>,
    pub(super) prefix: Option<String>,
}

/// A place with a test of the value there, or one of three tests of the request.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Condition {
    pub(super) header: Option<String>,
    pub(super) headers: Option<Vec<String>>,
    pub(super) query: Option<String>,
    pub(super) form: Option<String>,
    pub(super) json: Option<String>,
    pub(super) content_type: Option<String>,
    pub(super) empty_body: Option<bool>,
    pub(super) json_fields: Option<Vec<String>>,
    pub(super) form_fields: Option<Vec<String>>,
    pub(super) absent: Option<bool>,
    pub(super) equals: Option<String>,
    pub(super) one_of: Option<Vec<String>>,
    pub(super) starts_with: Option<String>,
    pub(super) is: Option<Shape>,
    pub(super) at_most: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Shape {
    Number,
    Url,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Repeat {
    pub(super) places: Vec<Spanned<Place>>,
    pub(super) signed: bool,
    pub(super) other_body: OtherBodyName,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum OtherBodyName {
    Same,
    Queue,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Handshake {
    pub(super) method: Spanned<String>,
    #[serde(default)]
    pub(super) when: Vec<Spanned<Condition>>,
    #[serde(default)]
    pub(super) signed: bool,
    pub(super) secret_equals: Option<Spanned<Place>>,
    pub(super) answer: Spanned<HandshakeAnswer>,
    pub(super) learns: Option<Spanned<Place>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HandshakeAnswer {
    pub(super) status: Option<u16>,
    pub(super) content_type: Option<ContentType>,
    pub(super) text: Option<Spanned<String>>,
    pub(super) json: Option<BTreeMap<String, Spanned<String>>>,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, Spanned<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum ContentType {
    #[serde(rename = "text/plain")]
    Text,
    #[serde(rename = "application/json")]
    Json,
    #[serde(rename = "text/xml")]
    Xml,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answers {
    pub(super) accepted: Option<Spanned<FixedAnswer>>,
    pub(super) refused: Option<Spanned<FixedAnswer>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FixedAnswer {
    pub(super) status: u16,
    pub(super) content_type: Option<ContentType>,
    #[serde(default)]
    pub(super) body: String,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Vector {
    pub(super) from: Origin,
    pub(super) secret: Option<String>,
    pub(super) secrets: Option<Vec<String>>,
    #[serde(default)]
    pub(super) settings: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) time: u64,
    pub(super) method: Option<String>,
    pub(super) url: Option<String>,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, OneOrMany>,
    pub(super) body: Option<String>,
    pub(super) body_base64: Option<Spanned<String>>,
    pub(super) verdict: Verdict,
    pub(super) key: Option<Vec<String>>,
    pub(super) answer: Option<String>,
    #[serde(default)]
    pub(super) answer_headers: BTreeMap<String, String>,
}

/// The origin of a test vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Origin {
    /// The provider's page prints it.
    Page,
    /// It was made with the algorithm that the page describes.
    Made,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Verdict {
    Accepted,
    SignatureMissing,
    SignatureMalformed,
    SignatureStale,
    SignatureWrong,
    SignatureUnverifiable,
    Answered,
    Unanswerable,
}
