"""The event loop: asyncio on durable operations.

The host delivers one completion at a time, in the order that the journal has. After each, everything that is ready runs
until nothing is. So what asyncio does follows from the journal alone, and is the same when the run is rebuilt.
"""

# The base class has types for what no program asks of a loop, and methods for sockets and processes, which are not there.
# mypy: disable-error-code="abstract, assignment, attr-defined, misc, override"

from __future__ import annotations

import asyncio
import contextvars
import math
from collections import deque
from typing import Any, Callable

from ._contract import contract
from ._errors import UsageError, told
from ._operations import Operations, Outcome
from ._time import instant

TIMER = "timer"


class _Timer(asyncio.TimerHandle):
    """A callback for later, and the operation that waits for its time."""

    wait: Outcome | None = None


class DurableLoop(asyncio.AbstractEventLoop):
    """What asyncio runs on in a workflow."""

    def __init__(self) -> None:
        self._ready: deque[asyncio.Handle] = deque()
        self._new_timers: list[_Timer] = []
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self._is_ending = False
        self.operations = Operations(self)

    # What the tool's glue asks for.

    running = True
    exception = None

    def poll(self, state: Any) -> None:
        """Runs everything that is ready, and begins the timers that were not cleared meanwhile."""
        while self._ready or self._new_timers:
            while self._ready:
                self._run(self._ready.popleft())
            self._begin_timers()
        if state is not None and state.pending_count and state.waitable_set is None:
            # Nothing is under way. Waiting for nothing is how the host learns that the run is stuck.
            import componentize_py_runtime

            state.waitable_set = componentize_py_runtime.waitable_set_new()

    def _run(self, handle: asyncio.Handle) -> None:
        if handle.cancelled():
            return
        try:
            handle._run()
        except (SystemExit, KeyboardInterrupt):
            # A task keeps what it raised, and raises these through the loop besides.
            pass

    def _begin_timers(self) -> None:
        timers, self._new_timers = self._new_timers, []
        for timer in timers:
            # One for the end of time never fires, and is nothing to wait for.
            if timer.cancelled() or self._is_ending or timer.when() == math.inf:
                continue
            until = instant(timer.when())
            timer.wait = self.operations.begin(lambda until=until: contract().timers.sleep_until(TIMER, until))
            timer.wait.add_done_callback(lambda wait, timer=timer: self._timer_ended(timer, wait))

    def _timer_ended(self, timer: _Timer, wait: "asyncio.Future[Any]") -> None:
        timer.wait = None
        if not wait.cancelled() and not timer.cancelled():
            timer._scheduled = False
            self._ready.append(timer)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        if isinstance(handle, _Timer) and handle.wait is not None:
            handle.wait.cancel()

    # What programs and asyncio ask for.

    def time(self) -> float:
        return float(contract().context.now() / 1_000)

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Any = None) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context or contextvars.copy_context())
        self._ready.append(handle)
        return handle

    # There are no other threads.
    call_soon_threadsafe = call_soon

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any, context: Any = None) -> asyncio.TimerHandle:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(self, when: float, callback: Callable[..., object], *args: Any, context: Any = None) -> asyncio.TimerHandle:
        timer = _Timer(when, callback, args, self, context or contextvars.copy_context())
        if when <= self.time():
            self._ready.append(timer)
        else:
            timer._scheduled = True
            self._new_timers.append(timer)
        return timer

    def create_future(self) -> "asyncio.Future[Any]":
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, **options: Any) -> "asyncio.Task[Any]":
        task: asyncio.Task[Any] = asyncio.Task(coro, loop=self, **options)
        if not task.done():
            self._tasks[task] = None
            task.add_done_callback(lambda task: self._tasks.pop(task, None))
        return task

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> "asyncio.Future[Any]":
        """There are no threads: the function runs at once."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    async def end(self, keep: set["asyncio.Task[Any]"]) -> None:
        """Cancels the tasks that are left, in the order in which they were made, and waits for them, as `asyncio.run` does.
        Then ends what is still open."""
        left = [task for task in self._tasks if task not in keep]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        for task in left:
            if not task.cancelled() and task.exception() is not None:
                self.call_exception_handler({"message": "a task that was cancelled at the end", "exception": task.exception()})
        self._is_ending = True
        await self.operations.end_all()

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Logs an error that nobody was there to catch."""
        error = context.get("exception")
        message = context.get("message", "an error that nobody caught")
        if error is not None:
            message = f"{message}: {told(error)}"
        host = contract()
        host.context.log(host.context.Level.ERROR, message)

    default_exception_handler = call_exception_handler

    def get_debug(self) -> bool:
        return False

    def set_debug(self, enabled: bool) -> None:
        pass

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def get_task_factory(self) -> None:
        return None

    def get_exception_handler(self) -> None:
        return None

    async def shutdown_asyncgens(self) -> None:
        pass

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        pass

    def run_until_complete(self, future: Any) -> Any:
        raise UsageError("the loop runs by itself in a workflow: await this in an async function")

    def run_forever(self) -> None:
        raise UsageError("the loop runs by itself in a workflow")

    def stop(self) -> None:
        raise UsageError("a workflow ends when its function returns")

    def close(self) -> None:
        pass


_loop: DurableLoop | None = None


def loop() -> DurableLoop:
    """The loop of this workflow."""
    if _loop is None:
        raise UsageError("this is not the component of a workflow: build one with `dormouse-py build`")
    return _loop


def install() -> DurableLoop:
    """Makes a loop the one that runs."""
    global _loop
    _loop = DurableLoop()
    asyncio.events._set_running_loop(_loop)
    return _loop


def operation(begin: Callable[[], Any]) -> Outcome:
    """Begins an operation of the contract now, and gives the future of what it brings."""
    return loop().operations.begin(begin)
