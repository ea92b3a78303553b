"""Hands a job to a service, and collects the updates that the service sends until it is done."""

from dataclasses import dataclass

from dormouse import Context, workflow


@dataclass
class Input:
    service_url: str
    timeout_ms: int


@workflow
async def progress(ctx: Context, input: Input) -> list:
    hook = await ctx.webhook("progress")
    response = await ctx.post(input.service_url, json={"webhookUrl": hook.url}, step="start job")
    response.error_for_status()

    updates = []
    while update := await hook.wait(timeout=input.timeout_ms / 1_000):
        updates.append(update.json())
        if update.header("x-task-finished") == "true":
            break
    return updates
