//! Lists that come in pages.

use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use super::client::Client;
use super::error::CliError;

/// Goes through the pages of a list, each handed to `show`, until there are no more.
pub(super) fn each<T: DeserializeOwned>(
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

/// All pages of a list as one, in the form that the API gives a page. `items` is the name of what a page holds.
pub(super) fn merged(client: &Client, list: &Url, items: &str) -> Result<String, CliError> {
    let mut all = Vec::new();
    let next = |page: &Value| page["next"].as_str().map(str::to_owned);
    each(client, list, next, |mut page: Value| {
        if let Some(Value::Array(page)) = page.get_mut(items) {
            all.append(page);
        }
        Ok(())
    })?;
    Ok(serde_json::json!({ items: all, "next": null }).to_string())
}

/// The page of a list at a cursor.
pub(super) fn at(list: &Url, cursor: &str) -> Url {
    let mut url = list.clone();
    url.query_pairs_mut().append_pair("cursor", cursor);
    url
}
