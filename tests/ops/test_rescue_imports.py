"""`callbridge rescue` needs ARI only: what it does without cannot keep it from starting when it is needed most."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.adapters.waiting import HANGS
from tests.settings.conftest import RIGHT

NOT_NEEDED = (
    "sqlalchemy",
    "redis",
    "phonenumbers",
    "prometheus_client",
    "panoramisk",
    "callbridge.adapters.ledger",
    "callbridge.service",
)
RUN = """
import sys
from callbridge.cli import main
code = main(["rescue", "-c", sys.argv[1]])
print(code, *(name for name in sys.modules if name.startswith(tuple(sys.argv[2].split()))))
"""


@pytest.mark.slow
def test_rescue_imports_neither_a_database_nor_what_serves(tmp_path: Path) -> None:
    path = tmp_path / "callbridge.yaml"
    path.write_text(RIGHT.replace(":8088", ":1") + "database: {url: 'sqlite:////nowhere/x.db'}\n")
    command = [sys.executable, "-c", RUN, str(path), " ".join(NOT_NEEDED)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=HANGS, check=True)
    assert done.stdout.split() == ["1"], "the PBX is not there, and nothing else was looked for"
    assert "the PBX cannot be queried" in done.stderr
