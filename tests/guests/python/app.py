"""A workflow in Python, without an SDK: the contract's imports, and a CPython that does not know it is durable.

It looks at everything by which an interpreter could tell one execution from the next (clocks, random numbers, the
order of a set, what it prints), before and after each wait. A test restarts the host in the middle and compares.

Input: {"service_url": URL, "timeout_ms": N}. The service gets {"webhookUrl": URL}, and is expected to call it twice.
Result: {"before": …, "between": …, "after": …, "bodies": [text or null, text or null]}.
"""

import json
import random
import time

import wit_world
from componentize_py_types import Err
from wit_world.imports import context, http, types, webhooks

ANY_REQUEST = webhooks.WebhookOptions(
    methods=[], signature=None, handshake=None, reply=webhooks.Reply_Accepted(), settings=[]
)
DEFAULTS = http.CallOptions(
    timeout=None, retry=None, idempotency_key=None, redirects=0, secret_headers=[], settings=[]
)


class WitWorld(wit_world.WitWorld):
    async def run(self, input: types.Payload) -> types.Payload:
        order = json.loads(input.body)
        webhook = webhooks.create_webhook("updates", ANY_REQUEST)
        await post("start the job", order["service_url"], {"webhookUrl": webhook.url})

        before = observe()
        first = await webhooks.wait_for_webhook("first", webhook.id, order["timeout_ms"])
        between = observe()
        second = await webhooks.wait_for_webhook("second", webhook.id, order["timeout_ms"])

        return to_json(
            {
                "before": before,
                "between": between,
                "after": observe(),
                "bodies": [text(first), text(second)],
            }
        )


def observe():
    """What this moment looks like to the interpreter, also printed."""
    seen = {
        "time": time.time(),
        "monotonic": time.monotonic(),
        "now": context.now(),
        "random": random.random(),
        "system_random": random.SystemRandom().random(),
        "bytes": context.random(8).hex(),
        "hash": hash("dormouse"),
        "set": list({"flour", "water", "salt", "yeast", "time"}),
        "id": context.current_run().id,
    }
    print("observed", json.dumps(seen), flush=True)
    return seen


async def post(step, url, body):
    headers = [("content-type", b"application/json")]
    request = types.Request("POST", url, headers, json.dumps(body).encode())
    try:
        response = await http.call(step, request, DEFAULTS)
    except Err as error:
        raise failed("service-unreachable", f"no response from {url}: {error.value}") from error
    if response.status >= 300:
        raise failed("service-refused", f"{url} answered {response.status}")


def failed(code, message):
    return Err(types.Failure(code, message))


def text(delivery):
    return None if delivery is None else delivery.request.body.decode()


def to_json(value):
    return types.Payload("application/json", json.dumps(value).encode())
