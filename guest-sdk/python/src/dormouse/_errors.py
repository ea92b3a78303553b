"""Errors, and what becomes of a run whose workflow raises one."""

from __future__ import annotations

import re
import traceback
from typing import TYPE_CHECKING, Iterator

if TYPE_CHECKING:
    from .http import Response

UNKNOWN_CODE = "error"

# What the language raises by itself: a mistake in the program, and not in the world.
_PROGRAMMING = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    NameError,
    NotImplementedError,
    RecursionError,
    SyntaxError,
    TypeError,
)

_CODE = re.compile(r"[a-z0-9-]{1,64}")

_FRAMES = 10

# Where the frames of the interpreter and of this package lie in a component. They say nothing to the author of a workflow.
_AROUND = ("/python/", "/world/", "/bundled/", "/0/", "<frozen")


class Error(Exception):
    """Why a run, a call or a reading of a body did not succeed: a code for programs, a message for people.

    Raise one, or derive from it, to fail the run with a code of your own. A code is short, in lower case with hyphens.
    """

    def __init__(self, code: str, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status

    def __str__(self) -> str:
        return self.message


class CallError(Error):
    """Why a call brought no response. The code is one of `denied`, `invalid`, `timed-out`, `unreachable`, `too-large`,
    `interrupted`, `abandoned`, or one that a later host has added."""


class HttpStatusError(Error):
    """A response whose status is an error, as `Response.error_for_status` raises it."""

    def __init__(self, message: str, response: "Response") -> None:
        super().__init__("http-status", message, status=response.status)
        self.response = response


class SecretError(Error):
    """A secret stands where the host cannot put it in."""

    def __init__(self, message: str) -> None:
        super().__init__("secret-refused", message)


class UsageError(Exception):
    """The SDK was used in a way that cannot work. It is a mistake in the program, as a `TypeError` is."""


def code_of(error: BaseException) -> str | None:
    """The error's own code, if it is one that the contract knows."""
    code = getattr(error, "code", None)
    return code if isinstance(code, str) and _CODE.fullmatch(code) else None


def is_programming(error: BaseException) -> bool:
    """Whether the program is wrong, so that repaired code should take the run up."""
    if isinstance(error, BaseExceptionGroup):
        return any(is_programming(inner) for inner in error.exceptions)
    return code_of(error) is None and isinstance(error, (*_PROGRAMMING, UsageError))


def failure_of(error: BaseException) -> tuple[str, str]:
    """The code and the message of the run that such an error ends."""
    leaves = list(_leaves(error))
    codes = [code for code in map(code_of, leaves) if code is not None]
    message = "; ".join(_message(leaf) for leaf in leaves)
    return (codes[0] if codes else UNKNOWN_CODE, message)


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _message(error: BaseException) -> str:
    text = str(error)
    if text and (code_of(error) is not None or isinstance(error, UsageError)):
        return text
    name = type(error).__name__
    return f"{name}: {text}" if text else name


def told(error: BaseException) -> str:
    """What a person is told: the message, and the lines of the program that led to it, the last one at the end."""
    parts = [f"{_message(error)}\n{_frames(error)}".rstrip()]
    seen = {id(error)}
    cause = _cause(error)
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        parts.append(f"caused by {_message(cause)}\n{_frames(cause)}".rstrip())
        cause = _cause(cause)
    if isinstance(error, BaseExceptionGroup):
        parts.extend(told(inner) for inner in error.exceptions)
    return "\n".join(parts)


def _cause(error: BaseException) -> BaseException | None:
    if error.__cause__ is not None:
        return error.__cause__
    return None if error.__suppress_context__ else error.__context__


def _frames(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(_AROUND)]
    lines = []
    for frame in own[-_FRAMES:]:
        lines.append(f'  File "{shown_file(frame.filename)}", line {frame.lineno}, in {frame.name}')
        if frame.line:
            lines.append(f"    {frame.line}")
    if isinstance(error, SyntaxError) and error.filename:
        lines.append(f'  File "{shown_file(error.filename)}", line {error.lineno}')
    return "\n".join(lines)


def shown_file(name: str) -> str:
    """The name of a file as its author knows it: in a component, each folder that was searched is a numbered one."""
    return re.sub(r"^/\d+/", "", name)
