"""What runs while a component is built: the author's module is imported, and with it all that a run may need.

There are no files in a run, and the standard library imports parts of itself only when they are first used. So these are
imported here.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import json
import linecache
import os
import sys
import time
from types import ModuleType
from typing import Any

from . import _contract, _entry, _environment, _loop, _secrets, _workflow
from ._errors import UsageError, shown_file, told

MARK = "dormouse-build-error "
"""What stands before the sentence that `dormouse-py` shows."""

_USED_LATER = (
    "_strptime base64 calendar csv datetime decimal difflib email.message email.parser email.utils encodings.ascii "
    "encodings.cp1252 encodings.idna encodings.latin_1 encodings.punycode encodings.utf_16 encodings.utf_8 "
    "encodings.utf_8_sig fractions hashlib heapq hmac html html.parser http.client http.cookies inspect io itertools json "
    "locale logging math mimetypes operator pprint quopri random re secrets shlex statistics string stringprep struct "
    "textwrap time traceback typing unicodedata urllib.parse urllib.request uuid weakref xml.etree.ElementTree zlib zoneinfo"
).split()


def prepare(configuration: str) -> Any:
    """Imports the workflow, and gives the class that the contract's export is made from."""
    settings = json.loads(configuration)
    sys.dont_write_bytecode = True
    try:
        return _prepare(settings)
    except UsageError as error:
        _refuse(told(error))
    except BaseException as error:
        _refuse(f"the module cannot be imported: {told(error)}{_native_part(error)}")


def _refuse(message: str) -> Any:
    print(MARK + json.dumps(message), file=sys.stderr, flush=True)
    raise SystemExit(1)


def _native_part(error: BaseException) -> str:
    """A hint, if what cannot be imported is a package that was built for another machine."""
    package = (getattr(error, "name", None) or "").partition(".")[0]
    for folder in sys.path if isinstance(error, ImportError) and package else ():
        for _, _, files in os.walk(os.path.join(folder, package)):
            if any(file.endswith((".so", ".pyd")) and "wasm32" not in file for file in files):
                return (
                    f"\nthe package {package} has parts that are not Python, and that were built for this machine: "
                    "a component takes those for wasm32-wasi only"
                )
    return ""


def _prepare(settings: dict[str, Any]) -> Any:
    import wit_world

    _contract.load()
    for name in _USED_LATER:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    _environment.settle(settings["env"], settings["secrets"])
    _secrets.install()
    _use_loop()
    time.sleep = _no_sleep  # type: ignore[assignment]
    module = _import(settings["module"], settings["file"])
    _environment.keep()
    found = _only_workflow(_workflow.registered, module)
    found.input_type  # What it names must be there.
    _keep_sources()
    sys.meta_path.append(_NothingMore())

    class WitWorld(wit_world.WitWorld):  # type: ignore[misc]
        async def run(self, input: Any) -> Any:
            return await _entry.run(found, input)

    return WitWorld


def _use_loop() -> None:
    """Puts the durable loop where the tool's glue has its own."""
    import componentize_py_async_support as glue

    glue._loop = _loop.install()


def _import(name: str, file: str | None) -> ModuleType:
    """Imports the author's module. A single file may have a name that is not a valid name of a module."""
    if file is None:
        return importlib.import_module(name)
    while name in sys.modules:
        # Such as a file that is called as a module of the standard library.
        name = f"_{name}"
    path = next((os.path.join(folder, file) for folder in sys.path if os.path.isfile(os.path.join(folder, file))), file)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{file} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _only_workflow(found: list[_workflow.Workflow], module: ModuleType) -> _workflow.Workflow:
    where = shown_file(module.__file__ or module.__name__)
    if not found:
        raise UsageError(f"{where} has no workflow: put `@workflow` from `dormouse` above an `async def`")
    if len(found) > 1:
        places = ", ".join(f"`{one.function.__name__}` ({one.place})" for one in found)
        raise UsageError(
            f"there is more than one workflow: {places}; a component has one, so build each from a file of its own"
        )
    return found[0]


def _no_sleep(seconds: float) -> None:
    """Stands for `time.sleep`, which would stop all that a run does, and the host with it."""
    if seconds > 0:
        raise UsageError("`time.sleep` stops the whole run: use `await asyncio.sleep(…)`, or `await ctx.sleep(…)`")


class _NothingMore:
    """Says why a module that was not imported while the component was built cannot be imported in a run."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        raise ModuleNotFoundError(
            f"No module named {name!r}: there are no files in a run, so a module that is imported in a function must also "
            "be imported at the top of a module",
            name=name,
        )


def _keep_sources() -> None:
    """Keeps the author's source, so that errors show its lines."""
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if not file or not file.endswith(".py") or file.startswith(("/python/", "/world/", "/bundled/", "/0/")):
            continue
        with contextlib.suppress(OSError, UnicodeDecodeError):
            with open(file, encoding="utf-8") as source:
                lines = source.read().splitlines(keepends=True)
            # Without a time of change, nothing looks for the file again.
            linecache.cache[file] = (sum(map(len, lines)), None, lines, file)
