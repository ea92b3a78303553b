"""The command line of `dormouse-py`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from . import component, variables
from .sources import BuildError, find

_EXAMPLE = """example:
  dormouse-py build flow.py --env MODEL=small --secret API_KEY
  dormouse deploy flow flow.wasm"""


def main(arguments: list[str] | None = None) -> int:
    """Runs the command, and gives the code to exit with."""
    options = _parser().parse_args(arguments)
    try:
        source = find(options.source)
        env, secrets = variables.gather(options.env, options.env_file, options.secret)
        output = Path(options.output or _named(options.source))
        size = component.build(source, output, options.python_path, env, secrets)
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{output}: {size / 1e6:.1f} MB; deploy it with: dormouse deploy NAME {output}")
    return 0


def _named(source: str) -> str:
    return f"{Path(source).resolve().stem}.wasm"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dormouse-py", description="Makes components of Dormouse from workflows in Python.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    build = commands.add_parser(
        "build",
        help="make a component from a file with a workflow",
        description="Makes a component from a file, or a package's folder, with one function under @workflow.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    build.add_argument("source", metavar="FILE", help="the file, or the folder of a package")
    build.add_argument("-o", "--output", metavar="FILE", help="where the component goes; FILE.wasm here unless told")
    build.add_argument(
        "--python-path", metavar="DIR", action="append", default=[],
        help="a folder to import from besides, such as an environment's site-packages; may repeat",
    )  # fmt: skip
    build.add_argument("--env", metavar="NAME=VALUE", action="append", default=[], help="a variable of os.environ; may repeat")
    build.add_argument("--env-file", metavar="FILE", action="append", default=[], help="variables, a line each; may repeat")
    build.add_argument(
        "--secret", metavar="NAME", action="append", default=[],
        help="a secret of the host, whose placeholder os.environ holds; may repeat",
    )  # fmt: skip
    return parser


if __name__ == "__main__":
    sys.exit(main())
