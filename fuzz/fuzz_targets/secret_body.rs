//! Bodies of requests that set a secret. Checks that no body makes reading panic, that an error never contains the secret's
//! value, and that an accepted secret is within its limits and the same after it was written and read again.

#![no_main]

use arbitrary::Arbitrary;
use dormouse_api::request::{new_secret, workflow_name};
use dormouse_api::{NewSecret, SecretUse};
use libfuzzer_sys::fuzz_target;

/// The beginning of every secret value in this target. No error text may contain it.
const MARK: &str = "zQ7-";

/// A secret value that its sender wrote as a number.
const MARKED_NUMBER: &str = "917346280551";

#[derive(Debug, Arbitrary)]
enum Body<'a> {
    /// Any bytes.
    Raw(&'a [u8]),
    /// A valid body with one byte changed.
    Form {
        value: &'a str,
        uses: Vec<(&'a str, bool, Option<&'a str>)>,
        flaw: Option<(usize, u8)>,
    },
    /// A body in which each part may be replaced by something else, also by the secret value.
    Misplaced {
        value: Part<'a>,
        uses: Result<Vec<Granted<'a>>, Part<'a>>,
        further: Option<(Field, Part<'a>)>,
        flaw: Option<(usize, u8)>,
    },
    /// One part, and further text after it.
    Alone(Part<'a>, &'a str),
}

#[derive(Debug, Arbitrary)]
struct Granted<'a> {
    workflow: Part<'a>,
    verify: Option<Part<'a>>,
    send_to: Option<Part<'a>>,
    further: Option<(Field, Part<'a>)>,
}

/// A part of a body.
#[derive(Debug, Arbitrary)]
enum Part<'a> {
    /// A valid value of some field.
    True,
    Workflow,
    Origin,
    /// The secret value.
    Value(&'a str),
    Number,
    Bare,
    InArray(&'a str),
    InObject(Field),
    InOrigin(&'a str),
    /// Any other JSON.
    Null,
    Text(&'a str),
}

/// The name of a field: a valid one, or the secret value.
#[derive(Debug, Clone, Copy, Arbitrary)]
enum Field {
    Value,
    Uses,
    Workflow,
    Verify,
    SendTo,
    Marked,
}

fuzz_target!(|body: Body<'_>| {
    let bytes = match body {
        Body::Raw(bytes) => bytes.to_vec(),
        Body::Form { value, uses, flaw } => flawed(form(value, &uses), flaw),
        Body::Misplaced {
            value,
            uses,
            further,
            flaw,
        } => flawed(misplaced(&value, &uses, &further).into_bytes(), flaw),
        Body::Alone(part, behind) => (part.json() + behind).into_bytes(),
    };
    match new_secret(&bytes) {
        Err(error) => {
            let text = error.to_string();
            assert!(
                !text.contains(MARK) && !text.contains(MARKED_NUMBER),
                "{text}"
            );
        }
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
            let (secret_again, uses_again) =
                new_secret(&again).expect("the same secret was accepted before");
            assert_eq!(secret_again.expose_text(), value);
            assert_eq!(uses_again, uses);
        }
    }
});

fn form(value: &str, uses: &[(&str, bool, Option<&str>)]) -> Vec<u8> {
    let granted = |(workflow, verify, send_to): &(&str, bool, Option<&str>)| SecretUse {
        workflow: (*workflow).to_owned(),
        verify: *verify,
        send_to: send_to.map(str::to_owned),
    };
    let body = NewSecret {
        value: format!("{MARK}{value}"),
        uses: uses.iter().map(granted).collect(),
    };
    serde_json::to_vec(&body).expect("it is JSON")
}

fn misplaced(
    value: &Part<'_>,
    uses: &Result<Vec<Granted<'_>>, Part<'_>>,
    further: &Option<(Field, Part<'_>)>,
) -> String {
    let uses = match uses {
        Ok(uses) => {
            let uses: Vec<String> = uses.iter().map(Granted::json).collect();
            format!("[{}]", uses.join(","))
        }
        Err(part) => part.json(),
    };
    let fields = [(Field::Value, value.json()), (Field::Uses, uses)];
    let further = further.iter().map(|(field, part)| (*field, part.json()));
    object(fields.into_iter().chain(further))
}

fn flawed(mut bytes: Vec<u8>, flaw: Option<(usize, u8)>) -> Vec<u8> {
    if let Some((place, byte)) = flaw {
        let place = place % bytes.len();
        bytes[place] = byte;
    }
    bytes
}

/// A JSON object that may have a field twice.
fn object(fields: impl Iterator<Item = (Field, String)>) -> String {
    let fields = fields.map(|(name, value)| format!("{}:{value}", text(name.name())));
    format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
}

fn text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

impl Granted<'_> {
    fn json(&self) -> String {
        let fields = [
            (Field::Workflow, Some(&self.workflow)),
            (Field::Verify, self.verify.as_ref()),
            (Field::SendTo, self.send_to.as_ref()),
        ];
        let further = self.further.iter().map(|(name, part)| (*name, Some(part)));
        let fields = fields.into_iter().chain(further);
        object(fields.filter_map(|(name, part)| Some((name, part?.json()))))
    }
}

impl Part<'_> {
    fn json(&self) -> String {
        match self {
            Part::True => "true".to_owned(),
            Part::Workflow => text("w"),
            Part::Origin => text("https://api.example"),
            Part::Value(rest) => text(&format!("{MARK}{rest}")),
            Part::Number => MARKED_NUMBER.to_owned(),
            Part::Bare => MARK.to_owned(),
            Part::InArray(rest) => format!("[{}]", text(&format!("{MARK}{rest}"))),
            Part::InObject(field) => object([(*field, text(MARK))].into_iter()),
            Part::InOrigin(rest) => text(&format!("https://me:{MARK}{rest}@api.example")),
            Part::Null => "null".to_owned(),
            Part::Text(any) => text(any),
        }
    }
}

impl Field {
    fn name(self) -> &'static str {
        match self {
            Field::Value => "value",
            Field::Uses => "uses",
            Field::Workflow => "workflow",
            Field::Verify => "verify",
            Field::SendTo => "send_to",
            Field::Marked => MARK,
        }
    }
}
