"""``python -m tests.guide.shown``: writes what commands print into deploy/guide/commands.md again.

One moment of a small contact centre is played on the core, and shown by the code of the commands themselves: after a change of
what they say, run this.
"""

from __future__ import annotations

import asyncio
import io
import re
from dataclasses import replace
from typing import Any

from rich.console import Console

from callbridge.adapters.http.explain_routes import Explainer
from callbridge.adapters.views.board import Board
from callbridge.adapters.views.reload_report import reload_report
from callbridge.adapters.views.timelines import Timelines
from callbridge.cli.board import Known, frame
from callbridge.cli.reload_table import reload_text
from callbridge.cli.tables import explained
from callbridge.core.model.events import AgentRequest, DeviceChanged
from callbridge.core.model.ids import LegId
from callbridge.core.model.plan import AgentPlan, ToQueue
from callbridge.core.model.skills import profile
from callbridge.core.reload.plan_diff import difference
from tests.core.story import Story, plan, queue, routing
from tests.guide.pages import GUIDE
from tests.lab.pictures import in_utc

PAGE = GUIDE / "commands.md"
PEOPLE = {
    "1001": ("Alice Morgan", {"support": 5}),
    "1002": ("王小明", {"support": 3}),
    "1003": ("Ben Carter", {"support": 4}),
    "1004": ("李娜", {"billing": 2}),
    "1005": ("Chloe Évrard", {"support": 4}),
}


def blocks() -> tuple[str, str]:
    """The explanations, and the dry run of a reload."""
    with in_utc():
        return asyncio.run(_explanations()), _dry_run(_waiting(4))


def _contact_centre() -> Story:
    people = [
        AgentPlan(id=name, name=called, skills=profile(skills), phone=f"PJSIP/{name}", login=True)
        for name, (called, skills) in PEOPLE.items()
    ]
    widening = routing(("support >= 4", 20.0), ("support >= 2", None))
    return Story(plan([queue("billing", routing(("billing >= 1", None))), queue("support", widening)], people))


def _arrives(story: Story, number: str) -> LegId:
    arrival = replace(story.arrival(number), number=f"+442079460{number}", name="")
    story.happens(arrival)
    return arrival.leg


def _waiting(callers: int) -> Story:
    """Alice talks, Ben is at lunch, Chloe's phone is off, and ``callers`` wait for them."""
    story = _contact_centre()
    story.wait(60)
    story.ask("1003", AgentRequest.NOT_READY, reason="lunch")
    story.happens(DeviceChanged(at=story.now, phone="PJSIP/1005", state="UNAVAILABLE"))
    story.wait(1.4)
    _arrives(story, "101")
    leg = story.ring().leg
    story.wait(0.8)
    story.connect(leg)
    for number in range(callers):
        story.wait(1.0)
        _arrives(story, f"{102 + number}")
    story.wait(3.0)
    return story


async def _explanations() -> str:
    story = _waiting(2)
    board, explainer = _views(story)
    waiting = (await explainer.waiting())["waiting"]
    first = waiting[0]["id"]
    console = Console(width=90, file=io.StringIO(), highlight=False)
    queues = [{"name": name, **(board.queue(name) or {})} for name in board.queues]
    agents = [{"id": name, **(board.agent(name) or {})} for name in board.agents]
    known = Known(queues=queues, agents=agents, waiting=waiting, heard_at=story.now)
    console.print(frame(known, story.now, 90, None))
    assert isinstance(console.file, io.StringIO)
    shown = [("top --once", console.file.getvalue())]
    shown.append(("queues show support", _told(await explainer.queue("support"), "queue")))
    shown.append(("agents show 1002", _told(await explainer.agent("1002"), "agent")))
    _widened(story)
    _, explainer = _views(story)
    shown.append((f"calls show {first}", _told(await explainer.call(first), "call")))
    return "\n".join(f"$ callbridge {command}\n{_tidy(text)}" for command, text in shown)


def _widened(story: Story) -> None:
    """The first caller's step widens: 1002 fits, picks up and talks."""
    story.wait(16.0)
    leg = story.ring().leg
    story.wait(0.2)
    story.connect(leg)
    story.wait(11.0)


def _views(story: Story) -> tuple[Board, Explainer]:
    board, timelines = Board.of(story.world), Timelines()
    timelines.on_facts(story.told)
    return board, Explainer(story.world, board, timelines, lambda: story.now)


def _told(found: dict[str, Any] | None, what: str) -> str:
    assert found is not None
    return explained(found, what=what)


def _dry_run(story: Story) -> str:
    """Queue ``support`` is replaced by ``helpdesk``, without a word about whose name that was."""
    old = story.world.plan
    queues = {"billing": old.queues["billing"], "helpdesk": replace(old.queues["support"], name="helpdesk")}
    new = replace(old, queues=queues, entries=dict(old.entries) | {"support": ToQueue("helpdesk")})
    report = reload_report(difference(story.world, new), dry_run=True, force=False)
    return f"$ callbridge reload --dry-run\n{_tidy(reload_text(report, colour=False))}"


def _tidy(text: str) -> str:
    return "".join(f"{line.rstrip()}\n" for line in text.rstrip().splitlines())


def main() -> None:
    made = iter(blocks())
    text = re.sub(r"(?<=```text\n)\$ .*?(?=```)", lambda _: next(made), PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
