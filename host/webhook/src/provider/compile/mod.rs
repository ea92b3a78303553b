//! Compiles the file of a description. An error names the line, and what is allowed there.

mod answer;
mod handshake;
mod place;
mod signature;
mod vector;
mod wrong;

use std::fmt;

use toml::Spanned;

use super::condition::Condition;
use super::format;
use super::template::Template;
use super::{Provider, Setting, is_header_name, shown};
use answer::fixed_answer;
use wrong::{Compiled, wrong};

/// The largest description, in bytes.
pub const LONGEST_DESCRIPTION: usize = 64 << 10;

/// The longest name, and the longest title, page or other text, in bytes.
const LONGEST_NAME: usize = 64;
const LONGEST_TEXT: usize = 2_048;

/// The largest number of alternative signatures, handshakes and conditions, and of settings.
const ALTERNATIVES: usize = 16;

/// The largest number of places in a description, including those in templates.
const PLACES: usize = 64;

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

impl Provider {
    /// Compiles a description. Its test vectors are not run.
    ///
    /// # Errors
    /// When it is not a description. The error names the line.
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
        let parsed: format::File = toml::from_str(text).map_err(|why| {
            let at = why.span().map_or(0, |span| span.start);
            error(at, why.message().to_owned())
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
    let message = format!("{} is not a valid header name", shown(name.as_ref()));
    wrong(&name, message)
}
