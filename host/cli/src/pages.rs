//! Lists that come in pages.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use url::Url;

use crate::client::Client;
use crate::error::CliError;

/// A page of any list, with its values as they were written.
type RawPage = BTreeMap<String, Box<RawValue>>;

/// Fetches the pages of a list one by one, and passes each page to `show`.
pub(crate) fn each<T: DeserializeOwned>(
    client: &Client,
    list: &Url,
    next: impl Fn(&T) -> Option<String>,
    mut show: impl FnMut(T) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let mut url = list.clone();
    loop {
        let page: T = client.get(&url)?.json()?;
        let cursor = next(&page);
        show(page)?;
        match cursor {
            Some(cursor) => url = at(list, &cursor),
            None => return Ok(()),
        }
    }
}

/// Fetches all pages of a list, and returns them as one page in the form of the API. `items` is the name of the field
/// that holds a page's items.
pub(crate) fn merged(client: &Client, list: &Url, items: &str) -> Result<String, CliError> {
    let mut all: Vec<Box<RawValue>> = Vec::new();
    each(client, list, next_of, |page: RawPage| {
        all.extend(items_of(&page, items));
        Ok(())
    })?;
    Ok(one_page(items, &all))
}

/// Returns the URL of the page of a list at a cursor.
pub(crate) fn at(list: &Url, cursor: &str) -> Url {
    let mut url = list.clone();
    url.query_pairs_mut().append_pair("cursor", cursor);
    url
}

fn next_of(page: &RawPage) -> Option<String> {
    page.get("next")
        .and_then(|next| serde_json::from_str(next.get()).ok())
}

fn items_of(page: &RawPage, items: &str) -> Vec<Box<RawValue>> {
    page.get(items)
        .and_then(|items| serde_json::from_str(items.get()).ok())
        .unwrap_or_default()
}

fn one_page(items: &str, all: &[Box<RawValue>]) -> String {
    let all: Vec<&str> = all.iter().map(|item| item.get()).collect();
    format!("{{\"{items}\":[{}],\"next\":null}}", all.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_stay_as_they_were_written() {
        let pages = [
            r#"{"lines":[{"z":1,"a":1.10}, 2],"next":"c"}"#,
            r#"{"lines":[3],"next":null}"#,
        ];
        let pages = pages.map(|page| serde_json::from_str::<RawPage>(page).unwrap());
        assert_eq!(next_of(&pages[0]).as_deref(), Some("c"));
        assert_eq!(next_of(&pages[1]), None);
        let all: Vec<_> = pages
            .iter()
            .flat_map(|page| items_of(page, "lines"))
            .collect();
        assert_eq!(
            one_page("lines", &all),
            r#"{"lines":[{"z":1,"a":1.10},2,3],"next":null}"#
        );
    }
}
