//! The rules of signature checks: requests that pass, and the answers to all others.

use crate::support::{
    BODY, NOW, OLD_SECRET, SCHEMES, SECRET, TOLERANCE, check, request, sign, signed, value,
    verdict, verify, with, within,
};
use bytes::Bytes;
use dormouse_journal::{Request, Time};
use dormouse_webhook::provider::CannotSign;
use dormouse_webhook::{BadSecret, Rejected};

fn has_time(scheme: &str) -> bool {
    !matches!(scheme, "github" | "hmac-sha256")
}

#[test]
fn secrets_rotate_on_either_side() {
    for scheme in SCHEMES {
        for secret in [SECRET, OLD_SECRET] {
            let request = signed(scheme, secret);
            assert_eq!(
                verdict(scheme, &[OLD_SECRET, SECRET], &request),
                Ok(()),
                "{scheme:?}"
            );
            assert_eq!(
                verdict(scheme, &[SECRET, OLD_SECRET], &request),
                Ok(()),
                "{scheme:?}"
            );
        }
        let request = signed(scheme, OLD_SECRET);
        assert_eq!(
            verdict(scheme, &[SECRET], &request),
            Err(Rejected::Wrong),
            "{scheme:?}"
        );
        assert_eq!(
            verdict(scheme, &[], &request),
            Err(Rejected::Unverifiable),
            "{scheme:?}"
        );
    }
}

#[test]
fn one_of_several_signatures_is_enough_in_any_place() {
    let (standard, stripe) = ("standard-webhooks", "stripe");
    let good = signed(standard, SECRET);
    let good = value(&good, "webhook-signature");
    let other = format!("v1,{}=", "A".repeat(43));
    for list in [
        format!("{good} {other}"),
        format!("{other} {good}"),
        format!("v1a,aGVsbG8= {other} v2,x {good}"),
    ] {
        let request = with(standard, "webhook-signature", &list);
        assert_eq!(verdict(standard, &[SECRET], &request), Ok(()), "{list}");
    }

    let good = signed(stripe, SECRET);
    let (time, good) = value(&good, "stripe-signature").split_once(',').unwrap();
    let other = format!("v1={}", "0".repeat(64));
    for list in [
        format!("{time},{good},{other}"),
        format!("{time},{other},{good}"),
        format!("{other},v0=x,{good},scheme=,{time}"),
    ] {
        let request = with(stripe, "stripe-signature", &list);
        assert_eq!(verdict(stripe, &[SECRET], &request), Ok(()), "{list}");
    }
}

#[test]
fn a_signature_of_an_unknown_version_is_ignored() {
    let (standard, stripe) = ("standard-webhooks", "stripe");
    let good = signed(standard, SECRET);
    let other = value(&good, "webhook-signature").replace("v1,", "v1a,");
    let request = with(standard, "webhook-signature", other);
    assert_eq!(
        verdict(standard, &[SECRET], &request),
        Err(Rejected::Missing)
    );

    let good = signed(stripe, SECRET);
    let other = value(&good, "stripe-signature").replace("v1=", "v0=");
    let request = with(stripe, "stripe-signature", other);
    assert_eq!(verdict(stripe, &[SECRET], &request), Err(Rejected::Missing));
}

#[test]
fn names_of_headers_may_be_in_any_case() {
    for scheme in SCHEMES {
        let mut request = signed(scheme, SECRET);
        for (name, _) in &mut request.headers {
            *name = name.to_uppercase();
        }
        assert_eq!(verdict(scheme, &[SECRET], &request), Ok(()), "{scheme:?}");
    }
}

#[test]
fn every_header_is_needed_once() {
    for scheme in SCHEMES {
        let whole = signed(scheme, SECRET);
        for place in 0..whole.headers.len() {
            let mut request = whole.clone();
            let header = request.headers.remove(place);
            assert_eq!(
                verdict(scheme, &[SECRET], &request),
                Err(Rejected::Missing),
                "{header:?}"
            );

            let mut request = whole.clone();
            request
                .headers
                .push((header.0.to_uppercase(), header.1.clone()));
            assert_eq!(
                verdict(scheme, &[SECRET], &request),
                Err(Rejected::Malformed),
                "{header:?}"
            );
        }
    }
}

#[test]
fn a_timestamp_may_be_off_by_the_tolerance_and_no_more() {
    for scheme in SCHEMES.into_iter().filter(|scheme| has_time(scheme)) {
        let request = signed(scheme, SECRET);
        let at = |now| {
            verify(
                &check(scheme),
                &[SECRET.as_bytes()],
                &request,
                Time(now),
                TOLERANCE,
            )
        };
        let (late, early) = (NOW.0 + TOLERANCE, NOW.0 - TOLERANCE);
        assert_eq!(at(late), Ok(()), "{scheme:?}");
        assert_eq!(at(late + 1), Err(Rejected::Stale), "{scheme:?}");
        assert_eq!(at(early), Ok(()), "{scheme:?}");
        assert_eq!(at(early - 1), Err(Rejected::Stale), "{scheme:?}");
    }
}

