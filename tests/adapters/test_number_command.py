"""The command ``number``: how a number is read, what is known of it, and what could not be asked."""

from __future__ import annotations

import csv
import hashlib
import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from callbridge.adapters.ledger import BlockEntry, LedgerStore, LedgerTerms
from callbridge.adapters.redis.connection import connect
from callbridge.adapters.redis.store import RedisStore
from callbridge.adapters.store import Meta, Whole
from callbridge.cli import main
from callbridge.cli.number import found, printable_text
from callbridge.core.model.callback import Callback
from callbridge.core.model.dial_rules import DialLimits
from callbridge.service.adapter_settings import redis_settings
from callbridge.settings.loading import load
from tests.adapters.conftest import RedisServer
from tests.settings.conftest import RIGHT

CASES = Path(__file__).parents[1] / "cases" / "numbers.csv"
WHO = "+442079460001"
CALLBACK = Callback(
    id="cb-callback-1",
    queue="support",
    number="02079460001",
    who=WHO,
    tier="gold",
    name="Ann",
    entry="help",
    pbx="pbx1",
    made_at=1.0,
    waits_since=1.0,
    rank=2.0,
    expires_at=9e9,
)


def config(folder: Path, more: str = "", region: str = "GB") -> Path:
    path = folder / "callbridge.yaml"
    path.write_text(f"{RIGHT}region: {region}\n{more}", encoding="utf-8")
    return path


async def everything(folder: Path, redis_server: RedisServer, written: str, *, masked: bool = False) -> dict[str, Any]:
    """A number that all sources know."""
    (folder / "tiers.csv").write_text("number,tier\n+44 20 7946 0001,gold\n")
    (folder / "managers.csv").write_text("number,agent,mobile\n02079460001,ann,07400123456\n")
    more = f"""
redis: {{url: "redis://127.0.0.1:{redis_server.port}/0"}}
log: {{mask_numbers: {"yes" if masked else "no"}}}
tiers: {{csv: tiers.csv}}
lookups: {{managers: {{csv: managers.csv}}, crm: {{redis: "customers:{{caller}}"}}}}
repeat_calls: {{within: 1d}}
database: {{url: "sqlite:///{folder}/campaigns.db"}}
callbacks: {{do_not_call: ["0044 20 7946 0001"]}}
"""
    settings = load(config(folder, more))
    redis = redis_settings(settings)
    assert redis is not None
    async with connect(redis) as link:
        key = hashlib.sha256(WHO[1:].encode()).hexdigest()[:32]
        row = {"agent": "ann", "queue": "support", "at": 1000.0}
        await link.set(f"{redis.private('talked')}:{key}", json.dumps(row))
        await link.hset(f"customers:{WHO}", mapping={"contract": "gold"})
    store = RedisStore(redis)
    await store.take_over()
    other = {"cb-callback-2": replace(CALLBACK, id="cb-callback-2", number="030123456", who="+4930123456")}
    await store.save_all(Whole(number=1, rows={"callbacks": {CALLBACK.id: CALLBACK} | other}, meta=Meta(now=1.0, seq=1, day="")))
    await store.close()
    with closing(LedgerStore(f"sqlite:///{folder}/campaigns.db")) as book:
        book.open()
        book.load("spring", [{"number": WHO}, {"number": "+442079460002"}], 1000.0)
        lead = book.lead("spring", WHO)
        assert lead is not None
        book.reserve("spring", LedgerTerms(DialLimits()), [("a1", lead["id"])], 2000.0)
        book.block([BlockEntry(WHO, "spring", "asked", "ann", 3000.0), BlockEntry("+442079460002", "", "asked", "ann", 3000.0)])
    return await found(settings, written)


@pytest.mark.parametrize("written", ["020 7946 0001", "+44 (0)20 7946 0001", "442079460001"])
async def test_everything_that_is_known_of_a_number(tmp_path: Path, redis_server: RedisServer, written: str) -> None:
    known = await everything(tmp_path, redis_server, written)
    assert (known["e164"], known["identity"], known["region"], known["kind"]) == (WHO, WHO, "GB", "fixed_line")
    assert (known["zones"], known["fault"], known["tier"]) == (["Europe/London"], "", "gold")
    assert known["lookups"] == {"managers": {"agent": "ann", "mobile": "07400123456"}, "crm": {"contract": "gold"}}
    assert known["last_agent"]["last_agent"] == "ann"
    assert [(one["id"], one["number"]) for one in known["callbacks"]] == [("cb-callback-1", "02079460001")]
    assert [one["source"] for one in known["do_not_call"]] == ["configuration", "ledger"]
    assert [(one["campaign"], one["state"]) for one in known["leads"]] == [("spring", "dialling")]
    assert [(one["campaign"], one["at"], one["outcome"]) for one in known["attempts"]] == [("spring", 2000.0, "")]
    assert known["not_asked"] == {}
    text = printable_text(known)
    assert "do not call   by the configuration; by campaign spring since" in text
    assert "lookup crm    contract=gold" in text
    assert "last agent    ann (queue support, " in text
    assert "cb-callback-1: queue support, standing, tried 0 times" in text


async def test_what_belongs_to_people_is_masked_where_it_is_elsewhere(tmp_path: Path, redis_server: RedisServer) -> None:
    known = await everything(tmp_path, redis_server, "020 7946 0001", masked=True)
    assert known["lookups"]["managers"] == {"agent": "ann", "mobile": "*****456"}
    assert [one["number"] for one in known["callbacks"]] == ["*****001"]


def test_what_could_not_be_asked_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = 'redis: {url: "redis://127.0.0.1:1/0"}\nrepeat_calls: {within: 1d}\ndatabase: {url: "sqlite:////nowhere/x.db"}\n'
    assert main(["number", "020 7946 0001", "-c", str(config(tmp_path, more)), "--json"]) == 0
    known = json.loads(capsys.readouterr().out)
    assert known["not_asked"] == {
        "last_agent": "Redis: ConnectionError",
        "callbacks": "the saved state: StoreDown",
        "ledger": "/nowhere/x.db is not there yet",
    }
    assert main(["number", "020 7946 0001", "-c", str(config(tmp_path, more))]) == 0
    said = capsys.readouterr()
    assert said.out.count("not asked") == 3
    assert said.err == ""


def cases() -> list[tuple[str, str, str]]:
    with CASES.open(encoding="utf-8", newline="") as file:
        return [(row["written"], row["region"], row["e164"]) for row in csv.DictReader(file)]


@pytest.mark.parametrize(("written", "region", "e164"), cases())
def test_every_case_is_told_as_it_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], written: str, region: str, e164: str
) -> None:
    assert main(["number", written, "-c", str(config(tmp_path, region=region)), "--json"]) == 0
    known = json.loads(capsys.readouterr().out)
    assert (known["e164"], bool(known["fault"])) == (e164, not e164)


def test_what_is_no_number_is_told_with_what_it_is_compared_as(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(config(tmp_path, "tiers: {numbers: {gold: [1001]}}\n"))
    assert main(["number", "1001", "-c", path]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[1] == "number        none: an extension, not a phone number; compared as 1001"
    assert "tier          gold" in said
    assert main(["number", "0909 879 0000", "-c", path]) == 0
    assert "never called  a premium-rate number" in capsys.readouterr().out
