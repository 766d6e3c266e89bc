"""A withheld number is in no output, also where numbers are shown in full: it does not get beyond the edge."""

from __future__ import annotations

import io
import json
from collections.abc import Callable

import pytest

from callbridge.adapters.facts.codec import encode_row
from callbridge.adapters.facts.privacy import hide, mask
from callbridge.adapters.logs.log import FactLog
from callbridge.adapters.outbox.envelope import Stamper
from callbridge.adapters.views.board import Board
from callbridge.adapters.views.timelines import plain_fact
from callbridge.adapters.webhooks.body import WebhookSettings, body
from callbridge.core.model.events import AnyEvent
from callbridge.core.model.numbers import WITHHELD
from callbridge.core.model.orders import Ring
from callbridge.service.caller_tiers import received
from callbridge.settings.instance import WithheldNumbersConfig
from callbridge.wire.ari import read
from callbridge.wire.ari.listing import Lists, snapshot
from callbridge.wire.phone_numbers import PhoneNumbers
from tests.core.story import PBX, START, Story, agent, plan, queue
from tests.telling import NUMBER, tells, where

DIGITS = NUMBER.lstrip("+")
CHANNEL = {"id": "c1", "name": "PJSIP/trunk-1", "state": "Up", "caller": {"number": DIGITS, "name": f"Ann {DIGITS}"}}
LINK = "https://crm.example/?number={number}&name={name}"
SAID = ["inbound", "support", "", "prohib_passed_screen", DIGITS]


def at_the_edge(event: AnyEvent, *, show: bool = False) -> AnyEvent:
    return received(event, lambda number: "diamond" if tells(number) else "standard", WithheldNumbersConfig(show=show))


def arrived() -> AnyEvent:
    frame = {"type": "StasisStart", "application": "app", "channel": CHANNEL, "args": SAID}
    (event,) = read(json.dumps(frame), pbx=PBX, at=START, app="app").events
    return event


def found() -> AnyEvent:
    """The same channel in the lists, at a start without the saved world."""
    channels = [CHANNEL | {"dialplan": {"app_name": "Stasis", "app_data": ",".join(["app", *SAID])}}]
    lists = Lists(json.dumps({"channel_ids": ["c1"]}).encode(), json.dumps(channels).encode(), b"[]")
    return snapshot(lists, pbx=PBX, app="app", prefix="cb", requested_at=START, last_heard_at=START, at=START)


def outputs(event: AnyEvent) -> list[str]:
    """All that an offer and a talk leave behind while no mask is on, rows of the saved world included."""
    story = Story(plan([queue("support")], [agent("bob")]))
    story.happens(event)
    leg = next(order for order in story.sent if isinstance(order, Ring)).leg
    story.connect(leg)
    tables = story.world.saved_tables()
    rows = [encode_row(name, row).decode() for name, table in tables.items() for row in table.values()]
    board = Board.of(story.world, masked=False)
    views = [json.dumps(board.call(call)) for call in board.calls]
    hook = WebhookSettings(name="crm", url="", secret="", link=LINK, unmasked=True, events=("offer", "answer", "end"))
    told = [body(one, hook).decode() for one in Stamper().stamp(1, story.told) if hook.wants(one.type)]
    log = io.StringIO()
    FactLog(stream=log, mask=False).on_facts(story.told)
    assert len(views) == 1
    assert len(told) > 1
    orders = [repr(order) for order in story.sent]
    return [*rows, *views, *told, *orders, log.getvalue(), *(json.dumps(plain_fact(one, mask=False)) for one in story.told)]


@pytest.mark.parametrize("event", [arrived, found])
def test_a_withheld_number_is_nowhere_although_it_chose_the_tier(event: Callable[[], AnyEvent]) -> None:
    texts = outputs(at_the_edge(event()))
    for text in texts:
        assert not tells(text), where(text)
    assert any('"tier":"diamond"' in text.replace(" ", "") and WITHHELD in text for text in texts)


@pytest.mark.parametrize("event", [arrived, found])
def test_where_the_configuration_shows_withheld_numbers_the_test_above_would_see_it(event: Callable[[], AnyEvent]) -> None:
    assert any(tells(text) for text in outputs(at_the_edge(event(), show=True)))


def test_withheld_is_no_number_and_is_said_in_words_where_numbers_are_masked() -> None:
    assert mask(WITHHELD) == hide(WITHHELD) == WITHHELD
    assert PhoneNumbers("DE").identity(WITHHELD) == ""  # no two of them are one caller: no place, callback or last agent is found
