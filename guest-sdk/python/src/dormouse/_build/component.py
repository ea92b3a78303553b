"""Making a component: everything is laid out in a folder of its own, and componentize-py does the rest."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from .._app import MARK
from .sources import BuildError, Source

_PACKAGE = Path(__file__).resolve().parent.parent

# No module of an author is likely to be called so.
_APP = "dormouse_component"

_RUN_TOOL = "import sys, componentize_py; sys.argv[0] = 'componentize-py'; sys.exit(componentize_py.script())"

_SHOWN_OF_THE_TOOL = 4_000


def build(source: Source, output: Path, paths: list[str], env: dict[str, str], secrets: list[str]) -> int:
    """Builds a component, and gives its size in bytes."""
    for path in paths:
        if not Path(path).is_dir():
            raise BuildError(f"--python-path {path}: the folder does not exist")
    with tempfile.TemporaryDirectory(prefix="dormouse-py-") as scratch:
        stage = Path(scratch) / "stage"
        empty = Path(scratch) / "empty"
        _lay_out(stage, source, env, secrets)
        (empty / "lib" / "python3" / "site-packages").mkdir(parents=True)
        made = Path(scratch) / "component.wasm"
        command = [sys.executable, "-c", _RUN_TOOL, "--quiet", "--wit-path", str(_PACKAGE / "wit"), "--world", "workflow"]
        command += ["componentize", _APP, "--output", str(made)]
        for folder in (stage, source.root, *paths):
            command += ["--python-path", str(folder)]
        # Otherwise the tool takes packages of whatever environment it finds itself in.
        environment = {**os.environ, "VIRTUAL_ENV": str(empty), "RUST_BACKTRACE": "0", "PYTHONDONTWRITEBYTECODE": "1"}
        _run(command, environment)
        try:
            output.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(made, output)
        except OSError as error:
            raise BuildError(f"cannot write {output}: {error.strerror}") from None
        return output.stat().st_size


def _lay_out(stage: Path, source: Source, env: dict[str, str], secrets: list[str]) -> None:
    """The SDK, and the module that the tool begins with."""
    leave_out = shutil.ignore_patterns("wit", "_build", "__pycache__", "*.pyc")
    shutil.copytree(_PACKAGE, stage / "dormouse", ignore=leave_out)
    settings = {"module": source.module, "file": source.file, "env": env, "secrets": secrets}
    app = f"from dormouse._app import prepare\n\nWitWorld = prepare({json.dumps(settings)!r})\n"
    (stage / f"{_APP}.py").write_text(app, encoding="utf-8")


def _run(command: list[str], environment: dict[str, str]) -> None:
    ran = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    told = ran.stdout.decode(errors="replace")
    if ran.returncode == 0:
        return
    for line in told.splitlines():
        # The tool puts words of its own before the first line.
        _, mark, sentence = line.partition(MARK)
        if mark:
            raise BuildError(json.loads(sentence))
    if "No module named 'componentize_py'" in told:
        raise BuildError("componentize-py is not installed: pip install dormouse-sdk")
    raise BuildError(f"componentize-py failed:\n{told[-_SHOWN_OF_THE_TOOL:]}")
