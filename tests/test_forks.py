"""``--forks``: every test is run once by one of the processes, and nothing that one of them does is lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.adapters.waiting import HANGS

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.slow


def run(folder: Path, *more: str, **modules: str) -> tuple[int, str]:
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
        *more,
        str(folder),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=HANGS)
    return done.returncode, done.stdout + done.stderr


def test_all_are_run_once_by_whichever_process_takes_them(tmp_path: Path) -> None:
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


CONFTEST = """
from pathlib import Path
from tests import conftest
conftest.RERUNS = Path(__file__).parent / "build" / "reruns.txt"
pytest_runtest_logreport = conftest.pytest_runtest_logreport
"""


def test_what_the_first_attempt_of_a_forked_test_showed_is_kept_and_said_in_short(tmp_path: Path) -> None:
    """Of one that passes at its second attempt, and of one that fails again."""
    (tmp_path / "conftest.py").write_text(CONFTEST)
    source = "tried = []\ndef test_it():\n    tried.append(1)\n    assert len(tried) > {least}, 'attempt ' + str(len(tried))\n"
    status, text = run(tmp_path, "--reruns", "1", a=source.format(least=1), b=source.format(least=2))
    assert (status, "1 failed, 1 passed, 2 rerun" in text) == (1, True), text
    kept = tmp_path / "build" / "reruns.txt"
    blocks = kept.read_text().split("== ")[1:]
    assert sorted(block.split("::")[0].rpartition("/")[2] for block in blocks) == ["test_a.py", "test_b.py"]
    assert all("AssertionError: attempt 1" in block for block in blocks)
    short = subprocess.run(["awk", "-f", ROOT / ".ci" / "in_short.awk", kept], capture_output=True, text=True, check=True).stdout
    lines = short.splitlines()
    assert len(lines) == 6, short
    assert [line.split()[-1] for line in lines[1::3]] == ["AssertionError"] * 2
    assert [line.split(maxsplit=1)[1] for line in lines[2::3]] == ["AssertionError: attempt 1"] * 2


def test_a_live_module_is_shared_by_one_process_for_each_version_of_asterisk(tmp_path: Path) -> None:
    """What runs first on one version waits for what runs on the other; and those of one version share a lab."""
    folder = tmp_path / "tests" / "live"
    folder.mkdir(parents=True)
    (folder / "test_it.py").write_text(MEETING)
    status, text = run(tmp_path, "-p", "no:randomly", b="def test_it(): pass\n")
    assert (status, "7 passed" in text) == (0, True), text
    found = [line.split() for line in (folder / "seen").read_text().splitlines()]
    assert sorted(version for version, _ in found) == ["16"] * 3 + ["22"] * 3
    assert len({process for version, process in found if version == "22"}) == 1
    assert len({process for _, process in found}) == 2


MEETING = """
import os, time
from pathlib import Path
import pytest
SEEN = Path(__file__).with_name("seen")
@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("version", [22, 16])
def test_it(version, number):
    with SEEN.open("a") as file:
        file.write(f"{version} {os.getpid()}\\n")
    while len({line.split()[0] for line in SEEN.read_text().splitlines()}) < 2:
        time.sleep(0.01)
"""
