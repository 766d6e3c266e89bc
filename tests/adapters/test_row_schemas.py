"""The saved world's schema number is raised when its rows change: an older callbridge must refuse a world that it would misread.

``tests/adapters/schemas/N.txt`` says what rows of schema N look like; ``pytest --rewrite-traces`` writes the newest one.
"""

from __future__ import annotations

from difflib import ndiff
from pathlib import Path

import pytest

from callbridge.adapters.facts.migrations import MIGRATIONS, SCHEMA
from tests.adapters.row_schemas import described

SCHEMAS = Path(__file__).parent / "schemas"

CHANGED = f"""the rows of the saved world are not those of schema {SCHEMA} any more (what changed is below).
A world that a newer version saved must not be misread by an older one. So, in this order:
1. Was schema {SCHEMA} part of a release (CHANGELOG.md)? Then raise SCHEMA in adapters/facts/migrations.py and add a migration
   to MIGRATIONS; if it was not, only see to it that the migration still fits.
2. A new field needs a default; a value that was taken away or renamed needs the migration.
3. `pytest tests/adapters/test_row_schemas.py --rewrite-traces` writes the schema's file; commit it with the change."""


def test_rows_change_only_with_their_schema(request: pytest.FixtureRequest) -> None:
    path = SCHEMAS / f"{SCHEMA}.txt"
    if request.config.getoption("--rewrite-traces"):
        path.write_text(described(), encoding="utf-8")
    written = path.read_text(encoding="utf-8") if path.exists() else ""
    changed = [line for line in ndiff(written.splitlines(), described().splitlines()) if line[0] in "+-"]
    assert changed == [], "\n".join([CHANGED, *changed])


def test_every_schema_leads_to_the_next_one_and_is_described() -> None:
    before = range(1, SCHEMA)
    assert sorted(MIGRATIONS) == [*before]
    assert sorted(path.stem for path in SCHEMAS.iterdir()) == sorted(str(number) for number in (*before, SCHEMA))


def test_what_the_last_schema_did_not_have_is_optional() -> None:
    """Else a row that the last release has saved cannot be read."""
    last = _fields(SCHEMA - 1)
    new = {
        field: kind for field, kind in _fields(SCHEMA).items() if field not in last and field.rpartition(".")[0] in _types(last)
    }
    assert [field for field, kind in new.items() if not kind.endswith("(optional)")] == []


def _fields(schema: int) -> dict[str, str]:
    lines = (SCHEMAS / f"{schema}.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split(": ", 1) for line in lines if ": " in line)


def _types(known: dict[str, str]) -> set[str]:
    return {field.rpartition(".")[0] for field in known}
