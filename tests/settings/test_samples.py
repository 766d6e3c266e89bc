"""The samples of config/ that are added to the example configuration: it is right with them, too."""

from __future__ import annotations

import shutil
from pathlib import Path

from callbridge.settings.loading import load

EXAMPLE = Path(__file__).resolve().parents[2] / "config"


def test_users_may_be_added_as_their_sample_says(tmp_path: Path) -> None:
    folder = shutil.copytree(EXAMPLE, tmp_path / "config")
    (folder / "users.yaml.sample").rename(folder / "users.yaml")
    main = folder / "callbridge.yaml"
    main.write_text(main.read_text(encoding="utf-8").replace("speech.yaml]", "speech.yaml, users.yaml]"), encoding="utf-8")
    settings = load(main)
    assert settings.users.keys() == {"maria", "ops"}
    assert settings.walls.keys() == {"support"}
