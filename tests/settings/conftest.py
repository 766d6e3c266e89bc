"""A small configuration that is right, and a way to spoil one part of it."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Iterator

import pytest

from callbridge.settings.faults import ConfigFaults
from callbridge.settings.loading import load
from callbridge.settings.models import Settings
from tests.editors import watch_what_is_loaded

RIGHT = """\
pbx:
  - name: pbx1
    ari: {url: "http://127.0.0.1:8088/ari", user: u, password: p}
    ami: {user: u, secret: s}
skills: [support, english, 中文]
entries:
  help: {queue: support}
queues:
  support:
    steps:
      - {skills: "support >= 3", for: 20s}
      - {skills: "support", for: 90s}
    then: {queue: general}
  general:
    steps: [{skills: "english or 中文"}]
agents:
  0101: {name: 王小明, phone: PJSIP/1001, skills: {support: 4, 中文: 5}}
  ann: {phone: PJSIP/1002, skills: {english: 2}, connect: nailed_up, login: yes}
"""

Write = Callable[..., pathlib.Path]


@pytest.fixture
def write(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write ``cb.yaml`` (the right one with each (old, new) replaced) and stand beside it."""
    monkeypatch.chdir(tmp_path)

    def spoil(*changes: tuple[str, str], text: str = RIGHT) -> pathlib.Path:
        for old, new in changes:
            assert old in text
            text = text.replace(old, new, 1)
        path = pathlib.Path("cb.yaml")
        path.write_text(text, encoding="utf-8")
        return path

    return spoil


def told(path: pathlib.Path, env: dict[str, str] | None = None) -> list[str]:
    """The faults, as printed."""
    with pytest.raises(ConfigFaults) as caught:
        load(path, env or {})
    return [str(fault) for fault in caught.value.faults]


def right(path: pathlib.Path, env: dict[str, str] | None = None) -> Settings:
    return load(path, env or {})


@pytest.fixture(autouse=True)
def editors_agree(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    yield from watch_what_is_loaded(monkeypatch)
