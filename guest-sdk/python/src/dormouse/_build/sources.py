"""The author's source: where it is, what it is called, and what is wrong with it before anything is built."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path


class BuildError(Exception):
    """What keeps a component from being built, as a person reads it."""


@dataclass(frozen=True)
class Source:
    """A module with a workflow."""

    root: Path
    """The folder that imports start from."""
    module: str
    """The module's name."""
    file: str | None
    """The file in `root`, unless the module is one of a package."""


def find(given: str) -> Source:
    """The module that a path of a file or of a package's folder means."""
    path = Path(given)
    if path.is_dir():
        if not (path / "__init__.py").is_file():
            raise BuildError(f"{given} is a folder without an __init__.py: name the file of the workflow, or a package")
        path = path / "__init__.py"
    elif not path.is_file():
        raise BuildError(f"there is no file {given}")
    elif path.suffix != ".py":
        raise BuildError(f"{given} is not a Python file: its name does not end in .py")
    check(path)
    path = path.resolve()
    names = [] if path.name == "__init__.py" else [path.stem]
    folder = path.parent
    while (folder / "__init__.py").is_file():
        names.append(folder.name)
        folder = folder.parent
    if len(names) == 1 and path.name != "__init__.py":
        name = re.sub(r"\W", "_", names[0])
        return Source(folder, name if name.isidentifier() else f"_{name}", path.name)
    return Source(folder, ".".join(reversed(names)), None)


def check(path: Path) -> None:
    """Refuses a file that Python cannot read. The build would too, but only after a while."""
    try:
        ast.parse(path.read_bytes(), filename=str(path))
    except SyntaxError as error:
        shown = f"{path}:{error.lineno}: {error.msg}"
        line = (error.text or "").rstrip()
        if line:
            shown += f"\n    {line.strip()}"
        raise BuildError(shown) from None
    except ValueError as error:
        raise BuildError(f"{path}: {error}") from None
    except OSError as error:
        raise BuildError(f"cannot read {path}: {error.strerror}") from None
