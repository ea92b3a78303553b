"""The way to the host: the contract's imports, where there are any.

In a component they are there; while one is built they are there and trap; in an ordinary Python they are not. So whatever
uses them asks `contract()`, which says what is wrong with the moment.
"""

from __future__ import annotations

from typing import Any

from ._errors import UsageError

_running = False


class _Contract:
    """The contract's interfaces, imported once."""

    def __init__(self) -> None:
        from componentize_py_types import Err, Ok
        from wit_world.imports import context, events, http, runs, steps, timers, types, webhooks

        self.Err, self.Ok = Err, Ok
        self.context, self.events, self.http, self.runs = context, events, http, runs
        self.steps, self.timers, self.types, self.webhooks = steps, timers, types, webhooks


_contract: _Contract | None = None


def load() -> Any:
    """The contract, whether or not it can be used now."""
    global _contract
    if _contract is None:
        try:
            _contract = _Contract()
        except ModuleNotFoundError as error:
            raise UsageError(
                "this is not the component of a workflow: build one with `dormouse-py build`, and run it on a Dormouse host"
            ) from error
    return _contract


def begin() -> None:
    """From now on the host is there."""
    global _running
    _running = True


def contract() -> Any:
    """The contract, for use."""
    if not _running:
        load()
        raise UsageError(
            "an operation was asked for at the top level of a module: there is no run yet when a component is built, "
            "so do this in the workflow's function"
        )
    return _contract
