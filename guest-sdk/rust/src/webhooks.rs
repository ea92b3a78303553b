//! Webhooks: public URLs by which other systems resume the run.

use std::borrow::Cow;
use std::fmt;

use serde::de::DeserializeOwned;

use crate::content_encoding::{DECODED_LIMIT, decode};
use crate::contract::webhooks as contract;
use crate::error::Result;
use crate::headers::Headers;
use crate::operation::Operation;
use crate::payload::{from_decoded_text, from_json};
use crate::response::Response;
use crate::time::{Instant, IntoDuration, contract_millis};
use crate::url_encoded;

/// A public URL of this run. [`Context::webhook`](crate::Context::webhook) creates one.
///
/// A request is kept from the moment at which its caller is answered, even if the run does not wait for
/// it yet. Requests are queued in their order, and each wait takes exactly one.
///
/// ```
/// # use dormouse_sdk::prelude::*;
/// # async fn example(ctx: Context, service_url: &str) -> Result<()> {
/// let hook = ctx.webhook("result").create();
/// ctx.post(service_url).json(&json!({ "webhookUrl": hook.url() })).send("start job").await?;
/// let result: Value = hook.wait().await.json()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Webhook {
    id: String,
    url: String,
    step: String,
}

impl Webhook {
    pub(crate) fn from_contract(step: String, webhook: contract::Webhook) -> Self {
        let contract::Webhook { id, url } = webhook;
        Self { id, url, step }
    }

    /// Returns the step name of its operations: the one with which it was created, unless
    /// [`named`](Webhook::named) has changed it.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # fn example(ctx: Context) {
    /// let plan = ctx.kept_webhooks().into_iter().find(|hook| hook.step() == "plan");
    /// # }
    /// ```
    pub fn step(&self) -> &str {
        &self.step
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Returns the URL to give to the caller. Everyone who knows it can call it, so treat it as a
    /// password. A path or a query may be appended to it, and reaches the run with the request.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # fn example(ctx: Context) {
    /// let hook = ctx.webhook("answer").methods(["GET"]).create();
    /// let (yes, no) = (format!("{}/yes", hook.url()), format!("{}/no", hook.url()));
    /// # }
    /// ```
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the same webhook, with this step name for its operations instead of the webhook's.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # async fn example(ctx: Context) {
    /// let hook = ctx.webhook("answer").create();
    /// hook.wait().await;
    /// hook.named("second opinion").wait().await;
    /// # }
    /// ```
    #[must_use]
    pub fn named(&self, step: impl Into<String>) -> Self {
        Self {
            step: step.into(),
            ..self.clone()
        }
    }

    /// Takes the oldest request that no wait has taken yet, or waits for one if there is none, without
    /// a time limit.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # async fn example(hook: Webhook) -> Result<()> {
    /// let answer: Value = hook.wait().await.json()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn wait(&self) -> Operation<Delivery> {
        let Self { id, step, .. } = self.clone();
        Operation::new(async move {
            match contract::wait_for_webhook(step.clone(), id, None).await {
                Some(delivery) => Delivery::from_contract(step, delivery),
                None => unreachable!("a wait without a timeout ends with a request"),
            }
        })
    }

    /// Takes the oldest request that no wait has taken yet, or waits for one if there is none, for at
    /// most this long. Returns `None` when the time is over. The time counts from when the wait is
    /// first awaited. With a timeout of 0, only a request that is already there is taken.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # async fn example(ctx: Context, hook: Webhook) {
    /// while let Some(update) = hook.wait_timeout(minutes(5)).await {
    ///     ctx.info(format_args!("{} bytes", update.body.len()));
    /// }
    /// # }
    /// ```
    #[track_caller]
    pub fn wait_timeout(&self, timeout: impl IntoDuration) -> Operation<Option<Delivery>> {
        let (Self { id, step, .. }, millis) = (self.clone(), contract_millis(timeout));
        Operation::new(async move {
            let delivery = contract::wait_for_webhook(step.clone(), id, Some(millis)).await;
            delivery.map(|delivery| Delivery::from_contract(step, delivery))
        })
    }

