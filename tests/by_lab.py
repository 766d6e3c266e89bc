"""Which tests a process runs together: those of a module on the same version of Asterisk, for they share a lab."""

from __future__ import annotations

import re

WITH_LABS = ("tests/live/", "tests/lab/", "tests/browser/")


def lab_of(test: str) -> str:
    """``tests/live/test_x.py::test_y[16-soon]`` belongs to ``tests/live/test_x.py 16``, and any other test to its module."""
    module, _, name = test.partition("::")
    version = re.search(r"[\[-](22|16)[\]-]", name) if module.startswith(WITH_LABS) else None
    return f"{module} {version[1]}" if version else module
