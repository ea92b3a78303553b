"""What every language must be able to do, in Python. The crate beside it does the same in Rust."""

import asyncio

from dormouse import Context, Error, workflow


async def lookback(ctx, input):
    """A request that comes before the wait is kept."""
    hook = await ctx.webhook("hook")
    (await ctx.post(input["service"], json=hook.url, step="tell")).error_for_status()
    await ctx.sleep("pause", "200ms")
    return (await hook.wait()).text()


async def fifo(ctx, input):
    """Requests are taken in the order in which they came."""
    hook = await ctx.webhook("hook")
    await ctx.wait_for_event("begin")
    return [(await hook.wait()).text() for _ in range(3)]


async def timeout(ctx, input):
    """A wait whose time is over gives nothing, and takes nothing."""
    hook = await ctx.webhook("hook")
    first = await hook.wait(timeout="20ms")
    return [first is None, (await hook.wait()).text()]


async def race(ctx, input):
    """The loser of a race is given up, and takes nothing."""
    hook = await ctx.webhook("hook")
    request = asyncio.ensure_future(hook.wait())
    timer = asyncio.ensure_future(ctx.sleep("pause", "20ms"))
    done, _ = await asyncio.wait([request, timer], return_when=asyncio.FIRST_COMPLETED)
    winner = "timer" if timer in done else "request"
    request.cancel()
    return [winner, (await hook.wait()).text()]


async def join(ctx, input):
    """Operations at the same time, whose results are in order."""
    hook = await ctx.webhook("hook")

    async def ask(name):
        return (await ctx.post(f"{input['service']}/{name}", step=name)).status

    *statuses, wake = await asyncio.gather(ask("a"), ask("b"), ask("c"), hook.wait())
    return [*statuses, wake.text()]


async def cancel(ctx, input):
    """A run that is told to cancel while it waits for something else."""
    hook = await ctx.webhook("hook")
    cancelled = asyncio.ensure_future(ctx.wait_for_cancel())
    request = asyncio.ensure_future(hook.wait())
    await asyncio.wait([cancelled, request], return_when=asyncio.FIRST_COMPLETED)
    return cancelled.result()


async def child(ctx, input):
    """A run that another starts and waits for."""
    return await ctx.invoke(ctx.run.workflow, {"do": "double", "number": 21})


async def double(ctx, input):
    return input["number"] * 2


async def generations(ctx, input):
    """Generations that keep a webhook."""
    hook = ctx.kept_webhook("hook") or await ctx.webhook("hook")
    number = input.get("number", 0)
    if (await hook.wait()).text() == "stop":
        return number
    ctx.continue_as_new({"do": "generations", "number": number + 1}, keep=[hook])


async def error(ctx, input):
    raise Error("card-declined", "no funds")


async def event(ctx, input):
    """An event that is sent to the run."""
    return (await ctx.wait_for_event("news")).json()


async def unicode(ctx, input):
    """Text in other scripts, in bodies and in names."""
    hook = await ctx.webhook("hook")
    text = (await hook.wait()).text()
    await ctx.sleep(f"⏰ {text}", "1ms")
    return {"text": text, "characters": len(text)}


async def binary(ctx, input):
    """Every byte."""
    hook = await ctx.webhook("hook")
    return list((await hook.wait()).body)


async def answer(ctx, input):
    """A caller that is answered by the workflow."""
    hook = await ctx.webhook("hook", reply_within="30s")
    delivery = await hook.wait()
    delivery.respond(201, json={"heard": delivery.text()})
    return delivery.text()


async def many(ctx, input):
    """So many operations, with three waits among them."""
    hook = await ctx.webhook("hook")
    sum = 0
    for part in range(4):
        for number in range(input["number"] // 4):
            sum += ctx.step("add", lambda: number, int)
        if part < 3:
            await hook.wait()
    return sum


DOES = {
    each.__name__: each
    for each in (
        lookback, fifo, timeout, race, join, cancel, child, double, generations, error, event, unicode, binary, answer, many,
    )
}


@workflow
async def behaviour(ctx: Context, input: dict):
    return await DOES[input["do"]](ctx, input)
