"""What becomes of errors."""

import unittest

from dormouse import CallError, Error, UsageError
from dormouse._errors import failure_of, is_programming, told


class Coded(TypeError):
    code = "card-declined"


class Odd(Exception):
    code = "Not A Code"


class Errors(unittest.TestCase):
    def test_what_is_a_mistake_in_the_program(self):
        for error in (TypeError("a"), KeyError("a"), NameError("a"), ImportError("a"), RecursionError(), AssertionError(),
                      ZeroDivisionError(), UsageError("a"), ExceptionGroup("a", [ValueError(), TypeError()])):  # fmt: skip
            self.assertTrue(is_programming(error), error)
        # One with a code is the program's decision.
        for error in (ValueError("a"), OSError("a"), Error("a", "b"), CallError("timed-out", "b"), Coded("a"), TimeoutError(),
                      SystemExit(1), ExceptionGroup("a", [ValueError(), Coded()])):  # fmt: skip
            self.assertFalse(is_programming(error), error)

    def test_code_and_message(self):
        for error, expected in (
            (Error("a-code", "why"), ("a-code", "why")),
            (Coded("no money"), ("card-declined", "no money")),
            (Coded(), ("card-declined", "Coded")),
            (Odd("why"), ("error", "Odd: why")),
            (ValueError(), ("error", "ValueError")),
            (
                ExceptionGroup("all", [ValueError("one"), ExceptionGroup("in", [Coded("two")])]),
                ("card-declined", "ValueError: one; two"),
            ),
        ):
            self.assertEqual(failure_of(error), expected)

    def test_causes_are_told_once(self):
        def raising():
            try:
                raise KeyError("first")
            except KeyError as error:
                raise ValueError("second") from error

        try:
            raising()
        except ValueError as error:
            text = told(error)
        self.assertRegex(text, r"(?s)^ValueError: second\n.*in raising\n.*caused by KeyError: 'first'\n.*raise KeyError")
        circle = ValueError("a")
        circle.__cause__ = KeyError("b")
        circle.__cause__.__cause__ = circle
        self.assertEqual(told(circle).count("ValueError"), 1)


if __name__ == "__main__":
    unittest.main()
