//! Functions for webhooks.

use rquickjs::function::Func;
use rquickjs::{Ctx, IntoJs, Object, Result, TypedArray, Value};

use super::in_run;
use crate::bindings::dormouse::workflow::types::Response;
use crate::bindings::dormouse::workflow::webhooks::{
    self, Delivery, Reply, Signature, Webhook, WebhookOptions,
};
use crate::operations;
use crate::values::{delivery, from_bytes, from_headers, whole, wrong};

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

fn wait(ctx: Ctx<'_>, step: String, webhook: String, timeout: Option<f64>) -> Result<u32> {
    in_run(&ctx, "`waitForWebhook`")?;
    let wait = webhooks::wait_for_webhook(step, webhook, timeout.map(whole));
    Ok(operations::begin(wait, delivered))
}

fn delivered<'js>(came: Option<Delivery>, ctx: &Ctx<'js>) -> Result<Value<'js>> {
    let came = came.map(|came| delivery(ctx, &came.id, came.request));
    came.transpose()?.into_js(ctx)
}

fn respond<'js>(ctx: Ctx<'js>, step: String, delivery: String, answer: Object<'js>) -> Result<()> {
    in_run(&ctx, "`respond`")?;
    webhooks::respond(&step, &delivery, &response(&ctx, &answer)?);
    Ok(())
}

fn close(ctx: Ctx<'_>, step: String, webhook: String) -> Result<()> {
    in_run(&ctx, "`close`")?;
    webhooks::close_webhook(&step, &webhook);
    Ok(())
}
