"""A reload around the core: all of it is switched over, or nothing; and the core has the last word."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio
import structlog

from callbridge.adapters.files.tiers import TierFile
from callbridge.adapters.http import BadCertificate, ReloadResult
from callbridge.adapters.ledger import LedgerTerms
from callbridge.core.model.events import AgentRequest, AgentRequested, CallerArrived, PlanChanged
from callbridge.core.model.facts import CallArrived, ConfigReloaded, RequestRefused
from callbridge.core.model.ids import leg_id
from callbridge.core.model.plan import Plan
from callbridge.core.reload import plan_change
from callbridge.service.reloading import Reloads
from callbridge.settings.loading import load
from callbridge.settings.models import Settings
from tests.runtime.fakes import House, house

ARI, AMI = {"url": "http://127.0.0.1:1", "user": "u", "password": "p"}, {"user": "u", "secret": "s"}


def config(name: str = "support", **more: Any) -> dict[str, Any]:
    return {
        "pbx": [{"name": "pbx", "ari": ARI, "ami": AMI}],
        "skills": ["support"],
        "entries": {"support": {"queue": name}},
        "queues": {name: {"steps": [{"skills": "support"}]} | more.pop("queue", {})},
        "agents": {"bob": {"phone": "PJSIP/1001", "skills": {"support": 1}}},
        **more,
    }


class ToyTerm:
    """What a reload needs of a term, on a real runtime. ``done``: what was switched over, in order."""

    def __init__(self, one: House, done: list[str]) -> None:
        self.runtime, self.world, self.clock = one.runtime, one.world, one.runtime.clock
        self.ledger = None
        self.done = done
        self.tiers: TierFile | None = None
        self.readers = SimpleNamespace(hooks=SimpleNamespace(adopt=self._hooks))

    async def _hooks(self, wanted: list[Any]) -> None:
        self.done.append("hooks")

    def adopt(self, settings: Settings, tiers: TierFile, _terms: dict[str, LedgerTerms]) -> None:
        assert self.world.plan.queues.keys() == settings.queues.keys(), "the core has the plan already"
        self.tiers = tiers
        self.done.append("look-ups")


class ToyCertificate:
    """``fault``: what is wrong with the files."""

    def __init__(self, done: list[str]) -> None:
        self.fault, self._done = "", done

    def check(self) -> None:
        if self.fault:
            raise BadCertificate(self.fault)

    def renew(self) -> None:
        self._done.append("certificate")


class ToyProcess:
    """What a reload needs of the process."""

    def __init__(self, one: House, path: Path) -> None:
        self.config = path
        self.settings = load(path, {})
        self.done: list[str] = []
        self.observes = self.stands_by = False
        self.metrics = SimpleNamespace(adopt=lambda plan, hooks: self.done.append("metrics"))
        self.certificate = ToyCertificate(self.done)
        self.leading = ToyTerm(one, self.done)
        self.term: ToyTerm | None = self.leading
        self.alerting = SimpleNamespace(adopt=self._alerts)

    @property
    def tiers(self) -> TierFile | None:
        return self.leading.tiers

    async def _alerts(self, _settings: Settings, _plan: Plan) -> None:
        self.done.append("alerts")


class Rig:
    def __init__(self, one: House, path: Path) -> None:
        self.one, self.path = one, path
        self.process = ToyProcess(one, path)
        self.reloads = Reloads(self.process)  # type: ignore[arg-type]

    def write(self, values: dict[str, Any]) -> None:
        self.path.write_text(json.dumps(values))

    async def reload(self, *, dry_run: bool = False, force: bool = False) -> ReloadResult:
        return await self.reloads.reload(dry_run=dry_run, force=force, by="ops")

    async def caller(self, name: str = "ann") -> None:
        before = len(self.one.seen(CallArrived))
        arrival = CallerArrived(
            at=self.one.runtime.clock.now(),
            leg=leg_id("pbx", name),
            entry="support",
            channel_name=f"PJSIP/t-{name}",
            number="+442079460123",
            name=name,
            tier="",
        )
        self.one.runtime.post(arrival)
        await self.one.until(lambda: len(self.one.seen(CallArrived)) > before)


@pytest_asyncio.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    path = tmp_path / "cb.yaml"
    path.write_text(json.dumps(config()))
    async with house() as one:
        made = Rig(one, path)
        await one.runtime.submit(PlanChanged(at=one.runtime.clock.now(), plan=made.process.settings.plan()))
        yield made


async def test_the_core_first_then_everything_else(rig: Rig) -> None:
    old = rig.process.tiers
    rig.write(config(queue={"steps": [{"skills": "support"}], "music": "jazz"}))
    done = await rig.reload()
    assert (done.faults, done.report["reloaded"]) == ((), True)
    assert [(row["kind"], row["name"], row["settings"]) for row in done.report["changes"]] == [("queue", "support", ["music"])]
    assert rig.process.done == ["look-ups", "metrics", "certificate", "hooks", "alerts"]
    assert rig.process.settings.queues["support"].music == "jazz"
    assert rig.process.tiers is not old


async def test_a_certificate_that_cannot_be_used_refuses_the_reload_and_the_old_one_stays(rig: Rig) -> None:
    rig.process.certificate.fault = "http.tls: cert.pem and key.pem: key values mismatch"
    rig.write(config(queue={"steps": [{"skills": "support"}], "music": "jazz"}))
    for dry_run in (True, False):
        assert (await rig.reload(dry_run=dry_run)).faults == (rig.process.certificate.fault,)
    assert rig.process.done == []


async def test_a_reload_is_a_fact_with_each_key_that_is_another(rig: Rig) -> None:
    before = len(rig.one.seen(ConfigReloaded))
    rig.write(config(queue={"steps": [{"skills": "support"}], "music": "jazz"}))
    await rig.reload(dry_run=True)
    await rig.reload()
    (told,) = rig.one.seen(ConfigReloaded)[before:]
    assert (told.by, told.forced) == ("ops", False)
    assert json.loads(told.details) == [{"key": "queues.support.music", "old": None, "new": "jazz"}]


async def test_before_the_start_is_over_nothing_is_reloaded(rig: Rig) -> None:
    rig.process.term = None
    assert (await rig.reload()).faults == ("still starting",)
    assert rig.process.done == []


async def test_a_refused_reload_switches_nothing_over(rig: Rig) -> None:
    await rig.caller()
    before = rig.process.settings, rig.process.tiers, rig.one.world.plan
    rig.write(config("helpdesk"))
    with structlog.testing.capture_logs() as lines:
        done = await rig.reload()
    assert (rig.process.settings, rig.process.tiers, rig.one.world.plan) == before
    assert rig.process.done == []
    (fault,) = done.faults
    assert fault.startswith("queue support is no longer configured but has 1 waiting caller: set renamed_from: support")
    assert (done.report["reloaded"], done.report["refused"]) == (False, [fault])
    assert [(line["event"], line["fault"], line["by"]) for line in lines if line["event"] == "reload refused"] == [
        ("reload refused", fault, "ops")
    ]


async def test_force_and_a_new_name_are_ways_to_have_it(rig: Rig) -> None:
    await rig.caller()
    rig.write(config("helpdesk", queue={"steps": [{"skills": "support"}], "renamed_from": "support"}))
    done = await rig.reload()
    (queue,) = [row for row in done.report["changes"] if row["kind"] == "queue"]
    assert (queue["change"], queue["renamed_from"], len(queue["callers"])) == ("renamed", "support", 1)
    rig.write(config("third"))
    assert (await rig.reload()).faults
    done = await rig.reload(force=True)
    assert (done.faults, done.report["forced"], [*rig.process.settings.queues]) == ((), True, ["third"])
    assert "+44" not in json.dumps(done.report)


async def test_a_dry_run_says_the_same_and_does_nothing(rig: Rig) -> None:
    await rig.caller()
    before = rig.process.settings, rig.one.world.plan
    rig.write(config("helpdesk"))
    tried = await rig.reload(dry_run=True)
    assert (tried.faults, tried.report["reloaded"], tried.report["dry_run"]) == ((), False, True)
    assert (rig.process.settings, rig.one.world.plan, rig.process.done) == (*before, [])
    forced = await rig.reload(dry_run=True, force=True)
    assert (len(tried.report["refused"]), forced.report["refused"]) == (1, [])
    done = await rig.reload(force=True)
    assert done.report["changes"] == tried.report["changes"] == forced.report["changes"]
    assert done.report["keys"] == tried.report["keys"] == forced.report["keys"]


async def test_a_standby_adopts_settings_by_a_reload_and_not_by_a_dry_run(rig: Rig) -> None:
    rig.process.term, rig.process.stands_by = None, True
    before = rig.process.settings
    rig.write(config(queue={"steps": [{"skills": "support"}], "music": "jazz"}))
    assert (await rig.reload(dry_run=True)).faults == ()
    assert rig.process.settings is before
    assert (await rig.reload()).faults == ()
    assert rig.process.settings.queues["support"].music == "jazz"


async def test_a_dry_run_shows_each_key_with_both_values_and_no_secret(rig: Rig) -> None:
    hook = {"name": "crm", "url": "http://127.0.0.1/x", "secret": "0123456789abcdef"}
    rig.write(config(webhooks=[hook]))
    tried = await rig.reload(dry_run=True)
    keys = {row["key"]: (row["old"], row["new"]) for row in tried.report["keys"]}
    assert keys["webhooks[crm].url"] == (None, "http://127.0.0.1/x")
    assert keys["webhooks[crm].secret"] == (None, "*****")
    assert [row["name"] for row in tried.report["changes"]] == ["webhooks"]
    rig.write(config(queue={"steps": [{"skills": "support"}], "music": "jazz"}))
    assert (await rig.reload(dry_run=True)).report["keys"] == [{"key": "queues.support.music", "old": None, "new": "jazz"}]


async def test_all_that_is_wrong_beside_the_files_is_listed_at_once(rig: Rig, tmp_path: Path) -> None:
    rig.process.certificate.fault = "http.tls: cert.pem and key.pem: key values mismatch"
    book = tmp_path / "tiers.csv"
    book.write_text("number,tier\nxx,gold\n")
    rig.write(config(log={"level": "debug"}, tiers={"csv": str(book)}))
    certificate, restart, tiers = (await rig.reload(dry_run=True)).faults
    assert certificate == rig.process.certificate.fault
    assert restart == "changes to log need a restart"
    assert "has no usable row" in tiers


async def test_callers_who_come_between_the_dry_run_and_the_reload_count(rig: Rig) -> None:
    rig.write(config("helpdesk"))
    assert (await rig.reload(dry_run=True)).report["refused"] == []
    await rig.caller()
    assert "1 waiting caller" in (await rig.reload()).faults[0]
    assert rig.one.world.plan.queues.keys() == {"support"}


@pytest.mark.parametrize("place", ["_adopt", "_new_homes", "_place_again"])
async def test_a_fault_of_ours_while_it_is_adopted_is_no_success(rig: Rig, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """At its beginning, or when most of it has been done: ``_place_again`` is the last, for each waiting caller."""
    await rig.caller()
    before = rig.process.settings, rig.process.tiers, rig.one.world.plan
    rig.write(config(queue={"steps": [{"skills": "support"}], "music": "jazz"}))

    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    with monkeypatch.context() as patch:
        patch.setattr(plan_change, place, broken)
        done = await rig.reload()
    assert done.faults == ("internal error while the configuration was applied; see the log",)
    assert (rig.process.settings, rig.process.tiers, rig.one.world.plan, rig.process.done) == (*before, [])
    assert (await rig.reload()).faults == ()
    assert rig.one.world.plan.queues["support"].music == rig.process.settings.queues["support"].music == "jazz"


async def test_a_log_in_that_is_refused_is_no_fault_of_the_reload(rig: Rig) -> None:
    """Somebody sits at the phone at which the new agent was to be logged in at once."""
    rig.write(config(phones={"allowed": ["PJSIP/1002"]}))
    await rig.reload()
    rig.process.done.clear()
    await rig.one.runtime.submit(
        AgentRequested(at=rig.one.runtime.clock.now(), agent="bob", request=AgentRequest.LOGIN, phone="PJSIP/1002")
    )
    both = config()
    both["agents"]["cid"] = {"phone": "PJSIP/1002", "skills": {"support": 1}, "login": True}
    rig.write(both)
    done = await rig.reload()
    assert [fact.reason for fact in rig.one.seen(RequestRefused)] == ["phone PJSIP/1002 is in use by agent bob"]
    assert (done.faults, done.report["reloaded"]) == ((), True)
    assert rig.process.settings.agents.keys() == {"bob", "cid"}
    assert rig.process.done == ["look-ups", "metrics", "certificate", "hooks", "alerts"]


async def test_what_cannot_follow_a_plan_that_is_in_force_is_a_warning_and_keeps_nothing_else_back(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    def refused() -> None:
        raise BadCertificate("cert.pem: gone")

    rig.write(config(queue={"steps": [{"skills": "support"}], "music": "jazz"}))
    monkeypatch.setattr(rig.process.leading.readers.hooks, "adopt", broken)
    monkeypatch.setattr(rig.process.certificate, "renew", refused)
    with structlog.testing.capture_logs() as lines:
        done = await rig.reload()
    assert (done.faults, done.report["reloaded"]) == ((), True)
    assert done.report["warnings"][-2:] == [
        "the certificate was not renewed: cert.pem: gone",
        "internal error: the webhooks are those from before; see the log, then restart callbridge",
    ]
    assert rig.process.done == ["look-ups", "metrics", "alerts"]
    assert [line["by"] for line in lines if line["event"] == "a reload raised an exception"] == ["ops"]
    assert "reloaded" in {line["event"] for line in lines}

    monkeypatch.setattr(rig.process.alerting, "adopt", broken)
    done = await rig.reload()
    assert done.report["warnings"][-1] == "internal error: the alerts are those from before; see the log, then restart callbridge"


async def test_who_stops_waiting_does_not_stop_it_half_way(rig: Rig) -> None:
    rig.write(config(queue={"steps": [{"skills": "support"}], "music": "jazz"}))
    asked = asyncio.create_task(rig.reload())
    await asyncio.sleep(0)
    asked.cancel()
    await rig.one.until(lambda: rig.process.done == ["look-ups", "metrics", "certificate", "hooks", "alerts"])
    assert rig.one.world.plan.queues["support"].music == rig.process.settings.queues["support"].music == "jazz"


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        (config(log={"level": "debug"}), "changes to log need a restart"),
        (config(queue={"steps": [{"skills": "suport"}]}), "no such skill: 'suport'"),
        (config(tiers={"csv": "/nowhere.csv"}), "tiers.csv: cannot read '/nowhere.csv'"),
    ],
)
@pytest.mark.parametrize("dry_run", [True, False])
async def test_a_configuration_that_cannot_be_had_is_refused_with_its_faults(
    rig: Rig, values: dict[str, Any], fault: str, dry_run: bool
) -> None:
    rig.write(values)
    done = await rig.reload(dry_run=dry_run)
    assert (fault in done.faults[0], done.report, rig.process.done) == (True, {}, [])


@pytest.mark.parametrize("dry_run", [True, False])
async def test_a_file_of_tiers_without_a_usable_row_is_refused_with_the_reason(rig: Rig, tmp_path: Path, dry_run: bool) -> None:
    book = tmp_path / "tiers.csv"
    book.write_text("number,tier\nxx,gold\n")
    rig.write(config(tiers={"csv": str(book)}))
    done = await rig.reload(dry_run=dry_run)
    reason = "has no usable row: 1 left out, the first in line 2: not a phone number"
    assert (done.faults, done.report, rig.process.done) == ((f"tiers.csv: {book} {reason}",), {}, [])


@pytest.mark.parametrize("dry_run", [True, False])
async def test_rows_of_the_tier_file_that_are_left_out_are_among_the_warnings(rig: Rig, tmp_path: Path, dry_run: bool) -> None:
    book = tmp_path / "tiers.csv"
    book.write_text("number,tier\n+442079460001,gold\n+442079460002,silver\n")
    rig.write(config(tiers={"order": ["gold", "standard"], "default": "standard", "csv": str(book)}))
    with structlog.testing.capture_logs() as logs:
        report = (await rig.reload(dry_run=dry_run)).report
    assert report is not None
    first, second = report["warnings"][-2:]
    assert (first, second.startswith(f"{book}: line 3: ")) == (f"{book}: 1 row left out, 1 used", True)
    assert len([line for line in logs if "row left out" in str(line)]) == 1  # when it was read


async def test_sections_beside_the_plan_are_told_by_name(rig: Rig) -> None:
    rig.write(config(webhooks=[{"name": "crm", "url": "http://127.0.0.1:9/", "secret": "0123456789abcdef-secret"}]))
    done = await rig.reload()
    assert [(row["kind"], row["name"], row["change"]) for row in done.report["changes"]] == [("section", "webhooks", "changed")]
    assert "0123456789abcdef" not in json.dumps(done.report)
