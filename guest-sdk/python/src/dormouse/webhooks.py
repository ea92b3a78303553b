"""Public URLs by which another system resumes the run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterable
from dataclasses import dataclass, field
from typing import Any, TypedDict, Unpack, overload

from ._contract import contract, load
from ._errors import UsageError
from ._loop import operation
from ._time import Span, millis, optional_millis
from ._options import known, names
from .http import Delivery, Done, Response


@dataclass(frozen=True)
class Signature:
    """The check that a request must pass. `secrets` are names of secrets that the host holds; any of them may match."""

    scheme: str
    """A provider, or `hmac-sha256`."""
    secrets: Iterable[str]
    settings: dict[str, str] = field(default_factory=dict)
    """What the provider's description wants to know besides."""

    @classmethod
    def hmac_sha256(cls, secrets: Iterable[str], header: str, *, prefix: str | None = None) -> "Signature":
        """HMAC-SHA-256 of the body, in this header, with this before it."""
        settings = {"header": header}
        if prefix is not None:
            settings["prefix"] = prefix
        return cls("hmac-sha256", secrets, settings)

    def _to_contract(self) -> Any:
        return load().webhooks.Signature(self.scheme, names(self.secrets), list(self.settings.items()))


class Webhook:
    """A webhook of this run. Whoever knows its `url` can call it, so treat that as a password."""

    def __init__(self, id: str, url: str, step: str) -> None:
        self.id, self.url, self.step = id, url, step

    @overload
    async def wait(self, *, step: str | None = None) -> Delivery: ...
    @overload
    async def wait(self, timeout: Span, *, step: str | None = None) -> Delivery | None: ...

    async def wait(self, timeout: Span | None = None, *, step: str | None = None) -> Delivery | None:
        """Takes the oldest request that no wait has taken yet, and waits for one if there is none.

        Gives `None` when the timeout passes first. Waits on one webhook are served in the order in which they were made.
        """
        step, within = step or self.step, optional_millis(timeout)
        delivery = await operation(lambda: contract().webhooks.wait_for_webhook(step, self.id, within))
        return None if delivery is None else Delivery._from_contract(delivery, step)

    async def __aiter__(self) -> AsyncIterator[Delivery]:
        while True:
            yield await self.wait()

    def close(self, *, step: str | None = None) -> Done:
        """From now on the URL answers 410. What is queued already can still be waited for."""
        contract().webhooks.close_webhook(step or self.step, self.id)
        return Done()

    def __await__(self) -> Generator[Any, None, "Webhook"]:
        # Creating one takes no time; `await ctx.webhook(…)` reads like the rest.
        return self
        yield

    def __repr__(self) -> str:
        return f"<Webhook {self.step!r}>"

    @classmethod
    def _from_contract(cls, webhook: Any, step: str) -> "Webhook":
        return cls(webhook.id, webhook.url, step)


class WebhookOptions(TypedDict, total=False):
    """How a webhook treats what is sent to it. `Context.webhook` tells what each is for."""

    methods: Iterable[str]
    signature: Signature | None
    provider: str | None
    secrets: Iterable[str]
    handshake: str | None
    description: str
    tolerance: Span
    cors: Iterable[str]
    reply: Response | None
    reply_within: Span | None


def create(step: str, **given: Unpack[WebhookOptions]) -> Webhook:
    """Creates a webhook."""
    given = known(given, WebhookOptions)
    signature, handshake = _checks(given)
    settings = [("description", given["description"])] if "description" in given else []
    if "tolerance" in given:
        settings.append(("tolerance", str(millis(given["tolerance"]))))
    settings.extend(("cors", origin) for origin in names(given.get("cors", ())))
    host = contract()
    options = host.webhooks.WebhookOptions(
        [method.upper() for method in names(given.get("methods", ()))],
        None if signature is None else signature._to_contract(),
        handshake,
        _reply(host.webhooks, given.get("reply"), given.get("reply_within")),
        settings,
    )
    return Webhook._from_contract(host.webhooks.create_webhook(step, options), step)


def _checks(given: WebhookOptions) -> tuple[Signature | None, str | None]:
    """The signature and the handshake: those that were given, or those of a provider."""
    signature, handshake = given.get("signature"), given.get("handshake")
    provider, secrets = given.get("provider"), names(given.get("secrets", ()))
    if provider is None:
        if secrets:
            raise UsageError("`secrets` are those of a `provider`, which was not given; a `Signature` has its own")
        return signature, handshake
    if signature is not None or handshake is not None:
        raise UsageError("`provider` stands for `signature` and `handshake`: give it alone")
    return (Signature(provider, secrets) if secrets else None), provider


def _reply(webhooks: Any, reply: Response | None, within: Span | None) -> Any:
    if reply is not None and within is not None:
        raise UsageError("`reply` answers at once and `reply_within` leaves it to the workflow: give one of them")
    if reply is not None:
        return webhooks.Reply_Fixed(reply._to_contract())
    if within is not None:
        return webhooks.Reply_FromWorkflow(millis(within))
    return webhooks.Reply_Accepted()
