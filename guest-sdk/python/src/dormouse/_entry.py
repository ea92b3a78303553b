"""A run, from its input to its result."""

from __future__ import annotations

import asyncio
import os
import random
from typing import Any, NoReturn

from . import _contract, _environment
from ._encoding import decode
from ._errors import Error, failure_of, is_programming, told
from ._loop import DurableLoop, loop
from ._workflow import Workflow
from .context import Context
from .payload import Payload, read, to_payload

# What Python's generator takes in whole.
_SEED_BYTES = 32


async def run(workflow: Workflow, given: Any) -> Any:
    """Runs the workflow, and gives its result or raises its failure, as the contract has them."""
    _contract.begin()
    _environment.apply()
    host = _contract.contract()
    random.seed(host.context.random(_SEED_BYTES))
    this = loop()
    this.operations.keep_context()
    own = asyncio.current_task(this)
    assert own is not None
    task = this.create_task(_call(workflow, Payload._from_contract(given)))
    error = await _settled(this, task)
    if error is not None and is_programming(error):
        broken(error)
    await this.end(keep={own})
    if error is None:
        return task.result()._to_contract()
    code, message = failure_of(error)
    host.context.log(host.context.Level.ERROR, told(error))
    raise host.Err(host.types.Failure(code, message))


async def _call(workflow: Workflow, given: Payload) -> Payload:
    context = Context()
    arguments: tuple[Any, ...] = ()
    if workflow.takes_input:
        arguments = (_input(context, given, workflow.input_type),)
    return to_payload(await workflow.function(context, *arguments))


def _input(context: Context, given: Payload, type: Any) -> Any:
    """The input as the workflow takes it. What started the run may have compressed it."""
    headers = context.run.headers
    try:
        if type is not Payload and type is not bytes:
            body = decode("the input", headers, given.body)
            given = Payload(given.content_type, body)
        return read(given, type, "the input")
    except Error as error:
        raise Error("invalid-input", error.message) from None


async def _settled(this: DurableLoop, task: "asyncio.Task[Any]") -> BaseException | None:
    """Waits for a task, whatever becomes of it, and gives what it raised."""
    settled = this.create_future()
    task.add_done_callback(lambda _: settled.set_result(None))
    await settled
    if task.cancelled():
        return Error("cancelled", "the workflow's own task was cancelled")
    return task.exception()


def broken(error: BaseException) -> NoReturn:
    """Stops the run where it is, so that repaired code can take it up. A trap is how the contract says so; the last line
    that was logged as an error before is what people are told."""
    host = _contract.contract()
    host.context.log(host.context.Level.ERROR, told(error))
    os.abort()
