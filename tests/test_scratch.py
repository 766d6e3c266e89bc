"""The lab's files are in memory where there is room, and its ports are its own."""

import os
import tempfile
from pathlib import Path

import pytest

from tests.lab import scratch
from tests.lab.ports import PortBlock, lock_of


def test_with_room_it_is_memory_and_without_it_the_usual_place(tmp_path: Path) -> None:
    usual = Path(tempfile.gettempdir())
    assert scratch.place(tmp_path, 1) == tmp_path
    assert scratch.place(tmp_path, 1 << 60) == usual, "too small, as in a container"
    assert scratch.place(tmp_path / "none", 1) == usual


def test_what_tests_and_labs_write_is_in_one_place(tmp_path: Path) -> None:
    made = scratch.folder("cb-scratch-")
    made.rmdir()
    assert made.parent == scratch.place()
    assert tmp_path.is_relative_to(os.environ["PYTEST_DEBUG_TEMPROOT"]), "databases of tests, too"


def test_labs_with_temporary_folders_of_their_own_share_no_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    block = PortBlock(1)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert lock_of(block.first) is None
    block.release()
