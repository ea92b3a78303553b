//! HTTP headers as they were received, in order and with repeats.

/// The headers of a request or a response.
///
/// Names are compared without regard to case. A value is bytes, which are nearly always text.
///
/// ```
/// # use dormouse_sdk::Headers;
/// let headers = Headers::from_iter([("X-Task", "1"), ("X-Task", "2")]);
/// assert_eq!(headers.get("x-task"), Some("1"));
/// assert_eq!(headers.get_all("x-task").count(), 2);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, Vec<u8>)>);

impl Headers {
    /// Returns the first value of this name, if there is one and it is UTF-8.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # fn example(delivery: &Delivery) {
    /// let finished = delivery.headers.get("x-task-finished") == Some("true");
    /// # }
    /// ```
    pub fn get(&self, name: &str) -> Option<&str> {
        let value = self.get_all(name).next()?;
        str::from_utf8(value).ok()
    }

    /// Returns every value of this name, in order.
    ///
    /// ```
    /// # use dormouse_sdk::Headers;
    /// let headers = Headers::from_iter([("link", "<a>"), ("etag", "x"), ("Link", "<b>")]);
    /// let links: Vec<&[u8]> = headers.get_all("LINK").collect();
    /// assert_eq!(links, [b"<a>", b"<b>"]);
    /// ```
    pub fn get_all(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.iter()
            .filter_map(move |(n, value)| n.eq_ignore_ascii_case(name).then_some(value))
    }

    /// Returns every header, in order.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # fn example(ctx: Context, delivery: &Delivery) {
    /// for (name, value) in delivery.headers.iter() {
    ///     ctx.debug(format_args!("{name}: {}", String::from_utf8_lossy(value)));
    /// }
    /// # }
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// Adds a header after the existing ones.
    ///
    /// ```
    /// # use dormouse_sdk::Headers;
    /// let mut headers = Headers::default();
    /// headers.push("etag", "x");
    /// assert_eq!(headers.get("etag"), Some("x"));
    /// ```
    pub fn push(&mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) {
        self.0.push((name.into(), value.into()));
    }

    /// Adds a content type if there is none.
    pub(crate) fn default_content_type(&mut self, content_type: &str) {
        if self.get_all("content-type").next().is_none() {
            self.push("content-type", content_type);
        }
    }

    pub(crate) fn from_contract(headers: Vec<(String, Vec<u8>)>) -> Self {
        Self(headers)
    }

    pub(crate) fn into_contract(self) -> Vec<(String, Vec<u8>)> {
        self.0
    }
}

impl<N: Into<String>, V: Into<Vec<u8>>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(headers: I) -> Self {
        let pairs = headers
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()));
        Self(pairs.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_value_counts() {
        let headers = Headers::from_iter([("A", b"\xff".as_slice()), ("a", b"text")]);
        assert_eq!(headers.get("a"), None, "the first value is no text");
        assert_eq!(headers.get("b"), None);
        assert_eq!(
            headers.get_all("a").collect::<Vec<_>>(),
            [b"\xff".as_slice(), b"text"]
        );
    }

    #[test]
    fn a_content_type_that_was_given_stays() {
        let mut headers = Headers::from_iter([("Content-Type", "text/csv")]);
        headers.default_content_type("application/json");
        assert_eq!(headers.iter().count(), 1);

        let mut headers = Headers::default();
        headers.default_content_type("application/json");
        assert_eq!(headers.get("content-type"), Some("application/json"));
    }
}