    /// Closes the webhook: from now on, its URL answers with 410. Requests that are already queued can
    /// still be waited for. Closing a webhook again has no effect.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # async fn example(hook: Webhook) {
    /// hook.close();
    /// while let Some(late) = hook.wait_timeout("0s").await {}
    /// # }
    /// ```
    pub fn close(&self) {
        contract::close_webhook(&self.step, &self.id);
    }
}

/// Formats the webhook without its URL, which is as good as a password and must not get into a log by
/// accident.
impl fmt::Debug for Webhook {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Webhook")
            .field("id", &self.id)
            .field("step", &self.step)
            .finish_non_exhaustive()
    }
}

/// A request that reached a webhook.
///
/// ```
/// # use dormouse_sdk::prelude::*;
/// # async fn example(ctx: Context, hook: Webhook) -> Result<()> {
/// let update = hook.wait().await;
/// let progress: f64 = update.json()?;
/// let finished = update.header("x-task-finished") == Some("true");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The id of the request, which was also in the answer to its caller.
    pub id: String,
    /// When the host accepted the request.
    pub accepted: Instant,
    /// The method in capitals, such as `POST`.
    pub method: String,
    /// The whole URL that was called, with any path and query after the webhook's own URL.
    pub url: String,
    /// Every header, in order, with repeats.
    pub headers: Headers,
    /// The bytes of the body as they were received, which may be compressed.
    pub body: Vec<u8>,
    step: String,
}

impl Delivery {
    fn from_contract(step: String, delivery: contract::Delivery) -> Self {
        let contract::Delivery {
            id,
            accepted,
            request,
        } = delivery;
        Self {
            id,
            accepted: Instant::from_millis(accepted),
            method: request.method,
            url: request.url,
            headers: Headers::from_contract(request.headers),
            body: request.body,
            step,
        }
    }

