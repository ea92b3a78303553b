"""Spans and points of time."""

import unittest
from datetime import datetime, timedelta, timezone

from dormouse import UsageError
from dormouse._time import from_instant, instant, millis


class Spans(unittest.TestCase):
    def test_texts_numbers_and_timedeltas(self):
        for span, expected in (
            ("5m", 300_000),
            ("1h 30m", 5_400_000),
            (" 1w2d ", 777_600_000),
            ("250ms", 250),
            (0, 0),
            (2.5, 2_500),
            (0.1, 100),
            (0.0001, 1),
            (timedelta(microseconds=1_500), 2),
            (timedelta(days=400), 34_560_000_000),
            (10**30, 2**64 - 1),
        ):
            self.assertEqual(millis(span), expected, span)

    def test_what_is_no_span(self):
        for span in ("", "5", "5 minutes", "m", "1.5h", -1, "-5m", timedelta(seconds=-1), True, None, [], float("inf")):
            with self.assertRaises(UsageError, msg=repr(span)):
                millis(span)

    def test_points_of_time(self):
        when = datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=1)))
        self.assertEqual(instant(when), 1_772_362_800_000)
        self.assertEqual(from_instant(instant(when)), when)
        self.assertEqual(instant(1.0001), 1_001)
        self.assertEqual(instant(1_772_362_800.123), 1_772_362_800_123)
        self.assertEqual(instant(-5), 0)
        with self.assertRaisesRegex(UsageError, "time zone"):
            instant(datetime(2026, 3, 1))


if __name__ == "__main__":
    unittest.main()
