"""What is said while a component is built. Each case is a Python of its own, which has the contract's types and no host."""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import dormouse
from dormouse._app import MARK
from dormouse._build import component
from dormouse._build.sources import BuildError, find

PREPARE = """
import os
import sys
import dormouse
import fake_host
fake_host.bindings()
from dormouse._app import prepare
sys.path.insert(0, sys.argv[1])
made = prepare(sys.argv[2])
os.environ.clear()
dormouse._environment.apply()
print("made", made.__name__, made.run.__name__, dict(os.environ))
"""

# These tests, and the package that is tested.
PATH = os.pathsep.join([str(Path(__file__).parent), str(Path(dormouse.__file__).parents[1])])

WORKFLOW = "from dormouse import Context, workflow\n"


class Builds(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name).resolve()

    def prepare(self, name, **files):
        """What the tool prints of a module, and the sentence that the author is shown."""
        for file, text in files.items():
            path = self.folder / f"{file}.py"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        source = find(str(self.folder / name))
        settings = {"module": source.module, "file": source.file, "env": {"MODEL": "small"}, "secrets": ["KEY"]}
        command = [sys.executable, "-c", PREPARE, str(source.root), json.dumps(settings)]
        ran = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": PATH})
        sentences = [json.loads(line.partition(MARK)[2]) for line in ran.stderr.splitlines() if MARK in line]
        return ran.stdout + ran.stderr, sentences

    def refuse(self, flow, message, **files):
        _, [sentence] = self.prepare("flow.py", flow=flow, **files)
        self.assertRegex(sentence, message)

    def test_one_workflow_is_found(self):
        flow = (
            WORKFLOW
            + "import os, helper\nassert os.environ == {'MODEL': 'small', 'KEY': 'dormouse-secret-3-KEY'}\n"
            + "os.environ['SET_HERE'] = '1'\n"
            + "@workflow\nasync def flow(ctx, input: 'Input'): ...\nclass Input(dict): ...\nInput = dict\n"
        )
        printed, _ = self.prepare("flow.py", flow=flow, helper="")
        environment = {"MODEL": "small", "KEY": "dormouse-secret-3-KEY", "SET_HERE": "1"}
        self.assertIn(f"made WitWorld run {environment}", printed)

    def test_a_file_may_be_called_as_a_module_that_is_there(self):
        for name in ("dormouse", "time"):
            flow = WORKFLOW + "import time\ntime.time()\n@workflow\nasync def flow(ctx): ...\n"
            printed, _ = self.prepare(f"{name}.py", **{name: flow})
            self.assertIn("made WitWorld run", printed)

    def test_one_in_a_package_is_found(self):
        inner = WORKFLOW + "from . import helper\n@workflow\nasync def flow(ctx): ...\n"
        printed, _ = self.prepare("pkg/flow.py", **{"pkg/__init__": "", "pkg/flow": inner, "pkg/helper": ""})
        self.assertIn("made WitWorld run", printed)

    def test_none_and_two(self):
        self.refuse("async def flow(ctx): ...\n", "flow.py has no workflow: put `@workflow`")
        two = WORKFLOW + "@workflow\nasync def a(ctx): ...\n@workflow\nasync def b(ctx): ...\n"
        self.refuse(two, r"more than one workflow: `a` \(.*flow.py:2\), `b` \(.*flow.py:4\)")

    def test_what_is_no_workflow(self):
        self.refuse(WORKFLOW + "@workflow\ndef flow(ctx): ...\n", "flow.py:2: the workflow `flow` is not async")
        unknown = WORKFLOW + "@workflow\nasync def flow(ctx, input: 'Missing'): ...\n"
        self.refuse(unknown, "flow.py:2: the annotation of `input` is unknown: name 'Missing'")

    def test_what_cannot_be_imported(self):
        self.refuse("import nowhere\n", r"cannot be imported: ModuleNotFoundError: .*'nowhere'(?s:.*)flow.py\", line 1")
        self.refuse("import helper\n", r"SyntaxError: (?s:.*)helper.py\", line 2", helper="a = 1\nb = (\n")
        (self.folder / "native").mkdir()
        (self.folder / "native/__init__.py").write_text("raise ImportError('no', name='native._native')\n")
        (self.folder / "native/_native.cpython-311-x86_64-linux-gnu.so").write_bytes(b"")
        self.refuse("import native\n", "the package native has parts that are not Python")

    def test_an_operation_at_the_top_level(self):
        flow = WORKFLOW + "Context().now()\n"
        self.refuse(flow, r"asked for at the top level of a module(?s:.*)flow.py\", line 2")
        flow = WORKFLOW + "import asyncio\nasyncio.run(Context().sleep('a', 1))\n"
        self.refuse(flow, "asyncio.run")


class Tools(unittest.TestCase):
    def run_tool(self, program):
        component._run([sys.executable, "-c", program], {})

    def test_the_sentence_is_found_in_what_the_tool_prints(self):
        self.run_tool("print('fine')")
        for program, message in (
            (
                f"import sys; print('AssertionError: {MARK}\"a sentence\"\\n and more', file=sys.stderr); sys.exit(1)",
                "^a sentence$",
            ),
            ("import sys; print('it broke'); sys.exit(1)", "componentize-py failed:\nit broke"),
            ("import componentize_py_not_there", "componentize-py failed"),
        ):
            with self.assertRaisesRegex(BuildError, message):
                self.run_tool(program)

    def test_a_folder_that_is_not_there(self):
        with self.assertRaisesRegex(BuildError, "--python-path /nowhere: the folder does not exist"):
            component.build(None, Path("x"), ["/nowhere"], {}, [])


if __name__ == "__main__":
    unittest.main()
