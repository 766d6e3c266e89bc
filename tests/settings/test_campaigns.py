"""Campaigns in the configuration: what they mean, and every mistake with its place."""

# ruff: noqa: E501 - the messages stand here as they are printed

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest
from pydantic import SecretStr

from callbridge.cli.check import BAD, check, summary
from callbridge.core.model.flow import DoNotCallNode, GoodbyeNode, MenuNode
from callbridge.core.model.plan import CAMPAIGN, DialMode, Disposition
from callbridge.service.adapter_settings import ledger_terms
from callbridge.service.report_terms import report_terms
from callbridge.settings.instance import DatabaseConfig
from callbridge.settings.loading import load
from tests.deploy.files import ROOT
from tests.settings.conftest import RIGHT, Write, right, told

EXAMPLE = ROOT / "config"
WHOLE = RIGHT.replace(
    "entries:\n",
    """\
redis: {url: "redis://127.0.0.1:6379/0"}
outside: {dial: "PJSIP/{number}@trunk"}
region: GB
database: {url: "sqlite:////tmp/x.db"}
ledger: {per_day: 4, gap: 2h}
calendars: {day: {week: {mon-fri: "09:00-20:00"}}}
campaigns:
  spring:
    queue: support
    mode: predictive
    number: "+442079460999"
    calendar: day
    message: spring-message
    window: 24h
    attempts: {most: 5, per_day: 1, retry: {busy: 5m}}
    dispositions: {sold: {digit: 1, success: yes}, later: {again_after: 2h}, never: {do_not_call: yes}}
entries:
""",
).replace("phone: PJSIP/1001, skills", "phone: PJSIP/1001, connect: auto_answer, skills")


def test_reports_know_the_labels_of_dispositions(write: Write) -> None:
    """Of each queue its own, else those of the defaults."""
    defaults = "queue_defaults: {dispositions: {solved: {label: Solved at once}, open: {}}}\nqueues:\n  support:\n"
    own = "    dispositions: {solved: {label: Helped}}\n"
    text = WHOLE.replace("queues:\n  support:\n", defaults + own).replace("sold: {digit: 1,", "sold: {label: Renewed, digit: 1,")
    terms = report_terms(right(write(text=text)))
    assert terms.labels["support"] == {"solved": "Helped"}
    assert terms.labels["general"] == {"solved": "Solved at once"}
    assert terms.campaigns["spring"].labels == {"sold": "Renewed"}


def test_what_a_campaign_means(write: Write) -> None:
    settings = right(write(text=WHOLE))
    assert not [str(doubt) for doubt in settings.warnings if "campaigns" in str(doubt)]
    plan = settings.plan()
    spring = plan.campaigns["spring"]
    assert (spring.mode, spring.queue, spring.dial, spring.ring_for) == (
        DialMode.PREDICTIVE,
        "support",
        "PJSIP/{number}@trunk",
        22.0,
    )
    assert (spring.rules.cap, spring.rules.window, spring.rules.hard) == (0.03, 86400.0, True)
    assert spring.rules.aim == pytest.approx(0.028)
    limits = spring.limits
    assert (limits.most, limits.per_day, limits.retry["busy"], limits.retry["no_answer"]) == (5, 1, 300.0, 10800.0)
    assert "invalid" not in limits.retry
    assert limits.calendar is not None
    assert spring.dispositions["sold"] == Disposition("sold", digit="1", success=True)
    assert spring.dispositions["later"].again
    assert spring.dispositions["never"].block
    assert (plan.frequency.per_day, plan.frequency.gap) == (4, 7200.0)
    terms = ledger_terms(settings)["spring"]
    assert terms.again == {"later": 7200.0}
    assert terms.connect_within == 2.0


