"""What a workflow reaches the host through."""

from __future__ import annotations

import inspect
import random as _random
import uuid as _uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Callable, NoReturn, TypeVar, Unpack, overload

from . import http, runs, webhooks
from ._contract import contract
from ._errors import Error, UsageError, failure_of, is_programming
from ._loop import operation
from ._time import Span, from_instant, instant, millis, optional_millis
from .headers import Headers
from .http import CallOptions, Response
from .payload import Payload, read, to_payload
from .runs import OtherRun, Run, StartOptions, TriggerRequest
from .webhooks import Webhook, WebhookOptions

T = TypeVar("T")

# What the contract allows at a time.
_RANDOM_BYTES_AT_A_TIME = 65_536


class Context:
    """What a workflow reaches the host through. It is a token without contents: pass it on as you like.

    An operation begins when it is first awaited, or when asyncio begins the task that it is in. Cancelling that task gives
    it up. A `step` is a name for people, of at most 256 bytes, that the journal and the command line show.
    """

    # Who and when.

    @property
    def run(self) -> Run:
        """Who this run is."""
        run = contract().context.current_run()
        return Run(run.id, run.workflow, run.version, from_instant(run.started), Headers._from_contract(run.headers))

    @property
    def run_id(self) -> str:
        """The id of this run, a UUID."""
        return str(contract().context.current_run().id)

    @property
    def request(self) -> TriggerRequest | None:
        """The request that started this run, if a trigger did."""
        request = contract().context.start_request()
        if request is None:
            return None
        return TriggerRequest(request.trigger, request.method, request.url, Headers._from_contract(request.headers))

    def now(self) -> datetime:
        """The time, in UTC. It stands still while the workflow computes."""
        return from_instant(contract().context.now())

    def uuid(self) -> str:
        """A random UUID (version 4)."""
        return str(_uuid.UUID(bytes=self.random_bytes(16), version=4))

    def random(self) -> float:
        """A random number from 0 to below 1."""
        return _random.random()

    def random_bytes(self, length: int) -> bytes:
        """So many random bytes, fit for keys and tokens. They are the same when the run is rebuilt."""
        found = b""
        while len(found) < length:
            found += contract().context.random(min(length - len(found), _RANDOM_BYTES_AT_A_TIME))
        return found

    # The log and the labels.

    def trace(self, message: object) -> None:
        """Logs what helps to follow every step."""
        self._log("TRACE", message)

    def debug(self, message: object) -> None:
        """Logs what helps to find a mistake."""
        self._log("DEBUG", message)

    def info(self, message: object) -> None:
        """Logs what people want to know."""
        self._log("INFO", message)

    def warn(self, message: object) -> None:
        """Logs what somebody should look at."""
        self._log("WARN", message)

    def error(self, message: object) -> None:
        """Logs what went wrong."""
        self._log("ERROR", message)

    def _log(self, level: str, message: object) -> None:
        host = contract()
        host.context.log(getattr(host.context.Level, level), str(message))

    def set_label(self, label: str) -> None:
        """Sets a label of this run, `key:value`, by which people find it. One with the same key gets the new value."""
        host = contract()
        try:
            host.context.set_label(label)
        except host.Err as error:
            raise Error(error.value.code, error.value.message) from None

    # Time.

    async def sleep(self, step: str, span: Span) -> None:
        """Waits for a span of time, through restarts."""
        for_millis = millis(span)
        await operation(lambda: contract().timers.sleep(step, for_millis))

    async def sleep_until(self, step: str, when: datetime | float) -> None:
        """Waits for a point in time. One that has passed ends the wait at once."""
        until = instant(when)
        await operation(lambda: contract().timers.sleep_until(step, until))

    # Webhooks.

    def webhook(self, step: str, **options: Unpack[WebhookOptions]) -> Webhook:
        """Creates a public URL by which another system resumes this run.

        `methods` are those that are delivered: POST, PUT, PATCH and DELETE unless told. `signature` is a `Signature` that
        requests must carry. `provider` with `secrets` checks what a known provider signs, and answers its probes;
        `handshake` answers probes alone; `description` describes a provider, as TOML; `tolerance` is how old a signed
        request may be. `cors` are origins whose pages may send from a browser. Callers are answered 202, or `reply`, a
        `Response`; with `reply_within`, a span, the workflow answers by `Delivery.respond`.
        """
        return webhooks.create(step, **options)

    # Calls.

    async def call(self, method: str, url: str, **options: Unpack[CallOptions]) -> Response:
        """Sends a request, again as the policy says, and gives the response. Any status is a response; `CallError` means
        that none came.

        One body: `json`, `form`, `text` or `body`. `query` is added to the URL. `headers` may carry secrets, as `secret`
        and `os.environ` give them, and so may `basic_auth`, a name and a password. `timeout` is for one attempt. `retry` is
        a `RetryPolicy`, of which `attempts` and `give_up_after` can be given alone. `idempotency_key` is made by the host
        unless given. So many `redirects` are followed, 10 unless told. `step` is the method and the host unless told.
        """
        return await http.call(method, url, **options)

    async def get(self, url: str, **options: Unpack[CallOptions]) -> Response:
        """Sends a GET, as `call` does."""
        return await http.call("GET", url, **options)

    async def post(self, url: str, **options: Unpack[CallOptions]) -> Response:
        """Sends a POST, as `call` does."""
        return await http.call("POST", url, **options)

    async def put(self, url: str, **options: Unpack[CallOptions]) -> Response:
        """Sends a PUT, as `call` does."""
        return await http.call("PUT", url, **options)

    async def patch(self, url: str, **options: Unpack[CallOptions]) -> Response:
        """Sends a PATCH, as `call` does."""
        return await http.call("PATCH", url, **options)

    async def delete(self, url: str, **options: Unpack[CallOptions]) -> Response:
        """Sends a DELETE, as `call` does."""
        return await http.call("DELETE", url, **options)

    # Events.

    @overload
    async def wait_for_event(self, event: str, *, step: str | None = None) -> Payload: ...
    @overload
    async def wait_for_event(self, event: str, timeout: Span, *, step: str | None = None) -> Payload | None: ...

    async def wait_for_event(self, event: str, timeout: Span | None = None, *, step: str | None = None) -> Payload | None:
        """Waits for the next event of this name, and gives what was sent with it. `None` when the timeout passes first."""
        name, within = step or event, optional_millis(timeout)
        payload = await operation(lambda: contract().events.wait_for_event(name, event, within))
        return None if payload is None else Payload._from_contract(payload)

    async def notify(self, event: str, data: Any = None, *, run: str | None = None, step: str | None = None) -> int:
        """Sends an event to those who wait for it, or to one run, which keeps it. Gives the number of waits it reached."""
        name, payload = step or event, to_payload(data)._to_contract()
        return int(await operation(lambda: contract().events.notify(name, event, run, payload)))

    # Steps.

    def step(self, name: str, compute: Callable[[], T], type: Any = Any) -> T:
        """What a slow computation gave, kept, and not computed again. It may ask for nothing outside, and leaves nothing
        behind but its result. An error that it raises is kept too."""
        host = contract()
        outcome = host.steps.begin(name)
        if outcome is None:
            outcome = _computed(name, compute)
            host.steps.finish(name, outcome)
        if isinstance(outcome, host.Err):
            raise Error(outcome.value.code, outcome.value.message)
        return read(Payload._from_contract(outcome.value), type, f"the result of step `{name}`")  # type: ignore[no-any-return]

    # Other runs.

    async def start_run(self, workflow: str, input: Any = None, **options: Unpack[StartOptions]) -> OtherRun:
        """Starts a run of a workflow, once, together with what this run decides beside it.

        `leave` lets it go on when this run ends. It is asked to cancel after `timeout`. `labels` are its labels.
        `version` is another than the current one. `step` is the workflow's name unless told.
        """
        return await runs.start(workflow, to_payload(input), **options)

    async def invoke(self, workflow: str, input: Any = None, *, type: Any = Any, **options: Unpack[StartOptions]) -> Any:
        """Starts a run, waits until it has ended, and gives what it returned. Raises its error if it failed."""
        return await (await self.start_run(workflow, input, **options)).output(type)

    def other_run(self, id: str, *, step: str | None = None) -> OtherRun:
        """A run by its id."""
        return OtherRun(id, step or id)

    @overload
    async def wait_for_cancel(self, *, step: str = "cancel") -> str: ...
    @overload
    async def wait_for_cancel(self, timeout: Span, *, step: str = "cancel") -> str | None: ...

    async def wait_for_cancel(self, timeout: Span | None = None, *, step: str = "cancel") -> str | None:
        """Waits until somebody asks this run to cancel, and gives the reason. `None` when the timeout passes first."""
        within = optional_millis(timeout)
        return await operation(lambda: contract().runs.wait_for_cancel(step, within))  # type: ignore[no-any-return]

    # Running for ever.

    def continue_as_new(self, input: Any = None, *, keep: Iterable[Webhook] = (), on_current_version: bool = False) -> NoReturn:
        """Ends this generation of the run and begins the next one, with this input, an empty journal, and these webhooks."""
        host = contract()
        options = host.runs.ContinueOptions([hook.id for hook in keep], on_current_version, [])
        host.runs.continue_as_new(to_payload(input)._to_contract(), options)
        raise UsageError("the host stops a guest that continues as new")

    def kept_webhook(self, step: str) -> Webhook | None:
        """The webhook that the generation before has kept under this name."""
        return next((hook for hook in self.kept_webhooks() if hook.step == step), None)

    def kept_webhooks(self) -> list[Webhook]:
        """The webhooks that the generation before has kept, in the order in which they were created."""
        return [Webhook._from_contract(kept.webhook, kept.step) for kept in contract().runs.kept_webhooks()]


def _computed(name: str, compute: Callable[[], Any]) -> Any:
    """The outcome of a step, as the contract has it."""
    from ._entry import broken

    host = contract()
    # A step is skipped when the run is rebuilt: numbers that it draws must not be missing from those drawn after it.
    state = _random.getstate()
    _random.seed(host.context.random(32))
    try:
        result = compute()
        if inspect.isawaitable(result):
            getattr(result, "close", lambda: None)()
            raise UsageError(f"the step `{name}` is async: a step computes, and what waits stands outside of one")
        return host.Ok(to_payload(result)._to_contract())
    except Exception as error:
        if is_programming(error):
            broken(error)
        return host.Err(host.types.Failure(*failure_of(error)))
    finally:
        _random.setstate(state)
