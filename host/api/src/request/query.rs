//! The query of a request: the part of the URL after the `?`.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use http::Uri;

use super::Malformed;

/// The parameters of a query.
#[derive(Debug)]
pub struct QueryParams(Vec<(String, String)>);

impl QueryParams {
    /// Reads the parameters. Each must be in `known` and appear once. Otherwise a misspelt parameter would be
    /// ignored, and the caller would get a list without its filter, or a run of another version.
    ///
    /// # Errors
    /// When a parameter is unknown or repeated.
    pub fn read(uri: &Uri, known: &[&str]) -> Result<Self, Malformed> {
        Self::read_repeating(uri, known, &[])
    }

    /// Reads the parameters as [`QueryParams::read`] does, but those in `repeating` may appear any number of
    /// times.
    ///
    /// # Errors
    /// When a parameter is unknown, or is repeated and may not be.
    pub fn read_repeating(
        uri: &Uri,
        known: &[&str],
        repeating: &[&str],
    ) -> Result<Self, Malformed> {
        let query = uri.query().unwrap_or_default().as_bytes();
        let mut params: Vec<(String, String)> = Vec::new();
        for (name, value) in url::form_urlencoded::parse(query) {
            let may_repeat = repeating.contains(&name.as_ref());
            if !may_repeat && !known.contains(&name.as_ref()) {
                let known = match [known, repeating].concat().join(", ") {
                    none if none.is_empty() => "none".into(),
                    known => known,
                };
                return Err(malformed(
                    &name,
                    format!("is not known here; those that are: {known}"),
                ));
            }
            if !may_repeat && params.iter().any(|(seen, _)| *seen == name) {
                return Err(malformed(&name, "occurs more than once"));
            }
            params.push((name.into_owned(), value.into_owned()));
        }
        Ok(QueryParams(params))
    }

    /// Returns a parameter as text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// Returns all values of a parameter, in order.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let params = self.0.iter().filter(move |(key, _)| key == name);
        params.map(|(_, value)| value.as_str())
    }

    /// Returns a parameter as a value.
    ///
    /// # Errors
    /// When the text is not a value of this type.
    pub fn value<T: FromStr<Err: Display>>(&self, name: &str) -> Result<Option<T>, Malformed> {
        let parse = |text: &str| {
            text.parse()
                .map_err(|error| malformed(name, format!("is {text:?}: {error}")))
        };
        self.text(name).map(parse).transpose()
    }

    /// Returns the largest number of items on a page.
    ///
    /// # Errors
    /// When the parameter is not a number in this range.
    pub fn limit(&self, default: usize, range: RangeInclusive<usize>) -> Result<usize, Malformed> {
        let Some(text) = self.text("limit") else {
            return Ok(default);
        };
        text.parse()
            .ok()
            .filter(|limit| range.contains(limit))
            .ok_or_else(|| {
                let (least, most) = range.into_inner();
                malformed(
                    "limit",
                    format!("is {text:?}: give a whole number from {least} to {most}"),
                )
            })
    }
}

/// Creates the error for a parameter that is not valid.
fn malformed(name: &str, why: impl Display) -> Malformed {
    Malformed::of_query(name, why)
}

#[cfg(test)]
mod tests {
    use dormouse_journal::VersionId;

    use super::*;

    fn read(query: &str) -> Result<QueryParams, Malformed> {
        QueryParams::read(
            &format!("/v1/runs?{query}").parse().unwrap(),
            &["limit", "version"],
        )
    }

    fn refused(error: &Malformed, text: &str) {
        assert_eq!(error.code, "invalid-query");
        assert!(error.detail.contains(text), "{error}");
    }

    #[test]
    fn parameters_are_decoded() {
        assert_eq!(
            read("version=a%2Fb+c").unwrap().text("version"),
            Some("a/b c")
        );
        assert_eq!(read("").unwrap().text("version"), None);
    }

    #[test]
    fn unknown_and_repeated_parameters_are_named() {
        refused(
            &read("verson=1").unwrap_err(),
            "\"verson\" is not known here; those that are: limit, version",
        );
        refused(
            &read("limit=1&limit=2").unwrap_err(),
            "\"limit\" occurs more than once",
        );
    }

    #[test]
    fn repeatable_parameters_are_read_in_order() {
        let uri = "/?a=1&b=2&a=3".parse().unwrap();
        let params = QueryParams::read_repeating(&uri, &["b"], &["a"]).unwrap();
        assert_eq!(params.all("a").collect::<Vec<_>>(), ["1", "3"]);
        assert_eq!(params.all("c").count(), 0);
        let uri = "/?a=1&b=2&b=3".parse().unwrap();
        refused(
            &QueryParams::read_repeating(&uri, &["b"], &["a"]).unwrap_err(),
            "\"b\" occurs more than once",
        );
    }

    #[test]
    fn limits_have_a_range() {
        let limit = |query: &str| read(query).unwrap().limit(50, 1..=500);
        assert_eq!(limit(""), Ok(50));
        assert_eq!(limit("limit=500"), Ok(500));
        for text in ["0", "501", "-1", "x", "", "1.5"] {
            refused(
                &limit(&format!("limit={text}")).unwrap_err(),
                "give a whole number from 1 to 500",
            );
        }
    }

    #[test]
    fn a_malformed_value_says_what_it_should_be() {
        let error = read("version=1")
            .unwrap()
            .value::<VersionId>("version")
            .unwrap_err();
        refused(&error, "64 hexadecimal digits");
    }
}
