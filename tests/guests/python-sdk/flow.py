"""A workflow in Python that does what its input asks for: `{"do": NAME, …}`."""

import asyncio
import os
import random
import time

import errors
import httpx
import others
from dormouse import Context, Response, SecretError, workflow
from dormouse.httpx import DurableTransport


@workflow
async def flow(ctx: Context, input: dict):
    return await DOES[input["do"]](ctx, input)


async def at_once(ctx, input):
    """What asyncio has, with a restart between two requests to the webhook."""
    hook = await ctx.webhook("items")
    await ctx.post(input["service_url"], json={"hook": hook.url}, step="tell")
    queue, both, lock, seen = asyncio.Queue(), asyncio.Event(), asyncio.Lock(), []

    async def read():
        for _ in range(2):
            queue.put_nowait((await hook.wait()).json())
        both.set()

    async def work(name):
        while True:
            item = await queue.get()
            async with lock:
                await asyncio.sleep(0.01)
                seen.append([name, item, random.random(), time.time(), str(ctx.uuid())])
            queue.task_done()

    workers = [asyncio.create_task(work(name)) for name in ("a", "b")]
    async with asyncio.TaskGroup() as group:
        group.create_task(read())
        late = group.create_task(too_late(ctx))
    await both.wait()
    await queue.join()
    for worker in workers:
        worker.cancel()
    ended = await asyncio.gather(*workers, return_exceptions=True)
    order = list({"flour", "water", "salt", "yeast", "time"})
    return {"seen": seen, "late": late.result(), "ended": [type(one).__name__ for one in ended], "order": order}


async def too_late(ctx):
    """What a timeout gives up, in both ways."""
    late = []
    try:
        await asyncio.wait_for(ctx.wait_for_event("never"), 0.01)
    except TimeoutError:
        late.append("wait_for")
    try:
        async with asyncio.timeout(0.01):
            await ctx.sleep("a day", "1d")
    except TimeoutError:
        late.append("timeout")
    return late


async def leave_open(ctx, input):
    """Returns while a wait, a sleep, a call and a timer are open."""
    hook = await ctx.webhook("never")
    asyncio.create_task(hook.wait())
    asyncio.create_task(ctx.sleep("a day", "1d"))
    asyncio.create_task(ctx.get(input["service_url"], step="nobody waits for it"))
    asyncio.get_running_loop().call_later(86_400, print)
    await ctx.sleep("a moment", "1ms")
    return "returned"


async def secrets(ctx, input):
    """Sends secrets in headers, and tries to send one elsewhere."""
    key, url = os.environ["API_KEY"], input["service_url"]
    bearer = await ctx.post(url, headers={"authorization": f"Bearer {key}"}, text="hello")
    basic = await ctx.post(url, basic_auth=("ann", key))
    refused = []
    for options in ({"json": {"key": key}}, {"query": {"key": key}}):
        try:
            await ctx.post(url, **options)
        except SecretError as error:
            refused.append(str(error))
    return {"statuses": [bearer.status, basic.status], "refused": refused, "model": os.environ["MODEL"]}


async def with_httpx(ctx, input):
    """What a client of httpx does over durable calls."""
    auth = httpx.BasicAuth("ann", os.environ["API_KEY"])
    async with httpx.AsyncClient(transport=DurableTransport(), auth=auth) as client:
        responses = await asyncio.gather(*(client.post(input["service_url"], json={"n": n}) for n in range(2)))
        try:
            await client.get("http://127.0.0.1:1/")
        except httpx.ConnectError as error:
            unreachable = type(error.__cause__).__name__
        return {"statuses": [response.status_code for response in responses], "unreachable": unreachable}


async def reply(ctx, input):
    """Answers callers by itself."""
    hook = await ctx.webhook("question", methods=["GET", "POST"], reply_within="30s")
    fixed = await ctx.webhook("fixed", reply=Response(201, text="thanks"))
    await ctx.post(input["service_url"], json={"hook": hook.url, "fixed": fixed.url})
    asked = await hook.wait(timeout="1h")
    await asked.respond(200, json={"answer": asked.form()["n"]})
    hook.close()
    return [asked.method, (await fixed.wait("1h")).text()]


DOES = {
    "at once": at_once,
    "leave open": leave_open,
    "secrets": secrets,
    "httpx": with_httpx,
    "reply": reply,
    "fail": errors.fail,
    "parent": others.parent,
    "child": others.child,
    "nested": others.nested,
    "wait for cancel": others.wait_for_cancel,
    "generations": others.generations,
    "look": others.look,
}