    /// Reads the body as JSON, as [`Payload::json`](crate::Payload::json) does: whatever its content
    /// type, and an empty body as `null`. A compressed body is decoded first, up to
    /// [`DECODED_LIMIT`](crate::DECODED_LIMIT), with the errors of [`decoded`](Self::decoded).
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # async fn example(hook: Webhook) -> Result<()> {
    /// let update: Value = hook.wait().await.json()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        from_json(&self.body_name(), &self.decoded(DECODED_LIMIT)?)
    }

    /// Reads the body as text, as [`Payload::text`](crate::Payload::text) does, and decodes it as
    /// [`json`](Self::json) does.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # async fn example(ctx: Context, hook: Webhook) -> Result<()> {
    /// ctx.info(hook.wait().await.text()?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn text(&self) -> Result<Cow<'_, str>> {
        from_decoded_text(&self.body_name(), self.decoded(DECODED_LIMIT)?)
    }

    /// Reads the body as the names and values of an HTML form, as
    /// [`Payload::form`](crate::Payload::form) does, and decodes it as [`json`](Self::json) does.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// #[derive(serde::Deserialize)]
    /// struct Answer {
    ///     name: String,
    ///     guests: u32,
    /// }
    ///
    /// # async fn example(hook: Webhook) -> Result<()> {
    /// let answer: Answer = hook.wait().await.form()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn form<T: DeserializeOwned>(&self) -> Result<T> {
        let content_type = self.header("content-type").unwrap_or_default();
        let body = self.decoded(DECODED_LIMIT)?;
        url_encoded::decode(&self.body_name(), content_type, &body)
    }

    /// Returns the bytes of the body without their `Content-Encoding`. It undoes gzip, deflate, br and
    /// zstd, as long as the result has no more than `limit` bytes.
    ///
    /// The error's code is `unsupported-encoding` for another encoding, `invalid-encoding` for a body
    /// that does not have the encoding it declares, and `too-large` for a result beyond the limit.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # async fn example(hook: Webhook) -> Result<()> {
    /// let table = hook.wait().await.decoded(dormouse_sdk::DECODED_LIMIT)?.into_owned();
    /// # Ok(())
    /// # }
    /// ```
    pub fn decoded(&self, limit: usize) -> Result<Cow<'_, [u8]>> {
        decode(&self.body_name(), &self.headers, &self.body, limit)
    }

    /// Returns the first value of a header, if it is text. The case of the name does not matter.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # fn example(delivery: &Delivery) {
    /// let finished = delivery.header("x-task-finished") == Some("true");
    /// # }
    /// ```
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }

    /// Answers the caller. The webhook must have been created with
    /// [`reply_from_workflow`](crate::WebhookBuilder::reply_from_workflow). The answer is also sent if
    /// the workflow returns right after this call. A caller who is no longer connected gets the answer
    /// when it asks again with the same key. A second answer is a mistake, and fails the run.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # async fn example(ctx: Context) -> Result<()> {
    /// let hook = ctx.webhook("quote").reply_from_workflow("10s").create();
    /// let question = hook.wait().await;
    /// question.respond(Response::new(200).with_json(&json!({ "price": 5 }))?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn respond(&self, response: Response) {
        contract::respond(&self.step, &self.id, &response.into_contract());
    }

    fn body_name(&self) -> String {
        format!("the body sent to webhook `{}`", self.step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::types::Request;

    fn delivery(body: &[u8]) -> Delivery {
        let request = Request {
            method: "POST".into(),
            url: "https://example.com/hooks/token/yes?a=b".into(),
            headers: vec![("X-Task-Finished".into(), b"true".into())],
            body: body.into(),
        };
        let delivery = contract::Delivery {
            id: "d1".into(),
            accepted: 1_000,
            request,
        };
        Delivery::from_contract("progress".into(), delivery)
    }

    #[test]
    fn everything_that_was_sent_is_there() {
        let delivery = delivery(b"[1]");
        assert_eq!(delivery.id, "d1");
        assert_eq!(delivery.accepted, Instant::from_millis(1_000));
        assert_eq!(delivery.method, "POST");
        assert_eq!(delivery.url, "https://example.com/hooks/token/yes?a=b");
        assert_eq!(delivery.header("x-task-finished"), Some("true"));
        assert_eq!(delivery.json::<Vec<u32>>().unwrap(), [1]);
    }

    #[test]
    fn a_body_that_does_not_fit_names_the_webhook() {
        let error = delivery(b"{}").json::<u32>().unwrap_err();
        let expected = "the body sent to webhook `progress` does not fit: ";
        assert!(error.message().starts_with(expected), "{error}");
        assert_eq!(delivery(b"\xff").text().unwrap_err().code(), "invalid-text");
    }

    /// `[1]`, compressed by gzip.
    #[cfg(feature = "gzip")]
    const GZIP: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0\x02\xff\x8b6\x8c\x05\0\xb82/L\x03\0\0\0";

    #[cfg(feature = "gzip")]
    #[test]
    fn a_compressed_body_is_decoded() {
        let mut delivery = delivery(GZIP);
        let error = delivery.json::<Vec<u32>>().unwrap_err();
        assert!(
            error.message().contains("it looks compressed with gzip"),
            "{error}"
        );
        delivery.headers.push("Content-Encoding", "gzip");
        assert_eq!(delivery.json::<Vec<u32>>().unwrap(), [1]);
        assert_eq!(delivery.text().unwrap(), "[1]");
        assert_eq!(delivery.decoded(3).unwrap(), b"[1]".as_slice());
        assert_eq!(delivery.body, GZIP);
        let error = delivery.decoded(2).unwrap_err();
        assert_eq!(
            error.message(),
            "the body sent to webhook `progress` has 23 bytes in gzip and more than 2 when decoded, which is the limit; \
             `decoded` takes another"
        );
    }

    #[test]
    fn a_form_is_read() {
        let pairs: Vec<(String, u32)> = delivery(b"a=1&b=2").form().unwrap();
        assert_eq!(pairs, [("a".into(), 1), ("b".into(), 2)]);
        let error = delivery(b"a=x").form::<Vec<(String, u32)>>().unwrap_err();
        let expected = "the body sent to webhook `progress` does not fit: ";
        assert!(error.message().starts_with(expected), "{error}");
    }

    #[test]
    fn the_url_is_not_shown_by_accident() {
        let webhook = contract::Webhook {
            id: "1".into(),
            url: "https://secret".into(),
        };
        let shown = format!("{:?}", Webhook::from_contract("a".into(), webhook));
        assert_eq!(shown, r#"Webhook { id: "1", step: "a", .. }"#);
    }
}
