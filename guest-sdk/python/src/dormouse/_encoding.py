"""Undoing the `Content-Encoding` of a body, with a bound on what comes out."""

from __future__ import annotations

import zlib

from ._errors import Error
from .headers import Headers

DECODED_LIMIT = 16 << 20
"""What `json`, `text` and `form` take of a body that was compressed."""

_MOST_ENCODINGS = 3


def decode(what: str, headers: Headers, body: bytes, limit: int = DECODED_LIMIT) -> bytes:
    """The body without its encodings: gzip and deflate are known."""
    names = [name.strip().lower() for value in headers.get_all("content-encoding") for name in value.split(",")]
    names = [name for name in names if name not in ("", "identity")]
    if not names or not body:
        return body
    if len(names) > _MOST_ENCODINGS:
        raise Error("unsupported-encoding", f"{what} has {len(names)} encodings; at most {_MOST_ENCODINGS} are decoded")
    for name in reversed(names):
        if name not in ("gzip", "x-gzip", "deflate"):
            raise Error(
                "unsupported-encoding",
                f"{what} has the Content-Encoding {name[:40]!r}; gzip and deflate are decoded, and the bytes as they came "
                "are in `body`",
            )
        body = _undo(what, name, body, limit)
    return body


def _undo(what: str, name: str, body: bytes, limit: int) -> bytes:
    # Deflate is zlib by the standard, and without its frame by habit.
    raw = name == "deflate" and (len(body) < 2 or int.from_bytes(body[:2], "big") % 31 or body[0] & 0x0F != 8)
    wbits = zlib.MAX_WBITS | 16 if name != "deflate" else -zlib.MAX_WBITS if raw else zlib.MAX_WBITS
    decoded, rest = b"", body
    try:
        while rest:
            undo = zlib.decompressobj(wbits)
            decoded += undo.decompress(rest, limit + 1 - len(decoded))
            if len(decoded) > limit:
                raise Error("too-large", f"{what} has {len(body)} bytes in {name} and more than {limit} when decoded")
            if not undo.eof:
                raise zlib.error("it ends too early")
            # A body may be several members of gzip, one after the other.
            rest = undo.unused_data if name != "deflate" else b""
    except zlib.error as error:
        raise Error("invalid-encoding", f"{what} has the Content-Encoding {name}, but is not valid {name}: {error}") from None
    return decoded
