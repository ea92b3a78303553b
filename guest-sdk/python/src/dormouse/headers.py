"""Fields of HTTP."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Union

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
TEXT = "text/plain; charset=utf-8"
HTML = "text/html; charset=utf-8"

HeaderValue = Union[str, bytes]
HeadersLike = Union[Mapping[str, HeaderValue], Iterable[tuple[str, HeaderValue]], "Headers", None]


class Headers:
    """Headers in order, with names in any case. A value is text; a byte that is no ASCII is a letter of Latin-1."""

    def __init__(self, headers: HeadersLike = None) -> None:
        pairs: Any = headers.items() if isinstance(headers, (Headers, Mapping)) else headers or ()
        self._pairs: list[tuple[str, str]] = [(str(name), _text(value)) for name, value in pairs]

    def get(self, name: str, default: Any = None) -> Any:
        """The first value of this name."""
        return next((value for key, value in self._pairs if key.lower() == name.lower()), default)

    def get_all(self, name: str) -> list[str]:
        """Every value of this name, in order."""
        return [value for key, value in self._pairs if key.lower() == name.lower()]

    def items(self) -> list[tuple[str, str]]:
        """Names and values, in order, repeats included."""
        return list(self._pairs)

    def __getitem__(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return str(value)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None

    def __iter__(self) -> Iterator[str]:
        return iter([name for name, _ in self._pairs])

    def __len__(self) -> int:
        return len(self._pairs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self._pairs == other._pairs

    def __repr__(self) -> str:
        return f"Headers({self._pairs!r})"

    def _default(self, name: str, value: str) -> None:
        if name not in self:
            self._pairs.append((name, value))

    @classmethod
    def _from_contract(cls, headers: Any) -> "Headers":
        return cls([(name, bytes(value)) for name, value in headers])

    def _to_contract(self) -> list[tuple[str, bytes]]:
        return [(name, _bytes(value)) for name, value in self._pairs]


def _text(value: Any) -> str:
    return bytes(value).decode("latin-1") if isinstance(value, (bytes, bytearray)) else str(value)


def _bytes(value: str) -> bytes:
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode()


def media_type(content_type: str) -> str:
    """The media type without parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()
