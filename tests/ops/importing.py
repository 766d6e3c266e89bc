"""`callbridge import` as people run it: files in, configuration and lines to look at out; what comes out passes `check`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from callbridge.cli import main
from callbridge.core.model.plan import Plan
from callbridge.settings.loading import load


@dataclass(frozen=True)
class Import:
    text: str
    looks: list[str]
    plan: Plan

    def look(self, *words: str) -> str:
        """The one line to look at with these words."""
        (found,) = (line for line in self.looks if all(word in line for word in words))
        return found


def run(capsys: pytest.CaptureFixture[str], folder: Path, *arguments: object) -> Import:
    """Run the command, and `check` on what it prints, without a change."""
    assert main(["import", *map(str, arguments)]) == 0
    said = capsys.readouterr()
    path = folder / "callbridge.yaml"
    path.write_text(said.out)
    assert main(["check", "-c", str(path)]) == 0, said.out
    capsys.readouterr()
    looks = [line.removeprefix("look at: ") for line in said.err.splitlines() if line.startswith("look at: ")]
    return Import(said.out, looks, load(path, {}).plan())


def tree(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder
