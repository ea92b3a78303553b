//! Requests to webhooks as their senders would make them.

use dormouse_journal::{Request, Time, WebhookOptions};
use dormouse_secret::{Secret, SecretName};
use dormouse_webhook::check_signature;
use dormouse_webhook::provider::{Provider, Providers};

use crate::file::Scenario;
use crate::names::Names;
use crate::step::Deliver;

/// Makes the request of a step. It is signed if the webhook checks signatures and the scenario has one of
/// the secrets.
pub(crate) fn request(
    deliver: &Deliver,
    (url, options): (&str, &WebhookOptions),
    scenario: &Scenario,
    names: &Names,
    (now, number): (Time, usize),
) -> Result<Request, String> {
    let content = deliver.written().content(names)?;
    let method = deliver.method.as_deref().unwrap_or("POST");
    let mut request = Request {
        method: method.to_uppercase(),
        url: match &deliver.query {
            None => url.to_owned(),
            Some(query) => format!("{url}?{}", names.fill_text(query)?),
        },
        headers: Vec::new(),
        body: content.body,
    };
    if !content.content_type.is_empty() {
        let value = content.content_type.as_bytes();
        request.headers.push(("content-type".into(), value.into()));
    }
    for (name, value) in &deliver.headers {
        let name = name.to_ascii_lowercase();
        request.headers.retain(|(other, _)| *other != name);
        let value = names.fill_text(value)?;
        request.headers.push((name, value.into()));
    }
    if deliver.signed != Some(false) {
        let secrets = scenario.secrets()?;
        let secrets = secrets.into_iter().map(|(name, secret, _)| (name, secret));
        let id = format!("msg_{number:032x}");
        sign(&mut request, options, secrets, &id, now)?;
    }
    Ok(request)
}

/// Signs a request with the first secret that the webhook names and the scenario has.
fn sign(
    request: &mut Request,
    options: &WebhookOptions,
    secrets: impl Iterator<Item = (SecretName, Secret)>,
    id: &str,
    now: Time,
) -> Result<(), String> {
    let Some(signature) = &options.signature else {
        return Ok(());
    };
    let is_named = |name: &SecretName| signature.secrets.iter().any(|other| other == name.as_str());
    let mut secrets = secrets;
    let Some((_, secret)) = secrets.find(|(name, _)| is_named(name)) else {
        return Err(format!(
            "the webhook checks signatures by the secret {}; set it under [secrets], or send the request with `signed = false`",
            signature.secrets.join(" or ")
        ));
    };
    let known = Providers::default();
    let own = options.description.as_deref();
    let own = own.and_then(|text| Provider::compile("description", text).ok());
    let own = own.as_ref().filter(|own| own.name() == signature.provider);
    let provider = own.or_else(|| known.get(&signature.provider).map(AsRef::as_ref));
    let provider =
        provider.ok_or_else(|| format!("the provider {} is not known", signature.provider))?;
    let check = check_signature(provider, signature)?;
    let headers = check
        .sign(secret.expose(), id, now, request)
        .map_err(|error| {
            format!("the request cannot be signed: {error}; give its headers and `signed = false`")
        })?;
    request.headers.extend(headers);
    Ok(())
}
