"""A host that a test plays: the contract's own types, and operations that end when the test says so.

The types are those that componentize-py makes of the contract, so that a change of the contract shows here.
"""

from __future__ import annotations

import asyncio
import contextvars
import subprocess
import sys
import tempfile
import types as python_types
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dormouse
from dormouse import _contract, _loop

_TOOL = "import sys, componentize_py; sys.argv[0] = 'componentize-py'; sys.exit(componentize_py.script())"
_bindings: Any = None


def bindings() -> Any:
    """The modules `wit_world.imports`, made once."""
    global _bindings
    if _bindings is None:
        folder = tempfile.TemporaryDirectory()
        wit = Path(dormouse.__file__).parent / "wit"
        command = [sys.executable, "-c", _TOOL, "--quiet", "--wit-path", str(wit), "--world", "workflow"]
        subprocess.run([*command, "bindings", folder.name], check=True)
        # What the glue of async needs is a newer Python than tests may run on; the host here has its own.
        for name, members in (
            ("componentize_py_async_support", ()),
            ("componentize_py_async_support.streams", ("StreamReader", "StreamWriter", "ByteStreamReader", "ByteStreamWriter")),
            ("componentize_py_async_support.futures", ("FutureReader", "FutureWriter")),
        ):
            module = python_types.ModuleType(name)
            for member in members:
                setattr(module, member, type(member, (), {}))
            sys.modules[name] = module
        sys.path.insert(0, folder.name)
        _bindings = (folder, _contract.load())
    return _bindings[1]


@dataclass
class Begun:
    """An operation that the program has begun."""

    number: int
    name: str
    arguments: tuple[Any, ...]
    future: "asyncio.Future[Any]"
    abandoned: bool = False


@dataclass
class State:
    """What the component's glue keeps; the loop looks at it."""

    pending_count: int = 0
    waitable_set: Any = 1


# The glue has such a variable too, and every operation needs it.
GLUE: contextvars.ContextVar[Any] = contextvars.ContextVar("GLUE")

ABANDONED = {"call": None, "start_run": None, "notify": 0, "cancel_run": False}
ASYNC = {
    "timers": ("sleep", "sleep_until"),
    "webhooks": ("wait_for_webhook",),
    "http": ("call",),
    "events": ("wait_for_event", "notify"),
    "runs": ("start_run", "wait_for_run", "cancel_run", "wait_for_cancel"),
}
SYNC = {
    "webhooks": ("create_webhook", "respond", "close_webhook"),
    "steps": ("begin", "finish"),
    "runs": ("continue_as_new", "kept_webhooks"),
    "context": ("current_run", "start_request", "set_label"),
}


@dataclass
class FakeHost:
    """The host: what was begun, what was called, and the time."""

    time: int = 1_000_000
    begun: list[Begun] = field(default_factory=list)
    called: list[tuple[Any, ...]] = field(default_factory=list)
    logged: list[tuple[str, str]] = field(default_factory=list)
    answers: dict[str, Any] = field(default_factory=dict)
    drawn: int = 0

    def __post_init__(self) -> None:
        self.contract = bindings()
        for interface, names in ASYNC.items():
            for name in names:
                setattr(getattr(self.contract, interface), name, self._operation(name))
        for interface, names in SYNC.items():
            for name in names:
                setattr(getattr(self.contract, interface), name, self._function(name))
        context = self.contract.context
        self.answers.setdefault("current_run", context.Run("a-run", "flow", "v1", 0, []))
        context.now = lambda: self.time
        context.log = lambda level, message: self.logged.append((level.name, message))
        context.next_operation = lambda: len(self.begun) + 1
        context.abandon = self._abandon
        context.random = self._random
        self.loop = _loop.install()
        GLUE.set(self)
        self.loop.operations.keep_context()
        _contract.begin()

    def _operation(self, name: str) -> Any:
        async def operation(*arguments: Any) -> Any:
            assert GLUE.get() is self
            one = Begun(len(self.begun) + 1, name, arguments, self.loop.create_future())
            self.begun.append(one)
            return await one.future

        return operation

    def _function(self, name: str) -> Any:
        def function(*arguments: Any) -> Any:
            self.called.append((name, *arguments))
            answer = self.answers.get(name)
            return answer(*arguments) if callable(answer) else answer

        return function

    def _abandon(self, number: int) -> None:
        one = self.begun[number - 1]
        if not one.future.done():
            one.abandoned = True

    def _random(self, length: int) -> bytes:
        self.drawn += 1
        return bytes((self.drawn + index) % 256 for index in range(length))

    def names(self) -> list[str]:
        """The operations, in the order in which they were begun."""
        return [one.name for one in self.begun]

    def run(self, coroutine: Any) -> "asyncio.Task[Any]":
        """Begins a task, and runs it to what it waits for."""
        task = self.loop.create_task(coroutine)
        self.go_on()
        return task

    def go_on(self) -> None:
        self.loop.poll(State())

    def end(self, number: int, value: Any = None, *, at: int | None = None) -> None:
        """Ends an operation, as the host does: one at a time, and then everything runs that can."""
        self.time = max(self.time, at or self.time)
        self.begun[number - 1].future.set_result(value)
        self.go_on()

    def fail(self, number: int, error: Any) -> None:
        """Ends an operation with an error of the contract."""
        self.begun[number - 1].future.set_exception(self.contract.Err(error))
        self.go_on()

    def end_abandoned(self) -> None:
        """Ends what was given up, as the host does soon after."""
        for one in list(self.begun):
            if one.abandoned and not one.future.done():
                self.end(one.number, ABANDONED.get(one.name))
