"""Operations of the contract as futures that can be cancelled.

The tool's glue gives a coroutine for each operation, and cannot give one up: a waitable that is dropped while it is open
makes the component trap. So each operation goes on by itself to its end, and what a program awaits is a future of its own:
cancelling that asks the host to abandon the operation, which then completes soon, with nothing that anybody looks at.
"""

from __future__ import annotations

import asyncio
import contextvars
from typing import Any, Callable, Coroutine

from ._contract import contract


class Outcome(asyncio.Future):  # type: ignore[type-arg]
    """What an operation will have brought."""

    operation: "Operation"

    def cancel(self, msg: Any = None) -> bool:
        cancelled = super().cancel(msg)
        if cancelled:
            self.operation.abandon()
        return cancelled


class Operation:
    """One operation, begun when this is made."""

    def __init__(self, tracker: "Operations", begin: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        self._tracker = tracker
        self._number: int = contract().context.next_operation()
        self._coroutine = begin()
        self.outcome = Outcome(loop=tracker.loop)
        self.outcome.operation = self
        self._abandoned = False
        tracker.open[self._number] = self
        self._go_on(None)

    def abandon(self) -> None:
        """Gives it up, unless it has completed."""
        if self._number in self._tracker.open and not self._abandoned:
            self._abandoned = True
            contract().context.abandon(self._number)

    def _go_on(self, _: Any) -> None:
        """Runs the glue's coroutine to what it waits for, or to its end."""
        outcome = self.outcome
        try:
            waits_for = self._tracker.in_glue(self._coroutine.send, None)
        except StopIteration as end:
            del self._tracker.open[self._number]
            if not outcome.done():
                outcome.set_result(end.value)
        except Exception as error:
            del self._tracker.open[self._number]
            if not outcome.done():
                outcome.set_exception(error)
        else:
            # What a task does when a coroutine yields a future to it.
            waits_for._asyncio_future_blocking = False
            waits_for.add_done_callback(self._go_on)
            return
        self._tracker.one_has_ended()


class Operations:
    """Those that are open."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.open: dict[int, Operation] = {}
        self._context = contextvars.Context()
        self._ended: asyncio.Future[None] | None = None

    def keep_context(self) -> None:
        """Operations run in the context of this moment: the glue keeps what it needs in it, and a program may make
        contexts of its own."""
        self._context = contextvars.copy_context()

    def in_glue(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Calls a function of the glue."""
        return self._context.run(function, *arguments)

    def begin(self, begin: Callable[[], Coroutine[Any, Any, Any]]) -> Outcome:
        """Begins an operation now."""
        return Operation(self, begin).outcome

    async def end_all(self) -> None:
        """Gives up whatever is open, and waits until nothing is: a component that ended before would trap."""
        while self.open:
            for operation in list(self.open.values()):
                operation.abandon()
            self._ended = self.loop.create_future()
            await self._ended

    def one_has_ended(self) -> None:
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)
