//! What an author may ask of a signature check.

use crate::support::{SCHEMES, signature};
use dormouse_journal::{Signature, SignatureScheme};
use dormouse_webhook::check_signature;

#[test]
fn options_make_sense_or_are_told_what_does_not() {
    let base = |scheme| signature(scheme);
    for scheme in SCHEMES {
        assert_eq!(check_signature(&base(scheme)), Ok(()), "{scheme:?}");
    }
    let hmac = || base(SignatureScheme::HmacSha256);
    let stripe = || base(SignatureScheme::Stripe);
    let names = |names: &[&str]| {
        names
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<Vec<_>>()
    };
    let check = |signature: Signature, word: &str| {
        let told = check_signature(&signature).unwrap_err();
        assert!(told.contains(word), "{told}");
        assert!(told.len() < 400, "{told}");
    };
    check(
        Signature {
            secrets: vec![],
            ..stripe()
        },
        "at least one",
    );
    check(
        Signature {
            secrets: names(&["s"; 11]),
            ..stripe()
        },
        "at most 10",
    );
    assert_eq!(
        check_signature(&Signature {
            secrets: names(&["s"; 10]),
            ..stripe()
        }),
        Ok(())
    );
    let long = "n".repeat(65);
    for name in [
        "",
        "a b",
        "a/b",
        "\u{e9}",
        "a\n",
        &long,
        &"\u{e9}".repeat(5_000),
    ] {
        check(
            Signature {
                secrets: names(&["fine", name]),
                ..stripe()
            },
            "a secret's name",
        );
    }
    assert_eq!(
        check_signature(&Signature {
            secrets: names(&["Az09._-", &long[1..]]),
            ..stripe()
        }),
        Ok(())
    );
    check(
        Signature {
            header: None,
            ..hmac()
        },
        "no `header`",
    );
    for name in ["", "a b", "a:b", "\u{e9}", "a\r\n", &long] {
        check(
            Signature {
                header: Some(name.into()),
                ..hmac()
            },
            "the name of a header",
        );
    }
    for prefix in [" a", "a\n", "\u{e9}", &long] {
        check(
            Signature {
                prefix: Some(prefix.into()),
                ..hmac()
            },
            "prefix",
        );
    }
    assert_eq!(
        check_signature(&Signature {
            prefix: None,
            ..hmac()
        }),
        Ok(())
    );
    for scheme in SCHEMES
        .into_iter()
        .filter(|scheme| *scheme != SignatureScheme::HmacSha256)
    {
        check(
            Signature {
                header: Some("x".into()),
                ..base(scheme)
            },
            "`header`, which only",
        );
        check(
            Signature {
                prefix: Some("x".into()),
                ..base(scheme)
            },
            "`prefix`, which only",
        );
    }
}
