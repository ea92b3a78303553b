//! The spellings of signature headers that are accepted, and those that are not.

use crate::support::{
    NOW, SCHEMES, SECRET, check, request, sign, signed, value, verdict, verify, with,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dormouse_webhook::Rejected;
use dormouse_webhook::provider::Providers;

#[test]
fn a_timestamp_is_digits_that_fit() {
    let expect = |time: &str, expected| {
        let standard = "standard-webhooks";
        let request = with(standard, "webhook-timestamp", time);
        assert_eq!(
            verdict(standard, &[SECRET], &request),
            Err(expected),
            "{time:?}"
        );
        let slack = "slack";
        let request = with(slack, "x-slack-request-timestamp", time);
        assert_eq!(
            verdict(slack, &[SECRET], &request),
            Err(expected),
            "{time:?}"
        );
        let stripe = "stripe";
        let good = signed(stripe, SECRET);
        let list = value(&good, "stripe-signature").replace("1700000000", time);
        let request = with(stripe, "stripe-signature", list);
        assert_eq!(
            verdict(stripe, &[SECRET], &request),
            Err(expected),
            "{time:?}"
        );
    };
    for time in [
        "",
        "+1700000000",
        "-1",
        " 1700000000",
        "1700000000.0",
        "1700000000x",
        "0x6553f100",
        "18446744073709552",    // its milliseconds do not fit
        "18446744073709551616", // nor do its seconds
        "\u{0661}700000000",
    ] {
        expect(time, Rejected::Malformed);
    }
    expect("18446744073709551", Rejected::Stale);
    expect("0", Rejected::Stale);
    expect("1700000001", Rejected::Wrong);
}

#[test]
fn a_header_is_spelled_as_its_scheme_says() {
    let digest = "a".repeat(64);
    let base64 = format!("{}=", "A".repeat(43));
    let check = |scheme, name, values: &[&str]| {
        for value in values {
            let request = with(scheme, name, value);
            assert_eq!(
                verdict(scheme, &[SECRET], &request),
                Err(Rejected::Malformed),
                "{value:?}"
            );
        }
    };
    let many = vec![format!("v1,{base64}"); 17].join(" ");
    let v1 = |digest: &str| format!("v1,{digest}");
    check(
        "standard-webhooks",
        "webhook-signature",
        &[
            "",
            "v1,",
            &v1(&base64[..43]),
            &v1(&base64.replace("A=", "B=")),
            &v1("AAAA"),
            &format!("{} ", v1(&base64)),
            &format!("{}  {}", v1(&base64), v1(&base64)),
            &many,
        ],
    );
    check("standard-webhooks", "webhook-id", &["", "msg.1"]);
    check(
        "github",
        "x-hub-signature-256",
        &[
            "",
            &digest,
            "sha256=",
            &format!("sha1={digest}"),
            &format!("SHA256={digest}"),
            &format!("sha256={digest}a"),
            &format!("sha256={}", &digest[1..]),
            &format!("sha256={}g", &digest[1..]),
            &format!("sha256={}\u{e9}", &digest[2..]),
        ],
    );
    check(
        "slack",
        "x-slack-signature",
        &[
            "",
            &digest,
            &format!("v1={digest}"),
            &format!("v0={}", &digest[1..]),
        ],
    );
    let many = vec![format!("v1={digest}"); 17].join(",");
    check(
        "stripe",
        "stripe-signature",
        &[
            "",
            "t",
            &format!("v1={digest}"),
            "t=1700000000,v1=",
            &format!("t=1700000000,t=1700000000,v1={digest}"),
            &format!("t=1700000000,v1={digest},"),
            &format!("t=1700000000,v1={digest},v1=a"),
            &format!("t=1700000000,{many}"),
        ],
    );
    check(
        "hmac-sha256",
        "x-signature",
        &[
            "",
            &digest,
            "sha256=",
            &format!("sha256={digest}="),
            "sha256=AAAA",
            &format!("sha256=A{base64}"),
        ],
    );
}

#[test]
fn a_value_that_is_not_text_is_malformed() {
    for scheme in SCHEMES {
        let request = with(scheme, &signed(scheme, SECRET).headers[0].0, b"\xff");
        assert_eq!(
            verdict(scheme, &[SECRET], &request),
            Err(Rejected::Malformed),
            "{scheme:?}"
        );
    }
}

/// Test case 2 of RFC 4231, <https://www.rfc-editor.org/rfc/rfc4231#section-4.3>, in every spelling.
#[test]
fn the_generic_digest_is_known_by_its_length() {
    let body = b"what do ya want for nothing?";
    let check = |prefix: Option<&str>, value: &str, expected| {
        let prefix = prefix.map(|prefix| ("prefix".to_owned(), prefix.to_owned()));
        let header = ("header".to_owned(), "X-Signature".to_owned());
        let settings: Vec<_> = [header].into_iter().chain(prefix).collect();
        let providers = Providers::default();
        let check = providers.get("hmac-sha256").unwrap().check(&settings);
        let check = check.unwrap();
        let request = request(&[("x-signature", value)], body);
        assert_eq!(
            verify(&check, &[b"Jefe"], &request, NOW, 0),
            expected,
            "{value}"
        );
    };
    for value in [
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        "5BDCC146bf60754e6a042426089575c75a003f089d2739839dec58b964EC3843",
        "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=",
        "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM",
    ] {
        check(None, value, Ok(()));
        check(Some("hmac "), &format!("hmac {value}"), Ok(()));
        check(Some("hmac "), value, Err(Rejected::Malformed));
        check(None, &format!("hmac {value}"), Err(Rejected::Malformed));
    }
    // The last character has bits to spare, and only one spelling has none of them set.
    check(
        None,
        "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEN=",
        Err(Rejected::Malformed),
    );
}

#[test]
fn both_alphabets_of_base64_are_read_and_not_a_mixture() {
    let expect = |body: &[u8], digest: &str, expected| {
        let request = request(&[("x-signature", &format!("sha256={digest}"))], body);
        let check = check("hmac-sha256");
        let verdict = verify(&check, &[b"key"], &request, NOW, 0);
        assert_eq!(verdict, expected, "{digest}");
    };
    // Among so many digests each of the two characters that differ is there alone, and both together.
    for number in 0..20_u8 {
        let body = [number];
        let digest = STANDARD.encode(digest(&body));
        let url_safe = digest.replace('+', "-").replace('/', "_");
        expect(&body, &digest, Ok(()));
        expect(&body, &url_safe, Ok(()));
        expect(&body, url_safe.trim_end_matches('='), Ok(()));
        if digest.contains('+') && digest.contains('/') {
            let mixed = digest.replace('+', "-");
            expect(&body, &mixed, Err(Rejected::Malformed));
        }
    }
}

/// Returns the digest of a body under the secret `key`.
fn digest(body: &[u8]) -> Vec<u8> {
    let made = sign(&check("hmac-sha256"), b"key", "", NOW, body).unwrap();
    let value = std::str::from_utf8(&made[0].1).unwrap();
    let hex = value.strip_prefix("sha256=").unwrap();
    let pairs = (0..hex.len())
        .step_by(2)
        .map(|place| &hex[place..place + 2]);
    pairs
        .map(|pair| u8::from_str_radix(pair, 16).unwrap())
        .collect()
}
