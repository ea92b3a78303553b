//! JSON pointers (RFC 6901), read from a body without building a tree of it. `*` stands for every element of an array.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Steps of a pointer.
const STEPS: usize = 16;

/// Values that one pointer finds.
const FOUND: usize = 64;

/// A JSON pointer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pointer(Vec<Step>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Name(String),
    Each,
}

/// What lies where a pointer leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// The text of a string, or the digits of an integer, or the name of a truth value.
    Text(String),
    /// An object, an array, or a number that is no integer.
    Other,
}

impl Pointer {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let Some(rest) = text.strip_prefix('/') else {
            return Err(format!(
                "{text:?} is no JSON pointer; write one that begins with `/`, such as `/data/id`"
            ));
        };
        let steps = rest.split('/').map(|step| match step {
            "*" => Step::Each,
            name => Step::Name(name.replace("~1", "/").replace("~0", "~")),
        });
        let steps: Vec<Step> = steps.collect();
        if steps.len() > STEPS {
            return Err(format!("a JSON pointer has at most {STEPS} steps"));
        }
        Ok(Pointer(steps))
    }

    /// Returns true if the pointer leads to every element of an array.
    pub(super) fn has_each(&self) -> bool {
        self.0.contains(&Step::Each)
    }

    /// Returns what the pointer leads to: nothing if the body is not JSON, or has nothing there, or null. `element` takes the
    /// place of `*`.
    ///
    /// # Errors
    /// When a name on the way is there twice, so that another reader may see another value, or when more is found than
    /// anybody sends.
    pub(super) fn find(&self, body: &[u8], element: Option<usize>) -> Result<Vec<Found>, Twice> {
        let mut seek = Seek {
            steps: &self.0,
            element,
            found: &mut Vec::new(),
            is_ambiguous: &mut false,
        };
        let mut reader = serde_json::Deserializer::from_slice(body);
        let read = seek.again().deserialize(&mut reader);
        let read = read.and_then(|()| reader.end());
        match read {
            _ if *seek.is_ambiguous => Err(Twice),
            Ok(()) => Ok(std::mem::take(seek.found)),
            Err(_) => Ok(Vec::new()),
        }
    }
}

/// A name that is there twice in one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Twice;

struct Seek<'s> {
    steps: &'s [Step],
    element: Option<usize>,
    found: &'s mut Vec<Found>,
    is_ambiguous: &'s mut bool,
}

impl Seek<'_> {
    /// Returns the same search, for one value.
    fn again(&mut self) -> Seek<'_> {
        Seek {
            steps: self.steps,
            element: self.element,
            found: self.found,
            is_ambiguous: self.is_ambiguous,
        }
    }

    fn next(&mut self) -> Seek<'_> {
        Seek {
            steps: self.steps.get(1..).unwrap_or_default(),
            element: self.element,
            found: self.found,
            is_ambiguous: self.is_ambiguous,
        }
    }

    fn end<E: Error>(self, found: Found) -> Result<(), E> {
        if !self.steps.is_empty() {
            return Ok(());
        }
        if self.found.len() == FOUND {
            *self.is_ambiguous = true;
            return Err(E::custom("too many values"));
        }
        self.found.push(found);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Seek<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seek<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.end(Found::Text(text.to_owned()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        self.end(Found::Text(number.to_string()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        self.end(Found::Text(number.to_string()))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        self.end(Found::Other)
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<(), E> {
        self.end(Found::Text(truth.to_string()))
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let name = match self.steps.first() {
            Some(Step::Name(name)) => Some(name.as_str()),
            Some(Step::Each) => None,
            None => {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                return self.end(Found::Other);
            }
        };
        let mut seen = false;
        while let Some(is_it) = map.next_key_seed(Is(name))? {
            if !is_it {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            if seen {
                *self.is_ambiguous = true;
                return Err(A::Error::custom("a name is there twice"));
            }
            seen = true;
            map.next_value_seed(self.next())?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        let wanted = match self.steps.first() {
            Some(Step::Each) => self.element.map(Some).unwrap_or_default(),
            // An index that is no number leads to no element.
            Some(Step::Name(name)) => Some(name.parse().unwrap_or(usize::MAX)),
            None => {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                return self.end(Found::Other);
            }
        };
        for place in 0.. {
            let is_left = if wanted.is_none_or(|wanted| wanted == place) {
                list.next_element_seed(self.next())?.is_some()
            } else {
                list.next_element::<IgnoredAny>()?.is_some()
            };
            if !is_left {
                break;
            }
        }
        Ok(())
    }
}

/// Tells whether a key is this name, without keeping it.
struct Is<'n>(Option<&'n str>);

impl<'de> DeserializeSeed<'de> for Is<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Is<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<bool, E> {
        Ok(self.0 == Some(key))
    }
}

/// Returns how many elements the array at this pointer has; none if there is no array.
pub(super) fn elements(pointer: &Pointer, body: &[u8], most: usize) -> Option<usize> {
    // An element is found as an object; what is in it is not looked at.
    let each = Pointer(pointer.0.iter().cloned().chain([Step::Each]).collect());
    let found = each.find(body, None).ok()?;
    (1..=most).contains(&found.len()).then_some(found.len())
}

/// Returns true if the body is an object with exactly these fields, each there once.
pub(super) fn has_fields(body: &[u8], fields: &[String]) -> bool {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let read = reader.deserialize_map(Fields(fields));
    read.is_ok_and(|is_it| is_it) && reader.end().is_ok()
}

struct Fields<'f>(&'f [String]);

impl<'de> Visitor<'de> for Fields<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let mut seen = vec![false; self.0.len()];
        let mut is_it = true;
        while let Some((key, IgnoredAny)) = map.next_entry::<String, IgnoredAny>()? {
            let place = self.0.iter().position(|field| *field == key);
            match place.and_then(|place| seen.get_mut(place)) {
                Some(seen) if !*seen => *seen = true,
                _ => is_it = false,
            }
        }
        Ok(is_it && seen.into_iter().all(|seen| seen))
    }
}
