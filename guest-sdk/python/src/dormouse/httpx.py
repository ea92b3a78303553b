"""A transport for httpx whose requests are durable calls, so that clients which take one work in a workflow.

    async with httpx.AsyncClient(transport=DurableTransport()) as client:
        response = await client.get("https://example.com/price")

It is there if httpx is. Each request is sent at most once, but for one that a stop of the host cut off, which is sent again
under the same key: clients that want more try again by themselves.
"""

from __future__ import annotations

import uuid

import httpx

from ._errors import CallError
from ._time import Span
from .http import call

# What the host writes by itself.
_OWN = {b"connection", b"content-length", b"host", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade"}

_ERRORS: dict[str, type[httpx.TransportError]] = {
    "denied": httpx.ConnectError,
    "unreachable": httpx.ConnectError,
    "timed-out": httpx.ReadTimeout,
    "too-large": httpx.ReadError,
    "invalid": httpx.LocalProtocolError,
    "malformed-response": httpx.RemoteProtocolError,
}


class DurableTransport(httpx.AsyncBaseTransport):
    """Sends the requests of an `httpx.AsyncClient` as calls of the run. `timeout` is for one request; that of the client,
    which is for parts of one, is ignored."""

    def __init__(self, *, timeout: Span = "30m") -> None:
        self._timeout = timeout

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Sends a request, and gives its response, whose body comes whole."""
        body = await request.aread()
        headers = [(name.decode("latin-1"), value) for name, value in request.headers.raw if name.lower() not in _OWN]
        key = request.headers.get("idempotency-key") or str(uuid.uuid4())
        while True:
            try:
                response = await call(
                    request.method,
                    str(request.url),
                    headers=[(name, value) for name, value in headers if name.lower() != "idempotency-key"],
                    body=body,
                    timeout=self._timeout,
                    attempts=1,
                    idempotency_key=key,
                    redirects=0,
                )
                break
            except CallError as error:
                if error.code != "interrupted":
                    raise _ERRORS.get(error.code, httpx.TransportError)(str(error), request=request) from error
        fields = [(name.encode("latin-1"), value) for name, value in response.headers._to_contract()]
        return httpx.Response(response.status, headers=fields, content=response.body, request=request)
