"""Values of JSON as values of types that annotations name, and back."""

from __future__ import annotations

import collections.abc
import dataclasses
import enum
import types
import typing
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

NoneType = type(None)

# Where a parameter is called `type`.
_CLASS = type


class Misfit(Exception):
    """A value that does not fit its type, with the way to it."""

    def __init__(self, problem: str, path: str = "") -> None:
        super().__init__(problem)
        self.problem, self.path = problem, path

    def under(self, step: str) -> "Misfit":
        joint = "" if not self.path or self.path.startswith("[") else "."
        return Misfit(self.problem, f"{step}{joint}{self.path}")

    def __str__(self) -> str:
        return f"at `{self.path}`: {self.problem}" if self.path else self.problem


def fit(value: Any, type: Any) -> Any:
    """A value of JSON as a value of this type."""
    if type is Any or type is object or isinstance(type, typing.TypeVar):
        return value
    if type is None or type is NoneType:
        return value if value is None else _misfit("null", value)
    if isinstance(type, typing.NewType):
        return fit(value, type.__supertype__)
    origin = typing.get_origin(type)
    if origin is not None:
        return _fit_generic(value, origin, typing.get_args(type))
    if type in _PLAIN:
        return _PLAIN[type](value)
    if hasattr(type, "model_validate"):
        return _fit_model(value, type)
    if dataclasses.is_dataclass(type):
        return _fit_dataclass(value, type)
    if typing.is_typeddict(type):
        return _fit_typed_dict(value, type)
    if isinstance(type, _CLASS) and issubclass(type, enum.Enum):
        return _parsed(type, "one of " + ", ".join(repr(member.value) for member in type))(value)
    raise TypeError(f"the type {type!r} cannot be read from JSON")


def _fit_generic(value: Any, origin: Any, arguments: tuple[Any, ...]) -> Any:
    if origin is typing.Annotated:
        return fit(value, arguments[0])
    if origin in (typing.Union, types.UnionType):
        return _fit_union(value, arguments)
    if origin is typing.Literal:
        for literal in arguments:
            if value == literal and type(value) is type(literal):
                return value
        return _misfit("one of " + ", ".join(map(repr, arguments)), value)
    if origin is tuple:
        return _fit_tuple(_list(value), arguments)
    if origin in _LISTS:
        items = [_at(f"[{index}]", item, arguments[0]) for index, item in enumerate(_list(value))]
        return _LISTS[origin](items)
    if origin in (dict, collections.abc.Mapping, collections.abc.MutableMapping):
        # Keys of JSON are texts; `fit` turns them into what the type asks for.
        keys, values = arguments
        return {_key(name, keys): _at(name, item, values) for name, item in _dict(value).items()}
    if hasattr(origin, "model_validate") or dataclasses.is_dataclass(origin):
        return fit(value, origin)
    raise TypeError(f"the type {origin!r} cannot be read from JSON")


def _fit_union(value: Any, choices: tuple[Any, ...]) -> Any:
    if value is None and NoneType in choices:
        return None
    misfits = []
    for choice in choices:
        if choice is NoneType:
            continue
        try:
            return fit(value, choice)
        except Misfit as misfit:
            misfits.append(misfit)
    # With one choice besides null, what is wrong is what is wrong with that.
    raise misfits[0] if len(misfits) == 1 else Misfit("; or ".join(map(str, misfits)))


def _fit_tuple(items: list[Any], arguments: tuple[Any, ...]) -> Any:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        arguments = (arguments[0],) * len(items)
    if len(items) != len(arguments):
        raise Misfit(f"expected {len(arguments)} items, got {len(items)}")
    pairs = zip(items, arguments)
    return tuple(_at(f"[{index}]", item, argument) for index, (item, argument) in enumerate(pairs))


def _fit_dataclass(value: Any, type: Any) -> Any:
    fields = _dict(value)
    hints = typing.get_type_hints(type)
    found = {}
    for field in dataclasses.fields(type):
        if not field.init:
            continue
        if field.name in fields:
            found[field.name] = _at(field.name, fields[field.name], hints[field.name])
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            if not _takes_none(hints[field.name]):
                raise Misfit(f"the field `{field.name}` is missing")
            found[field.name] = None
    return type(**found)


def _takes_none(type: Any) -> bool:
    return typing.get_origin(type) in (typing.Union, types.UnionType) and NoneType in typing.get_args(type)


def _fit_typed_dict(value: Any, type: Any) -> Any:
    fields = dict(_dict(value))
    for name, hint in typing.get_type_hints(type).items():
        if name in fields:
            fields[name] = _at(name, fields[name], hint)
        elif name in type.__required_keys__:
            raise Misfit(f"the field `{name}` is missing")
    return fields


def _fit_model(value: Any, type: Any) -> Any:
    try:
        return type.model_validate(value)
    except ValueError as error:
        raise Misfit(str(error)) from None


def _at(step: str, value: Any, type: Any) -> Any:
    try:
        return fit(value, type)
    except Misfit as misfit:
        raise misfit.under(step) from None


def _key(name: str, type: Any) -> Any:
    if type is int:
        return _parsed(int, "a whole number")(name)
    return fit(name, type)


def _misfit(expected: str, value: Any) -> Any:
    raise _unfit(expected, value)


def _unfit(expected: str, value: Any) -> Misfit:
    shown = repr(value)
    return Misfit(f"expected {expected}, got {shown if len(shown) <= 60 else shown[:57] + '...'}")


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else _misfit("an object", value)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else _misfit("an array", value)


def _int(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else _misfit("a whole number", value)


def _float(value: Any) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    raise _unfit("a number", value)


def _bool(value: Any) -> bool:
    return value if isinstance(value, bool) else _misfit("true or false", value)


def _str(value: Any) -> str:
    return value if isinstance(value, str) else _misfit("a text", value)


def _parsed(parse: Any, expected: str) -> Any:
    def read(value: Any) -> Any:
        try:
            return parse(value)
        except (ValueError, TypeError, ArithmeticError):
            return _misfit(expected, value)

    return read


def _timedelta(value: Any) -> timedelta:
    return timedelta(seconds=_float(value))


_PLAIN: dict[Any, Any] = {
    int: _int,
    float: _float,
    bool: _bool,
    str: _str,
    dict: _dict,
    list: _list,
    tuple: lambda value: tuple(_list(value)),
    datetime: _parsed(datetime.fromisoformat, "a date and time"),
    date: _parsed(date.fromisoformat, "a date"),
    time: _parsed(time.fromisoformat, "a time"),
    timedelta: _timedelta,
    Decimal: _parsed(lambda value: Decimal(str(value)), "a number"),
    UUID: _parsed(UUID, "a UUID"),
}

_LISTS: dict[Any, Any] = {
    list: list,
    set: set,
    frozenset: frozenset,
    collections.abc.Sequence: list,
    collections.abc.Iterable: list,
    collections.deque: collections.deque,
}


def plain(value: Any) -> Any:
    """What JSON has for a value that it does not know."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, (Decimal, UUID)):
        return str(value)
    if isinstance(value, collections.abc.Mapping):
        return dict(value)
    if isinstance(value, collections.deque):
        return list(value)
    if isinstance(value, (set, frozenset)):
        raise TypeError("a set has no order, so it is not a JSON value: give sorted(…) of it")
    raise TypeError(f"a value of type {type(value).__name__} cannot be written as JSON")
