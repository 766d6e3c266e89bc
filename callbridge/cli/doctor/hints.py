"""Do the hints of agents' extensions exist in the PBX? Without its hint an agent's do not disturb and other calls go unseen."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from callbridge.cli.doctor import rules
from callbridge.cli.doctor.ami import AmiRefused, AmiSession
from callbridge.cli.doctor.findings import Finding, ok, unseen, warning
from callbridge.settings.models import Settings
from callbridge.wire.ami import devices_of_hint

_ABOUT = "hints"
MAX_HINTS_NAMED = 6


async def examine(ami: AmiSession, settings: Settings) -> AsyncIterator[Finding]:
    hints = {id: agent.hint for id, agent in settings.agents.items() if agent.hint is not None}
    try:
        missing = [f"{hint} of agent {id}" for id, hint in hints.items() if not await _devices(ami, hint)]
    except AmiRefused as refusal:
        yield unseen(_ABOUT, f"ExtensionState is refused ({refusal})", f"manager.conf: write = {rules.AMI_WRITE}")
        return
    if missing:
        said = f"no such hint, or one without a device: {_some(missing)}: do not disturb and other calls are not seen there"
        yield warning(_ABOUT, said, "`core show hints` lists them: agents take hint: EXTENSION@CONTEXT")
    elif hints:
        yield ok(_ABOUT, f"all {len(hints)} hints of agents exist")


async def _devices(ami: AmiSession, hint: str) -> tuple[str, ...]:
    extension, _, context = hint.partition("@")
    (answer, *_) = await ami.ask("ExtensionState", Exten=extension, Context=context)
    return devices_of_hint(answer.get("Hint", ""))


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - MAX_HINTS_NAMED} more" if len(names) > MAX_HINTS_NAMED else ""
    return ", ".join(names[:MAX_HINTS_NAMED]) + more
