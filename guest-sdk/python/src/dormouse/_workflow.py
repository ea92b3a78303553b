"""The decorator that makes an async function the workflow of its component."""

from __future__ import annotations

import inspect
import typing
from typing import Any, Callable, TypeVar

from ._errors import UsageError, shown_file

F = TypeVar("F", bound=Callable[..., Any])

_PARAMETERS = "a context and an input, or a context alone"


class Workflow:
    """A function under `@workflow`, and what it takes."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.place = _place(function)
        named = f"{self.place}: the workflow `{function.__name__}`"
        if not inspect.iscoroutinefunction(function):
            raise UsageError(f"{named} is not async: write `async def {function.__name__}(ctx, input)`")
        parameters = list(inspect.signature(function).parameters.values())
        positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        required = [p for p in parameters if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
        if not positional or len(required) > 2 or any(p not in positional[:2] for p in required):
            raise UsageError(f"{named} takes {_PARAMETERS}")
        self.takes_input = len(positional) > 1
        self._input = positional[1] if self.takes_input else None

    @property
    def input_type(self) -> Any:
        """The annotation of the input. It is looked up late, since it may name what stands below the function."""
        if self._input is None or self._input.annotation is self._input.empty:
            return Any
        try:
            return typing.get_type_hints(self.function).get(self._input.name, Any)
        except NameError as error:
            raise UsageError(f"{self.place}: the annotation of `{self._input.name}` is unknown: {error}") from error


registered: list[Workflow] = []
"""The workflows of the modules that were imported."""


def workflow(function: F) -> F:
    """Makes an `async def` the workflow of its component.

    The function takes a `Context`, and an input whose annotation says how it is read, or a `Context` alone. What it returns
    is the run's output. A component has one workflow.
    """
    registered.append(Workflow(function))
    return function


def _place(function: Any) -> str:
    code = getattr(function, "__code__", None)
    if code is None:
        return getattr(function, "__module__", None) or "?"
    return f"{shown_file(code.co_filename)}:{code.co_firstlineno}"
