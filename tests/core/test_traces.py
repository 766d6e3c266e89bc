"""The golden stories in tests/traces. ``pytest --rewrite-traces`` writes them again: commit only what you understand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.core.traces import Trace

STORIES = sorted((Path(__file__).parents[1] / "traces").glob("*.txt"))


def test_there_are_stories() -> None:
    assert len(STORIES) >= 19


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_the_story_goes_as_it_is_told(path: Path, request: pytest.FixtureRequest) -> None:
    text = path.read_text(encoding="utf-8")
    written = Trace(text).rewritten()
    if request.config.getoption("--rewrite-traces"):
        path.write_text(written, encoding="utf-8")
        pytest.skip("written again")
    assert written == text