#[test]
fn an_invalid_secret_matches_nothing() {
    let empty = sign(&check("github"), b"", "", NOW, BODY);
    assert_eq!(empty, Err(CannotSign::Secret(BadSecret::Empty)));
    // HMAC-SHA-256 of nothing under no key, which anybody can make.
    let request = request(
        &[(
            "x-hub-signature-256",
            "sha256=b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad",
        )],
        b"",
    );
    assert_eq!(
        verdict("github", &[""], &request),
        Err(Rejected::Unverifiable)
    );

    let standard = "standard-webhooks";
    let request = signed(standard, SECRET);
    for (secret, expected) in [
        ("not base64", BadSecret::NotBase64),
        ("whsec_not base64", BadSecret::NotBase64),
        (
            "whpk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw+",
            BadSecret::NotBase64,
        ),
        ("whsec_", BadSecret::Empty),
    ] {
        assert_eq!(
            verdict(standard, &[secret], &request),
            Err(Rejected::Unverifiable),
            "{secret}"
        );
        assert_eq!(
            verdict(standard, &[secret, SECRET], &request),
            Ok(()),
            "{secret}"
        );
        let made = sign(&check(standard), secret.as_bytes(), "msg_1", NOW, BODY);
        assert_eq!(made, Err(CannotSign::Secret(expected)), "{secret}");
        assert_eq!(
            check(standard).check_secret(secret.as_bytes()),
            Err(expected)
        );
    }
}

#[test]
fn the_headers_to_be_masked_are_those_that_prove() {
    for scheme in SCHEMES {
        let masked = check(scheme).signature_headers();
        let made = signed(scheme, SECRET).headers;
        let proof = made.last().unwrap().0.to_lowercase();
        assert!(masked.contains(&proof), "{scheme:?}: {masked:?}");
        assert!(
            masked.iter().all(|name| *name == name.to_lowercase()),
            "{masked:?}"
        );
    }
    assert!(
        check("github")
            .signature_headers()
            .contains(&"x-hub-signature".into())
    );
}

#[test]
fn each_rejection_has_its_own_label() {
    let all = [
        Rejected::Missing,
        Rejected::Malformed,
        Rejected::Stale,
        Rejected::Wrong,
        Rejected::Unverifiable,
    ];
    let labels = all.map(Rejected::as_str);
    assert_eq!(
        labels,
        [
            "signature-missing",
            "signature-malformed",
            "signature-stale",
            "signature-wrong",
            "signature-unverifiable"
        ]
    );
}

#[test]
fn the_head_alone_shows_that_a_request_proves_nothing() {
    let read = |scheme, request: &Request| {
        let head = Request {
            body: Bytes::new(),
            ..request.clone()
        };
        check(scheme).read_head(&head, NOW, within(TOLERANCE))
    };
    for scheme in SCHEMES {
        let good = signed(scheme, SECRET);
        let signatures = read(scheme, &good).unwrap();
        let verify = |body: &'static [u8]| {
            let body = Bytes::from_static(body);
            let request = Request {
                body,
                ..good.clone()
            };
            check(scheme).verify(&signatures, &[SECRET.as_bytes()], &request)
        };
        assert_eq!(verify(BODY), Ok(()));
        assert_eq!(verify(b"another body"), Err(Rejected::Wrong), "{scheme:?}");
        let refused = |request: &Request| read(scheme, request).unwrap_err();
        assert_eq!(refused(&request(&[], BODY)), Rejected::Missing);
        let mut twice = good.clone();
        twice.headers.extend(good.headers);
        assert_eq!(refused(&twice), Rejected::Malformed, "{scheme:?}");
    }
}

#[test]
fn a_token_that_no_header_can_hold_is_not_a_secret() {
    let auth0 = check("auth0");
    for secret in [&b"\xff\xfe"[..], b"mole\nhill", b"mole-hill\n", b" mole"] {
        let expected = BadSecret::NotSendable;
        assert_eq!(auth0.check_secret(secret), Err(expected));
        let made = sign(&auth0, secret, "", NOW, BODY);
        assert_eq!(made, Err(CannotSign::Secret(expected)));
    }
    auth0.check_secret("möle hill".as_bytes()).unwrap();
}

/// Twilio signs the form, or the URL alone if that has a digest of the body.
#[test]
fn a_request_is_signed_by_the_rule_that_applies_to_it() {
    let twilio = check("twilio");
    let unsigned = Request {
        url: "https://host.example/hooks/token?a=b".into(),
        ..request(&[], b"Digits=1234")
    };
    let headers = twilio.sign(b"12345", "", NOW, &unsigned).unwrap();
    let signed = Request {
        headers,
        ..unsigned
    };
    assert_eq!(verdict("twilio", &["12345"], &signed), Ok(()));
}
