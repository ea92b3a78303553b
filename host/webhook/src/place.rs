//! Values in a request, at a header, a query parameter or a JSON pointer. A value is a text, a number or a truth value.
//! A place that appears twice has no value, because two readers could take different ones.

use dormouse_journal::{LabelRule, LabelValue, Labels, Place, Request};
use url::form_urlencoded;

use crate::field::{Field, field};
use crate::pointer;

/// The longest name or pointer of a place, in bytes.
const LONGEST: usize = 256;

/// Returns the value at a place. None if there is none or it is empty.
#[must_use]
pub fn value_at(place: &Place, request: &Request) -> Option<String> {
    let value = match place {
        Place::Header(name) => match field(request, name) {
            Field::Once(value) => std::str::from_utf8(value).ok()?.trim().to_owned(),
            Field::Absent | Field::Repeated => return None,
        },
        Place::Query(name) => parameter(request, name)?,
        Place::Json(pointer) => pointer::value_at(pointer, &request.body)?,
    };
    (!value.is_empty()).then_some(value)
}

fn parameter(request: &Request, name: &str) -> Option<String> {
    let (_, query) = request.url.split_once('?')?;
    let query = query.split('#').next().unwrap_or_default();
    let mut values =
        form_urlencoded::parse(query.as_bytes()).filter(|(given, _)| given.as_ref() == name);
    match (values.next(), values.next()) {
        (Some((_, value)), None) => Some(value.into_owned()),
        _ => None,
    }
}

/// Checks that a place is valid.
///
/// # Errors
/// When it is not. The text says why.
pub fn check_place(place: &Place) -> Result<(), String> {
    let (what, name) = match place {
        Place::Header(name) => ("header", name),
        Place::Query(name) => ("query parameter", name),
        Place::Json(pointer) => ("JSON pointer", pointer),
    };
    if name.len() > LONGEST {
        let bytes = name.len();
        return Err(format!(
            "the {what} has {bytes} bytes; it has at most {LONGEST}"
        ));
    }
    match place {
        Place::Header(name) if http::HeaderName::try_from(name.as_str()).is_err() => {
            Err(format!("{name:?} is not a valid header name"))
        }
        Place::Query(name) if name.is_empty() => Err("the query parameter has no name".into()),
        Place::Json(pointer) => pointer::check(pointer),
        Place::Header(_) | Place::Query(_) => Ok(()),
    }
}

/// Returns the labels that a request gives to the run that it starts. A label for which the request has no value, or a
/// value that a label cannot have, is left out: a sender knows nothing about labels, and its request is accepted
/// nevertheless.
#[must_use]
pub fn labels_of(rules: &[LabelRule], request: &Request) -> Labels {
    let mut labels = Labels::default();
    for LabelRule { key, value } in rules {
        let value = match value {
            LabelValue::Fixed(value) => Some(value.clone()),
            LabelValue::At(place) => value_at(place, request),
        };
        let label = value.and_then(|value| dormouse_journal::Label::new(key, &value).ok());
        if let Some(label) = label {
            // The number of labels was checked when the trigger was set.
            let _ = labels.set(label);
        }
    }
    labels
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn request(url: &str, headers: &[(&str, &str)], body: &str) -> Request {
        let headers = headers.iter();
        let headers = headers
            .map(|(name, value)| ((*name).to_owned(), Bytes::copy_from_slice(value.as_bytes())));
        Request {
            method: "POST".into(),
            url: url.into(),
            headers: headers.collect(),
            body: Bytes::copy_from_slice(body.as_bytes()),
        }
    }

    #[track_caller]
    fn check(place: &Place, request: &Request, expected: Option<&str>) {
        assert_eq!(value_at(place, request).as_deref(), expected, "{place:?}");
    }

    #[test]
    fn a_value_is_read_where_it_is_there_once() {
        let headers = [("X-Order", " 7 "), ("x-twice", "1"), ("X-Twice", "2")];
        let url = "https://a.example/hooks/t?order=a%20b&twice=1&twice=1&empty=#order=c";
        let request = request(url, &headers, r#"{"order": {"id": 7}}"#);
        check(&Place::Header("x-order".into()), &request, Some("7"));
        check(&Place::Header("x-twice".into()), &request, None);
        check(&Place::Header("x-none".into()), &request, None);
        check(&Place::Query("order".into()), &request, Some("a b"));
        check(&Place::Query("twice".into()), &request, None);
        check(&Place::Query("empty".into()), &request, None);
        check(&Place::Json("/order/id".into()), &request, Some("7"));
        check(&Place::Json("/order".into()), &request, None);
    }

    #[test]
    fn a_place_that_cannot_be_is_refused_with_the_reason() {
        let refused = |place: Place| check_place(&place).unwrap_err();
        assert!(refused(Place::Header("a b".into())).contains("not a valid header name"));
        assert!(refused(Place::Query(String::new())).contains("no name"));
        assert!(refused(Place::Json("order".into())).contains('/'));
        assert!(refused(Place::Json("/a".repeat(200))).contains("at most 256"));
        assert_eq!(check_place(&Place::Json("/a~1b/0".into())), Ok(()));
    }

    #[test]
    fn labels_that_cannot_be_are_left_out() {
        let at = |key: &str, pointer: &str| LabelRule {
            key: key.into(),
            value: LabelValue::At(Place::Json(pointer.into())),
        };
        let fixed = LabelRule {
            key: "source".into(),
            value: LabelValue::Fixed("shop".into()),
        };
        let rules = [
            at("order", "/id"),
            at("none", "/x"),
            at("long", "/long"),
            fixed,
        ];
        let body = format!(r#"{{"id": 7, "long": "{}"}}"#, "x".repeat(300));
        let labels = labels_of(&rules, &request("https://a.example/", &[], &body));
        let labels: Vec<_> = labels.as_map().iter().collect();
        assert_eq!(
            labels,
            [
                (&"order".to_owned(), &"7".to_owned()),
                (&"source".to_owned(), &"shop".to_owned())
            ]
        );
    }
}
