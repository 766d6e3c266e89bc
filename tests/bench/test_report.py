"""The figures that stand in the documents are those of the records."""

from typing import Any

from tests.bench.report import HERE, current, readme
from tests.bench.throughput import fallen


def test_the_readme_is_made_of_the_last_record() -> None:
    assert (HERE / "README.md").read_text() == current()


def test_a_rate_that_failed_is_in_the_readme_with_its_reason_and_the_highest_that_did_not() -> None:
    rows = [fallen("callbridge", 80, 60.0, TimeoutError("overrun"))]
    found: dict[str, Any] = {"commit": "c", "python": "3", "cores": 2, "dtmf": "on", "rows": rows, "searched_up_to": 200}
    text = readme(None, found | {"highest_rate": {"app_queue": 40, "callbridge": 70}})
    assert "| callbridge | 80 | 60 | 4800 | 4800 | TimeoutError: overrun |" in text
    assert "up to 200 calls/s: app_queue 40, callbridge 70." in text
