"""What `dormouse-py` reads before it builds anything."""

import contextlib
import io
import tempfile
import unittest
from pathlib import Path

import dormouse
from dormouse import UsageError, workflow
from dormouse._build import cli, variables
from dormouse._build.sources import BuildError, find
from dormouse._workflow import Workflow, registered


class InFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name).resolve()

    def write(self, name, text=""):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return str(path)


class Sources(InFolder):
    def test_a_file_alone(self):
        found = find(self.write("my-flow.py"))
        self.assertEqual((found.root, found.module, found.file), (self.folder, "my_flow", "my-flow.py"))

    def test_a_package_and_a_module_in_one(self):
        self.write("pkg/__init__.py")
        self.write("pkg/inner/__init__.py")
        inner = self.write("pkg/inner/flow.py")
        self.assertEqual(find(str(self.folder / "pkg")).module, "pkg")
        found = find(inner)
        self.assertEqual((found.root, found.module, found.file), (self.folder, "pkg.inner.flow", None))

    def test_what_cannot_be_built(self):
        self.write("folder/flow.py")
        for given, message in (
            (str(self.folder / "nothing.py"), "there is no file"),
            (str(self.folder / "folder"), "without an __init__.py"),
            (self.write("flow.txt"), "does not end in .py"),
            (self.write("syntax.py", "a = 1\nb = (\n"), r"syntax.py:2: '\(' was never closed"),
        ):
            with self.assertRaisesRegex(BuildError, message):
                find(given)

    def test_the_command_line_tells_errors(self):
        told = io.StringIO()
        with contextlib.redirect_stderr(told):
            code = cli.main(["build", self.write("syntax.py", "def f(:\n")])
        self.assertEqual(code, 1)
        self.assertRegex(told.getvalue(), r"^error: .*syntax.py:1: invalid syntax\n    def f\(:\n$")

    def test_the_contract_is_the_repositorys(self):
        ours, repository = Path(dormouse.__file__).parent / "wit", Path(__file__).parents[3] / "wit"
        names = sorted(file.name for file in repository.iterdir())
        self.assertEqual(sorted(file.name for file in ours.iterdir()), names)
        for name in names:
            self.assertEqual((ours / name).read_bytes(), (repository / name).read_bytes())


class Variables(InFolder):
    def test_a_file(self):
        text = "\n".join([
            "# a comment", "", "A=plain # more", "export B = 'in # quotes' ", 'C="line\\nnext \\"quoted\\""', "D=", "E=a#b", 'F="x" # y',
        ])  # fmt: skip
        expected = {"A": "plain", "B": "in # quotes", "C": 'line\nnext "quoted"', "D": "", "E": "a#b", "F": "x"}
        self.assertEqual(variables.parse(text, ".env"), expected)

    def test_what_was_given_wins(self):
        file = self.write(".env", "A=1\nB=2\n")
        self.assertEqual(variables.gather(["A=x=y"], [file], ["KEY", "KEY"]), ({"A": "x=y", "B": "2"}, ["KEY"]))

    def test_what_is_refused(self):
        for env, files, secrets, message in (
            (["A"], [], [], "--env A: write NAME=VALUE"),
            (["1=a"], [], [], "'1' is not a valid name"),
            ([], [self.write("bad", "A=1\nwhat\n")], [], "bad:2: write NAME=VALUE"),
            ([], [self.write("open", 'A="1\n')], [], "open:1: the value's quote"),
            ([], ["/nowhere"], [], "cannot read /nowhere"),
            ([], [], ["a b"], "--secret a b"),
            (["A=1"], [], ["A"], "as a variable and as a secret"),
        ):
            with self.assertRaisesRegex(BuildError, message):
                variables.gather(env, files, secrets)


class Decorated(unittest.TestCase):
    def test_what_a_workflow_takes(self):
        async def both(ctx, input: int): ...
        async def alone(ctx): ...
        async def optional(ctx, input: str = "", *, more=1): ...

        self.assertEqual((Workflow(both).takes_input, Workflow(both).input_type), (True, int))
        self.assertFalse(Workflow(alone).takes_input)
        self.assertEqual(Workflow(optional).input_type, str)

    def test_what_is_no_workflow(self):
        def sync(ctx, input): ...
        async def nothing(): ...
        async def three(ctx, input, more): ...
        async def named(ctx, *, input): ...
        async def stream(ctx):
            yield 1

        for function in (sync, stream):
            with self.assertRaisesRegex(UsageError, r"test_build.py:\d+: the workflow .* is not async"):
                workflow(function)
        for function in (nothing, three, named):
            with self.assertRaisesRegex(UsageError, "takes a context and an input"):
                workflow(function)
        self.assertEqual(registered, [])


if __name__ == "__main__":
    unittest.main()
