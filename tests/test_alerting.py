"""The built-in alerts by the settings: which tiers were promised something, where alerts go, and what a reload changes."""

from __future__ import annotations

import time
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import insert

from callbridge.adapters.alerts import AlertWatch, CallVolumes, MailChannel, WebhookChannel
from callbridge.adapters.alerts.call_volumes import WEEK
from callbridge.adapters.database import Database
from callbridge.adapters.database.history_tables import visits
from callbridge.core.model.facts import SurveyAnswered, VisitEnded
from callbridge.service import alerting
from callbridge.service.alerting import channels, thresholds
from callbridge.settings.loading import load
from callbridge.settings.models import Settings
from tests.adapters.receiver import SECRET, Receiver
from tests.adapters.waiting import until
from tests.settings.conftest import RIGHT
from tests.test_starting import process_config, processed

TIERS = """\
tiers: {order: [diamond, gold, standard], default: standard}
queue_defaults: {tiers: {diamond: {head_start: 10m}, gold: {head_start: 0}}}
mail: {host: smtp.example, from: cb@example.com}
"""


def loaded(folder: Path, alerts: str) -> Settings:
    path = folder / "cb.yaml"
    path.write_text(RIGHT + TIERS + alerts, encoding="utf-8")
    return load(path, {})


def test_without_the_section_nothing_is_sent(tmp_path: Path) -> None:
    settings = loaded(tmp_path, "")
    assert channels(settings) == []
    assert thresholds(settings, settings.plan()).vip == {}


def test_tiers_with_a_head_start_were_promised_something_unless_others_are_named(tmp_path: Path) -> None:
    settings = loaded(tmp_path, "alerts: {mail_to: ops@example.com}\n")
    assert thresholds(settings, settings.plan()).vip == {name: {"diamond"} for name in settings.queues}
    settings = loaded(tmp_path, "alerts: {mail_to: ops@example.com, vip_tiers: [gold]}\n")
    assert thresholds(settings, settings.plan()).vip == {name: {"gold"} for name in settings.queues}


def test_alerts_go_where_the_settings_say_and_when(tmp_path: Path) -> None:
    hook = "webhook: {url: 'http://127.0.0.1:9/', secret: a secret of the tests}"
    settings = loaded(
        tmp_path,
        f"alerts: {{mail_to: [a@x.example, b@x.example], {hook}, off: database, for: {{long_wait: 2m}}, long_wait: 90s}}\n",
    )
    assert [type(one) for one in channels(settings)] == [MailChannel, WebhookChannel]
    assert channels(settings)[0].name == "mail to a@x.example, b@x.example"
    made = thresholds(settings, settings.plan())
    assert (made.off, made.lasting("long_wait"), made.lasting("pbx_link"), made.long_wait) == ({"database"}, 120.0, 30.0, 90.0)


async def test_many_calls_of_the_history_and_answers_to_a_survey_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerting, "CallVolumes", partial(CallVolumes, every=0.05))
    monkeypatch.setattr(alerting, "AlertWatch", partial(AlertWatch, every=0.05))
    url = f"sqlite:///{tmp_path}/cb.db"
    with closing(Database(url)) as database:
        database.open()
        weeks = [(0, 60), (1, 10), (2, 14)]
        began = [time.time() - ago * WEEK - 60.0 * (n % 50) - 60.0 for ago, count in weeks for n in range(count)]
        with database.engine.begin() as link:
            rows = [{"call": f"c{n}", "visit": 1, "queue": "support", "began_at": at} for n, at in enumerate(began)]
            link.execute(insert(visits), rows)
    async with Receiver() as receiver:
        hook = {"url": f"http://127.0.0.1:{receiver.port}/", "secret": SECRET}
        alerts = {"webhook": hook, "off": ["pbx_link"], "for": {"calls_unusual": 0.01}}
        config = process_config(tmp_path, alerts=alerts, database={"url": url})
        async with processed(config) as process:
            await process.begin_term()
            await until(lambda: receiver.got)
            process.metrics.totals.count([answered("5")] * 94 + [answered("1")] * 6 + [in_time()] * 3)
            process.metrics.behind("history", 1001)
            process.metrics.facts_lost("hook:crm", 2)
            assert process.alerting is not None
            seen = process.alerting._look()
            assert seen.answers == {("support", "kind", "5"): 94.0, ("support", "kind", "1"): 6.0}
            visits_of = {key: count for key, count in seen.visits.items() if count}
            assert visits_of == {("support", "gold", "answered"): 3.0, ("support", "gold", "within_target"): 3.0}
            assert (seen.history_behind, seen.facts_lost) == (1001, {"hook:crm": 2.0})
            assert [(event["rule"], event["text"]) for event in receiver.got] == [
                ("calls_unusual", "support received 60 calls in the last hour; usual at this hour: 12")
            ]


def in_time() -> VisitEnded:
    return VisitEnded(
        seq=1, at=time.time(), queue="support", tier="gold", outcome="answered", waited=2.0, within_target=True, day="today"
    )


def answered(key: str) -> SurveyAnswered:
    return SurveyAnswered(seq=1, at=time.time(), queue="support", survey="service", question="kind", answer=key)
