"""The serving callbridge deletes recordings that are old enough, and counts them."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from callbridge.adapters.database import Database
from callbridge.adapters.database.history_tables import recordings
from callbridge.adapters.history import recording_retention
from tests.adapters.toy_quality import recorded
from tests.adapters.waiting import until
from tests.test_starting import process_config, processed

pytestmark = pytest.mark.slow


async def test_recordings_are_deleted_while_it_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording_retention, "FIRST_DELETION_AFTER", 0.0)
    url, folder = f"sqlite:///{tmp_path}/history.db", tmp_path / "monitor"
    recorded(url, ("ann",), 2)  # day/ann-0.wav and day/ann-1.wav
    with closing(Database(url)) as database, database.engine.begin() as link:
        link.execute(update(recordings).values(at=1000.0))
    (folder / "day").mkdir(parents=True)
    for number in range(2):
        (folder / "day" / f"ann-{number}.wav").write_bytes(b"x")
    more: dict[str, Any] = {"metrics": {"recordings": str(folder)}, "recordings": {"queues": {"support": 1}}}
    config = process_config(tmp_path, database={"url": url}, **more)
    async with processed(config) as process:
        await process.begin_term()
        await until(lambda: not list((folder / "day").iterdir()), 10)
        page = ""
        while "recordings_deleted_total{" not in page:
            page = (await process.metrics.render()).decode()
    assert 'callbridge_recordings_deleted_total{queue="support",result="deleted"} 2.0' in page