def test_the_example_is_whole_and_calls_the_agent_first(tmp_path: Path) -> None:
    """Added to the example configuration as it says, with its phones that ring."""
    folder = shutil.copytree(EXAMPLE, tmp_path / "config")
    (folder / "campaigns.yaml.sample").rename(folder / "campaigns.yaml")
    main = folder / "callbridge.yaml"
    text = main.read_text()
    main.write_text(text.replace("speech.yaml]", "speech.yaml, campaigns.yaml]"))
    assert main.read_text() != text
    settings = load(main)
    assert settings.plan().campaigns["spring"].agent_first
    doubts = [str(doubt) for doubt in settings.warnings if "campaigns" in str(doubt)]
    assert [doubt for doubt in doubts if "no such folder here: /var/lib/callbridge" not in doubt] == []


def test_the_message_is_a_flow_with_a_way_out(write: Write) -> None:
    flow = right(write(text=WHOLE)).plan().flows[CAMPAIGN + "spring"]
    say = flow.nodes["say"]
    assert isinstance(say, MenuNode)
    assert (say.media, dict(say.keys)) == ("sound:spring-message", {"9": "out"})
    assert flow.nodes["out"] == DoNotCallNode(next="thanks", reason="opted_out")
    assert flow.nodes["thanks"] == GoodbyeNode(media="sound:auth-thankyou")


def test_check_says_what_it_means(write: Write) -> None:
    text = "\n".join(summary(right(write(text=WHOLE)), None))
    assert (
        "campaign  spring: predictive, for queue support; at most 3.0% of those who answered left without an agent in 1 days (never over it)"
        in text
    )
    assert "each number at most 1 times a day and 5 in all, in the hours of calendar day in its own time zone" in text


def test_a_month_is_steered_and_a_day_is_guarded(write: Write) -> None:
    month = right(write(("    window: 24h\n", ""), text=WHOLE)).plan().campaigns["spring"].rules
    assert (month.window, month.hard) == (30 * 86400.0, False)
    forced = right(write(("    window: 24h\n", "    guard: hard\n"), text=WHOLE)).plan().campaigns["spring"].rules
    assert forced.hard


WRONG = [
    ("queue", ("queue: support\n    mode", "queue: suport\n    mode"), "campaigns.spring.queue: no such queue: 'suport'"),
    ("calendar", ("calendar: day", "calendar: dya"), "campaigns.spring.calendar: no such calendar: 'dya'"),
    (
        "no redis",
        ('redis: {url: "redis://127.0.0.1:6379/0"}\n', ""),
        "campaigns: campaigns need Redis: without it a restart would forget who is being called",
    ),
    (
        "no database",
        ('database: {url: "sqlite:////tmp/x.db"}\n', ""),
        "campaigns: campaigns need a database for leads and attempts",
    ),
    ("no region", ("region: GB\n", ""), "campaigns: campaigns need a region"),
    ("odd region", ("region: GB\n", "region: UK\n"), "region: no such region: UK"),
    (
        "no dial",
        ('outside: {dial: "PJSIP/{number}@trunk"}\n', ""),
        "campaigns.spring: dial is missing: nothing says how numbers are dialled",
    ),
    (
        "no message",
        ("    message: spring-message\n", ""),
        "campaigns.spring: message is missing: what people hear who answer and get no agent within 2 s",
    ),
    (
        "slow phones",
        ("connect: auto_answer, ", ""),
        "campaigns.spring.mode: a person who answers must hear an agent within 2 s, but the phones of 0101 have to be picked up first",
    ),
    (
        "short ring",
        ("mode: predictive", "ring_for: 10s\n    mode: predictive"),
        "campaigns.spring.ring_for: must be 15 s to 2 minutes, so that people have time to answer",
    ),
    (
        "factor",
        ("mode: predictive", "mode: predictive\n    factor: 2"),
        "campaigns.spring: factor requires mode: power, not predictive",
    ),
    (
        "agent first",
        ("mode: predictive", "mode: predictive\n    first: agent"),
        "campaigns.spring: first: agent requires mode: progressive, not predictive",
    ),
    ("aim", ("mode: predictive", "mode: predictive\n    aim: 0.05"), "campaigns.spring: aim must not be above cap"),
    ("digits", ("later: {again", "later: {digit: 1, again"), "campaigns.spring: two dispositions have the same digit"),
    (
        "in memory",
        ("sqlite:////tmp/x.db", "sqlite://"),
        "database.url: a database in memory would lose history, leads and opt-outs",
    ),
    ("database", ("sqlite:////tmp/x.db", "secretpassword"), "database.url: expected a database's URL"),
    (
        "machines",
        ("mode: predictive", "mode: predictive\n    leave_message: yes"),
        "campaigns.spring.leave_message: requires amd: yes",
    ),
    (
        "false positives",
        ("mode: predictive", "mode: predictive\n    false_positives: 0.02"),
        "campaigns.spring: false_positives requires amd: yes",
    ),
    ("region", ("mode: predictive", "mode: predictive\n    region: UK"), "campaigns.spring.region: no such region: UK"),
    (
        "machine",
        ("success: yes}", "success: yes, machine: yes}"),
        "campaigns.spring: disposition sold: machine: true excludes success",
    ),
]


