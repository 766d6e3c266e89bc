"""``python -m tests.lab.pictures``: draws the pictures of the README and the guide again.

The wallboard is drawn by the code of ``callbridge top``, for the agents and queues of the example configuration in a busy
moment that is described below. Rule of this file: the same code and configuration give the same picture on every machine, so
a test can tell that a committed picture is out of date.
"""

from __future__ import annotations

import io
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme

from callbridge.adapters.views.rows import queues_for
from callbridge.cli.board import JsonRow, Known, frame
from callbridge.core.model.plan import Plan
from callbridge.settings.loading import load

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "guide"
NOW = 1_793_012_400.0 + 37
"""Noon or so, when everybody calls."""
COLUMNS = 120

AGENTS: dict[str, tuple[str, float, str, str]] = {
    "1001": ("talking", 74, "support", "31"),
    "1002": ("not_ready lunch", 2711, "", ""),
    "1003": ("talking", 12, "support", "37"),
    "1004": ("ringing", 2, "support", "41"),
    "1005": ("offline", 95, "", ""),
    "1006": ("ready", 4, "", ""),
    "1007": ("talking", 163, "sales", "22"),
    "1008": ("wrap_up", 3, "sales", ""),
    "1009": ("talking", 48, "sales", "34"),
    "1010": ("talking", 5, "support", "40"),
    "1011": ("ringing", 1, "support", "35"),
    "1012": ("ready", 19, "", ""),
}
"""Agent -> state with its reason, since how many seconds, queue and call in hand."""
WAITING: tuple[tuple[str, str, str, float, int, str], ...] = (
    ("support", "diamond", "+44*****001", 3, 0, ""),
    ("support", "gold", "+44*****117", 14, 0, "1004"),
    ("support", "standard", "+44*****640", 26, 1, "1011"),
    ("sales", "standard", "+49*****012", 8, 0, ""),
)
"""Queue, tier, number, waiting for how many seconds, step, and the agent whose phone rings. Nobody who is ready fits the
diamond caller yet."""
FIGURES = {"support": (41, 2, 0.87), "sales": (22, 1, 0.91), "general": (9, 0, 1.0)}
"""Queue -> answered and abandoned today, service level."""
ANSWER_WITHIN = {"diamond": 5.0}
OTHERS_ANSWER_WITHIN = 20.0

THEME = TerminalTheme(
    (24, 26, 31),
    (214, 218, 224),
    [
        (70, 75, 84),
        (242, 108, 108),
        (126, 201, 126),
        (229, 192, 103),
        (104, 160, 240),
        (198, 140, 222),
        (94, 196, 204),
        (214, 218, 224),
    ],
    [
        (120, 126, 136),
        (255, 130, 130),
        (150, 220, 150),
        (245, 210, 130),
        (130, 180, 255),
        (215, 160, 240),
        (120, 215, 222),
        (255, 255, 255),
    ],
)
FRAME = """\
<svg class="callbridge-top" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<title>callbridge top</title>
<style>
.{unique_id}-matrix {{ font-family: "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: {char_height}px; }}
.{unique_id}-title {{ font-family: "DejaVu Sans", Arial, sans-serif; font-size: 18px; font-weight: bold; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal"><rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" /></clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
"""rich's own frame asks a server in the network for a font; this one takes what the reader's machine has."""


def main() -> int:
    for name, picture in pictures().items():
        (FOLDER / name).write_text(picture, encoding="utf-8")
        print(FOLDER / name)
    return 0


def pictures() -> dict[str, str]:
    """File -> SVG."""
    return {"wallboard.svg": wallboard(), "overview.svg": overview()}


# -- the wallboard ------------------------------------------------------------------------------------------------------


def wallboard() -> str:
    """A frame of ``callbridge top``."""
    console = Console(
        width=COLUMNS, file=io.StringIO(), record=True, force_terminal=True, color_system="truecolor", highlight=False
    )
    with in_utc():
        console.print(frame(busy_moment(), NOW, COLUMNS, None))
    return _tidy(console.export_svg(title="callbridge top", theme=THEME, code_format=FRAME, unique_id="board"))


def busy_moment() -> Known:
    """What ``callbridge top`` would have heard: the example configuration's agents and queues, at work."""
    plan = load(ROOT / "config" / "callbridge.yaml", {"CALLBRIDGE_SOUNDS": str(FOLDER)}).plan()
    assert plan.agents.keys() == AGENTS.keys(), "AGENTS has not the agents of config/agents.yaml"
    assert plan.queues.keys() == FIGURES.keys(), "FIGURES has not the queues of config/queues.yaml"
    return Known(
        queues=[_queue(plan, name) for name in plan.queues],
        agents=[_agent(plan, name) for name in plan.agents],
        waiting=list(_waiting(plan)),
        standing=["1002: lunch for more than 45:00"],
        heard_at=NOW,
    )


def _agent(plan: Plan, name: str) -> JsonRow:
    state, lasted, queue, call = AGENTS[name]
    state, _, reason = state.partition(" ")
    shown = {"id": name, "name": plan.agents[name].name, "state": state, "reason": reason, "since": NOW - lasted}
    return shown | {"queue": queue, "call": call and f"cb-call-mi9x1-{call}"}


def _queue(plan: Plan, name: str) -> JsonRow:
    states = Counter(
        AGENTS[agent.id][0].partition(" ")[0] for agent in plan.agents.values() if name in queues_for(plan, agent.skills)
    )
    waits = [waited for queue, _, _, waited, _, _ in WAITING if queue == name]
    answered, abandoned, level = FIGURES[name]
    row = {"name": name, "waiting": len(waits), "oldest_arrived_at": NOW - max(waits) if waits else "", "sl": level}
    return row | {f"agents_{state}": count for state, count in states.items()} | {"answered": answered, "abandoned": abandoned}


