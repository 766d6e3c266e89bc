"""What all tests share: the laws speak plainly when they are broken, and traces can be written again."""

from __future__ import annotations

import gc
import os
import sys
from collections import Counter
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

from tests import forks
from tests.examples import ALL, FEW
from tests.lab import scratch

gc.disable()  # until everything is collected: almost all that is made until then stays
os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(scratch.place()))  # below it pytest makes each tmp_path

settings.register_profile("callbridge", deadline=None, max_examples=ALL)
settings.register_profile("few", settings.get_profile("callbridge"), max_examples=FEW)  # make check
settings.load_profile("callbridge")

pytest.register_assert_rewrite("tests.core.laws", "tests.core.story", "tests.core.toy", "tests.live")

# Drawing a traceback with rich took 0.2 s of each test in which something raises. This is the renderer of structlog's defaults
# (so it is still plain after reset_defaults).
structlog.get_config()["processors"][-1].exception_formatter = structlog.dev.plain_traceback

RERUNS = Path(__file__).parent.parent / "build" / "reruns.txt"


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """A test that passes at its second attempt leaves the traceback of its first behind, so that its cause can be found."""
    if report.outcome == "rerun" and not forks.is_child:  # type: ignore[comparison-overlap]
        RERUNS.parent.mkdir(exist_ok=True)
        with RERUNS.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"== {report.nodeid} ({report.when})\n{report.longreprtext}\n\n")


def pytest_collection_finish() -> None:
    """What is there now stays until the end: looking for garbage in hundreds of modules and thousands of tests again and again
    took a twentieth of the suite's time. So did looking after every 700 new objects, where a test makes a hundred thousand."""
    _share()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    gc.enable()


def _share() -> None:
    """What tests would make again and again. Only where they use it: loading it takes longer than most modules."""
    if "callbridge.adapters.database" in sys.modules:
        from tests import databases

        databases.share()
    if "callbridge.cli" in sys.modules:
        from tests import command_line

        command_line.share()
    if "callbridge.adapters.http.pages" in sys.modules:
        from tests import opened_often

        opened_often.share()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rewrite-traces",
        action="store_true",
        help="rewrite tests/{traces,adapters/schemas}/*.txt and tests/sim/conformance.txt; read the diff before you commit it",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Modules that take minutes (``LONG = True``) are begun first: else the last of them runs alone while other cores wait. Then
    those with the most tests; within that, the order stays random."""
    count = Counter(item.path for item in items)
    items.sort(key=lambda item: (not getattr(getattr(item, "module", None), "LONG", False), -count[item.path], str(item.path)))
