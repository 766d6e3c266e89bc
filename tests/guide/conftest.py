"""Examples that load are examples about which no editor complains."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.editors import watch_what_is_loaded


@pytest.fixture(autouse=True)
def editors_agree(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    yield from watch_what_is_loaded(monkeypatch)
