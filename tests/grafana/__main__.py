"""``python -m tests.grafana [FOLDER]``: write every dashboard of the definition into ``deploy/grafana/dashboards``."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.grafana.build import text
from tests.grafana.definition import DEFINITION, definition


def main(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for slug, one in definition().dashboards.items():
        (folder / f"{slug}.json").write_text(text(slug, one), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else DEFINITION.parent / "dashboards")
