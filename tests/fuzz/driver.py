"""One target under atheris, in a process of its own: ``python -m tests.fuzz.driver TARGET`` and options of libFuzzer."""

from __future__ import annotations

import gc
import sys

import atheris

with atheris.instrument_imports(include=["callbridge"]):
    from tests.fuzz.targets import TARGETS


def main() -> None:
    name = sys.argv.pop(1)
    gc.freeze()
    atheris.Setup(sys.argv, TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
