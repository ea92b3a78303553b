//! Functions for webhooks.

use rquickjs::function::Func;
use rquickjs::{Ctx, Function, Object, Persistent, Promise, Result, TypedArray};

use super::in_run;
use crate::bindings::dormouse::workflow::types::Response;
use crate::bindings::dormouse::workflow::webhooks::{
    self, Reply, Signature, Webhook, WebhookOptions,
};
use crate::operations;
use crate::values::{from_bytes, from_headers, request, whole, wrong};

pub(super) fn add(host: &Object<'_>) -> Result<()> {
    host.set("createWebhook", Func::from(create))?;
    host.set("waitForWebhook", Func::from(wait))?;
    host.set("respond", Func::from(respond))?;
    host.set("closeWebhook", Func::from(close))
}

/// Returns a webhook as `{id, url}`.
pub(super) fn webhook<'js>(ctx: &Ctx<'js>, webhook: Webhook) -> Result<Object<'js>> {
    let object = Object::new(ctx.clone())?;
    object.set("id", webhook.id)?;
    object.set("url", webhook.url)?;
    Ok(object)
}

fn create<'js>(ctx: Ctx<'js>, step: String, options: Object<'js>) -> Result<Object<'js>> {
    in_run(&ctx, "`createWebhook`")?;
    let signature: Option<Object<'js>> = options.get("signature")?;
    let signature = signature.map(|signature| {
        Ok::<_, rquickjs::Error>(Signature {
            scheme: signature.get("scheme")?,
            secrets: signature.get("secrets")?,
            settings: settings(&ctx, &signature)?,
        })
    });
    let options = WebhookOptions {
        methods: options.get::<_, Option<_>>("methods")?.unwrap_or_default(),
        signature: signature.transpose()?,
        handshake: options.get("handshake")?,
        reply: reply(&ctx, &options)?,
        settings: settings(&ctx, &options)?,
    };
    webhook(&ctx, webhooks::create_webhook(&step, &options))
}

/// Reads settings, which are pairs of names and values.
fn settings(ctx: &Ctx<'_>, options: &Object<'_>) -> Result<Vec<(String, String)>> {
    let settings: Option<Vec<Vec<String>>> = options.get("settings")?;
    let pair = |setting: Vec<String>| {
        let [name, value]: [String; 2] = setting
            .try_into()
            .map_err(|_| wrong(ctx, "a setting is a name and a value"))?;
        Ok((name, value))
    };
    settings.unwrap_or_default().into_iter().map(pair).collect()
}

fn reply(ctx: &Ctx<'_>, options: &Object<'_>) -> Result<Reply> {
    let fixed: Option<Object<'_>> = options.get("fixed")?;
    if let Some(fixed) = fixed {
        return Ok(Reply::Fixed(response(ctx, &fixed)?));
    }
    let within: Option<f64> = options.get("within")?;
    Ok(within.map_or(Reply::Accepted, |within| Reply::FromWorkflow(whole(within))))
}

/// Reads `{status, headers, body}`.
fn response(ctx: &Ctx<'_>, response: &Object<'_>) -> Result<Response> {
    let body: TypedArray<'_, u8> = response.get("body")?;
    Ok(Response {
        status: response.get("status")?,
        headers: from_headers(ctx, response.get("headers")?)?,
        body: from_bytes(ctx, &body)?,
    })
}

/// Begins a wait, and returns the promise of what `taken` returns. `taken` is called with the
/// delivery's id and the text and the body of the request, and with nothing after a timeout.
fn wait<'js>(
    ctx: Ctx<'js>,
    step: String,
    webhook: String,
    timeout: Option<f64>,
    taken: Function<'js>,
) -> Result<Promise<'js>> {
    in_run(&ctx, "`waitForWebhook`")?;
    let taken = Persistent::save(&ctx, taken);
    let wait = webhooks::wait_for_webhook(step, webhook, timeout.map(whole));
    operations::begin(&ctx, wait, move |came, ctx| {
        let taken = taken.restore(ctx)?;
        let Some(came) = came else {
            return taken.call(());
        };
        let (text, body) = request(ctx, came.request)?;
        taken.call((came.id, text, body))
    })
}

fn respond<'js>(
    ctx: Ctx<'js>,
    step: String,
    delivery: String,
    status: u16,
    headers: Vec<Vec<String>>,
    body: TypedArray<'js, u8>,
) -> Result<()> {
    in_run(&ctx, "`respond`")?;
    let response = Response {
        status,
        headers: from_headers(&ctx, headers)?,
        body: from_bytes(&ctx, &body)?,
    };
    webhooks::respond(&step, &delivery, &response);
    Ok(())
}

fn close(ctx: Ctx<'_>, step: String, webhook: String) -> Result<()> {
    in_run(&ctx, "`close`")?;
    webhooks::close_webhook(&step, &webhook);
    Ok(())
}
