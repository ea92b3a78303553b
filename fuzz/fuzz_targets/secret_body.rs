//! Bodies that set a secret: none makes reading one panic, whatever is wrong with one its value is not repeated, and what
//! is taken is within its bounds and survives being written again.

#![no_main]

use arbitrary::Arbitrary;
use dormouse_api::request::{new_secret, workflow_name};
use dormouse_api::{NewSecret, SecretUse};
use libfuzzer_sys::fuzz_target;

/// What every value begins with here, and no text of an error has in it.
const MARK: &str = "zQ7-";

#[derive(Debug, Arbitrary)]
enum Body<'a> {
    /// Bytes as they come.
    Raw(&'a [u8]),
    /// A body in the right form, but for one byte.
    Form {
        value: &'a str,
        uses: Vec<(&'a str, bool, Option<&'a str>)>,
        flaw: Option<(usize, u8)>,
    },
}

fuzz_target!(|body: Body<'_>| {
    let bytes = match body {
        Body::Raw(bytes) => bytes.to_vec(),
        Body::Form { value, uses, flaw } => form(value, &uses, flaw),
    };
    match new_secret(&bytes) {
        Err(error) => assert!(!error.to_string().contains(MARK), "{error}"),
        Ok((secret, uses)) => {
            let value = secret.expose_text();
            assert!((8..=4_096).contains(&value.len()) && !value.chars().any(char::is_control));
            assert!(
                uses.iter()
                    .all(|used| workflow_name(&used.workflow).is_ok())
            );
            let again = NewSecret {
                value: value.to_owned(),
                uses: uses.iter().cloned().map(SecretUse::from).collect(),
            };
            let again = serde_json::to_vec(&again).expect("it is JSON");
            let (secret_again, uses_again) = new_secret(&again).expect("it was taken before");
            assert_eq!(secret_again.expose_text(), value);
            assert_eq!(uses_again, uses);
        }
    }
});

fn form(value: &str, uses: &[(&str, bool, Option<&str>)], flaw: Option<(usize, u8)>) -> Vec<u8> {
    let granted = |(workflow, verify, send_to): &(&str, bool, Option<&str>)| SecretUse {
        workflow: (*workflow).to_owned(),
        verify: *verify,
        send_to: send_to.map(str::to_owned),
    };
    let body = NewSecret {
        value: format!("{MARK}{value}"),
        uses: uses.iter().map(granted).collect(),
    };
    let mut bytes = serde_json::to_vec(&body).expect("it is JSON");
    if let Some((place, byte)) = flaw {
        let place = place % bytes.len();
        bytes[place] = byte;
    }
    bytes
}
