"""``python -m tests.audit``: known vulnerabilities of what an installation gets (deploy/requirements.txt), for `make check`.

Needs the network. Without it, or for packages that the registry knows nothing about, it says so and lets everything else go on.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

LOCK = Path(__file__).parent.parent / "deploy" / "requirements.txt"
IGNORED: dict[str, str] = {}
"""Vulnerabilities that do not concern us, by ID, each with the reason."""
PATIENCE = 30.0
"""Seconds for the whole audit, which runs beside the tests."""


def found(audit: dict[str, Any]) -> Iterator[str]:
    """A line for each vulnerability of pip-audit's report."""
    for package in audit["dependencies"]:
        for one in package.get("vulns", ()):
            if one["id"] in IGNORED:
                continue
            fixed = ", ".join(one.get("fix_versions", ())) or "no version yet"
            which = f"{package['name']} {package['version']}"
            yield f"audit: {which} has {one['id']}, fixed in {fixed}: change pyproject, then make lock"


def not_audited(audit: dict[str, Any]) -> list[str]:
    return [package["name"] for package in audit["dependencies"] if "skip_reason" in package]


def main() -> int:
    command = [sys.executable, "-m", "pip_audit", "-r", str(LOCK), "--disable-pip", "--no-deps", "--format", "json"]
    command += ["--progress-spinner", "off", "--timeout", "5"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
        audit = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, json.JSONDecodeError):
        print("audit: the registry does not answer; vulnerabilities were not looked for")
        return 0
    faults = [*found(audit)]
    looked_at = len(audit["dependencies"]) - len(not_audited(audit))
    print(
        "\n".join(faults)
        or f"audit: no known vulnerabilities; the registry knows {looked_at} of {len(audit['dependencies'])} packages"
    )
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
