"""The command ``quality``: hands out recordings, takes scores and disputes, and says what is wrong in a line."""

from __future__ import annotations

import json
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, select, update

from callbridge.adapters.database.history_tables import calls, recordings
from callbridge.adapters.database.ledger_tables import leads
from callbridge.adapters.history import HistoryStore, People
from callbridge.adapters.quality.store import OwedCallback
from callbridge.cli import main
from callbridge.service.fatal_callbacks import FatalCallbacks
from callbridge.settings.loading import load
from tests.settings.conftest import RIGHT

pytestmark = pytest.mark.slow

QUALITY = """
quality:
  seed: abc
  samples:
    team: {rate: 20%, form: service, second_review: yes}
    support: {rate: 1, form: service, queues: support, each: week}
  forms:
    service:
      sections:
        - {name: opening, criteria: [{name: greeting, text: Says a name, points: 5}]}
        - name: rules
          weight: 2
          criteria: [{name: identified, fatal: yes}, {name: offer, optional: yes}]
"""

THAT_DAY = time.time() // 86_400 * 86_400 - 2 * 86_400.0
"""The midnight with which it began; it is over."""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """On ``THAT_DAY`` ann had ten recordings and bob two."""
    url = f"sqlite:///{tmp_path}/history.db"
    noon = THAT_DAY + 43_200
    with closing(HistoryStore(url, People())) as store:
        store.open()
        with store.database.engine.begin() as link:
            for agent, count in (("ann", 10), ("bob", 2)):
                for number in range(count):
                    call, at = f"{agent}-{number}", noon + number
                    link.execute(calls.insert().values(call=call, arrived_at=at, campaign=""))
                    about = {"fact": f"1-{call}", "call": call, "segment": 2, "queue": "support", "agent": agent, "kind": "talk"}
                    link.execute(recordings.insert().values(about | {"file": f"{call}.wav", "at": at, "lasted": 9.0}))
    path = tmp_path / "cb.yaml"
    path.write_text(RIGHT + f"instance: {{timezone: UTC}}\ndatabase: {{url: '{url}'}}\n" + QUALITY)
    return path


