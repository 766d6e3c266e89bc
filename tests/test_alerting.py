"""The built-in alerts by the settings: which tiers were promised something, where alerts go, and what a reload changes."""

from __future__ import annotations

from pathlib import Path

from callbridge.adapters.alerts import MailChannel, WebhookChannel
from callbridge.service.alerting import channels, thresholds
from callbridge.settings.loading import load
from callbridge.settings.models import Settings
from tests.settings.conftest import RIGHT

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
