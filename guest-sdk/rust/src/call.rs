//! A call, which is built, and then sent until the service answers.

use serde::Serialize;

use crate::call_error::CallError;
use crate::contract::http::{self as contract, CallOptions};
use crate::contract::types::Request;
use crate::error::{Error, Result};
use crate::headers::Headers;
use crate::operation::Operation;
use crate::payload::{FORM, JSON, TEXT, to_json};
use crate::response::{Origin, Response};
use crate::retry::RetryPolicy;
use crate::secret_value::SecretValue;
use crate::time::{IntoDuration, contract_millis};
use crate::url_encoded;

/// The number of redirects that a call follows by default, which is that of most clients.
const REDIRECTS: u32 = 10;

/// A call that is being built. [`send`](Call::send) makes it.
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
    /// The URL, or the error of a query that cannot be written.
    url: Result<String>,
    headers: Headers,
    /// The body and its content type, or the error of a body that cannot be written.
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
            url: Ok(url),
            headers: Headers::default(),
            body: Ok((Vec::new(), None)),
            options,
        }
    }

    /// Adds the names and values of a list of pairs, a map or a struct to the query of the URL, encoded. If the
    /// value has no names and values, sending the call gives [`CallError::Invalid`].
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # fn example(ctx: Context, name: &str) {
    /// let call = ctx.get("https://example.com/find").query(&[("name", name), ("page", "2")]);
    /// # }
    /// ```
    pub fn query(mut self, values: &(impl Serialize + ?Sized)) -> Self {
        self.url = self.url.and_then(|url| {
            let query = url_encoded::encode("the query", values)?;
            Ok(url_encoded::with_query(&url, &query))
        });
        self
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

    /// Adds a header whose value is a prefix followed by a secret that the host holds. The workflow never sees
    /// the secret.
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
    /// never sees the password.
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

    /// Adds a header whose value is made from secrets that the host holds. The workflow never sees the secrets.
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

    /// Sets the body to a value as JSON, and the content type to JSON unless a header gives another. If JSON
    /// cannot hold the value, sending the call gives [`CallError::Invalid`].
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

    /// Sets the body to a form (`application/x-www-form-urlencoded`) with the names and values of a list of
    /// pairs, a map or a struct, and the content type to that of a form unless a header gives another. If the
    /// value has no names and values, sending the call gives [`CallError::Invalid`].
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # fn example(ctx: Context, order: &str) {
    /// let call = ctx.post("https://example.com/charge").form(&[("order", order), ("amount", "5")]);
    /// # }
    /// ```
    pub fn form(mut self, values: &(impl Serialize + ?Sized)) -> Self {
        let body = url_encoded::encode("the form", values);
        self.body = body.map(|body| (body.into_bytes(), Some(FORM)));
        self
    }

    /// Sets the body to a text, and the content type to `text/plain` unless a header gives another.
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

    /// Sets the body to these bytes. A header can give their content type.
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

    /// Sets the time limit of one attempt. The host's default is 2 minutes, unless its operator has set another.
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

    /// Sets the largest number of attempts. There are fewer if the time to [give up](Self::give_up_after) comes
    /// first, which is 24 hours by default. With 1, the request is sent at most once.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # fn example(ctx: Context) {
    /// let call = ctx.post("https://example.com/charge").attempts(1);
    /// # }
    /// ```
    pub fn attempts(self, attempts: u32) -> Self {
        let policy = self.policy().attempts(attempts);
        self.retry(policy)
    }

    /// Sets how long after the call was made a new attempt may begin. The last attempt still has its whole
    /// [timeout](Self::timeout), and its outcome is the result.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # fn example(ctx: Context) {
    /// let call = ctx.get("https://example.com/price").give_up_after("10m");
    /// # }
    /// ```
    #[track_caller]
    pub fn give_up_after(self, time: impl IntoDuration) -> Self {
        let policy = self.policy().give_up_after(time);
        self.retry(policy)
    }

    /// Returns the retry policy that was set so far.
    fn policy(&self) -> RetryPolicy {
        let policy = self.options.retry;
        policy.map_or_else(RetryPolicy::new, RetryPolicy::from_contract)
    }

    /// Sets when and for how long the call is tried again. The host's default is described at
    /// [`RetryPolicy::new`].
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # fn example(ctx: Context) {
    /// let patient = RetryPolicy::new().give_up_after("7d").initial_delay("10s").max_delay("1h");
    /// let call = ctx.post("https://example.com/jobs").retry(patient);
    /// # }
    /// ```
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.options.retry = Some(policy.into_contract());
        self
    }

    /// Sets the `Idempotency-Key` of every attempt. By default, the host makes one from the run and the
    /// operation.
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

    /// Sets how many redirects are followed. The default is 10. With 0, a redirect is a response like any other.
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

    /// Makes the call with this step name. A response of any status is a result. An error means that there was no
    /// response.
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
            let origin = Origin {
                step: step.clone(),
                method: request.method.clone(),
                url: request.url.clone(),
            };
            let result = contract::call(step, request, options).await;
            result
                .map(|response| Response::from_contract(response, origin))
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
        let invalid = |error: Error| CallError::Invalid(error.message().into());
        let url = url.map_err(invalid)?;
        let (body, content_type) = body.map_err(invalid)?;
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
        let form = post().form(&[("a", "b c"), ("d", "&")]);
        check_body(form, &[FORM.as_bytes()], b"a=b+c&d=%26");
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
    fn queries_are_added_to_the_url() {
        let call = post().query(&[("a", "b c")]).query(&[("d", 5)]);
        let (request, _) = call.into_contract().unwrap();
        assert_eq!(request.url, "https://example.com/?a=b+c&d=5");
    }

    #[test]
    fn a_query_or_form_without_names_is_invalid() {
        for call in [post().query(&5), post().form(&5)] {
            let error = call.into_contract().unwrap_err();
            assert!(matches!(error, CallError::Invalid(_)), "{error:?}");
        }
    }

    #[test]
    fn the_host_decides_options_that_are_not_set() {
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
    fn the_options_of_a_call_arrive() {
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
    fn bounds_keep_the_rest_of_the_policy() {
        let policy = RetryPolicy::new().attempts(2).initial_delay(seconds(3));
        let call = post().retry(policy).attempts(7).give_up_after("1m");
        let (_, options) = call.into_contract().unwrap();
        let retry = options.retry.unwrap();
        assert_eq!((retry.attempts, retry.initial_delay), (Some(7), 3_000));
        assert_eq!(retry.give_up_after, Some(60_000));

        let (_, options) = post().attempts(3).into_contract().unwrap();
        let expected = RetryPolicy::new().attempts(3).into_contract();
        assert_eq!(options.retry, Some(expected));
    }
}
