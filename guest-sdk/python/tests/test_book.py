"""The book's tables have what the package has."""

import re
import unittest
from pathlib import Path

import dormouse
from dormouse._build.cli import _parser
from dormouse.http import CallOptions, RetryPolicy
from dormouse.runs import StartOptions
from dormouse.webhooks import WebhookOptions

BOOK = (Path(__file__).parents[3] / "docs/reference/python.md").read_text()


def section(title):
    return BOOK.split(f"\n## {title}\n")[1].split("\n## ")[0]


def named(text):
    """What stands in code: names, and the names of methods and their parameters."""
    return set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]+)`", text))))


class Tables(unittest.TestCase):
    def test_the_context(self):
        rows = [line.split("|")[1] for line in section("The context").splitlines() if line.startswith("| `")]
        found = {name for row in rows for name in re.findall(r"`(\w+)", row)}
        self.assertEqual(found, {name for name in vars(dormouse.Context) if not name.startswith("_")})

    def test_options(self):
        rows = {
            line.split("|")[1].strip(): line.split("|")[2] for line in section("Options").splitlines() if line.startswith("| ")
        }
        for row, options in (("`webhook`", WebhookOptions), ("calls", CallOptions), ("`start_run`, `invoke`", StartOptions)):
            self.assertLessEqual(set(options.__annotations__), named(rows[row]), row)
        self.assertLessEqual(set(RetryPolicy.__annotations__), named(rows["calls"]))

    def test_classes(self):
        text = section("Classes")
        rows = {line.split("|")[1].strip(): line.split("|")[2] for line in text.splitlines() if line.startswith("| ")}
        body = named(rows["what a body has"])
        for name in ("Webhook", "Delivery", "Response", "Headers", "Payload", "OtherRun", "RunOutcome"):
            made = getattr(dormouse, name)
            members = {*vars(made), *getattr(made, "__annotations__", ())}
            missing = {member for member in members if not member.startswith("_")} - named(rows[f"`{name}`"]) - body
            self.assertEqual(missing, set(), name)

    def test_errors(self):
        self.assertEqual(
            {name for name in named(section("Errors")) if name.endswith("Error")},
            {name for name in dormouse.__all__ if name.endswith("Error")},
        )

    def test_the_command_line(self):
        _, usage = _parser().parse_known_args(["build", "x"]), _parser()
        build = usage._subparsers._group_actions[0].choices["build"]
        options = {option for action in build._actions for option in action.option_strings} - {"-h", "--help"}
        text = section("`dormouse-py build FILE`")
        self.assertEqual({option for option in options if f"`{option}" not in text}, set())


if __name__ == "__main__":
    unittest.main()
