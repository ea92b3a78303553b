//! Signs requests to webhooks as providers do. It was written after the documentation of each provider, without the
//! host's own code, so that a mistake there is not repeated here.

use base64::prelude::{BASE64_STANDARD, Engine};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

/// A way to sign requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Standard Webhooks.
    StandardWebhooks,
    /// GitHub.
    Github,
    /// Stripe.
    Stripe,
    /// Slack.
    Slack,
    /// HMAC-SHA-256 of the body, in `X-Digest`, after `v0:`.
    HmacSha256,
}

impl Scheme {
    /// All schemes.
    pub const ALL: [Scheme; 5] = [
        Scheme::StandardWebhooks,
        Scheme::Github,
        Scheme::Stripe,
        Scheme::Slack,
        Scheme::HmacSha256,
    ];

    /// Returns the webhook's option `signature` for this scheme, with secrets of these names.
    #[must_use]
    pub fn option(self, secrets: &[&str]) -> Value {
        match self {
            Scheme::StandardWebhooks => json!({"scheme": "standard-webhooks", "secrets": secrets}),
            Scheme::Github => json!({"scheme": "github", "secrets": secrets}),
            Scheme::Stripe => json!({"scheme": "stripe", "secrets": secrets}),
            Scheme::Slack => json!({"scheme": "slack", "secrets": secrets}),
            Scheme::HmacSha256 => json!({
                "scheme": "hmac-sha256", "secrets": secrets, "header": "X-Digest", "prefix": "v0:",
            }),
        }
    }

    /// Returns the header with the signature.
    #[must_use]
    pub fn header(self) -> &'static str {
        match self {
            Scheme::StandardWebhooks => "webhook-signature",
            Scheme::Github => "x-hub-signature-256",
            Scheme::Stripe => "stripe-signature",
            Scheme::Slack => "x-slack-signature",
            Scheme::HmacSha256 => "x-digest",
        }
    }

    /// Returns true if the time is signed.
    #[must_use]
    pub fn is_timed(self) -> bool {
        match self {
            Scheme::StandardWebhooks | Scheme::Stripe | Scheme::Slack => true,
            Scheme::Github | Scheme::HmacSha256 => false,
        }
    }
}

/// Returns the headers of a request with this body, signed with this secret at this second of the Unix epoch. `id` is
/// the id of the message in Standard Webhooks. The other schemes have no id.
///
/// # Panics
/// If Standard Webhooks is to sign with a secret that is not `whsec_` and base64.
#[must_use]
pub fn sign(
    scheme: Scheme,
    secret: &str,
    id: &str,
    second: u64,
    body: &[u8],
) -> Vec<(&'static str, String)> {
    let time = second.to_string();
    let name = scheme.header();
    match scheme {
        Scheme::StandardWebhooks => {
            let key = secret.strip_prefix("whsec_").unwrap();
            let key = BASE64_STANDARD.decode(key).unwrap();
            let mac = mac(&key, &format!("{id}.{time}."), body);
            vec![
                ("webhook-id", id.to_owned()),
                ("webhook-timestamp", time),
                (name, format!("v1,{}", BASE64_STANDARD.encode(mac))),
            ]
        }
        Scheme::Github => {
            let digits = hex(&mac(secret.as_bytes(), "", body));
            vec![(name, format!("sha256={digits}"))]
        }
        Scheme::Stripe => {
            let digits = hex(&mac(secret.as_bytes(), &format!("{time}."), body));
            vec![(name, format!("t={time},v1={digits}"))]
        }
        Scheme::Slack => {
            let digits = hex(&mac(secret.as_bytes(), &format!("v0:{time}:"), body));
            vec![
                ("x-slack-request-timestamp", time),
                (name, format!("v0={digits}")),
            ]
        }
        Scheme::HmacSha256 => {
            let mac = mac(secret.as_bytes(), "", body);
            vec![(name, format!("v0:{}", BASE64_STANDARD.encode(mac)))]
        }
    }
}

fn mac(key: &[u8], before: &str, body: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(before.as_bytes());
    mac.update(body);
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Compares the signatures with examples that the providers publish.
#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(scheme: Scheme, secret: &str, second: u64, body: &str, expected: &str) {
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let headers = sign(scheme, secret, id, second, body.as_bytes());
        assert_eq!(headers.last().unwrap().1, expected);
    }

    /// <https://github.com/standard-webhooks/standard-webhooks/blob/main/libraries/javascript/src/webhook.test.ts>
    #[test]
    fn standard_webhooks() {
        check(
            Scheme::StandardWebhooks,
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            1_614_265_330,
            "{\"test\": 2432232314}",
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        );
    }

    /// <https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries>
    #[test]
    fn github() {
        check(
            Scheme::Github,
            "It's a Secret to Everybody",
            0,
            "Hello, World!",
            "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        );
    }

    /// <https://docs.slack.dev/authentication/verifying-requests-from-slack>
    #[test]
    fn slack() {
        check(
            Scheme::Slack,
            "8f742231b10e8888abcd99yyyzzz85a5",
            1_531_420_618,
            "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V\
             &channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=\
             &response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN\
             &trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c",
            "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
        );
    }
}
