//! Places in requests to triggers, from which keys and labels are read. Checks that no place and no request makes reading
//! panic, that the value is the one that any other JSON parser finds there, and that every label which is made is valid.

#![no_main]

use arbitrary::Arbitrary;
use bytes::Bytes;
use dormouse_journal::{LABELS, Label, LabelRule, LabelValue, Place, Request};
use dormouse_webhook::{check_place, labels_of, value_at};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    places: Vec<(Where, &'a str)>,
    query: &'a str,
    headers: Vec<(&'a str, &'a [u8])>,
    body: Body<'a>,
}

#[derive(Debug, Arbitrary)]
enum Where {
    Header,
    Query,
    Json,
}

/// Any bytes, or an object with names and values to which pointers lead.
#[derive(Debug, Arbitrary)]
enum Body<'a> {
    Raw(&'a [u8]),
    Nested(Vec<Step<'a>>, Leaf<'a>),
}

#[derive(Debug, Arbitrary)]
enum Step<'a> {
    Name(&'a str),
    Place(u8),
}

#[derive(Debug, Arbitrary)]
enum Leaf<'a> {
    Text(&'a str),
    Whole(i64),
    Float(f64),
    Truth(bool),
    Nothing,
}

fuzz_target!(|input: Input<'_>| {
    let headers = input
        .headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Bytes::copy_from_slice(value)));
    let (body, pointer) = input.body.made();
    let request = Request {
        method: "POST".into(),
        url: format!("https://hooks.example.com/hooks/token?{}", input.query),
        headers: headers.collect(),
        body: body.into(),
    };
    let made = pointer.into_iter().map(Place::Json);
    let places = input.places.iter().map(|(kind, name)| match kind {
        Where::Header => Place::Header((*name).into()),
        Where::Query => Place::Query((*name).into()),
        Where::Json => Place::Json((*name).into()),
    });
    let places: Vec<Place> = places.chain(made).collect();
    for place in &places {
        let value = value_at(place, &request);
        assert!(value.as_ref().is_none_or(|value| !value.is_empty()));
        if let (Ok(()), Place::Json(pointer), Some(value)) = (check_place(place), place, value) {
            check_value(pointer, &request.body, &value);
        }
    }
    check_labels(&places, &request);
});

/// Checks a value against a reader that builds a tree.
fn check_value(pointer: &str, body: &[u8], value: &str) {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let tree: Value = serde_json::from_slice(body).expect("what a value was read from is JSON");
    let found = tree
        .pointer(pointer)
        .expect("the parser finds the value too");
    let text = match found {
        Value::String(text) => text.clone(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) if number.is_f64() => number.as_f64().unwrap_or_default().to_string(),
        Value::Number(number) => number.to_string(),
        other => panic!("{other} cannot be a value"),
    };
    assert_eq!(text, value);
}

fn check_labels(places: &[Place], request: &Request) {
    let rules = places.iter().take(LABELS).enumerate();
    let rules = rules.map(|(number, place)| LabelRule {
        key: format!("k{number}"),
        value: LabelValue::At(place.clone()),
    });
    let rules: Vec<LabelRule> = rules.collect();
    let labels = labels_of(&rules, request);
    for (key, value) in labels.as_map() {
        assert!(Label::new(key, value).is_ok());
        let rule = rules.iter().find(|rule| rule.key == *key);
        let LabelValue::At(place) = &rule.expect("a label that was asked for").value else {
            panic!("all of them are places");
        };
        assert_eq!(value_at(place, request).as_ref(), Some(value));
    }
}

impl Body<'_> {
    /// Returns a body, and the pointer to the value in it, if it has one.
    fn made(&self) -> (Vec<u8>, Option<String>) {
        let (steps, leaf) = match self {
            Body::Raw(bytes) => return (bytes.to_vec(), None),
            Body::Nested(steps, leaf) => (steps, leaf),
        };
        let mut tree = match leaf {
            Leaf::Text(text) => Value::from(*text),
            Leaf::Whole(number) => Value::from(*number),
            Leaf::Float(number) => Value::from(*number),
            Leaf::Truth(truth) => Value::from(*truth),
            Leaf::Nothing => Value::Null,
        };
        let mut pointer = String::new();
        for step in steps.iter().take(100) {
            let (name, around) = match step {
                Step::Name(name) => {
                    let object = [((*name).to_owned(), tree)].into_iter().collect();
                    (name.replace('~', "~0").replace('/', "~1"), object)
                }
                Step::Place(place) => {
                    let mut list = vec![Value::Null; usize::from(*place)];
                    list.push(tree);
                    (place.to_string(), Value::Array(list))
                }
            };
            tree = around;
            pointer = format!("/{name}{pointer}");
        }
        (tree.to_string().into_bytes(), Some(pointer))
    }
}
