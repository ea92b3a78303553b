//! Compiles places, and conditions on the values there.

use toml::Spanned;

use super::wrong::{Compiled, wrong};
use super::{ALTERNATIVES, Compiler, LONGEST_NAME, LONGEST_TEXT, PLACES};
use crate::pointer::Pointer;
use crate::provider::condition::{Condition, Test};
use crate::provider::format;
use crate::provider::is_header_name;
use crate::provider::place::{Origin, Place, TextOrSetting};
use crate::provider::shown;

impl Compiler<'_> {
    fn word(&self, text: &str, at: usize) -> Compiled<TextOrSetting> {
        if text.is_empty() || text.len() > LONGEST_TEXT {
            return Err((
                at,
                format!("a name in a place has 1 to {LONGEST_TEXT} bytes"),
            ));
        }
        let setting = text
            .strip_prefix("{setting:")
            .and_then(|rest| rest.strip_suffix('}'));
        let Some(setting) = setting else {
            return Ok(TextOrSetting::Literal(text.to_owned()));
        };
        let place = self.settings.iter().position(|known| known == setting);
        place.map(TextOrSetting::Setting).ok_or_else(|| {
            let message =
                format!("there is no setting {setting:?}; define it under [settings.{setting}]");
            (at, message)
        })
    }

    fn origin(&self, place: &format::Place, at: usize) -> Compiled<Origin> {
        let header = |name: &String| match self.word(name, at)? {
            TextOrSetting::Literal(name) if !is_header_name(&name) => {
                Err((at, format!("{} is not a valid header name", shown(&name))))
            }
            word => Ok(word),
        };
        let format::Place {
            header: one,
            headers,
            query,
            form,
            json,
            numbered,
            ..
        } = place;
        Ok(match (one, headers, query, form, json, numbered) {
            (Some(name), None, None, None, None, None) => Origin::Headers(vec![header(name)?]),
            (None, Some(names), None, None, None, None)
                if (1..=ALTERNATIVES).contains(&names.len()) =>
            {
                let names = names.iter().map(header);
                Origin::Headers(names.collect::<Compiled<Vec<_>>>()?)
            }
            (None, None, Some(name), None, None, None) => Origin::Query(self.word(name, at)?),
            (None, None, None, Some(name), None, None) => Origin::Form(self.word(name, at)?),
            (None, None, None, None, Some(pointer), None) => {
                let pointer = Pointer::parse(pointer);
                Origin::Json(pointer.map_err(|message| (at, message))?)
            }
            (None, None, None, Some(name), Some(pointer), None) => {
                let pointer = Pointer::parse(pointer).map_err(|message| (at, message))?;
                Origin::FormJson(self.word(name, at)?, pointer)
            }
            (None, None, None, None, None, Some(name)) if is_header_name(name) => {
                Origin::Numbered(name.clone())
            }
            _ => {
                return Err((at, "a place is exactly one of `header`, `headers` (a list, the first that is there), \
                    `numbered` (headers that end in 1, 2, …), `query`, `form` and `json`; `form` and `json` together are JSON \
                    in a field of a form".into()));
            }
        })
    }

    pub(super) fn place(&mut self, place: &Spanned<format::Place>) -> Compiled<Place> {
        let at = place.span().start;
        self.count(1, at)?;
        let raw = place.as_ref();
        if raw.id.is_some() {
            return wrong(place, "`id` is a place of [[repeat]] alone");
        }
        let separator = match (&raw.separator, &raw.part) {
            (Some(separator), _) if separator.is_empty() || separator.len() > LONGEST_NAME => {
                return wrong(place, "`separator` has 1 to 64 bytes, such as `,`");
            }
            (Some(separator), _) => Some(separator.clone()),
            (None, Some(_)) => Some(",".to_owned()),
            (None, None) => {
                let is_list = raw.item.is_some() || raw.items_from.is_some();
                is_list.then(|| ",".to_owned())
            }
        };
        Ok(Place {
            origin: self.origin(raw, at)?,
            separator,
            items: items(place)?,
            part: raw
                .part
                .as_ref()
                .map(|part| self.word(part, at))
                .transpose()?,
            prefix: raw
                .prefix
                .as_ref()
                .map(|prefix| self.word(prefix, at))
                .transpose()?,
            any_case: false,
        })
    }

    pub(super) fn conditions(
        &mut self,
        conditions: &[Spanned<format::Condition>],
    ) -> Compiled<Vec<Condition>> {
        if let Some(last) = conditions.get(ALTERNATIVES) {
            return wrong(
                last,
                format!("at most {ALTERNATIVES} conditions stand together"),
            );
        }
        let conditions = conditions.iter().map(|condition| self.condition(condition));
        conditions.collect()
    }

    fn condition(&mut self, spanned: &Spanned<format::Condition>) -> Compiled<Condition> {
        let at = spanned.span().start;
        let raw = spanned.as_ref();
        let place = format::Place {
            header: raw.header.clone(),
            headers: raw.headers.clone(),
            query: raw.query.clone(),
            form: raw.form.clone(),
            json: raw.json.clone(),
            ..format::Place::default()
        };
        let has_place = raw.header.is_some()
            || raw.headers.is_some()
            || raw.query.is_some()
            || raw.form.is_some()
            || raw.json.is_some();
        let tests = [
            raw.absent.is_some(),
            raw.equals.is_some(),
            raw.one_of.is_some(),
            raw.starts_with.is_some(),
            raw.is.is_some(),
        ];
        let tests = tests.iter().filter(|is_there| **is_there).count();
        match (
            &raw.content_type,
            raw.empty_body,
            (&raw.json_fields, &raw.form_fields),
            has_place,
        ) {
            (Some(media_type), None, (None, None), false) if tests == 0 => {
                return Ok(Condition::ContentType(media_type.clone()));
            }
            (None, Some(is_empty), (None, None), false) if tests == 0 => {
                return Ok(Condition::EmptyBody(is_empty));
            }
            (None, None, (Some(fields), None), false) if tests == 0 && fields.len() <= PLACES => {
                return Ok(Condition::Fields(fields.clone()));
            }
            (None, None, (None, Some(fields)), false) if tests == 0 && fields.len() <= PLACES => {
                return Ok(Condition::FormFields(fields.clone()));
            }
            (None, None, (None, None), true) if tests <= 1 => {}
            _ => {
                return wrong(
                    spanned,
                    "a condition is a place (`header`, `headers`, `query`, `form` or `json`) with at \
                    most one of `absent = true`, `equals`, `one_of`, `starts_with` and `is`, or one of `content_type`, \
                    `empty_body`, `json_fields` and `form_fields`",
                );
            }
        }
        self.count(1, at)?;
        let test = match (
            &raw.equals,
            &raw.one_of,
            &raw.starts_with,
            raw.is,
            raw.absent,
        ) {
            (Some(value), ..) => Test::OneOf(vec![value.clone()]),
            (_, Some(values), ..) => Test::OneOf(values.clone()),
            (_, _, Some(start), ..) => Test::StartsWith(start.clone()),
            (_, _, _, Some(shape), _) => Test::of_shape(shape, raw.at_most),
            (_, _, _, _, Some(true)) => Test::Absent,
            _ => Test::Present,
        };
        let is_number = matches!(test, Test::Number(_));
        if raw.at_most.is_some() && !is_number {
            return wrong(
                spanned,
                "`at_most` says how many digits a number has; write `is = \"number\"` with it",
            );
        }
        let origin = self.origin(&place, at)?;
        let place = Place {
            origin,
            separator: None,
            part: None,
            items: None,
            prefix: None,
            any_case: false,
        };
        Ok(Condition::At(place, test))
    }
}

/// Returns which items of a list a place selects.
fn items(place: &Spanned<format::Place>) -> Compiled<Option<(usize, bool)>> {
    let raw = place.as_ref();
    match (raw.item, raw.items_from) {
        (None, None) => Ok(None),
        (Some(number), None) if number > 0 => Ok(Some((number, false))),
        (None, Some(number)) if number > 0 => Ok(Some((number, true))),
        _ => wrong(
            place,
            "`item` is the number of one item of the list, from 1; `items_from` is that of the first of several",
        ),
    }
}
