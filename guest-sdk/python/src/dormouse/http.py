"""Calls to other services, and the requests and responses of HTTP."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypedDict, Unpack

from . import _encoding, _forms, _secrets
from ._contract import contract, load
from ._errors import CallError, HttpStatusError, UsageError
from ._forms import Fields
from ._loop import operation
from ._options import known
from ._time import Span, from_instant, millis, optional_millis
from .headers import FORM, HTML, JSON, TEXT, Headers, HeadersLike
from .payload import from_json, from_text, to_json

_SHOWN_OF_A_BODY = 200

_UNSET: Any = object()

REDIRECTS = 10


class Done:
    """What is done when it was called. It may be awaited, for the sake of habit."""

    def __await__(self) -> Any:
        return iter(())


class _Body:
    """What can be read from a message of HTTP."""

    headers: Headers
    body: bytes

    def _named(self) -> str:
        return "the body"

    def json(self, type: Any = Any) -> Any:
        """The JSON in the body, as a value of this type."""
        return from_json(self.decoded(), type, self._named())

    def text(self) -> str:
        """The text in the body, which is UTF-8."""
        return from_text(self.decoded(), self._named())

    def form(self) -> dict[str, str]:
        """The fields of the form in the body. Of a name that occurs more than once, the last; `form_pairs` has them all."""
        return dict(self.form_pairs())

    def form_pairs(self) -> list[tuple[str, str]]:
        """Names and values of the form in the body, in order."""
        return _forms.decode(self._named(), self.header("content-type") or "", self.decoded())

    def decoded(self, limit: int = _encoding.DECODED_LIMIT) -> bytes:
        """The body without its `Content-Encoding`, at most so many bytes."""
        return _encoding.decode(self._named(), self.headers, self.body, limit)

    def header(self, name: str) -> str | None:
        """The first header of this name."""
        return self.headers.get(name)  # type: ignore[no-any-return]


class Response(_Body):
    """A response: what a call brought, or what a caller is to be answered."""

    def __init__(
        self,
        status: int = 200,
        *,
        json: Any = _UNSET,
        text: str | None = None,
        html: str | None = None,
        body: bytes = b"",
        headers: HeadersLike = None,
    ) -> None:
        self.status = status
        self.headers = Headers(headers)
        self.body = body
        self._origin = "the service"
        for given, kind in ((json, JSON), (text, TEXT), (html, HTML)):
            if given is _UNSET or (given is None and kind is not JSON):
                continue
            self.headers._default("content-type", kind)
            self.body = to_json(given) if kind is JSON else str(given).encode()

    def _named(self) -> str:
        return "the response's body"

    @property
    def ok(self) -> bool:
        """Whether the status is below 400."""
        return self.status < 400

    def error_for_status(self) -> "Response":
        """This response, if its status is below 400; else raises an error with the code `http-status`."""
        if self.ok:
            return self
        message = f"{self._origin} was answered with status {self.status}"
        try:
            shown = self.decoded().decode(errors="replace")[:_SHOWN_OF_A_BODY]
        except Exception:
            # What cannot be decoded is no reason to hide the status.
            shown = ""
        raise HttpStatusError(f"{message}: {shown}" if shown else message, self)

    def __repr__(self) -> str:
        return f"<Response {self.status}, {len(self.body)} bytes>"

    @classmethod
    def _from_contract(cls, response: Any, origin: str) -> "Response":
        made = cls(response.status, body=bytes(response.body))
        made.headers = Headers._from_contract(response.headers)
        made._origin = origin
        return made

    def _to_contract(self) -> Any:
        return load().types.Response(self.status, self.headers._to_contract(), self.body)


@dataclass
class Delivery(_Body):
    """A request that reached a webhook."""

    id: str
    """Names this request."""
    accepted: datetime
    """When the host accepted it."""
    method: str
    """The method in capitals."""
    url: str
    """The whole URL that was called."""
    headers: Headers
    """Its headers."""
    body: bytes
    """Its body, as it came."""
    _step: str

    def _named(self) -> str:
        return f"the body sent to webhook `{self._step}`"

    def respond(self, response: Response | int = 200, **content: Any) -> Done:
        """Answers the caller, if the webhook was made with `reply_within`: with a `Response`, or a status and what a
        `Response` takes besides, such as `json=`."""
        if not isinstance(response, Response):
            response = Response(response, **content)
        contract().webhooks.respond(self._step, self.id, response._to_contract())
        return Done()

    @classmethod
    def _from_contract(cls, delivery: Any, step: str) -> "Delivery":
        request = delivery.request
        return cls(
            delivery.id,
            from_instant(delivery.accepted),
            request.method,
            request.url,
            Headers._from_contract(request.headers),
            bytes(request.body),
            step,
        )


@dataclass(frozen=True)
class RetryPolicy:
    """When a call is made again. What it says by itself is the host's own default."""

    attempts: int | None = None
    """Attempts in all. With 1 the request is sent at most once."""
    give_up_after: Span | None = "24h"
    """How long after the call was made no attempt begins any more. With `None`, and no `attempts`, it goes on for ever."""
    initial_delay: Span = 0.5
    """Before the second attempt."""
    multiplier: float = 2.0
    """What a delay is multiplied with to give the next."""
    max_delay: Span = "5m"
    """No delay is longer."""

    def _to_contract(self) -> Any:
        return load().http.RetryPolicy(
            self.attempts,
            optional_millis(self.give_up_after),
            millis(self.initial_delay),
            float(self.multiplier),
            millis(self.max_delay),
        )


