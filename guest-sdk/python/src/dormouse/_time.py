"""Spans and points of time."""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta, timezone
from typing import Union

from ._errors import UsageError

Span = Union[str, int, float, timedelta]
"""A span of time: a number of seconds, a `timedelta`, or a text such as `"5m"` or `"1h 30m"`."""

_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_PART = re.compile(r"\s*(\d+)\s*([a-z]+)")
_LONGEST = 2**64 - 1


def millis(span: Span) -> int:
    """A span in whole milliseconds, rounded up, since nothing durable is early."""
    if isinstance(span, str):
        total = _parse(span)
    elif isinstance(span, timedelta):
        total = -(-span // timedelta(milliseconds=1))
    elif isinstance(span, (int, float)) and not isinstance(span, bool):
        if not math.isfinite(span):
            raise UsageError(f"{span} is not a span of time; leave the timeout out to wait for as long as it takes")
        total = math.ceil(round(span * 1_000, 6))
    else:
        raise UsageError(f"{span!r} is not a span of time: give seconds, a timedelta, or a text such as '5m'")
    if total < 0:
        raise UsageError(f"{span!r} is not a span of time: it is negative")
    return min(total, _LONGEST)


def optional_millis(span: Span | None) -> int | None:
    return None if span is None else millis(span)


def _parse(text: str) -> int:
    total, position = 0, 0
    stripped = text.strip()
    while position < len(stripped):
        part = _PART.match(stripped, position)
        if part is None or part[2] not in _UNITS:
            break
        total += int(part[1]) * _UNITS[part[2]]
        position = part.end()
    if not stripped or position < len(stripped):
        raise UsageError(
            f"`{text}` is not a span of time: write whole numbers with their units (ms, s, m, h, d or w), "
            "such as `5m` or `1h 30m`"
        )
    return total


def instant(when: datetime | int | float) -> int:
    """A point in time as milliseconds since the Unix epoch, rounded up."""
    if isinstance(when, datetime):
        if when.tzinfo is None:
            raise UsageError("a datetime without a time zone is not a point in time: give it one, such as timezone.utc")
        since = when - datetime(1970, 1, 1, tzinfo=timezone.utc)
        total = -(-since // timedelta(milliseconds=1))
    elif isinstance(when, (int, float)) and not isinstance(when, bool) and math.isfinite(when):
        total = math.ceil(round(when * 1_000, 3))
    else:
        raise UsageError(f"{when!r} is not a point in time: give a datetime, or seconds since 1970")
    return min(max(total, 0), _LONGEST)


def from_instant(millis_since: int) -> datetime:
    """A point in time of the contract."""
    return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(milliseconds=millis_since)
