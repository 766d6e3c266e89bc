"""``--forks``: every test is run once by one of the processes, and nothing that one of them does is lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.slow


def run(folder: Path, **modules: str) -> tuple[int, str]:
    for name, source in modules.items():
        (folder / f"test_{name}.py").write_text(source)
    (folder / "pytest.ini").write_text("[pytest]\n")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.forks",
        "--forks",
        "2",
        "-p",
        "no:schemathesis",
        "-q",
        "-ra",
        str(folder),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=50)
    return done.returncode, done.stdout + done.stderr


def test_all_are_run_once_whoever_takes_them(tmp_path: Path) -> None:
    source = "import pytest\n@pytest.mark.parametrize('n', range(5))\ndef test_it(n, tmp_path): (tmp_path / 'x').touch(False)\n"
    status, text = run(tmp_path, **dict.fromkeys("abcdef", source))
    assert (status, "30 passed" in text) == (0, True), text


def test_what_fails_is_reported_as_without_it(tmp_path: Path) -> None:
    broken = "import pytest\n@pytest.fixture\ndef it():\n    yield\n    assert 0, 'teardown'\ndef test_end(it): print('hello')\n"
    status, text = run(tmp_path, a="def test_it():\n    found = 3\n    assert found == 4\n", b=broken, c="def test_it(): pass\n")
    assert (status, "1 failed, 2 passed, 1 error" in text) == (1, True), text
    assert "assert 3 == 4" in text
    assert "hello" in text


@pytest.mark.parametrize("end", ["os._exit(0)", "os.kill(os.getpid(), 9)"])
def test_a_process_that_dies_is_a_failure_and_its_tests_are_named(tmp_path: Path, end: str) -> None:
    status, text = run(tmp_path, a=f"import os\ndef test_end(): {end}\n", b="def test_it(): pass\n")
    assert status not in (0, 1), text
    assert "tests were not run: ['" in text
    assert "test_a.py::test_end" in text
