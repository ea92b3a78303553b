"""Runs that use runs, events, generations, and what a run knows of itself."""

import asyncio

from dormouse import Error, Payload
from dormouse.payload import to_json


async def parent(ctx, input):
    """Starts others, waits for them, speaks to them and cancels them."""
    me = ctx.run.workflow
    double = await ctx.invoke(me, {"do": "child", "n": 4})
    try:
        await ctx.invoke(me, {"do": "fail", "how": "error"}, step="fails")
    except Error as error:
        failed = error.code
    try:
        await ctx.start_run("nowhere")
    except Error as error:
        unknown = error.code
    waiting = await ctx.start_run(me, {"do": "wait for cancel"}, labels=["kind:waiting"])
    open = await waiting.wait(timeout="1ms")
    await ctx.wait_for_event("child is there", timeout="1m")
    asked = await waiting.cancel("enough", grace="1m")
    outcome = await waiting.wait()
    return {
        "double": double,
        "failed": failed,
        "unknown": unknown,
        "open": open,
        "asked": asked,
        "outcome": [outcome.status, str(outcome.error)],
    }


async def child(ctx, input):
    return input["n"] * 2


async def nested(ctx, input):
    """Reads and writes JSON that is nested deep, as somebody could send it to a webhook."""
    levels = input["levels"]
    value = Payload("application/json", b"[" * levels + b"]" * levels).json()
    return len(ctx.step("write it", lambda: Payload("", to_json(value)), Payload).body)


async def wait_for_cancel(ctx, input):
    ctx.set_label("phase:waiting")
    # An event reaches only those who wait for it already.
    told = asyncio.create_task(tell_until_heard(ctx))
    reason = await ctx.wait_for_cancel(timeout="1h")
    told.cancel()
    raise Error("told-to-stop", reason)


async def tell_until_heard(ctx):
    while not await ctx.notify("child is there", {"id": ctx.run_id}):
        await asyncio.sleep(0.05)


async def generations(ctx, input):
    """Goes on as new, and keeps its webhook."""
    number = input.get("number", 0)
    hook = ctx.kept_webhook("kept") or await ctx.webhook("kept")
    if number == 0:
        await ctx.post(input["service_url"], json={"hook": hook.url})
    said = (await hook.wait(timeout="1h")).text()
    if said == "stop":
        return number
    ctx.continue_as_new({**input, "number": number + 1}, keep=[hook])


async def look(ctx, input):
    """What a run knows, and a step."""
    for log in (ctx.trace, ctx.debug, ctx.info, ctx.warn, ctx.error):
        log(f"from {log.__name__}")
    try:
        ctx.set_label("no label")
    except Error as error:
        label = error.code
    before = ctx.now()
    await ctx.sleep_until("soon", before.timestamp() + 0.01)
    later = ctx.now()
    return {
        "id": ctx.run.id == ctx.run_id,
        "workflow": ctx.run.workflow,
        "trigger": ctx.request,
        "moved": later > before >= ctx.run.started,
        "label": label,
        "step": ctx.step("add", lambda: 1 + 1, int),
        "random": [ctx.random(), ctx.random_bytes(70_000)[:4].hex(), ctx.uuid()],
    }
