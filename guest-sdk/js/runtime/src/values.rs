//! Converts values between the contract and JavaScript. The value of a header is bytes in the contract. In JavaScript
//! it is a string of characters up to U+00FF, as in the standards of the web.

use rquickjs::function::This;
use rquickjs::{
    ArrayBuffer, Coerced, Ctx, Error, Exception, FromJs, Function, IntoJs, Object, Result,
    TypedArray, Value,
};

use crate::bindings::dormouse::workflow::http::{
    CallError, CallOptions, RetryPolicy, SecretHeader, ValueGroup, ValuePart,
};
use crate::bindings::dormouse::workflow::types::{Failure, Payload, Request, Response};

pub(crate) type Header = (String, Vec<u8>);

/// Throws a `TypeError` with this message, for an argument of the wrong kind.
pub(crate) fn wrong(ctx: &Ctx<'_>, message: &str) -> rquickjs::Error {
    Exception::throw_type(ctx, message)
}

/// Throws an error with a code of its own, which does not count as a mistake of the program.
pub(crate) fn throw(ctx: &Ctx<'_>, failure: &Failure) -> rquickjs::Error {
    match error(ctx, failure) {
        Ok(error) => ctx.throw(error),
        Err(error) => error,
    }
}

/// Returns an `Error` with a code.
pub(crate) fn error<'js>(ctx: &Ctx<'js>, failure: &Failure) -> Result<Value<'js>> {
    let error = Exception::from_message(ctx.clone(), &failure.message)?.into_object();
    error.set("code", failure.code.as_str())?;
    Ok(error.into_value())
}

pub(crate) fn bytes<'js>(ctx: &Ctx<'js>, bytes: Vec<u8>) -> Result<Value<'js>> {
    Ok(TypedArray::new(ctx.clone(), bytes)?.into_value())
}

/// Returns the bytes of a `Uint8Array`.
pub(crate) fn from_bytes(ctx: &Ctx<'_>, value: &TypedArray<'_, u8>) -> Result<Vec<u8>> {
    // Sound: no JavaScript is executed between the borrow and the copy, so nothing can change or free the buffer.
    #[allow(unsafe_code, reason = "the proof stands above")]
    let copied = unsafe { value.as_bytes() }.map(<[u8]>::to_vec);
    copied.ok_or_else(|| wrong(ctx, "the array's buffer was detached"))
}

/// A value of JavaScript as text. Half a surrogate pair becomes U+FFFD, since UTF-8 cannot contain it.
pub(crate) struct Text(pub(crate) String);

impl<'js> FromJs<'js> for Text {
    fn from_js(ctx: &Ctx<'js>, value: Value<'js>) -> Result<Self> {
        let Coerced(text) = Coerced::<rquickjs::String<'js>>::from_js(ctx, value)?;
        match text.to_string() {
            Err(Error::Utf8(_)) => {
                let prototype: Object<'js> = ctx
                    .globals()
                    .get::<_, Object<'js>>("String")?
                    .get("prototype")?;
                let formed: Function<'js> = prototype.get("toWellFormed")?;
                formed.call((This(text),)).map(Self)
            }
            text => text.map(Self),
        }
    }
}

/// Returns headers as one text, with a line for each name and each value. JavaScript parses the text when a program looks at
/// a header, which most programs do not.
pub(crate) fn headers(headers: &[Header]) -> String {
    let mut text = String::new();
    add_headers(&mut text, headers);
    text
}

fn add_headers(text: &mut String, headers: &[Header]) {
    // A line break in a value would be read as the end of the value. Valid headers have none.
    let letter = |byte: &u8| {
        if *byte == b'\n' {
            ' '
        } else {
            char::from(*byte)
        }
    };
    for (name, value) in headers {
        text.push_str(name);
        text.push('\n');
        text.extend(value.iter().map(letter));
        text.push('\n');
    }
}

pub(crate) fn from_headers(ctx: &Ctx<'_>, headers: Vec<Vec<String>>) -> Result<Vec<Header>> {
    let pair = |header: Vec<String>| {
        let [name, value]: [String; 2] = header.try_into().ok()?;
        let value = value
            .chars()
            .map(|letter| u8::try_from(u32::from(letter)).ok());
        Some((name, value.collect::<Option<Vec<u8>>>()?))
    };
    let headers = headers.into_iter().map(pair).collect::<Option<Vec<_>>>();
    headers.ok_or_else(|| wrong(ctx, "a header's value has a character beyond U+00FF"))
}

/// Returns the text and the body of a request to a webhook. The text has a line each for the method and the URL, and then
/// the headers. The body is `null` if the method is GET or HEAD, and `undefined` if it is empty.
pub(crate) fn request<'js>(ctx: &Ctx<'js>, request: Request) -> Result<(String, Value<'js>)> {
    let mut text = format!("{}\n{}\n", request.method, request.url);
    add_headers(&mut text, &request.headers);
    let body = match request.method.as_str() {
        "GET" | "HEAD" => Value::new_null(ctx.clone()),
        _ if request.body.is_empty() => Value::new_undefined(ctx.clone()),
        _ => ArrayBuffer::new(ctx.clone(), request.body)?.into_value(),
    };
    Ok((text, body))
}

