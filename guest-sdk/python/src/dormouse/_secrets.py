"""Secrets: the program holds a placeholder, and the host puts the secret in, in a header of a call and nowhere else."""

from __future__ import annotations

import binascii
import re
from typing import Any, NoReturn

from ._contract import contract, load
from ._errors import SecretError, UsageError
from ._forms import host_of

# Letters that no encoding of a URL, a form or JSON changes. The length says where the name ends.
_PLACEHOLDER = re.compile(r"dormouse-secret-(\d{1,2})-|dormouse-base64-(\d{1,6})-")
_MARK = b"dormouse-secret-"

NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
"""What the host takes as the name of a secret."""

# What stands in base64: for each, the parts that are encoded.
_encoded: list[list[tuple[str, str]]] = []


def secret(name: str) -> str:
    """The text that stands for a secret in a header of a call.

    The host puts the secret in, if the operator allows it for this workflow and that destination. The program never sees it.
    """
    if not NAME.fullmatch(name):
        raise UsageError(f"{name!r} is not a valid name of a secret: a name has 1 to 64 letters, digits, `.`, `_` and `-`")
    return f"dormouse-secret-{len(name)}-{name}"


def parts_of(text: str) -> list[tuple[str, Any]]:
    """A text as parts: `("text", …)`, `("secret", name)`, `("base64", parts)`. None if there is no secret in it."""
    found: list[tuple[str, Any]] = []
    position = 0
    for match in iter(lambda: _PLACEHOLDER.search(text, position), None):
        if match.start() > position:
            found.append(("text", text[position : match.start()]))
        position = match.end()
        if match[2] is not None:
            index = int(match[2])
            found.append(("base64", _encoded[index] if index < len(_encoded) else []))
        else:
            found.append(("secret", text[position : position + int(match[1])]))
            position += int(match[1])
    if found and position < len(text):
        found.append(("text", text[position:]))
    return found


def secret_in(text: str) -> str | None:
    """The name of a secret whose placeholder is in a text."""
    for kind, value in parts_of(text):
        if kind == "secret":
            return str(value)
        if kind == "base64":
            return next((str(name) for inner, name in value if inner == "secret"), "secret")
    return None


def refuse(name: str, why: str) -> NoReturn:
    """Raises, and logs it as well, since clients catch what they are thrown."""
    message = (
        f"the secret {name} {why}; a secret is put in by the host, in a header of a call: what a program computes with is a "
        "variable (dormouse-py build --env)"
    )
    host = contract()
    host.context.log(host.context.Level.ERROR, message)
    raise SecretError(message)


def split_headers(
    method: str, url: str, headers: list[tuple[str, str]], body: bytes
) -> tuple[list[tuple[str, str]], list[Any]]:
    """The headers without those that have secrets, and these as the contract has them."""
    for what, text in (("its address", url), ("its body", body.decode("latin-1") if _MARK in body else "")):
        name = secret_in(text)
        if name is not None:
            refuse(name, f"stands in {what} ({method} {host_of(url)})")
    plain, with_secrets = [], []
    for name, value in headers:
        parts = parts_of(value)
        if parts:
            with_secrets.append(load().http.SecretHeader(name, [_group(part) for part in parts]))
        else:
            plain.append((name, value))
    if with_secrets:
        if any(name.lower() == "range" for name, _ in plain):
            name = next(filter(None, (secret_in(value) for _, value in headers)), "secret")
            refuse(name, "is sent with a header `range`: the host removes secrets from responses, and reads those whole")
        plain = [(name, value) for name, value in plain if name.lower() != "accept-encoding"]
    return plain, with_secrets


def _group(part: tuple[str, Any]) -> Any:
    kind, value = part
    http = load().http
    return (
        http.ValueGroup("base64", [_part(inner) for inner in value])
        if kind == "base64"
        else http.ValueGroup(None, [_part(part)])
    )


def _part(part: tuple[str, str]) -> Any:
    kind, value = part
    return load().http.ValuePart_Secret(value) if kind == "secret" else load().http.ValuePart_Text(value)


def install() -> None:
    """From now on, base64 of a placeholder is a placeholder, as HTTP Basic wants it, and a key of an HMAC is none."""
    plain_base64 = binascii.b2a_base64

    def b2a_base64(data: Any, *arguments: Any, **options: Any) -> bytes:
        if _MARK in bytes(data):
            found = parts_of(bytes(data).decode("latin-1"))
            _encoded.append([(kind, value) for kind, value in found if kind != "base64"])
            ending = b"\n" if options.get("newline", True) else b""
            return f"dormouse-base64-{len(_encoded) - 1}-".encode() + ending
        return plain_base64(data, *arguments, **options)

    binascii.b2a_base64 = b2a_base64
    _guard_hmac()


def _guard_hmac() -> None:
    import hmac

    plain_init, plain_digest = hmac.HMAC.__init__, hmac.digest

    def check(key: Any) -> None:
        if _MARK in bytes(key):
            refuse(secret_in(bytes(key).decode("latin-1")) or "secret", "was given to a computation")

    def init(self: Any, key: Any, *arguments: Any, **options: Any) -> None:
        check(key)
        plain_init(self, key, *arguments, **options)

    def digest(key: Any, msg: Any, digest: Any) -> bytes:
        check(key)
        return plain_digest(key, msg, digest)

    hmac.HMAC.__init__ = init  # type: ignore[method-assign]
    hmac.digest = digest
