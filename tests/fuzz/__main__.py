"""``python -m tests.fuzz [TARGET ...] [--minutes M]``: coverage-guided inputs for each parser, by atheris, by hand.

It begins with ``tests/fuzz/corpus/TARGET`` and goes on where the last run ended (``build/fuzz``). An input that breaks a parser
ends the run and is kept in ``build/fuzz/TARGET/broken``: fix the parser, and copy the input to the corpus, which
``test_corpus.py`` tries from then on. What was run is appended to ``tests/fuzz/results.jsonl``.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from pathlib import Path

from tests.bench.__main__ import ROOT, circumstances
from tests.fuzz.targets import CORPUS, LARGEST, SECONDS_AT_MOST, TARGETS

BUILD = ROOT / "build" / "fuzz"
MEGABYTES_AT_MOST = 1500


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)} (default: all)")
    parser.add_argument("--minutes", type=float, default=1.0, help="for each target (default: 1)")
    options = parser.parse_args()
    if unknown := [name for name in options.targets if name not in TARGETS]:
        parser.error(f"no such target: {', '.join(unknown)}; there are {', '.join(TARGETS)}")
    return max(run(name, options.minutes) for name in options.targets or TARGETS)


def run(name: str, minutes: float) -> int:
    """1 if an input broke the parser."""
    grown, broken = BUILD / name / "corpus", BUILD / name / "broken"
    for folder in (grown, broken):
        folder.mkdir(parents=True, exist_ok=True)
    known, began = set(broken.iterdir()), time.monotonic()
    command = [sys.executable, "-m", "tests.fuzz.driver", name, str(grown), str(CORPUS / name)]
    limits = [f"-max_total_time={round(60 * minutes)}", f"-timeout={SECONDS_AT_MOST}", f"-rss_limit_mb={MEGABYTES_AT_MOST}"]
    ways = [f"-max_len={LARGEST}", f"-artifact_prefix={broken}/", "-print_final_stats=1", "-verbosity=0", "-close_fd_mask=0"]
    done = subprocess.run([*command, *limits, *ways], capture_output=True, text=True, errors="replace", check=False, cwd=ROOT)
    counted = re.search(r"stat::number_of_executed_units:\s*(\d+)", done.stderr)
    found = sorted(set(broken.iterdir()) - known)
    result = {
        **circumstances(name),
        "seconds": round(time.monotonic() - began),
        "executions": int(counted[1]) if counted else 0,
        "grown": sum(1 for _ in grown.iterdir()),
        "found": [file.name for file in found],
    }
    with (Path(__file__).parent / "results.jsonl").open("a") as record:
        record.write(json.dumps(result) + "\n")
    print(f"{name}: {result['executions']} inputs in {result['seconds']} s, {len(found)} broke it", flush=True)
    if done.returncode != 0 or found:
        print((done.stdout + done.stderr)[-3000:])
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
