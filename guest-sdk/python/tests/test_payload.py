"""What is read from bytes, and what is written."""

import enum
import unittest
from dataclasses import dataclass, field
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any, Literal, NotRequired, Optional, TypedDict
from uuid import UUID

from dormouse import Error, Payload
from dormouse._errors import UsageError
from dormouse.payload import read, to_json, to_payload


class Size(enum.Enum):
    SMALL = "small"
    LARGE = "large"


@dataclass
class Item:
    name: str
    price: float
    size: Size = Size.SMALL


@dataclass
class Order:
    items: list[Item]
    note: Optional[str]
    tags: dict[str, int] = field(default_factory=dict)
    parent: "Order | None" = None


class Address(TypedDict):
    city: str
    street: NotRequired[str]


class Model:
    """As pydantic has them."""

    def __init__(self, **fields: Any):
        self.fields = fields

    @classmethod
    def model_validate(cls, value: Any) -> "Model":
        if "n" not in value:
            raise ValueError("1 validation error: n is missing")
        return cls(**value)

    def model_dump(self, mode: str) -> Any:
        return {**self.fields, "mode": mode}


def json(text: str, type: Any = Any) -> Any:
    return read(Payload("application/json", text.encode()), type, "the input")


class Reads(unittest.TestCase):
    def refuse(self, text: str, type: Any, code: str, message: str) -> None:
        with self.assertRaises(Error) as raised:
            json(text, type)
        self.assertEqual((raised.exception.code, raised.exception.message), (code, message))

    def test_dataclasses_in_lists_and_optionals(self):
        order = json('{"items": [{"name": "a", "price": 1, "size": "large", "more": 1}], "parent": {"items": []}}', Order)
        self.assertEqual(order, Order([Item("a", 1.0, Size.LARGE)], None, {}, Order([], None)))
        self.assertIsInstance(order.items[0].price, float)

    def test_what_does_not_fit_names_the_field(self):
        self.refuse(
            '{"items": [{"name": "a", "price": 1}, {"name": "b", "price": "free"}]}',
            Order,
            "invalid-json",
            "the input does not fit: at `items[1].price`: expected a number, got 'free'",
        )
        self.refuse("{}", Order, "invalid-json", "the input does not fit: the field `items` is missing")
        self.refuse("[]", Order, "invalid-json", "the input does not fit: expected an object, got []")
        self.refuse("", Order, "invalid-json", "the input is empty: expected an object, got None")
        self.refuse('{"items": [], "tags": {"a": true}}', Order, "invalid-json",
                    "the input does not fit: at `tags.a`: expected a whole number, got True")  # fmt: skip

    def test_plain_types(self):
        for text, type, expected in (
            ("5", int, 5),
            ("5", float, 5.0),
            ("null", None, None),
            ("true", bool, True),
            ('"a"', Literal["a", "b"], "a"),
            ("[1, 2]", tuple[int, ...], (1, 2)),
            ('[1, "a"]', tuple[int, str], (1, "a")),
            ('["b", "a"]', set[str], {"a", "b"}),
            ('{"1": 2}', dict[int, int], {1: 2}),
            ('"2026-03-01T12:00:00Z"', datetime, datetime(2026, 3, 1, 12, tzinfo=timezone.utc)),
            ('"2026-03-01"', date, date(2026, 3, 1)),
            ('"1.10"', Decimal, Decimal("1.10")),
            ('"6f1c2a3e-0b5d-4c8e-9f10-2d7b64a1e3c5"', UUID, UUID("6f1c2a3e-0b5d-4c8e-9f10-2d7b64a1e3c5")),
            ('{"city": "Bonn"}', Address, {"city": "Bonn"}),
            ("5", int | str, 5),
            ('"a"', int | str, "a"),
            ("[1]", list, [1]),
        ):
            self.assertEqual(json(text, type), expected, text)
        for text, type in (("5.5", int), ("true", int), ('"5"', int), ('"c"', Literal["a"]), ("[1]", tuple[int, int]),
                           ('"never"', datetime), ("{}", Address), ("1.5", int | str), ("1", str)):  # fmt: skip
            with self.assertRaises(Error, msg=text):
                json(text, type)
        with self.assertRaises(TypeError):
            json("1", object())

    def test_models_are_asked_for_themselves(self):
        self.assertEqual(json('{"n": 1}', Model).fields, {"n": 1})
        self.refuse("{}", list[Model] | Model, "invalid-json",
                    "the input does not fit: expected an array, got {}; or 1 validation error: n is missing")  # fmt: skip
        self.assertEqual(to_json(Model(n=1)), b'{"n":1,"mode":"json"}')

    def test_media_types(self):
        text = Payload("text/plain; charset=utf-8", "grün".encode())
        self.assertEqual(read(text, str, ""), "grün")
        self.assertEqual(read(text, Any, ""), "grün")
        self.assertEqual(read(text, bytes, ""), "grün".encode())
        self.assertIs(read(text, Payload, ""), text)
        self.assertEqual(read(Payload("", b'{"a": 1}'), Any, ""), {"a": 1})
        self.assertEqual(read(Payload("", b"not json"), Any, ""), "not json")
        self.assertEqual(read(Payload("", b"\xff\xfe"), Any, ""), b"\xff\xfe")
        self.assertIsNone(read(Payload("", b""), Any, ""))
        self.assertEqual(json("\ufeff[1]"), [1])
        self.assertEqual(json('"a text"', str), "a text")

    def test_what_is_no_json(self):
        for text in ("{", "[1,]", "NaN", '{"a": Infinity}'):
            with self.assertRaises(Error) as raised:
                json(text)
            self.assertEqual(raised.exception.code, "invalid-json")
        with self.assertRaises(Error) as raised:
            read(Payload("application/json", b"\xff"), Any, "the input")
        self.assertEqual(raised.exception.code, "invalid-text")

    def test_json_that_is_nested_too_deep(self):
        self.assertEqual(to_json(json("[" * 500 + "]" * 500)), b"[" * 500 + b"]" * 500)
        for text in ("[" * 1_001 + "]" * 1_001, '{"a":' * 1_001 + "1" + "}" * 1_001, "[" * 500_000):
            with self.assertRaises(Error) as raised:
                json(text)
            self.assertEqual(raised.exception.code, "json-too-deep")
        brackets = '["' + "[" * 5_000 + '\\"["]'
        self.assertEqual(len(json(brackets)[0]), 5_002)


class Writes(unittest.TestCase):
    def test_values(self):
        for value, expected in (
            (None, b"null"),
            ("grün", '"grün"'.encode()),
            ([1, 2.5, True], b"[1,2.5,true]"),
            (Item("a", 1.5), b'{"name":"a","price":1.5,"size":"small"}'),
            ({"at": datetime(2026, 3, 1, tzinfo=timezone.utc), "n": Decimal("1.10")},
             b'{"at":"2026-03-01T00:00:00+00:00","n":"1.10"}'),
        ):  # fmt: skip
            self.assertEqual(to_payload(value), Payload("application/json", expected))
        self.assertEqual(to_payload(b"raw"), Payload("application/octet-stream", b"raw"))
        given = Payload("text/csv", b"a,b")
        self.assertIs(to_payload(given), given)

    def test_what_cannot_be_written(self):
        for value, error in (({1, 2}, TypeError), (object(), TypeError), (float("nan"), UsageError)):
            with self.assertRaises(error):
                to_json(value)
        nested: list = []
        for _ in range(100_000):
            nested = [nested]
        with self.assertRaises(Error) as raised:
            to_json(nested)
        self.assertEqual(raised.exception.code, "json-too-deep")


if __name__ == "__main__":
    unittest.main()