pub(crate) fn response<'js>(ctx: &Ctx<'js>, response: Response) -> Result<Value<'js>> {
    let object = Object::new(ctx.clone())?;
    object.set("status", response.status)?;
    object.set("headers", headers(&response.headers))?;
    object.set("body", bytes(ctx, response.body)?)?;
    Ok(object.into_value())
}

pub(crate) fn payload<'js>(ctx: &Ctx<'js>, payload: Payload) -> Result<Value<'js>> {
    let object = Object::new(ctx.clone())?;
    object.set("contentType", payload.content_type)?;
    object.set("body", bytes(ctx, payload.body)?)?;
    Ok(object.into_value())
}

/// Returns the result of a call as `{ok: response}` or `{error: {kind, message}}`. It is not thrown, since each API of `js/`
/// reports errors in its own way.
pub(crate) fn called<'js>(
    ctx: &Ctx<'js>,
    result: std::result::Result<Response, CallError>,
) -> Result<Value<'js>> {
    let object = Object::new(ctx.clone())?;
    match result {
        Ok(ok) => object.set("ok", response(ctx, ok)?)?,
        Err(failed) => {
            let (kind, message) = told(failed);
            let error = Object::new(ctx.clone())?;
            error.set("kind", kind)?;
            error.set("message", message)?;
            object.set("error", error)?;
        }
    }
    object.into_js(ctx)
}

fn told(error: CallError) -> (String, String) {
    let told = |kind: &str, message: String| (kind.to_owned(), message);
    match error {
        CallError::Denied(why) => told("denied", why),
        CallError::Invalid(why) => told("invalid", why),
        CallError::TimedOut => told(
            "timed-out",
            "the last attempt took longer than its timeout".into(),
        ),
        CallError::Unreachable(how) => told("unreachable", how),
        CallError::TooLarge(most) => told(
            "too-large",
            format!("the response is larger than {most} bytes"),
        ),
        CallError::Interrupted => told(
            "interrupted",
            "a stop of the host cut the last attempt off; it may have arrived".into(),
        ),
        CallError::Abandoned => told("abandoned", "the workflow gave the call up".into()),
        CallError::Other(failure) => (failure.code, failure.message),
    }
}

/// Reads the options of a call.
pub(crate) fn call_options(options: &Object<'_>) -> Result<CallOptions> {
    let attempts: Option<u32> = options.get("attempts")?;
    let give_up_after: Option<u64> = millis(options, "giveUpAfter")?;
    let retry = (attempts.is_some() || give_up_after.is_some()).then(|| RetryPolicy {
        attempts,
        give_up_after,
        initial_delay: 500,
        multiplier: 2.0,
        max_delay: 300_000,
    });
    let secret_headers: Option<Vec<Object<'_>>> = options.get("secretHeaders")?;
    let secret_headers = secret_headers.unwrap_or_default();
    let secret_headers = secret_headers.iter().map(secret_header);
    Ok(CallOptions {
        timeout: millis(options, "timeout")?,
        retry,
        idempotency_key: options.get("idempotencyKey")?,
        redirects: options.get::<_, Option<u32>>("redirects")?.unwrap_or(0),
        secret_headers: secret_headers.collect::<Result<_>>()?,
        settings: Vec::new(),
    })
}

fn secret_header(header: &Object<'_>) -> Result<SecretHeader> {
    let groups: Vec<Object<'_>> = header.get("value")?;
    let groups = groups.iter().map(|group| {
        let parts: Vec<Object<'_>> = group.get("parts")?;
        let parts = parts.iter().map(|part| {
            let secret: Option<String> = part.get("secret")?;
            Ok(match secret {
                Some(name) => ValuePart::Secret(name),
                None => ValuePart::Text(part.get("text")?),
            })
        });
        Ok(ValueGroup {
            encoding: group.get("encoding")?,
            parts: parts.collect::<Result<_>>()?,
        })
    });
    Ok(SecretHeader {
        name: header.get("name")?,
        value: groups.collect::<Result<_>>()?,
    })
}

/// Returns an option that is a span of time, in whole milliseconds. None if the option is not set.
pub(crate) fn millis(options: &Object<'_>, name: &str) -> Result<Option<u64>> {
    let span: Option<f64> = options.get(name)?;
    Ok(span.map(whole))
}

/// Rounds a number of JavaScript up to a whole one. A number below 0 becomes 0, and a number that is too large becomes the
/// largest one.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates"
)]
pub(crate) fn whole(number: f64) -> u64 {
    number.ceil() as u64
}
