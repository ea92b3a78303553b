"""What `os.environ` is to hold: variables and names of secrets."""

from __future__ import annotations

import re
from pathlib import Path

from .._secrets import NAME as SECRET
from .sources import BuildError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def gather(values: list[str], files: list[str], secrets: list[str]) -> tuple[dict[str, str], list[str]]:
    """The variables of all files in order, then those that were given, which win; and the secrets."""
    env: dict[str, str] = {}
    for file in files:
        env.update(_of_file(file))
    for given in values:
        name, sign, value = given.partition("=")
        if not sign:
            raise BuildError(f"--env {given}: write NAME=VALUE")
        env[_checked(name, f"--env {given}")] = value
    for name in secrets:
        if not SECRET.fullmatch(name):
            raise BuildError(f"--secret {name}: a name has 1 to 64 letters, digits, `_`, `-` and `.`")
        if name in env:
            raise BuildError(f"{name} is given as a variable and as a secret: give one of them")
    return env, list(dict.fromkeys(secrets))


def _of_file(file: str) -> dict[str, str]:
    try:
        text = Path(file).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise BuildError(f"cannot read {file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BuildError(f"{file} is not text in UTF-8") from None
    return parse(text, file)


def parse(text: str, file: str) -> dict[str, str]:
    """Lines `NAME=VALUE`. A value may stand in quotes; `#` begins a comment."""
    env: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.strip().removeprefix("export ").lstrip()
        if not line or line.startswith("#"):
            continue
        place = f"{file}:{number}"
        name, sign, value = line.partition("=")
        if not sign:
            raise BuildError(f"{place}: write NAME=VALUE")
        env[_checked(name.strip(), place)] = _value(value.strip(), place)
    return env


def _value(text: str, place: str) -> str:
    if text[:1] in ('"', "'"):
        end = text.find(text[0], 1)
        while text[0] == '"' and end > 0 and text[end - 1] == "\\":
            end = text.find('"', end + 1)
        if end < 0:
            raise BuildError(f"{place}: the value's quote does not end on its line")
        inner = text[1:end]
        return re.sub(r'\\([\\"n])', lambda m: "\n" if m[1] == "n" else m[1], inner) if text[0] == '"' else inner
    return re.split(r"\s#", text, maxsplit=1)[0].rstrip()


def _checked(name: str, place: str) -> str:
    if not _NAME.fullmatch(name):
        raise BuildError(f"{place}: {name!r} is not a valid name of a variable")
    return name
