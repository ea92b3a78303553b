"""`os.environ`: what the author said when the component was built, and placeholders of secrets."""

from __future__ import annotations

import os

from ._secrets import secret

_variables: dict[str, str] = {}


def settle(env: dict[str, str], secrets: list[str]) -> None:
    """Decides it, once, while the component is built."""
    _variables.update(env)
    _variables.update({name: secret(name) for name in secrets})
    apply()


def keep() -> None:
    """Keeps what modules have made of it since: a run begins where they have left off."""
    _variables.clear()
    _variables.update(os.environ)


def apply() -> None:
    """Makes it what the program sees. When a run begins, the interpreter has read its own again."""
    for name in list(os.environ):
        if name not in _variables:
            del os.environ[name]
    os.environ.update(_variables)
