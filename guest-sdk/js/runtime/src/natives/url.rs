//! Functions for URLs, by the URL standard of the web.

use rquickjs::function::Func;
use rquickjs::{Ctx, Object, Result};
use url::{Url, quirks};

pub(super) fn add(host: &Object<'_>) -> Result<()> {
    host.set("parseUrl", Func::from(parse))?;
    host.set("changeUrl", Func::from(change))
}

/// Returns the parts of a URL. None if the text is not a URL.
fn parse<'js>(ctx: Ctx<'js>, text: String, base: Option<String>) -> Result<Option<Object<'js>>> {
    let base = match base.map(|base| Url::parse(&base)) {
        None => None,
        Some(Ok(base)) => Some(base),
        Some(Err(_)) => return Ok(None),
    };
    let url = Url::options().base_url(base.as_ref()).parse(&text);
    url.ok().map(|url| parts(&ctx, &url)).transpose()
}

/// Replaces one part of a URL, and returns the parts of the result. None if the part cannot have this value.
fn change<'js>(
    ctx: Ctx<'js>,
    href: String,
    part: String,
    value: String,
) -> Result<Option<Object<'js>>> {
    let Ok(mut url) = Url::parse(&href) else {
        return Ok(None);
    };
    let url = &mut url;
    let changed = match part.as_str() {
        "href" => quirks::set_href(url, &value).is_ok(),
        "protocol" => quirks::set_protocol(url, &value).is_ok(),
        "username" => quirks::set_username(url, &value).is_ok(),
        "password" => quirks::set_password(url, &value).is_ok(),
        "host" => quirks::set_host(url, &value).is_ok(),
        "hostname" => quirks::set_hostname(url, &value).is_ok(),
        "port" => quirks::set_port(url, &value).is_ok(),
        "pathname" => {
            quirks::set_pathname(url, &value);
            true
        }
        "search" => {
            quirks::set_search(url, &value);
            true
        }
        "hash" => {
            quirks::set_hash(url, &value);
            true
        }
        _ => false,
    };
    changed.then(|| parts(&ctx, url)).transpose()
}

fn parts<'js>(ctx: &Ctx<'js>, url: &Url) -> Result<Object<'js>> {
    let object = Object::new(ctx.clone())?;
    object.set("href", quirks::href(url))?;
    object.set("origin", quirks::origin(url))?;
    object.set("protocol", quirks::protocol(url))?;
    object.set("username", quirks::username(url))?;
    object.set("password", quirks::password(url))?;
    object.set("host", quirks::host(url))?;
    object.set("hostname", quirks::hostname(url))?;
    object.set("port", quirks::port(url))?;
    object.set("pathname", quirks::pathname(url))?;
    object.set("search", quirks::search(url))?;
    object.set("hash", quirks::hash(url))?;
    Ok(object)
}