class Command:
    def __init__(self, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.config = config
        self.capsys = capsys

    def __call__(self, *words: str) -> str:
        assert main(["quality", *words, "-c", str(self.config)]) == 0
        return self.capsys.readouterr().out

    def json(self, *words: str) -> Any:
        return json.loads(self(*words, "--json"))

    def refused(self, *words: str) -> str:
        assert main(["quality", *words, "-c", str(self.config)]) == 1
        return self.capsys.readouterr().err.strip()


@pytest.fixture
def quality(config: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(config, capsys)


MARKS = ("--mark", "greeting=4", "--mark", "identified=pass", "--mark", "offer=na")


def test_a_recording_is_handed_out_scored_disputed_and_scored_again(quality: Command) -> None:
    text = quality("next", "team", "--reviewer", "eve")
    lines = text.splitlines()
    assert lines[0].startswith("review 1: ") and " in support, " in lines[0]
    assert lines[2:] == [
        "opening (weight 1):",
        "  greeting: 0 to 5: Says a name",
        "rules (weight 2):",
        "  identified: fatal, pass or fail",
        "  offer: 0 to 1 or na",
    ]
    assert quality("next", "team", "--reviewer", "eve") == text
    assert quality("score", "1", "--reviewer", "eve", *MARKS, "--heard-at", "greeting=1m5s", "--remark", "greeting=too fast") == (
        "review 1: score 80.0%\n"
    )
    (greeting,) = [mark for mark in quality.json("show", "1") if mark["criterion"] == "greeting"]
    assert (greeting["mark"], greeting["heard_at"], greeting["comment"]) == (4.0, 65.0, "too fast")
    quality("dispute", "1", "--by", "ann", "--reason", "was asked")
    assert [row["state"] for row in quality.json("list", "--reviewer", "eve")] == ["disputed"]
    worse = ("--mark", "greeting=5", "--mark", "identified=fail", "--mark", "offer=1")
    assert quality("score", "1", "--reviewer", "eve", *worse) == "review 1: score 0.0%, fatal: identified\n"
    (row,) = quality.json("list", "--reviewer", "eve")
    assert (row["state"], row["points"], row["score"], row["dispute"]) == ("scored", 1.0, 0.0, "was asked")


def test_a_failed_fatal_criterion_goes_to_a_second_reviewer(quality: Command) -> None:
    first = quality.json("next", "team", "--reviewer", "eve")
    quality("score", "1", "--reviewer", "eve", "--mark", "greeting=5", "--mark", "identified=fail", "--mark", "offer=na")
    second = quality.json("next", "team", "--reviewer", "zoe")
    assert (second["recording"], second["calibrates"], second["id"]) == (first["recording"], True, 2)


def test_the_lists_say_how_far_a_sample_is(quality: Command) -> None:
    quality("next", "team", "--reviewer", "eve")
    rows = {row["sample"]: row for row in quality.json("list") if row["sample"] == "team"}
    assert (rows["team"]["drawn"], rows["team"]["taken"], rows["team"]["scored"]) == (3, 1, 0)
    text = quality("list", "team")
    assert text.splitlines()[0].split() == ["sample", "period", "drawn", "taken", "scored"]
    assert quality("list", "--agent", "nobody") == "nothing yet\n"


def test_a_day_is_drawn_when_its_last_recordings_are_in_the_history(quality: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    midnight = THAT_DAY + 86_400
    monkeypatch.setattr("callbridge.cli.quality.time.time", lambda: midnight + 60)
    assert quality("list", "team") == "nothing yet\n"
    monkeypatch.setattr("callbridge.cli.quality.time.time", lambda: midnight + 601)
    assert [row["drawn"] for row in quality.json("list", "team")] == [3]


def test_json_says_what_is_to_be_judged(quality: Command) -> None:
    row = quality.json("next", "team", "--reviewer", "eve")
    assert (row["state"], row["form"], row["file"]) == ("open", "service", f"{row['call']}.wav")
    assert row["criteria"][1] == {"name": "identified", "text": "", "points": None, "fatal": True, "optional": False}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("next", "tem", "--reviewer", "eve"), "callbridge: no such sample: tem (did you mean 'team'?)"),
        (("score", "9", "--reviewer", "eve", *MARKS), "callbridge: there is no review 9"),
        (("score", "1", "--reviewer", "zoe", *MARKS), "callbridge: review 1 is eve's"),
        (("score", "1", "--reviewer", "eve"), "callbridge: no mark for greeting, identified, offer"),
        (
            ("score", "1", "--reviewer", "eve", *MARKS, "--remark", "manner=x"),
            "callbridge: the form service has no criterion 'manner'",
        ),
        (("score", "1", "--reviewer", "eve", "--mark", "greeting"), "callbridge: --mark greeting: expected CRITERION=VALUE"),
        (("dispute", "1", "--by", "ann", "--reason", "x"), "callbridge: review 1 is not scored yet"),
        (("show", "1"), "callbridge: review 1 is not scored yet or does not exist"),
        (("next", "team", "--reviewer", "eve", "--calibrate"), ""),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(quality: Command, words: tuple[str, ...], message: str) -> None:
    quality("next", "team", "--reviewer", "eve")
    if message:
        assert quality.refused(*words) == message
    else:
        assert quality(*words).startswith("review 1: "), "what is open comes first"


@pytest.mark.parametrize(
    "words", [("next",), ("next", "team"), ("score", "1"), ("score", "x", "--reviewer", "eve"), ("dispute", "1")]
)
def test_missing_words_are_a_usage_error(quality: Command, words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as wrong:
        main(["quality", *words, "-c", str(quality.config)])
    assert wrong.value.code == 2


def test_without_the_section_nothing_is_reviewed(quality: Command) -> None:
    quality.config.write_text(RIGHT)
    assert quality.refused("list").startswith("callbridge: quality reviews are off: the configuration needs the sections")


CALLBACKS = """
redis: {url: "redis://127.0.0.1:6379/0"}
region: GB
calendars: {day: {week: {mon-sun: "00:00-24:00"}}}
campaigns:
  sorry: {queue: support, mode: progressive, first: agent, dial: "PJSIP/{number}@trunk", number: "+442079460999", calendar: day}
"""
FAILS = ("--mark", "greeting=5", "--mark", "identified=fail", "--mark", "offer=na")


def with_callbacks(quality: Command, number: str, more: str = "") -> None:
    """A failed fatal criterion has the customer called back; every call is from this number."""
    text = quality.config.read_text().replace("    service:\n", "    service:\n      on_fatal: {callback: {campaign: sorry}}\n")
    quality.config.write_text(text + CALLBACKS + more)
    with closing(engine_of(quality).connect()) as link:
        link.execute(update(calls).values(number=number, name="Ann"))
        link.commit()


def engine_of(quality: Command) -> Engine:
    return create_engine(f"sqlite:///{quality.config.parent}/history.db")


def leads_of(quality: Command) -> list[dict[str, Any]]:
    with closing(engine_of(quality).connect()) as link:
        return [dict(row) for row in link.execute(select(leads)).mappings()]


def failed(quality: Command, reviewer: str = "eve") -> dict[str, Any]:
    row = quality.json("next", "team", "--reviewer", reviewer)
    scored: dict[str, Any] = quality.json("score", str(row["id"]), "--reviewer", reviewer, *FAILS)
    return scored | {"call": row["call"]}


def test_a_failed_fatal_criterion_makes_the_customer_a_lead_once_for_a_call(quality: Command) -> None:
    with_callbacks(quality, "+442079460123")
    first = failed(quality)
    assert (first["callback"], first["callback_outcome"]) == ("sorry", "entered")
    (lead,) = leads_of(quality)
    assert (lead["campaign"], lead["number"], lead["name"], lead["state"]) == ("sorry", "+442079460123", "Ann", "ready")
    assert json.loads(lead["details"]) == {"review": "1", "reviewed_call": first["call"]}
    second = failed(quality, "zoe")  # the second opinion about the same call
    assert (second["call"], second["callback_outcome"]) == (first["call"], "already requested by another review of the call")
    assert len(leads_of(quality)) == 1
    quality("dispute", "1", "--by", "ann", "--reason", "was asked")
    again = quality("score", "1", "--reviewer", "eve", *FAILS).splitlines()
    assert again == ["review 1: score 0.0%, fatal: identified", "callback by campaign sorry: the customer is a lead"]
    assert len(leads_of(quality)) == 1
    (row,) = quality.json("list", "--reviewer", "eve")
    assert (row["callback"], row["callback_outcome"]) == ("sorry", "entered")


def test_entering_the_lead_once_more_finds_it(quality: Command) -> None:
    """As the serving callbridge, which has read the score before the command was done."""
    with_callbacks(quality, "+442079460123")
    enter = FatalCallbacks(lambda: load(quality.config))
    owed = OwedCallback(1, "c1", "sorry", "+442079460123", "Ann")
    assert [enter(owed), enter(owed)] == ["entered", "entered"]
    assert enter(replace(owed, review=2, call="c2")) == "the campaign has this number already"
    assert len(leads_of(quality)) == 1


@pytest.mark.parametrize(
    ("number", "more", "why"),
    [
        ("withheld", "", "the number is withheld or not known"),
        ("", "", "the number is withheld or not known"),
        ("+442079460123", "", "on the do-not-call list"),
        ("+44*****123", "history: {numbers: hashed, key: 0123456789abcdef0123456789abcdef}", "the history keeps no numbers"),
    ],
)
def test_nobody_is_called_back_who_cannot_or_must_not_be_called(quality: Command, number: str, more: str, why: str) -> None:
    with_callbacks(quality, number, more)
    block = ("campaign", "block", "+442079460123", "--reason", "asked", "-c", str(quality.config))
    assert main([*block]) == 0
    quality.capsys.readouterr()
    said = failed(quality)
    assert said["callback"] == "sorry" and said["callback_outcome"].startswith(why)
    assert leads_of(quality) == []


def test_a_passed_review_calls_nobody_back(quality: Command) -> None:
    with_callbacks(quality, "+442079460123")
    quality.json("next", "team", "--reviewer", "eve")
    said = quality.json("score", "1", "--reviewer", "eve", *MARKS)
    assert (said["callback"], leads_of(quality)) == ("", [])
