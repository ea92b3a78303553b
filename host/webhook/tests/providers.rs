//! The examples that providers publish for receivers who check signatures, byte for byte.

use crate::support::{TOLERANCE, check as check_of, request, sign, verify};
use dormouse_journal::Time;
use dormouse_webhook::Rejected;
use dormouse_webhook::provider::Check;

/// A published vector must pass, must not pass for another body or secret, and must be what we make ourselves.
struct Vector<'a> {
    check: Check<'a>,
    secret: &'a str,
    id: &'a str,
    seconds: u64,
    headers: &'a [(&'a str, &'a str)],
    body: &'a [u8],
    /// What the vector carries that we do not make.
    beyond: &'a str,
}

fn check(vector: &Vector<'_>) {
    let now = Time(vector.seconds * 1_000);
    let verdict = |secret: &str, body: &[u8]| {
        let request = request(vector.headers, body);
        verify(
            &vector.check,
            &[secret.as_bytes()],
            &request,
            now,
            TOLERANCE,
        )
    };
    assert_eq!(verdict(vector.secret, vector.body), Ok(()));
    let longer = [vector.body, b" "].concat();
    assert_eq!(verdict(vector.secret, &longer), Err(Rejected::Wrong));
    assert_eq!(verdict("YW5vdGhlcg==", vector.body), Err(Rejected::Wrong));

    let secret = vector.secret.as_bytes();
    let made = sign(&vector.check, secret, vector.id, now, vector.body).unwrap();
    let mut made: Vec<(String, String)> = made
        .into_iter()
        .map(|(name, value)| (name, String::from_utf8(value.to_vec()).unwrap()))
        .collect();
    let mut published: Vec<(String, String)> = vector
        .headers
        .iter()
        .map(|(name, value)| (name.to_lowercase(), value.replace(vector.beyond, "")))
        .collect();
    made.sort();
    published.sort();
    assert_eq!(made, published);
}

/// <https://github.com/standard-webhooks/standard-webhooks/blob/main/libraries/javascript/src/webhook.test.ts>
#[test]
fn standard_webhooks_javascript() {
    check(&Vector {
        check: check_of("standard-webhooks"),
        secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
        seconds: 1_614_265_330,
        headers: &[
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            ("webhook-timestamp", "1614265330"),
            (
                "webhook-signature",
                "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            ),
        ],
        body: br#"{"test": 2432232314}"#,
        beyond: "\n",
    });
}

/// <https://docs.rs/crate/standardwebhooks/1.0.1/source/src/lib.rs>, with the secret as that library also takes it.
#[test]
fn standard_webhooks_rust() {
    check(&Vector {
        check: check_of("standard-webhooks"),
        secret: "C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
        id: "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
        seconds: 1_649_367_553,
        headers: &[
            ("webhook-id", "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk"),
            ("webhook-timestamp", "1649367553"),
            (
                "webhook-signature",
                "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
            ),
        ],
        body: br#"{"email":"test@example.com","username":"test_user"}"#,
        beyond: "\n",
    });
}

/// <https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries>
#[test]
fn github() {
    check(&Vector {
        check: check_of("github"),
        secret: "It's a Secret to Everybody",
        id: "",
        seconds: 0,
        headers: &[(
            "X-Hub-Signature-256",
            "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        )],
        body: b"Hello, World!",
        beyond: "\n",
    });
}

/// <https://docs.slack.dev/authentication/verifying-requests-from-slack>
#[test]
fn slack() {
    check(&Vector {
        check: check_of("slack"),
        secret: "8f742231b10e8888abcd99yyyzzz85a5",
        id: "",
        seconds: 1_531_420_618,
        headers: &[
            (
                "X-Slack-Signature",
                "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
            ),
            ("X-Slack-Request-Timestamp", "1531420618"),
        ],
        body: b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&\
            channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&\
            command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands\
            %2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&\
            trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c",
        beyond: "\n",
    });
}

/// The .NET library's test and its fixture:
/// <https://github.com/stripe/stripe-dotnet/blob/master/src/StripeTests/Services/Events/EventUtilityTest.cs>,
/// <https://github.com/stripe/stripe-dotnet/blob/master/src/StripeTests/Resources/event_test_signature.json>
#[test]
fn stripe() {
    check(&Vector {
        check: check_of("stripe"),
        secret: "webhook_secret",
        id: "",
        seconds: 1_533_204_620,
        headers: &[(
            "Stripe-Signature",
            "t=1533204620,v1=2220f87ef101a04665f11cdf770523143f875572008577fa0f20882ddb9cc3c7,\
             v0=63f3a72374a733066c4be69ed7f8e5ac85c22c9f0a6a612ab9a025a9e4ee7eef",
        )],
        body: br#"{
  "id": "evt_123",
  "object": "event",
  "account": "acct_123",
  "api_version": "2017-05-25",
  "created": 1533204620,
  "data": {
    "object": {
      "id": "cus_123",
      "object": "customer",
      "created": 123456789,
      "email": "test@stripe.com",
      "livemode": false,
      "metadata": {}
    }
  },
  "livemode": false,
  "pending_webhooks": 1,
  "request": {
    "id": "req_123",
    "idempotency_key": "idempotency-key-123"
  },
  "type": "customer.created"
}
"#,
        beyond: ",v0=63f3a72374a733066c4be69ed7f8e5ac85c22c9f0a6a612ab9a025a9e4ee7eef",
    });
}

/// Test case 2 of RFC 4231, <https://www.rfc-editor.org/rfc/rfc4231#section-4.3>
#[test]
fn hmac_sha256() {
    check(&Vector {
        check: check_of("hmac-sha256"),
        secret: "Jefe",
        id: "",
        seconds: 0,
        headers: &[(
            "X-Signature",
            "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        )],
        body: b"what do ya want for nothing?",
        beyond: "\n",
    });
}
