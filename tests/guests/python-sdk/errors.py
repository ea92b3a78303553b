"""Everything that can go wrong in a workflow."""

import asyncio
import time

from dormouse import Error


class Declined(Exception):
    code = "card-declined"


async def fail(ctx, input):
    nothing = None
    match input["how"]:
        case "error":
            raise Error("card-declined", "no money")
        case "own":
            raise Declined("no money either")
        case "value":
            raise ValueError("a bad value") from KeyError("the cause")
        case "group":
            async with asyncio.TaskGroup() as group:
                group.create_task(raise_soon(ctx, Declined("in a group")))
        case "status":
            (await ctx.get(input["service_url"], step="ask")).error_for_status()
        case "unreachable":
            await ctx.get("http://127.0.0.1:1/", attempts=1)
        case "exit":
            raise SystemExit("that is all")
        case "type":
            nothing.missing()
        case "key":
            return {}["missing"]
        case "recursion":
            return deeper(0)
        case "usage":
            await ctx.sleep("a while", "5 minutes")
        case "blocking":
            time.sleep(0)
            time.sleep(1)
        case "stuck":
            await asyncio.Future()
        case "late import":
            import colorsys

            return colorsys.rgb_to_hsv(1, 0, 0)


async def raise_soon(ctx, error):
    await ctx.sleep("a moment", "1ms")
    raise error


def deeper(depth):
    return deeper(depth + 1) + 1
