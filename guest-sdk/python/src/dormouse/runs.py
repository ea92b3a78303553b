"""Other runs: starting them, waiting for them, cancelling them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict, Unpack, overload

from ._contract import contract
from ._errors import Error
from ._loop import operation
from ._options import known, names
from ._time import Span, optional_millis
from .headers import Headers
from .payload import Payload, read


@dataclass(frozen=True)
class Run:
    """This run."""

    id: str
    """Its id, a UUID."""
    workflow: str
    """The name of its workflow."""
    version: str
    """The version of that workflow: the SHA-256 of its component, in hexadecimal."""
    started: datetime
    """When it was started."""
    headers: Headers
    """The headers of the request that started it, credentials left out."""


@dataclass(frozen=True)
class TriggerRequest:
    """The request to a trigger that started a run. Its body is the run's input."""

    trigger: str
    """The name of the trigger."""
    method: str
    """The method in capitals."""
    url: str
    """The whole URL that was called."""
    headers: Headers
    """Its headers, credentials and signatures left out."""


@dataclass(frozen=True)
class RunOutcome:
    """How a run ended."""

    status: str
    """`completed`, `failed`, `cancelled`, or `gone` when there is no such run any more."""
    payload: Payload | None = None
    """What it returned, if it completed."""
    error: Error | None = None
    """Why it did not complete."""

    def output(self, type: Any = Any) -> Any:
        """What it returned, as a value of this type; raises the error if it did not complete."""
        if self.payload is None:
            raise self.error or Error("gone", "there is no such run any more")
        return read(self.payload, type, "the run's output")

    @classmethod
    def _from_contract(cls, outcome: Any) -> "RunOutcome":
        kind = type(outcome).__name__.removeprefix("RunOutcome_")
        if kind == "Completed":
            return cls("completed", Payload._from_contract(outcome.value))
        if kind == "Cancelled":
            return cls("cancelled", None, Error("cancelled", f"the run was cancelled: {outcome.value}"))
        if kind == "Gone":
            return cls("gone", None, Error("gone", "there is no such run any more"))
        return cls("failed", None, Error(outcome.value.code, outcome.value.message))


@dataclass(frozen=True)
class OtherRun:
    """Another run. A run may wait for those that it started, those that they started, and runs of its own workflow."""

    id: str
    """Its id."""
    step: str
    """The name of the steps that are made with it."""

    @overload
    async def wait(self, *, step: str | None = None) -> RunOutcome: ...
    @overload
    async def wait(self, timeout: Span, *, step: str | None = None) -> RunOutcome | None: ...

    async def wait(self, timeout: Span | None = None, *, step: str | None = None) -> RunOutcome | None:
        """Waits until it has ended, and gives how. Gives `None` when the timeout passes first."""
        name, within = step or self.step, optional_millis(timeout)
        outcome = await _or_error(lambda: contract().runs.wait_for_run(name, self.id, within))
        return None if outcome is None else RunOutcome._from_contract(outcome)

    async def output(self, type: Any = Any, *, step: str | None = None) -> Any:
        """Waits until it has ended, and gives what it returned. Raises its error if it failed or was cancelled."""
        return (await self.wait(step=step)).output(type)

    async def cancel(self, reason: str | None = None, *, grace: Span | None = None, step: str | None = None) -> bool:
        """Cancels it, or with `grace` asks it to cancel and gives it so much time. Whether it was there and had not ended."""
        host = contract()
        options = host.runs.CancelOptions(optional_millis(grace), reason, [])
        return bool(await _or_error(lambda: host.runs.cancel_run(step or self.step, self.id, options)))


class StartOptions(TypedDict, total=False):
    """How a run is started. `Context.start_run` tells what each is for."""

    step: str | None
    version: str | None
    leave: bool
    timeout: Span | None
    labels: Iterable[str]


async def start(workflow: str, payload: Payload, **given: Unpack[StartOptions]) -> OtherRun:
    """Starts a run."""
    given = known(given, StartOptions)
    host = contract()
    options = host.runs.StartOptions(
        given.get("version"),
        "leave" if given.get("leave") else None,
        optional_millis(given.get("timeout")),
        [("label", label) for label in names(given.get("labels", ()))],
    )
    step, input = given.get("step") or workflow, payload._to_contract()
    return OtherRun(await _or_error(lambda: host.runs.start_run(step, workflow, input, options)), step)


async def _or_error(begin: Any) -> Any:
    """An operation's result; its failure is raised as an `Error`."""
    try:
        return await operation(begin)
    except contract().Err as error:
        raise Error(error.value.code, error.value.message) from None