class CallOptions(TypedDict, total=False):
    """How a call is made. `Context.call` tells what each is for."""

    step: str
    json: Any
    form: Fields
    text: str
    body: bytes
    query: Fields
    headers: HeadersLike
    basic_auth: tuple[str, str]
    timeout: Span | None
    retry: RetryPolicy | None
    attempts: int | None
    give_up_after: Span | None
    idempotency_key: str | None
    redirects: int


async def call(method: str, url: str, **given: Unpack[CallOptions]) -> Response:
    """Sends a request, again as the policy says, and gives the response."""
    given = known(given, CallOptions)
    method = method.upper()
    fields = Headers(given.get("headers"))
    body, kind = _body(given)
    if kind is not None:
        fields._default("content-type", kind)
    if "basic_auth" in given:
        fields._default("authorization", _basic(*given["basic_auth"]))
    if "query" in given:
        url = _forms.with_query(url, _forms.encode("the query", given["query"]))
    step = given.get("step") or _step(method, url)
    plain, secret_headers = _secrets.split_headers(method, url, fields.items(), body)
    host = contract()
    request = host.types.Request(method, url, Headers(plain)._to_contract(), body)
    options = host.http.CallOptions(
        optional_millis(given.get("timeout")),
        _policy(given),
        given.get("idempotency_key"),
        given.get("redirects", REDIRECTS),
        secret_headers,
        [],
    )
    origin = f"call `{step}` ({method} {_forms.shown(url)})"
    try:
        response = await operation(lambda: host.http.call(step, request, options))
    except host.Err as error:
        raise _call_error(error.value, origin) from None
    return Response._from_contract(response, origin)


def _step(method: str, url: str) -> str:
    """What a call is called that was given no name: at most as many bytes as the contract takes."""
    return f"{method} {_forms.host_of(url)}".encode()[:256].decode(errors="ignore")


def _policy(given: CallOptions) -> Any:
    policy = given.get("retry")
    bounds: Any = {name: value for name, value in given.items() if name in ("attempts", "give_up_after")}
    if bounds:
        policy = replace(policy or RetryPolicy(), **bounds)
    return None if policy is None else policy._to_contract()


def _body(given: CallOptions) -> tuple[bytes, str | None]:
    names = [name for name in ("json", "form", "text", "body") if name in given]
    if len(names) > 1:
        raise UsageError(f"a call has one body, and was given {' and '.join(names)}")
    if "json" in given:
        return to_json(given["json"]), JSON
    if "form" in given:
        return _forms.encode("the form", given["form"]).encode(), FORM
    if "text" in given:
        return given["text"].encode(), TEXT
    return bytes(given.get("body", b"")), None


def _basic(user: str, password: str) -> str:
    import base64

    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


_TEXTS: dict[str, tuple[str, str]] = {
    "Denied": ("denied", "the call is not allowed: {}"),
    "Invalid": ("invalid", "the call cannot be sent as it is: {}"),
    "TimedOut": ("timed-out", "the service did not answer in time"),
    "Unreachable": ("unreachable", "the service cannot be reached: {}"),
    "TooLarge": ("too-large", "the response is larger than {} bytes"),
    "Interrupted": ("interrupted", "the host stopped during the last attempt, which may have arrived"),
    "Abandoned": ("abandoned", "the workflow gave the call up"),
}


def _call_error(error: Any, origin: str) -> CallError:
    """The contract's error, as Python has it."""
    kind = type(error).__name__.removeprefix("CallError_")
    if kind not in _TEXTS:
        return CallError(error.value.code, f"{origin}: {error.value.message}")
    code, text = _TEXTS[kind]
    return CallError(code, f"{origin}: {text.format(getattr(error, 'value', ''))}")