@pytest.mark.parametrize(("change", "fault"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_every_mistake_has_its_place(write: Write, change: tuple[str, str], fault: str) -> None:
    said = told(write(change, text=WHOLE))
    assert any(fault in line for line in said), said
    assert not any("secretpassword" in line for line in said)


def test_progressive_with_phones_that_ring_calls_the_agent_first(write: Write) -> None:
    changes = (("connect: auto_answer, ", ""), ("mode: predictive", "mode: progressive\n    first: agent"))
    assert right(write(*changes, text=WHOLE)).plan().campaigns["spring"].agent_first


@pytest.mark.parametrize(
    ("change", "doubt"),
    [
        (("    calendar: day\n", ""), "has no calendar: people would also be called at night"),
        (('    number: "+442079460999"\n', ""), "has no number"),
        (("window: 24h", "cap: 0.05"), "more than 3 % is not allowed"),
        (("window: 24h", "connect_within: 4s"), "more than 2 s of silence"),
        (("window: 24h", "amd: yes"), "total_analysis_time = 2000 or less"),
        (("window: 24h", "amd: yes"), "without false_positives"),
        (('{mon-fri: "09:00-20:00"}', "{}"), "campaigns.spring.calendar: day is never open, so nobody is called"),
        (
            ("retry: {busy", "after_abandoned: 2h, retry: {busy"),
            "campaigns.spring.attempts.after_abandoned: a person left",
        ),
        (
            ("sqlite:////tmp/x.db", "sqlite:///x.db"),
            "database.url: is relative: it depends on the folder in which callbridge is started",
        ),
        (("/tmp/x.db", "/nonexistent/x.db"), "database.url: no such folder here: /nonexistent"),
    ],
)
def test_doubts(write: Write, change: tuple[str, str], doubt: str) -> None:
    assert any(doubt in str(warning) for warning in right(write(change, text=WHOLE)).warnings)


def test_check_tries_the_kind_of_database_which_the_settings_do_not_know(write: Write) -> None:
    path = write(("sqlite:////tmp/x.db", "oracle+nothing://me:secretpassword@x"), text=WHOLE)
    assert right(path).database is not None
    out, err = io.StringIO(), io.StringIO()
    assert check(path, {}, out, err) == BAD
    said = err.getvalue()
    assert said.startswith("cb.yaml: database.url: not a database that can be used here")
    assert "1 fault: the configuration cannot be used" in said
    assert "secretpassword" not in said
    assert out.getvalue() == ""


@pytest.mark.parametrize(
    ("url", "file"),
    [
        ("sqlite:////var/lib/x.db", "/var/lib/x.db"),
        ("sqlite+pysqlite:///x.db?timeout=5", "x.db"),
        ("sqlite:///file:x.db?uri=true", None),
        ("postgresql+psycopg://u:p@h/db", None),
    ],
)
def test_the_file_of_a_database(url: str, file: str | None) -> None:
    found = DatabaseConfig(url=SecretStr(url)).file
    assert found == (None if file is None else Path(file))
