//! Properties of signature checks that hold for any bytes.

use crate::support::{NOW, SCHEMES, TOLERANCE, check, request, sign, verify};
use bytes::Bytes;
use dormouse_journal::{Header, Request, Time};
use proptest::prelude::*;

fn scheme() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(SCHEMES.to_vec())
}

/// Headers that are close to what a check reads.
fn headers() -> impl Strategy<Value = Vec<Header>> {
    let name = proptest::sample::select(vec![
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
        "x-hub-signature-256",
        "stripe-signature",
        "x-slack-signature",
        "x-slack-request-timestamp",
        "x-signature",
    ]);
    let value = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..80),
        "(v[01][,=]|sha256=|t=)?[0-9a-fA-F+/_,= -]{0,80}".prop_map(String::into_bytes),
        Just(b"1700000000".to_vec()),
    ];
    let header = (name, value).prop_map(|(name, value)| (name.to_owned(), Bytes::from(value)));
    proptest::collection::vec(header, 0..8)
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic_or_pass(
        scheme in scheme(),
        headers in headers(),
        body: Vec<u8>,
        secret: Vec<u8>,
        now: u64,
        tolerance: u64,
    ) {
        let request = Request { headers, ..request(&[], &body) };
        let check = check(scheme);
        prop_assert!(verify(&check, &[&secret], &request, Time(now), tolerance).is_err());
        prop_assert!(verify(&check, &[&secret], &request, NOW, TOLERANCE).is_err());
    }

    #[test]
    fn a_signed_request_verifies_and_any_flipped_bit_is_refused(
        scheme in scheme(),
        key in proptest::collection::vec(any::<u8>(), 1..80),
        id in "[a-zA-Z0-9_-]{1,40}",
        seconds in 0_u64..10_000_000_000,
        body in proptest::collection::vec(any::<u8>(), 1..200),
        place: proptest::sample::Index,
        bit in 0_u8..8,
    ) {
        use base64::Engine as _;
        let secret = match scheme {
            "standard-webhooks" => {
                base64::engine::general_purpose::STANDARD.encode(key).into_bytes()
            }
            _ => key,
        };
        let (check, now) = (check(scheme), Time(seconds * 1_000));
        let made = sign(&check, &secret, &id, now, &body).unwrap();
        let mut request = Request { headers: made, ..request(&[], &body) };
        prop_assert_eq!(verify(&check, &[&secret], &request, now, TOLERANCE), Ok(()));

        let parts = request.headers.iter().map(|(_, value)| value.len()).sum::<usize>();
        let mut place = place.index(parts + body.len());
        let values = request.headers.iter_mut().map(|(_, value)| value);
        for part in values.chain([&mut request.body]) {
            if place >= part.len() {
                place -= part.len();
                continue;
            }
            let mut bytes = part.to_vec();
            let before = bytes[place];
            bytes[place] ^= 1 << bit;
            // A digit in the other case is the same digit.
            prop_assume!(
                part == &body
                    || !before.is_ascii_hexdigit()
                    || scheme == "standard-webhooks"
                    || !before.eq_ignore_ascii_case(&bytes[place])
            );
            *part = bytes.into();
            break;
        }
        prop_assert!(verify(&check, &[&secret], &request, now, TOLERANCE).is_err());
    }
}
