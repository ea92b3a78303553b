//! Turns the forms of calls, responses and webhooks into the types of the SDK.

use dormouse_sdk::prelude::*;
use dormouse_sdk::{Call, WebhookBuilder};

use crate::fill::Urls;
use crate::form::{
    self, CallForm, HeadersForm, ProviderForm, Reply, ResponseForm, Scheme, SignatureForm,
};

pub(crate) fn call(ctx: Context, form: &CallForm, urls: &Urls) -> Result<Call> {
    let mut call = ctx.call(&form.method, urls.fill(&form.url)?);
    for (name, value) in headers(&form.headers, urls)? {
        call = call.header(name, value);
    }
    call = match &form.body {
        None => call,
        Some(Value::String(text)) => call.body(urls.fill(text)?),
        Some(value) => call.json(&urls.fill_value(value)?),
    };
    if let Some(ms) = form.delay_ms {
        call = call.retry(RetryPolicy::new().initial_delay(millis(ms)));
    }
    if let Some(ms) = form.give_up_after_ms {
        call = call.give_up_after(millis(ms));
    }
    if let Some(attempts) = form.attempts {
        call = call.attempts(attempts);
    }
    if let Some(ms) = form.timeout_ms {
        call = call.timeout(millis(ms));
    }
    if let Some(redirects) = form.redirects {
        call = call.redirects(redirects);
    }
    if let Some(key) = &form.idempotency_key {
        call = call.idempotency_key(key);
    }
    for (name, prefix, secret) in &form.secret_headers {
        call = call.secret_header(name, prefix, secret);
    }
    Ok(call)
}

pub(crate) fn response(form: &ResponseForm, urls: &Urls) -> Result<Response> {
    let mut response = Response::new(form.status);
    for (name, value) in headers(&form.headers, urls)? {
        response = response.with_header(name, value);
    }
    match &form.body {
        None => Ok(response),
        Some(Value::String(text)) => Ok(response.with_body(urls.fill(text)?)),
        Some(value) => response.with_json(&urls.fill_value(value)?),
    }
}

pub(crate) fn webhook(
    builder: WebhookBuilder,
    options: &form::WebhookOptions,
    urls: &Urls,
) -> Result<WebhookBuilder> {
    let builder = builder.methods(&options.methods);
    let builder = match &options.reply {
        Reply::Accepted => builder,
        Reply::Fixed(form) => builder.reply(response(form, urls)?),
        Reply::FromWorkflow(ms) => builder.reply_from_workflow(millis(*ms)),
    };
    let builder = match options.handshake {
        form::Handshake::None => builder,
        form::Handshake::Slack => builder.handshake(Handshake::Slack),
        form::Handshake::Meta => builder.handshake(Handshake::Meta),
        form::Handshake::MicrosoftGraph => builder.handshake(Handshake::MicrosoftGraph),
        form::Handshake::Websub => builder.handshake(Handshake::WebSub),
    };
    let builder = match &options.signature {
        None => builder,
        Some(form) => builder.signature(signature(form)),
    };
    let builder = match &options.provider {
        None => builder,
        Some(form) => provider(builder, form),
    };
    let builder = match &options.description {
        None => builder,
        Some(text) => builder.description(text),
    };
    let builder = match options.tolerance {
        None => builder,
        Some(ms) => builder.tolerance(millis(ms)),
    };
    Ok(builder.cors(&options.cors))
}

fn provider(builder: WebhookBuilder, form: &ProviderForm) -> WebhookBuilder {
    let builder = builder.provider(&form.name, &form.secrets);
    if form.settings.is_empty() {
        return builder;
    }
    let signature = Signature::provider(&form.name, &form.secrets);
    let settings = form.settings.iter();
    builder.signature(settings.fold(signature, |signature, (name, value)| {
        signature.with_setting(name, value)
    }))
}

fn signature(form: &SignatureForm) -> Signature {
    let secrets = &form.secrets;
    let signature = match form.scheme {
        Scheme::StandardWebhooks => Signature::standard_webhooks(secrets),
        Scheme::Github => Signature::github(secrets),
        Scheme::Stripe => Signature::stripe(secrets),
        Scheme::Slack => Signature::slack(secrets),
        Scheme::HmacSha256 => {
            Signature::hmac_sha256(secrets, form.header.as_deref().unwrap_or_default())
        }
    };
    match &form.prefix {
        Some(prefix) => signature.with_prefix(prefix),
        None => signature,
    }
}

fn headers(form: &HeadersForm, urls: &Urls) -> Result<Vec<(String, String)>> {
    let filled = |(name, value): (&str, &str)| Ok((name.to_owned(), urls.fill(value)?));
    form.pairs().into_iter().map(filled).collect()
}

#[cfg(test)]
mod tests {
    use dormouse_sdk::serde_json;

    use super::*;

    fn urls() -> Urls {
        let mut urls = Urls::default();
        urls.insert("a", "http://host/a");
        urls
    }

    fn check_response(form: Value, expected: &Response) {
        let form = serde_json::from_value(form).unwrap();
        assert_eq!(&response(&form, &urls()).unwrap(), expected);
    }

    #[test]
    fn a_string_is_sent_as_it_is_and_anything_else_as_json() {
        check_response(json!({ "status": 204 }), &Response::new(204));
        check_response(
            json!({ "status": 200, "headers": { "location": "${a.url}" }, "body": "${a.url}/x" }),
            &Response::new(200)
                .with_header("location", "http://host/a")
                .with_body("http://host/a/x"),
        );
        check_response(
            json!({ "status": 200, "body": { "url": "${a.url}" } }),
            &Response::new(200)
                .with_json(&json!({ "url": "http://host/a" }))
                .unwrap(),
        );
    }

    #[test]
    fn signatures() {
        let form = json!({ "scheme": "github", "secrets": ["new", "old"] });
        let form = serde_json::from_value(form).unwrap();
        assert_eq!(signature(&form), Signature::github(["new", "old"]));

        let form = json!({
            "scheme": "hmac-sha256", "secrets": ["s"], "header": "x-digest", "prefix": "sha256=",
        });
        let form = serde_json::from_value(form).unwrap();
        let expected = Signature::hmac_sha256(["s"], "x-digest").with_prefix("sha256=");
        assert_eq!(signature(&form), expected);
    }
}
