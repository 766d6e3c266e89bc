"""What the READMEs show of the code, made from it: state diagrams from the transition tables, the layers from pyproject.toml."""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from callbridge.core.model.agent import WORK_MOVES, Agent, Device, Intent, State, Work, eligible, published
from callbridge.core.model.attempt import ATTEMPT_TRANSITIONS, AttemptStage
from callbridge.core.model.call import CALL_TRANSITIONS, Phase
from callbridge.core.model.feature_call import FEATURE_CALL_TRANSITIONS, FeatureCallStage
from callbridge.core.model.plan import ConnectMode
from callbridge.core.model.skills import profile

ROOT = Path(__file__).parents[2]

State_ = TypeVar("State_", bound=StrEnum)
Move_ = TypeVar("Move_", bound=StrEnum)


def mermaid(edges: Iterable[tuple[str, str, str]], first: str, last: Iterable[str] = ()) -> str:
    """A state diagram; moves that join the same two states share an arrow."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for before, after, why in edges:
        known = arrows.setdefault((before, after), [])
        if why not in known:
            known.append(why)
    lines = [f"    [*] --> {first}"]
    lines += [f"    {before} --> {after}: {', '.join(why)}" for (before, after), why in arrows.items()]
    lines += [f"    {state} --> [*]" for state in last]
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```"])


def from_table(table: Mapping[State_, Mapping[Move_, State_]], first: State_) -> str:
    edges = [(before.value, after.value, move.value) for before, moves in table.items() for move, after in moves.items()]
    return mermaid(edges, first.value, [state.value for state, moves in table.items() if not moves])


def agent_states() -> str:
    """Between published states: everything that one change of intent, work or device can lead to."""
    edges = []
    for intent, work, device, picked_up in itertools.product(Intent, Work, Device, (False, True)):
        if picked_up and work is not Work.OFFERED:
            continue
        now = replace(_agent(intent, work, device), connecting=picked_up)
        changed = [("intent", replace(now, intent=other)) for other in Intent]
        changed += [("work", _agent(intent, other, device)) for other in Work if other in WORK_MOVES[work]]
        changed += [("work", replace(now, connecting=True))] if work is Work.OFFERED and not picked_up else []
        changed += [("device", replace(now, device=other)) for other in Device]
        for what, then in changed:
            if then.work is Work.OFFERED and work is Work.IDLE and not eligible(now, 0.0):
                continue
            before, after = published(now)[0], published(then)[0]
            if before is not after:
                edges.append((before.value, after.value, what))
    order = [state.value for state in State]
    edges.sort(key=lambda edge: (order.index(edge[0]), order.index(edge[1]), edge[2]))
    return mermaid(edges, State.LOGGED_OUT.value)


def _agent(intent: Intent, work: Work, device: Device) -> Agent:
    return Agent(
        id="ann",
        name="Ann",
        profile=profile({}),
        phone="PJSIP/1001",
        home="PJSIP/1001",
        connect=ConnectMode.RING,
        intent=intent,
        work=work,
        device=device,
    )


def layers() -> str:
    """The import law, as the linter checks it."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    lines = ["```"]
    for contract in contracts:
        (container,) = contract["containers"]
        lines += [f"{container} (from the top):", *(f"    {layer}" for layer in contract["layers"])]
    return "\n".join([*lines, "```"])


BLOCKS = {
    "call": lambda: from_table(CALL_TRANSITIONS, Phase.WAITING),
    "attempt": lambda: from_table(ATTEMPT_TRANSITIONS, AttemptStage.RESERVING),
    "feature call": lambda: from_table(FEATURE_CALL_TRANSITIONS, FeatureCallStage.OPENED),
    "agent": agent_states,
    "layers": layers,
}
"""By the name that stands in a README: ``<!-- made from the code: NAME -->`` to ``<!-- end -->``."""