def _waiting(plan: Plan) -> Iterator[JsonRow]:
    positions: Counter[str] = Counter()
    for queue, tier, number, waited, step, agent in WAITING:
        positions[queue] += 1
        row = {"position": positions[queue], "queue": queue, "tier": tier, "number": number, "arrived_at": NOW - waited}
        steps = len(plan.queues[queue].routings[tier].steps)
        within = ANSWER_WITHIN.get(tier, OTHERS_ANSWER_WITHIN)
        yield row | {"step": step, "steps": steps, "agent": agent, "answer_within": within}


@contextmanager
def in_utc() -> Iterator[None]:
    """The board shows the time of day where the reader is; the picture shows one time everywhere."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "UTC"
    time.tzset()
    try:
        yield
    finally:
        os.environ.pop("TZ")
        if before is not None:
            os.environ["TZ"] = before
        time.tzset()


def _tidy(svg: str) -> str:
    return "\n".join(line.rstrip() for line in svg.splitlines() if line.strip()) + "\n"


# -- how it fits together -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Box:
    """A box of the drawing: its corner and size, a title, lines below it, and the colour of its edge."""

    x: int
    y: int
    width: int
    height: int
    title: str
    lines: tuple[str, ...] = ()
    edge: str = "#5b6573"


INK, SOFT, VOICE, ORDERS, DATA, PAPER = "#1f2733", "#5b6573", "#2f7d4f", "#b4541e", "#2b62b8", "#ffffff"
BOXES = (
    Box(20, 40, 150, 84, "Callers", ("SIP trunk,", "phone numbers"), VOICE),
    Box(270, 30, 230, 104, "Asterisk PBX", ("carries the voice:", "music, prompts, bridges,", "recordings"), VOICE),
    Box(600, 40, 210, 84, "Agents and supervisors", ("desk phones, softphones,", "feature codes"), VOICE),
    Box(
        270,
        210,
        230,
        120,
        "callbridge",
        ("decides: queues, skills, tiers,", "IVR, announcements,", "callbacks, surveys,", "campaigns"),
        ORDERS,
    ),
    Box(20, 220, 170, 100, "Fallback queue", ("an app_queue: takes", "the calls when", "callbridge is away"), VOICE),
    Box(600, 178, 210, 84, "People", ("callbridge top, calls show,", "doctor, campaign"), DATA),
    Box(600, 282, 210, 84, "Your software", ("HTTP API, webhooks,", "screen pop, live events"), DATA),
    Box(140, 410, 210, 84, "Redis", ("saved state, live figures,", "stream of facts"), DATA),
    Box(430, 410, 210, 84, "Prometheus, Grafana", ("metrics, alerts,", "dashboard"), DATA),
)
ARROWS = (
    (170, 82, 270, 82, VOICE, "SIP, RTP", 220, 74),
    (500, 82, 600, 82, VOICE, "SIP, RTP", 550, 74),
    (360, 134, 360, 210, ORDERS, "events", 330, 174),
    (410, 210, 410, 134, ORDERS, "orders", 442, 174),
    (500, 240, 600, 224, DATA, "", 0, 0),
    (500, 300, 600, 320, DATA, "", 0, 0),
    (340, 330, 270, 410, DATA, "", 0, 0),
    (430, 330, 500, 410, DATA, "", 0, 0),
)
"""From, to, colour; a word and where it stands."""


def overview() -> str:
    """How callers, PBX, callbridge, agents and other systems fit together."""
    parts = [
        '<svg viewBox="0 0 830 515" xmlns="http://www.w3.org/2000/svg" font-family="DejaVu Sans, Arial, sans-serif">',
        "<title>How callbridge fits in</title>",
        f'<rect width="830" height="515" fill="{PAPER}"/>',
        "<defs>",
        *(
            f'<marker id="to-{colour[1:]}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
            f'orient="auto-start-reverse"><path d="M0 0 L10 5 L0 10 z" fill="{colour}"/></marker>'
            for colour in (VOICE, ORDERS, DATA)
        ),
        "</defs>",
        *(line for arrow in ARROWS for line in _arrow(*arrow)),
        f'<path d="M270 118 C 200 130, 110 150, 106 220" fill="none" stroke="{VOICE}" stroke-width="1.6" '
        f'stroke-dasharray="5 4" marker-end="url(#to-{VOICE[1:]})"/>',
        _text(442, 190, "(ARI, AMI)", 11, SOFT),
        *(line for box in BOXES for line in _box(box)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _box(box: Box) -> Iterator[str]:
    middle = box.x + box.width // 2
    yield (
        f'<rect x="{box.x}" y="{box.y}" width="{box.width}" height="{box.height}" rx="8" fill="{PAPER}" '
        f'stroke="{box.edge}" stroke-width="2"/>'
    )
    yield _text(middle, box.y + 27, box.title, 15, INK, bold=True)
    for index, line in enumerate(box.lines):
        yield _text(middle, box.y + 48 + 17 * index, line, 12, SOFT)


def _arrow(x1: int, y1: int, x2: int, y2: int, colour: str, word: str, x: int, y: int) -> Iterator[str]:
    both = f' marker-start="url(#to-{colour[1:]})"' if colour != ORDERS else ""
    yield (
        f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{colour}" stroke-width="1.8" '
        f'marker-end="url(#to-{colour[1:]})"{both}/>'
    )
    if word:
        yield _text(x, y, word, 11, SOFT)


def _text(x: int, y: int, text: str, size: int, colour: str, *, bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x}" y="{y}" font-size="{size}" fill="{colour}" text-anchor="middle"{weight}>{escape(text)}</text>'


if __name__ == "__main__":
    sys.exit(main())
