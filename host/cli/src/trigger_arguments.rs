//! Reads the words of the command line of `dormouse trigger set`.

use dormouse_api::{LabelValue, Place, TriggerReply};
use dormouse_journal::{KeyMissing, OnExisting, Unread};

/// Reads a place in a request.
pub(crate) fn place(text: &str) -> Result<Place, String> {
    match text.split_once(':') {
        Some(("header", name)) => Ok(Place::Header(name.into())),
        Some(("query", name)) => Ok(Place::Query(name.into())),
        Some(("json", pointer)) => Ok(Place::Json(pointer.into())),
        _ => Err(
            "give `header:NAME`, `query:NAME` or `json:POINTER`, such as `json:/order/id`".into(),
        ),
    }
}

pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("give NAME=VALUE")?;
    Ok((name.into(), value.into()))
}

/// Reads a label. If its value has the form of a place, it is a place.
pub(crate) fn label(text: &str) -> Result<(String, LabelValue), String> {
    let (key, value) = text
        .split_once('=')
        .ok_or("give KEY=VALUE or KEY=PLACE, such as `order=json:/order/id`")?;
    let value = match place(value) {
        Ok(place) => LabelValue::At(place),
        Err(_) => LabelValue::Fixed(value.into()),
    };
    Ok((key.into(), value))
}

pub(crate) fn reply(text: &str) -> Result<TriggerReply, String> {
    match text.split_once(':') {
        None if text == "accepted" => Ok(TriggerReply::Accepted),
        Some(("fixed", status)) => {
            let status = status.parse();
            Ok(TriggerReply::Fixed {
                status: status.map_err(|_| "give a status, such as `fixed:204`")?,
                headers: Default::default(),
                body: String::new(),
            })
        }
        Some(("output", within)) => Ok(TriggerReply::Output {
            within: within.into(),
        }),
        _ => Err("give `accepted`, `fixed:STATUS` or `output:TIME`, such as `output:30s`".into()),
    }
}

/// A type whose values are given by name on the command line.
pub(crate) trait Named: Copy + Send + Sync + 'static {
    /// Returns all values, each with its name.
    fn all() -> Vec<(Self, &'static str)>;
}

macro_rules! named {
    ($($type:ty,)*) => {
        $(impl Named for $type {
            fn all() -> Vec<(Self, &'static str)> {
                Self::ALL.iter().map(|each| (*each, each.name())).collect()
            }
        })*
    };
}

named! { OnExisting, KeyMissing, Unread, }

pub(crate) fn by_name<T: Named>(text: &str) -> Result<T, String> {
    let all = T::all();
    let found = all.iter().find(|(_, name)| *name == text);
    let names: Vec<&str> = all.iter().map(|(_, name)| *name).collect();
    found
        .map(|(each, _)| *each)
        .ok_or_else(|| format!("give {}", names.join(" or ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_labels_and_replies_are_read() {
        assert_eq!(place("json:/a/b"), Ok(Place::Json("/a/b".into())));
        assert_eq!(place("header:X-A"), Ok(Place::Header("X-A".into())));
        assert!(place("/a").is_err());
        let order = LabelValue::At(Place::Json("/id".into()));
        assert_eq!(label("order=json:/id"), Ok(("order".into(), order)));
        let fixed = LabelValue::Fixed("a:b".into());
        assert_eq!(label("source=a:b"), Ok(("source".into(), fixed)));
        assert_eq!(reply("accepted"), Ok(TriggerReply::Accepted));
        assert!(reply("fixed:x").is_err() && reply("late").is_err());
        assert_eq!(by_name::<OnExisting>("event"), Ok(OnExisting::Event));
        assert_eq!(by_name::<Unread>("x"), Err("give start or drop".into()));
    }
}
