//! A call is put together, and sent until the service answers.

use serde::Serialize;

use crate::bindings::dormouse::workflow::http::{self as contract, CallOptions};
use crate::bindings::dormouse::workflow::types::Request;
use crate::call_error::CallError;
use crate::error::Result;
use crate::headers::Headers;
use crate::operation::Operation;
use crate::payload::{JSON, TEXT, to_json};
use crate::response::Response;
use crate::retry::RetryPolicy;
use crate::secret_value::SecretValue;
use crate::time::{IntoDuration, contract_millis};

/// How many redirects a call follows unless told otherwise: as many as most clients do.
const REDIRECTS: u32 = 10;

/// A call that is being put together. [`send`](Call::send) makes it.
///
/// ```
/// # use dormouse_sdk::prelude::*;
/// # async fn example(ctx: Context, order: Value) -> Result<()> {
/// let response = ctx
///     .post("https://example.com/orders")
///     .json(&order)
///     .header("x-source", "shop")
///     .secret_header("authorization", "Bearer ", "orders-token")
///     .attempts(10)
///     .send("place order")
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a call is made by `send`"]
pub struct Call {
    method: String,
    url: String,
    headers: Headers,
    /// The bytes and the content type that goes with them, or why there are none.
    body: Result<(Vec<u8>, Option<&'static str>)>,
    options: CallOptions,
}

impl Call {
    pub(crate) fn new(method: String, url: String) -> Self {
        let options = CallOptions {
            timeout: None,
            retry: None,
            idempotency_key: None,
            redirects: REDIRECTS,
            secret_headers: Vec::new(),
            settings: Vec::new(),
        };
        Self {
            method,
            url,
            headers: Headers::default(),
            body: Ok((Vec::new(), None)),
            options,
        }
    }

    /// Adds a header.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # fn example(ctx: Context) {
    /// let call = ctx.get("https://example.com/price").header("accept", "application/json");
    /// # }
    /// ```
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push(name, value);
        self
    }

    /// Adds a header whose value is a prefix and then a secret that the host holds. The workflow
    /// never sees it.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # fn example(ctx: Context) {
    /// let call = ctx.get("https://example.com/me").secret_header("authorization", "Bearer ", "me");
    /// # }
    /// ```
    pub fn secret_header(
        self,
        name: impl Into<String>,
        prefix: impl Into<String>,
        secret: impl Into<String>,
    ) -> Self {
        let value = SecretValue::new().text(prefix).secret(secret);
        self.secret_value(name, value)
    }

    /// Adds the header of HTTP Basic authentication (RFC 7617), with a password that the host holds. The workflow
    /// never sees it.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # fn example(ctx: Context) {
    /// let call = ctx.get("https://example.com/me").basic_auth("ann", "ann-password");
    /// # }
    /// ```
    pub fn basic_auth(self, user: &str, secret: impl Into<String>) -> Self {
        let value = SecretValue::new()
            .text("Basic ")
            .base64(SecretValue::new().text(format!("{user}:")).secret(secret));
        self.secret_value("authorization", value)
    }

    /// Adds a header whose value is made from secrets that the host holds. The workflow never sees them.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # fn example(ctx: Context) {
    /// let token = SecretValue::new().text("Token token=\"").secret("me").text("\"");
    /// let call = ctx.get("https://example.com/me").secret_value("authorization", token);
    /// # }
    /// ```
    pub fn secret_value(mut self, name: impl Into<String>, value: SecretValue) -> Self {
        self.options.secret_headers.push(contract::SecretHeader {
            name: name.into(),
            value: value.into_contract(),
        });
        self
    }

    /// Sends a value as JSON, with that content type unless a header gives another. A value that
    /// JSON cannot hold gives [`CallError::Invalid`] when the call is sent.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # fn example(ctx: Context) {
    /// let call = ctx.post("https://example.com/jobs").json(&json!({ "size": 5 }));
    /// # }
    /// ```
    pub fn json(mut self, value: &(impl Serialize + ?Sized)) -> Self {
        self.body = to_json(value).map(|body| (body, Some(JSON)));
        self
    }

