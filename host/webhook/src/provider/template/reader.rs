//! Reads the text of a template.

use super::{Function, Piece, Template, Value};
use crate::pointer::Pointer;
use crate::provider::algorithm::Hash;
use crate::provider::format::EncodingName;
use crate::provider::place::{Origin, Place, TextOrSetting};

/// The largest number of pieces of one template, with those of the templates inside it.
const PIECES: usize = 64;

/// How deep templates may be nested.
const DEPTH: usize = 4;

/// What a template may contain, for the message about a template that contains something else.
const ALLOWED: &str = "{body}, {timestamp}, {id}, {method}, {url}, {url:without-query}, {origin}, {host}, {path}, \
    {target}, {query}, {header:NAME}, {query:NAME}, {form:NAME}, {form:sorted}, {json:/POINTER}, {setting:NAME}, {secret}, \
    and with a template inside {optional:…}, {lower:…}, {upper:…}, {sha256-hex:…}, {hmac-sha256-hex:…} (with sha1, sha384, \
    sha512, base64 and base64url too); {{ and }} are braces";

impl Template {
    /// Reads a template. `settings` are the names of the description's settings.
    pub(in crate::provider) fn parse(text: &str, settings: &[String]) -> Result<Self, String> {
        let mut reader = Reader {
            rest: text,
            left: PIECES,
            settings,
        };
        reader.template(0)
    }
}

/// Reads the text of a template from its start to its end.
struct Reader<'t> {
    rest: &'t str,
    left: usize,
    settings: &'t [String],
}

impl<'t> Reader<'t> {
    /// Reads up to the end, or up to the brace that closes the template that is being read.
    fn template(&mut self, depth: usize) -> Result<Template, String> {
        if depth > DEPTH {
            return Err(format!("templates lie in each other at most {DEPTH} deep"));
        }
        let mut pieces = Vec::new();
        let mut literal = String::new();
        while let Some(letter) = self.rest.chars().next() {
            match letter {
                '}' if depth > 0 => break,
                '{' | '}' if self.rest.as_bytes().get(1) == Some(&self.rest.as_bytes()[0]) => {
                    literal.push(letter);
                    self.skip(2);
                }
                '}' => return Err("a `}` stands alone; write `}}` for a brace".into()),
                '{' => {
                    self.push(&mut pieces, &mut literal)?;
                    self.skip(1);
                    let piece = self.placeholder(depth)?;
                    pieces.push(piece);
                    self.count()?;
                }
                letter => {
                    literal.push(letter);
                    self.skip(letter.len_utf8());
                }
            }
        }
        self.push(&mut pieces, &mut literal)?;
        Ok(Template { pieces })
    }

    fn push(&mut self, pieces: &mut Vec<Piece>, literal: &mut String) -> Result<(), String> {
        if !literal.is_empty() {
            pieces.push(Piece::Literal(std::mem::take(literal)));
            self.count()?;
        }
        Ok(())
    }

    fn count(&mut self) -> Result<(), String> {
        let left = self.left.checked_sub(1);
        self.left = left.ok_or(format!("a template has at most {PIECES} pieces"))?;
        Ok(())
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }

    /// Reads the text after an opening brace, up to the brace that closes it.
    fn placeholder(&mut self, depth: usize) -> Result<Piece, String> {
        let rest = self.rest;
        let end = rest
            .find([':', '}', '{'])
            .ok_or("a `{` is not closed; write `{{` for a brace")?;
        let (name, after) = rest.split_at(end);
        if after.starts_with('{') {
            return Err(unknown(name));
        }
        self.skip(end + 1);
        if after.starts_with('}') {
            return plain(name).map(Piece::Value).ok_or_else(|| unknown(name));
        }
        if let Some(function) = function(name) {
            let inner = self.template(depth + 1)?;
            if !self.rest.starts_with('}') {
                return Err(format!("`{{{name}:` is not closed"));
            }
            self.skip(1);
            return Ok(Piece::Function(function, inner));
        }
        let end = self
            .rest
            .find('}')
            .ok_or(format!("`{{{name}:` is not closed"))?;
        let argument = self.rest.get(..end).unwrap_or_default();
        self.skip(end + 1);
        self.with_argument(name, argument).map(Piece::Value)
    }

    fn with_argument(&self, name: &str, argument: &str) -> Result<Value, String> {
        let word = || match argument {
            "" => Err(format!("`{{{name}:}}` needs a name after the colon")),
            argument => Ok(TextOrSetting::Literal(argument.to_owned())),
        };
        let origin = match (name, argument) {
            ("url", "without-query") => return Ok(Value::UrlWithoutQuery),
            ("form", "sorted") => return Ok(Value::SortedForm),
            ("setting", name) => {
                let place = self.settings.iter().position(|setting| setting == name);
                return place.map(Value::Setting).ok_or_else(|| {
                    format!("there is no setting {name:?}; define it under [settings.{name}]")
                });
            }
            ("header", _) => Origin::Headers(vec![word()?]),
            ("query", _) => Origin::Query(word()?),
            ("form", _) => Origin::Form(word()?),
            ("json", pointer) => Origin::Json(Pointer::parse(pointer)?),
            _ => return Err(unknown(&format!("{name}:{argument}"))),
        };
        Ok(Value::At(Place {
            origin,
            separator: None,
            part: None,
            items: None,
            prefix: None,
            any_case: false,
        }))
    }
}

fn unknown(name: &str) -> String {
    let name: String = name.chars().take(64).collect();
    format!("`{{{name}}}` is not a placeholder; there are {ALLOWED}")
}

fn plain(name: &str) -> Option<Value> {
    Some(match name {
        "body" => Value::Body,
        "timestamp" => Value::Timestamp,
        "id" => Value::Id,
        "method" => Value::Method,
        "url" => Value::Url,
        "origin" => Value::Origin,
        "host" => Value::Host,
        "path" => Value::Path,
        "target" => Value::Target,
        "query" => Value::Query,
        "secret" => Value::Secret,
        _ => return None,
    })
}

fn function(name: &str) -> Option<Function> {
    match name {
        "optional" => return Some(Function::Optional),
        "lower" => return Some(Function::Lower),
        "upper" => return Some(Function::Upper),
        _ => {}
    }
    let (is_hmac, rest) = match name.strip_prefix("hmac-") {
        Some(rest) => (true, rest),
        None => (false, name),
    };
    let (hash, encoding) = rest.split_once('-')?;
    let hash = match hash {
        "sha1" => Hash::Sha1,
        "sha256" => Hash::Sha256,
        "sha384" => Hash::Sha384,
        "sha512" => Hash::Sha512,
        _ => return None,
    };
    let encoding = match encoding {
        "hex" => EncodingName::Hex,
        "base64" => EncodingName::Base64,
        "base64url" => EncodingName::Base64url,
        _ => return None,
    };
    Some(if is_hmac {
        Function::Hmac(hash, encoding)
    } else {
        Function::Digest(hash, encoding)
    })
}
