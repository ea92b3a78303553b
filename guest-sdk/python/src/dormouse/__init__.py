"""Durable workflows for Dormouse, in Python.

A workflow is an `async def` under `@workflow`. It may wait for a year, and goes on from the line where it stopped, whatever
became of the host in between.

    from dormouse import Context, workflow

    @workflow
    async def progress(ctx: Context, input):
        hook = await ctx.webhook("progress")
        response = await ctx.post(input["service_url"], json={"webhookUrl": hook.url}, step="start job")
        response.error_for_status()
        update = await hook.wait(timeout="5m")
        return None if update is None else update.json()

`dormouse-py build flow.py` makes a component of it, which `dormouse deploy` takes.
"""

from ._errors import CallError, Error, HttpStatusError, SecretError, UsageError
from ._secrets import secret
from ._time import Span
from ._workflow import workflow
from .context import Context
from .headers import Headers
from .http import Delivery, Response, RetryPolicy
from .payload import Payload
from .runs import OtherRun, Run, RunOutcome, TriggerRequest
from .webhooks import Signature, Webhook

__all__ = [
    "CallError",
    "Context",
    "Delivery",
    "Error",
    "Headers",
    "HttpStatusError",
    "OtherRun",
    "Payload",
    "Response",
    "RetryPolicy",
    "Run",
    "RunOutcome",
    "SecretError",
    "Signature",
    "Span",
    "TriggerRequest",
    "UsageError",
    "Webhook",
    "secret",
    "workflow",
]
