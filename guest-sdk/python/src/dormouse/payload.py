"""Bytes with a media type, and what is read from them: what runs take in, give back and are sent."""

from __future__ import annotations

import json as _json
from dataclasses import dataclass
from typing import Any

from . import _shape
from ._contract import load
from ._errors import Error, UsageError
from .headers import JSON, media_type

# Deeper values would use up the stack of the interpreter.
DEPTH = 1_000


@dataclass(frozen=True)
class Payload:
    """Bytes with a media type. A workflow that takes one gets its input as it came, and one that gives one gives it so."""

    content_type: str = ""
    body: bytes = b""

    def json(self, type: Any = Any) -> Any:
        """The JSON in it, as a value of this type. An empty body is `None`."""
        return from_json(self.body, type, "the payload")

    def text(self) -> str:
        """The text in it."""
        return from_text(self.body, "the payload")

    @classmethod
    def _from_contract(cls, payload: Any) -> "Payload":
        return cls(payload.content_type, bytes(payload.body))

    def _to_contract(self) -> Any:
        return load().types.Payload(self.content_type, self.body)


def read(payload: Payload, type: Any, what: str) -> Any:
    """A payload as a value of a type.

    `Payload` and `bytes` are taken as they are. Without a type, an empty body is `None`, JSON is its value, and anything
    else its text. A `str` is the text of what is not JSON.
    """
    if type is Payload:
        return payload
    if type is bytes:
        return payload.body
    if type is None or type is _shape.NoneType:
        return None
    kind = media_type(payload.content_type)
    is_text = kind.startswith("text/")
    if type is str and is_text:
        return from_text(payload.body, what)
    if type in (Any, object) and kind != JSON and not kind.endswith("+json"):
        return from_text(payload.body, what) if is_text else _anything(payload.body)
    return from_json(payload.body, type, what)


def _anything(body: bytes) -> Any:
    try:
        return from_json(body, Any, "")
    except Error:
        try:
            return body.decode()
        except UnicodeDecodeError:
            return body


def from_text(body: bytes, what: str) -> str:
    """Text in UTF-8, without a mark before it."""
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Error("invalid-text", f"{what} is not text in UTF-8: {error}") from None


def from_json(body: bytes, type: Any, what: str) -> Any:
    """JSON as a value of a type. An empty body is null."""
    text = from_text(body, what)
    _measure(text, what)
    try:
        value = _json.loads(text, parse_constant=_no_constant) if text.strip() else None
    except RecursionError:
        raise _too_deep(what) from None
    except ValueError as error:
        raise Error("invalid-json", f"{what} is not JSON: {error}") from None
    try:
        return _shape.fit(value, type)
    except _shape.Misfit as misfit:
        problem = "is empty" if not text.strip() else "does not fit"
        raise Error("invalid-json", f"{what} {problem}: {misfit}") from None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number in JSON")


def _measure(text: str, what: str) -> None:
    """Refuses JSON that is nested too deep. Most has fewer brackets than that in all."""
    if text.count("[") + text.count("{") <= DEPTH:
        return
    depth, in_string, is_escaped = 0, False, False
    for letter in text:
        if in_string:
            in_string = is_escaped or letter != '"'
            is_escaped = letter == "\\" and not is_escaped
        elif letter == '"':
            in_string = True
        elif letter in "[{":
            depth += 1
            if depth > DEPTH:
                raise _too_deep(what)
        elif letter in "]}":
            depth -= 1


def _too_deep(what: str) -> Error:
    return Error("json-too-deep", f"{what} is nested more than {DEPTH} deep")


def to_json(value: Any) -> bytes:
    """A value as JSON: what JSON has, dataclasses, models of pydantic, enums, dates."""
    try:
        return _json.dumps(value, default=_shape.plain, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except RecursionError:
        raise _too_deep("a value") from None
    except ValueError as error:
        raise UsageError(f"a value cannot be written as JSON: {error}") from error


def to_payload(value: Any) -> Payload:
    """A value as a payload: bytes as they are, anything else as JSON."""
    if isinstance(value, Payload):
        return value
    if isinstance(value, (bytes, bytearray, memoryview)):
        return Payload("application/octet-stream", bytes(value))
    return Payload(JSON, to_json(value))
