"""`application/x-www-form-urlencoded`: forms in bodies, and queries of URLs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Union
from urllib.parse import parse_qsl, urlencode, urlsplit

from ._errors import Error, UsageError

Fields = Union[Mapping[str, Any], Iterable[tuple[str, Any]]]


def encode(what: str, fields: Fields) -> str:
    """Pairs or a mapping as a form. A list gives its name once for each item; `None` is left out."""
    pairs: list[tuple[str, str]] = []
    try:
        given = list(fields.items()) if isinstance(fields, Mapping) else [(name, value) for name, value in fields]
    except (TypeError, ValueError):
        raise UsageError(f"{what} has no names and values: give a dict, or a list of pairs") from None
    for name, value in given:
        for item in value if isinstance(value, (list, tuple)) else (value,):
            if item is not None:
                pairs.append((str(name), _text(what, str(name), item)))
    return urlencode(pairs)


def _text(what: str, name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    raise UsageError(f"{what} cannot have a {type(value).__name__} as `{name}`: give a text or a number")


def decode(what: str, content_type: str, body: bytes) -> list[tuple[str, str]]:
    """The pairs of a form, in order."""
    if content_type.partition(";")[0].strip().lower() == "multipart/form-data":
        raise Error(
            "invalid-form",
            f"{what} is multipart/form-data, which is not read; have the form sent as application/x-www-form-urlencoded",
        )
    try:
        return parse_qsl(body.decode("utf-8-sig"), keep_blank_values=True, errors="strict")
    except UnicodeDecodeError:
        raise Error("invalid-form", f"{what} has names or values that are not UTF-8") from None


def with_query(url: str, query: str) -> str:
    """The URL with more in its query."""
    if not query:
        return url
    url, mark, fragment = url.partition("#")
    between = "?" if "?" not in url else "" if url.endswith(("?", "&")) else "&"
    return f"{url}{between}{query}{mark}{fragment}"


def host_of(url: str) -> str:
    """The host of a URL, or the URL itself where that cannot be read."""
    try:
        return urlsplit(url).hostname or shown(url)
    except ValueError:
        return shown(url)


def shown(url: str) -> str:
    """A URL without what may be secret in it: its query, and a name and password."""
    plain = re.split(r"[?#]", url, maxsplit=1)[0]
    return re.sub(r"^([a-zA-Z][a-zA-Z0-9+.-]*:)?([/\\]*)[^/\\]*@", r"\1\2", plain)
