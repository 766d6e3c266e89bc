"""``python -m tests.sim NAME [--seeds 0-999] [--workers N] [--minutes M]``: many seeds of one kind, by hand.

Every seed that breaks a rule is printed with what it broke; the rest is run all the same. What was run is appended to
``tests/sim/results/NAME.jsonl``. The exit code is 1 if anything was found.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from tests.bench.__main__ import circumstances
from tests.sim.sweeps import SWEEPS, Found, sweep

RESULTS = Path(__file__).parent / "results"
REPORT_EVERY = 30.0
"""Seconds from one line of progress to the next."""


@dataclass
class Tally:
    """What was run so far, and what it brought to light."""

    seeds: int = 0
    counted: Counter[str] = field(default_factory=Counter)
    found: list[Found] = field(default_factory=list)

    def add(self, counted: Counter[str], found: list[Found]) -> None:
        self.seeds += 1
        self.counted += counted
        self.found += found
        for each in found:
            print(f"{each.where}: {each.what}", flush=True)

    def __str__(self) -> str:
        counted = ", ".join(f"{count} {what}" for what, count in self.counted.items())
        return f"{self.seeds} seeds: {counted or 'nothing yet'}; {len(self.found)} found"


def main() -> int:
    options = _options()
    first, _, last = options.seeds.partition("-")
    seeds = iter(range(int(first), int(last or first) + 1))
    began, until = time.monotonic(), time.monotonic() + 60.0 * options.minutes
    tally = Tally()
    with ProcessPoolExecutor(options.workers) as pool:
        reported = began
        for future in _in_turn(pool, options.name, seeds, until, ahead=2 * options.workers):
            tally.add(*future.result())
            if time.monotonic() - reported > REPORT_EVERY:
                reported = time.monotonic()
                print(tally, file=sys.stderr, flush=True)
    print(tally)
    result = {
        **circumstances(options.name),
        "first_seed": int(first),
        "seeds": tally.seeds,
        "seconds": round(time.monotonic() - began),
        **tally.counted,
        "found": [f"{each.where}: {each.what}" for each in tally.found],
    }
    RESULTS.mkdir(exist_ok=True)
    with (RESULTS / f"{options.name}.jsonl").open("a") as record:
        record.write(json.dumps(result) + "\n")
    return 1 if tally.found else 0


def _in_turn(
    pool: ProcessPoolExecutor, name: str, seeds: Iterator[int], until: float, *, ahead: int
) -> Iterator[Future[tuple[Counter[str], list[Found]]]]:
    """Each seed as it is done; none is begun when the time is over."""
    under_way = {pool.submit(sweep, name, seed) for seed in islice(seeds, ahead)}
    while under_way:
        done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
        yield from done
        if time.monotonic() < until:
            under_way |= {pool.submit(sweep, name, seed) for seed in islice(seeds, len(done))}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.sim", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=SWEEPS, help="; ".join(f"{name}: {kind.__doc__}" for name, kind in SWEEPS.items()))
    parser.add_argument("--seeds", default="0-999", help="the first and the last one (default: 0-999)")
    parser.add_argument("--workers", type=int, default=1, help="processes side by side (default: 1)")
    parser.add_argument("--minutes", type=float, default=60.0, help="begin no seed after so long (default: 60)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
