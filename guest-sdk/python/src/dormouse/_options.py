"""Options that are given by name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def known(given: Any, options: Any) -> Any:
    """The options that were given. One that there is none of is refused, as Python does for names that a function lists; one
    that is `None` is not given, but for JSON, which has a null."""
    for name in given:
        if name not in options.__annotations__:
            raise TypeError(f"there is no option `{name}`; there are {', '.join(options.__annotations__)}")
    return {name: value for name, value in given.items() if value is not None or name == "json"}


def names(given: Iterable[str]) -> list[str]:
    """A list of names, where one alone is a text."""
    return [given] if isinstance(given, str) else list(given)