    /// Sends text, as `text/plain` unless a header gives another content type.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # fn example(ctx: Context) {
    /// let call = ctx.put("https://example.com/note").text("back soon");
    /// # }
    /// ```
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.body = Ok((text.into().into_bytes(), Some(TEXT)));
        self
    }

    /// Sends these bytes. Their content type is a header's to say.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # fn example(ctx: Context, picture: Vec<u8>) {
    /// let call =
    ///     ctx.put("https://example.com/me.png").header("content-type", "image/png").body(picture);
    /// # }
    /// ```
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Ok((body.into(), None));
        self
    }

    /// Gives one attempt so much time. The host's default otherwise.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # fn example(ctx: Context) {
    /// let call = ctx.get("https://example.com/slow").timeout(minutes(2));
    /// # }
    /// ```
    #[track_caller]
    pub fn timeout(mut self, timeout: impl IntoDuration) -> Self {
        self.options.timeout = Some(contract_millis(timeout));
        self
    }

    /// So many attempts in all, with the delays that are there already or
    /// [those of a policy](RetryPolicy::new). With 1 the request is sent at most once.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # fn example(ctx: Context) {
    /// let call = ctx.post("https://example.com/charge").attempts(1);
    /// # }
    /// ```
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.options
            .retry
            .get_or_insert_with(|| RetryPolicy::new(attempts).into_contract())
            .attempts = attempts;
        self
    }

    /// When to try again. The host's default otherwise.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # fn example(ctx: Context) {
    /// let patient = RetryPolicy::new(20).initial_delay("10s").max_delay("1h");
    /// let call = ctx.post("https://example.com/jobs").retry(patient);
    /// # }
    /// ```
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.options.retry = Some(policy.into_contract());
        self
    }

    /// The `Idempotency-Key` of every attempt. The host makes one of run and operation otherwise.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # fn example(ctx: Context, order: &str) {
    /// let call = ctx.post("https://example.com/charge").idempotency_key(format!("charge-{order}"));
    /// # }
    /// ```
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.options.idempotency_key = Some(key.into());
        self
    }

    /// How many redirects are followed, 10 unless told otherwise. With 0 a redirect is a response
    /// like any other.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # fn example(ctx: Context) {
    /// let call = ctx.get("https://example.com/short").redirects(0);
    /// # }
    /// ```
    pub fn redirects(mut self, redirects: u32) -> Self {
        self.options.redirects = redirects;
        self
    }

    /// Makes the call, under this step name. Any status is a response; an error means that none
    /// came.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # async fn example(ctx: Context) -> Result<()> {
    /// match ctx.post("https://example.com/jobs").send("start job").await {
    ///     Ok(response) => ctx.info(format_args!("status {}", response.status)),
    ///     Err(CallError::TimedOut) => ctx.warn("the service is slow today"),
    ///     Err(error) => return Err(error.into()),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn send(self, step: impl Into<String>) -> Operation<Result<Response, CallError>> {
        let step = step.into();
        Operation::new(async move {
            let (request, options) = self.into_contract()?;
            let result = contract::call(step, request, options).await;
            result
                .map(Response::from_contract)
                .map_err(CallError::from_contract)
        })
    }

    fn into_contract(self) -> Result<(Request, CallOptions), CallError> {
        let Self {
            method,
            url,
            mut headers,
            body,
            options,
        } = self;
        let (body, content_type) =
            body.map_err(|error| CallError::Invalid(error.message().into()))?;
        if let Some(content_type) = content_type {
            headers.default_content_type(content_type);
        }
        let headers = headers.into_contract();
        Ok((
            Request {
                method,
                url,
                headers,
                body,
            },
            options,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::seconds;

    fn post() -> Call {
        Call::new("POST".into(), "https://example.com/".into())
    }

    fn check_body(call: Call, content_types: &[&[u8]], body: &[u8]) {
        let (request, _) = call.into_contract().unwrap();
        assert_eq!(request.body, body);
        let headers = Headers::from_contract(request.headers);
        assert_eq!(
            headers.get_all("content-type").collect::<Vec<_>>(),
            content_types
        );
    }

    #[test]
    fn a_body_brings_its_content_type() {
        check_body(post(), &[], b"");
        check_body(post().json(&[1]), &[JSON.as_bytes()], b"[1]");
        check_body(post().text("a"), &[TEXT.as_bytes()], b"a");
        check_body(post().json(&1).body([0xff]), &[], &[0xff]);
    }

    #[test]
    fn a_header_gives_another_content_type_before_or_after() {
        let csv = b"text/csv".as_slice();
        check_body(post().header("Content-Type", csv).text("a"), &[csv], b"a");
        check_body(post().text("a").header("Content-Type", csv), &[csv], b"a");
    }

    #[test]
    fn a_value_that_json_cannot_hold_is_invalid() {
        let map = std::collections::BTreeMap::from([((1, 2), 3)]);
        let error = post().json(&map).into_contract().unwrap_err();
        assert!(matches!(error, CallError::Invalid(_)), "{error:?}");
    }

    #[test]
    fn the_host_decides_what_is_not_said() {
        let (request, options) = post().into_contract().unwrap();
        assert_eq!(
            (request.method.as_str(), request.url.as_str()),
            ("POST", "https://example.com/")
        );
        assert_eq!(
            (options.timeout, options.retry, options.idempotency_key),
            (None, None, None)
        );
        assert_eq!(options.redirects, REDIRECTS);
    }

    #[test]
    fn what_is_said_arrives() {
        let call = post()
            .header("a", "1")
            .header("A", "2")
            .secret_header("authorization", "Bearer ", "token")
            .timeout("10s")
            .idempotency_key("key")
            .redirects(0);
        let (request, options) = call.into_contract().unwrap();
        assert_eq!(
            request.headers,
            [("a".into(), b"1".into()), ("A".into(), b"2".into())]
        );
        let secret = &options.secret_headers[0];
        let value = SecretValue::new().text("Bearer ").secret("token");
        assert_eq!(secret.name, "authorization");
        assert_eq!(secret.value, value.into_contract());
        assert_eq!((options.timeout, options.redirects), (Some(10_000), 0));
        assert_eq!(options.idempotency_key.as_deref(), Some("key"));
    }

    #[test]
    fn attempts_keep_the_delays_that_are_there() {
        let policy = RetryPolicy::new(2).initial_delay(seconds(3));
        let (_, options) = post().retry(policy).attempts(7).into_contract().unwrap();
        let retry = options.retry.unwrap();
        assert_eq!((retry.attempts, retry.initial_delay), (7, 3_000));
    }
}
