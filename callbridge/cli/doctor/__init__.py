"""`callbridge doctor`: checks the systems that callbridge depends on for missing or unsafe settings. Read-only."""

from __future__ import annotations

import asyncio
import json
import resource
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from callbridge.cli.client import ApiError, Client
from callbridge.cli.doctor import etc_files, one_of_several, pbx, store
from callbridge.cli.doctor.findings import Finding, Level, findings_table, ok, warning
from callbridge.cli.doctor.freepbx import tree_of
from callbridge.settings.models import Settings

HEALTHY, FAULTY = 0, 1
FEW_FILES = 4096

__all__ = ["doctor", "examine"]


def doctor(settings: Settings, etc: Path | None, *, as_json: bool) -> int:
    """Run all checks, print the findings and return the exit code: 1 if there is a fault."""

    async def gather() -> list[Finding]:
        return [finding async for finding in examine(settings, etc)]

    findings = asyncio.run(gather())
    print(json.dumps([each.plain() for each in findings], ensure_ascii=False) if as_json else findings_table(findings))
    return FAULTY if any(finding.level is Level.FAULT for finding in findings) else HEALTHY


async def examine(settings: Settings, etc: Path | None = None) -> AsyncIterator[Finding]:
    """All checks: warnings of the configuration, this host, Redis and each PBX."""
    for doubt in settings.warnings:
        yield warning("config", str(doubt))
    for finding in limits(resource.getrlimit(resource.RLIMIT_NOFILE)[1]):
        yield finding
    async for finding in store.examine(settings):
        yield finding
    if etc is not None and len(settings.pbx) > 1:
        said = f"--etc {etc} has the files of one PBX, and {len(settings.pbx)} are configured: the files are not examined"
        yield warning("config", said, "run the doctor with a configuration of this PBX alone")
        etc = None
    tree = await asyncio.to_thread(tree_of, etc) if etc is not None else None
    connected = await asyncio.to_thread(_connected, settings)
    for one in settings.pbx:
        own = one_of_several.own(settings, one)
        patient = pbx.Patient(
            pbx=one,
            settings=own,
            etc=etc,
            owned=one.name in connected,
            ties=[*one_of_several.tie_lines(settings, one)],
            contexts=[*one_of_several.contexts(settings, one)],
        )
        told: list[Finding] = []
        async for finding in pbx.examine(patient):
            told.append(finding)
            yield one_of_several.named(tree.advised(finding) if tree is not None else finding, settings, one)
        for finding in etc_files.examine(etc, one, own) if etc is not None else ():
            if finding not in told:
                yield one_of_several.named(tree.advised(finding) if tree is not None else finding, settings, one)


def limits(files: int) -> Iterator[Finding]:
    """``files``: the hard limit of open files; callbridge raises its own limit to it."""
    if 0 <= files < FEW_FILES:
        said = f"the limit of open files per process is {files}"
        yield warning("limits", said, "set LimitNOFILE=65536 in the systemd unit (as in deploy/systemd), or use ulimit -n")
    else:
        yield ok("limits", "the limit of open files is high enough")


def _connected(settings: Settings) -> set[str]:
    """The PBXs to which the callbridge on our own HTTP address has its links."""
    try:
        missing = Client(f"http://{settings.http.host}:{settings.http.port}").missing()
    except ApiError:
        return set()
    return {one.name for one in settings.pbx if not any(f"pbx {one.name}:" in each for each in missing)}
