"""deploy/README.md says what is true: of the log, of the exit codes, and of files that it names."""

import ast
import re
from functools import cache

from callbridge import cli
from callbridge.service import process
from tests.deploy.files import DEPLOY, ROOT
from tests.deploy.runbook import NOT_HERE, TEXT, commands


@cache
def log_calls() -> list[tuple[str, str]]:
    """(level, event) of each line of the code that logs."""
    return [
        (node.func.attr, str(node.args[0].value))
        for path in (ROOT / "callbridge").rglob("*.py")
        if re.search(r"\blog\.\w", text := path.read_text())  # parsing the others would take half a second
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name)
        if node.func.value.id == "log" and node.args and isinstance(node.args[0], ast.Constant)
    ]


def logged(*levels: str) -> set[str]:
    """The events that callbridge logs at these levels, by their names in the code."""
    return {event for level, event in log_calls() if level in levels}


def explained() -> set[str]:
    (table,) = re.findall(r"^\| event \|.*?\n\n", TEXT, re.MULTILINE | re.DOTALL)
    return {event for row in table.strip().splitlines()[2:] for event in re.findall(r"`([^`]+)`", row.split("|")[1])}


def test_every_complaint_of_the_log_is_explained() -> None:
    assert logged("warning", "error", "exception", "critical") - explained() == set()


def test_nothing_is_explained_that_is_never_said() -> None:
    assert explained() - logged("info", "warning", "error", "exception", "critical") == set()


def test_the_exit_codes_are_those_of_the_program() -> None:
    assert (cli.DONE, cli.FAILED, cli.USAGE, process.REPLACED) == (0, 1, 2, 3)
    assert "0 done, 1 failed" in TEXT
    assert "2 usage or invalid configuration, 3 replaced by another instance" in TEXT


def test_every_file_of_ours_that_is_linked_or_copied_exists() -> None:
    linked = [DEPLOY / target for target in re.findall(r"\]\(([^)#:+]+)\)", TEXT)]
    copied = [ROOT / word for line in commands() for word in line.split() if re.match(r"(config|dialplan|deploy)/", word)]
    assert linked
    assert copied
    for path in (*linked, *copied):
        assert list(path.parent.glob(path.name)), path


def test_what_is_not_run_here_is_in_the_runbook() -> None:
    assert set(NOT_HERE) <= {line.split()[0] for line in commands()}
