//! The options of a webhook: checked, and converted to what the journal records.

use dormouse_journal::{self as journal, Reply};

use crate::bindings::dormouse::workflow::webhooks as contract;
use crate::stop::Stop;

/// Methods that never reach a webhook: the host answers them itself, or no client sends them.
const REFUSED: [&str; 4] = ["HEAD", "OPTIONS", "CONNECT", "TRACE"];

/// How many methods a webhook may list, and the longest name of one in bytes. Nobody needs more.
const METHODS: usize = 32;
const METHOD_LENGTH: usize = 32;

/// Returns the options as they are recorded, or stops a guest whose options make no sense.
pub(crate) fn checked(options: contract::WebhookOptions) -> Result<journal::WebhookOptions, Stop> {
    let misuse = |text| Stop::Misuse(format!("`create-webhook`: {text}"));
    check_methods(&options.methods)?;
    let options = journal::WebhookOptions::from(options);
    if let Some(signature) = &options.signature {
        dormouse_webhook::check_signature(signature).map_err(misuse)?;
    }
    match &options.reply {
        Reply::Fixed(response) => dormouse_webhook::check_response(response).map_err(misuse)?,
        Reply::FromWorkflow(0) => {
            return Err(misuse(
                "the reply `from-workflow` was given no time; give at least 1 ms, or reply `accepted`"
                    .into(),
            ));
        }
        Reply::FromWorkflow(_) | Reply::Accepted => {}
    }
    Ok(options)
}

/// Returns about how many bytes the options take in the journal and in the store.
pub(crate) fn size(options: &journal::WebhookOptions) -> usize {
    let texts = options.signature.as_ref().map_or(0, |signature| {
        let given = [&signature.header, &signature.prefix];
        let given: usize = given.into_iter().flatten().map(String::len).sum();
        given + signature.secrets.iter().map(String::len).sum::<usize>()
    });
    let response = match &options.reply {
        Reply::Fixed(response) => response_size(response),
        Reply::Accepted | Reply::FromWorkflow(_) => 0,
    };
    texts + response
}

/// Returns about how many bytes a response takes in the journal and in the store.
pub(crate) fn response_size(response: &journal::Response) -> usize {
    let headers = response.headers.iter();
    let headers: usize = headers.map(|(name, value)| name.len() + value.len()).sum();
    headers + response.body.len()
}

fn check_methods(methods: &[String]) -> Result<(), Stop> {
    if methods.len() > METHODS {
        return Err(Stop::Misuse(format!(
            "`create-webhook` was given {} methods; it takes at most {METHODS}",
            methods.len()
        )));
    }
    for method in methods {
        if REFUSED.contains(&method.as_str()) {
            return Err(Stop::Misuse(format!(
                "`create-webhook` was given the method {method}, which is never delivered: the host answers it itself. \
                 Take it off the list"
            )));
        }
        if !is_method(method) {
            return Err(Stop::Misuse(format!(
                "`create-webhook` was given the method {method:?}; a method is a word in capitals, such as `POST`"
            )));
        }
    }
    Ok(())
}

/// Returns whether a text is a token of RFC 9110 without lower-case letters.
fn is_method(method: &str) -> bool {
    let is_token = |byte: u8| {
        byte.is_ascii_uppercase() || byte.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&byte)
    };
    (1..=METHOD_LENGTH).contains(&method.len()) && method.bytes().all(is_token)
}
