"""Options that are given by name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def known(given: Any, options: Any) -> None:
    """Refuses an option that there is none of, as Python does for names that a function lists."""
    for name in given:
        if name not in options.__annotations__:
            raise TypeError(f"there is no option `{name}`; there are {', '.join(options.__annotations__)}")


def names(given: Iterable[str]) -> list[str]:
    """A list of names, where one alone is a text."""
    return [given] if isinstance(given, str) else list(given)
