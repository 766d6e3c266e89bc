"""VICIdial's and Issabel's tables as CSV: campaigns, dispositions, reasons, leads and do-not-call numbers."""

from __future__ import annotations

import csv
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callbridge.adapters.ledger import LedgerStore
from callbridge.adapters.ledger.leads import LeadReader, Loaded, load
from callbridge.cli import main
from callbridge.cli.importing import vicidial as vicidial_tables
from callbridge.settings.loading import load as load_settings
from callbridge.settings.models import Settings
from callbridge.wire.phone_numbers import PhoneNumbers
from tests.examples import examples
from tests.ops.importing import tree

VICIDIAL = {
    "list.csv": (
        "lead_id,entry_date,status,user,vendor_lead_code,list_id,phone_code,phone_number,first_name,middle_initial,last_name,"
        "city,email,comments,rank\n"
        '1,2026-01-01,NEW,,V-1,101,1,2125551234,Ann,B,Lee,"New York, NY",ann@example.com,,5\n'
        "2,2026-01-01,NA,,V-2,101,44,02079460000,Zoë,,Ó Briain,London,,,0\n"
        "3,2026-01-01,SALE,,V-3,101,1,2125551235,Sold,,Already,,,,0\n"
        "4,2026-01-01,DNC,,V-4,101,1,2125551236,Not,,Again,,,,0\n"
        "5,2026-01-01,NEW,,V-5,101,1,2125551237.0,Sheet,,Decimal,,,,0\n"
        "6,2026-01-01,NEW,,V-6,101,1,2125551234,Ann,,Twice,,,,0\n"
        f"7,2026-01-01,CALLBK,,NULL,102,1,2125551238,Later,,On,,,{'x' * 300},0\n"
    ),
    "lists.csv": "list_id,list_name,campaign_id,active\n101,Spring,SPRING,Y\n102,Autumn,AUTUMN,Y\n",
    "callbacks.csv": "callback_id,lead_id,list_id,campaign_id,status,callback_time\n1,7,102,AUTUMN,LIVE,2026-12-01 14:00:00\n",
    "statuses.csv": (
        "status,status_name,selectable,human_answered,category,sale,dnc,customer_contact,not_interested,unworkable,"
        "scheduled_callback,completed,answering_machine\n"
        "NEW,New Lead,N,N,UNDEFINED,N,N,N,N,N,N,N,N\n"
        "SALE,Sale Made,Y,Y,UNDEFINED,Y,N,Y,N,N,N,Y,N\n"
        "DNC,DO NOT CALL,Y,Y,UNDEFINED,N,Y,Y,N,N,N,N,N\n"
        "CALLBK,Call Back,Y,Y,UNDEFINED,N,N,Y,N,N,Y,N,N\n"
        "A,Answering Machine,Y,N,UNDEFINED,N,N,N,N,N,N,N,Y\n"
        "B,Busy,Y,N,UNDEFINED,N,N,N,N,N,N,N,N\n"
    ),
    "campaign_statuses.csv": "status,status_name,selectable,campaign_id,human_answered\nPRICE,Too dear,Y,AUTUMN,Y\n",
    "recycle.csv": "recycle_id,campaign_id,status,attempt_delay,attempt_maximum,active\n1,SPRING,B,1800,3,Y\n",
    "pauses.csv": (
        "pause_code,pause_code_name,billable,campaign_id,time_limit,require_mgr_approval\n"
        "LUNCH,Lunch,NO,SPRING,2700,NO\nLUNCH,Lunch,NO,AUTUMN,1800,NO\nCOACH,Coaching,YES,SPRING,65000,YES\n"
    ),
    "dnc.tsv": "phone_number\n2125559999\n212555XXXX\n",
    "campaign_dnc.csv": "phone_number,campaign_id\n2125558888,SPRING\n",
    "calls.csv": "uniqueid,lead_id,list_id,campaign_id,phone_number,status\n1.2,1,101,SPRING,2125551234,NA\n",
    "notes.txt": "whatever\n",
}
ISSABEL = {
    "calls.csv": "id;id_campaign;phone;status;retries\n1;7;0301234567;NULL;0\n2;7;030 12;Failure;1\n3;7;0307654321;Success;1\n",
    "attributes.csv": "id;id_call;columna;value;column_number\n1;1;Nombre;Änne;1\n2;1;contract;C-17;2\n",
    "campaign.csv": "id;name;trunk;retries;context\n7;Frühling;PJSIP/t;3;from-internal\n",
    "break.csv": "id;name;description;status;tipo\n1;Hold;;A;H\n2;Lunch break;;A;B\n3;Old;;I;B\n",
    "dont_call.csv": "id;caller_id;date_income;status\n1;030999999;2026-01-01;A\n2;030888888;2026-01-01;I\n",
}


@dataclass(frozen=True)
class Written:
    folder: Path
    looks: list[str]
    settings: Settings

    def leads(self, campaign: str) -> list[dict[str, str]]:
        with (self.folder / f"leads-{campaign}.csv").open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def look(self, *words: str) -> str:
        (found,) = (line for line in self.looks if all(word in line for word in words))
        return found


def run(
    system: str, files: Mapping[str, str], region: str, folder: Path, capsys: pytest.CaptureFixture[str], encoding: str = "utf-8"
) -> Written:
    for name, text in files.items():
        (folder / "tables").mkdir(exist_ok=True)
        (folder / "tables" / name).write_bytes(text.encode(encoding))
    out = folder / "out"
    assert main(["import", f"--{system}", str(folder / "tables"), "--region", region, "--out", str(out)]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert main(["check", "-c", str(out / "callbridge.yaml")]) == 0, (out / "callbridge.yaml").read_text()
    capsys.readouterr()
    looks = [line.removeprefix("look at: ") for line in said.err.splitlines() if line.startswith("look at: ")]
    return Written(out, looks, load_settings(out / "callbridge.yaml", {}))


@pytest.fixture
def vicidial(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Written:
    return run("vicidial", VICIDIAL, "US", tmp_path, capsys)


def test_leads_of_vicidial_keep_what_is_known_of_them(vicidial: Written) -> None:
    first, second = vicidial.leads("SPRING")
    assert (first["number"], first["name"], first["priority"]) == ("+12125551234", "Ann B Lee", "5")
    assert (first["city"], first["vendor_lead_code"]) == ("New York, NY", "V-1")
    assert (second["number"], second["name"], second["priority"]) == ("+442079460000", "Zoë Ó Briain", "")
    (later,) = vicidial.leads("AUTUMN")
    assert (later["due"], len(later["comments"]), "vendor_lead_code" in later) == ("2026-12-01T14:00:00", 200, False)


def test_leads_that_are_left_out_say_why(vicidial: Written) -> None:
    assert "spreadsheet" in vicidial.look("list.csv:6", "2125551237.0")
    assert "already" in vicidial.look("list.csv:7", "2125551234")
    vicidial.look("1 leads with status SALE (completed)")
    vicidial.look("1 leads with status DNC (do not call)")
    with (vicidial.folder / "left-out.csv").open(newline="") as file:
        assert [(row["file"], row["line"]) for row in csv.DictReader(file)] == [
            ("list.csv", "6"),
            ("list.csv", "7"),
            ("dnc.tsv", "3"),
        ]


def test_numbers_that_must_not_be_called_are_in_the_list(vicidial: Written) -> None:
    assert vicidial.settings.do_not_call == {"+12125551236", "+12125559999", "+12125558888"}
    assert "letters in it; it is on no do-not-call list" in vicidial.look("dnc.tsv:3", "212555XXXX")
    assert "--only SPRING" in vicidial.look("campaign_dnc.csv")


def test_statuses_are_dispositions_and_pause_codes_are_reasons(vicidial: Written) -> None:
    spring = vicidial.settings.campaigns["SPRING"].dispositions
    assert list(spring) == ["SALE", "DNC", "CALLBK", "A", "B"]
    assert (spring["SALE"].success, spring["SALE"].digit, spring["SALE"].reached) == (True, "1", True)
    assert spring["DNC"].do_not_call
    assert spring["A"].machine
    assert not spring["A"].reached
    assert (spring["B"].again_after, spring["CALLBK"].again_after) == (1800.0, 86_400.0)
    assert "PRICE" in vicidial.settings.campaigns["AUTUMN"].dispositions
    reasons = vicidial.settings.reasons
    assert {name: reason.limit for name, reason in reasons.items()} == {"LUNCH": 2700.0, "COACH": None}
    vicidial.look("pauses.csv:3", "LUNCH", "one limit")
    vicidial.look("pauses.csv:4", "COACH", "approves")


def test_tables_of_another_kind_are_named(vicidial: Written) -> None:
    vicidial.look("calls.csv", "none of the tables")
    vicidial.look("notes.txt", "none of the tables")


def test_the_leads_are_such_as_the_ledger_takes(vicidial: Written) -> None:
    ledger, result = LedgerStore(f"sqlite:///{vicidial.folder}/l.db"), Loaded()
    ledger.open()
    reader = LeadReader(numbers=PhoneNumbers("US"), zone="America/New_York")
    file = vicidial.folder / "leads-SPRING.csv"
    load(ledger, "SPRING", file, reader, now=time.time(), agents=frozenset(), never=frozenset(), result=result)
    ledger.close()
    assert (result.entered, result.refused) == (2, [])


WORDS = st.text(alphabet="Ab1 +,;:#'\"\\$%&*!?|-_/@.\tü客\x00{}", max_size=10)


@given(st.lists(st.tuples(WORDS, WORDS, WORDS), max_size=14))
@settings(max_examples=examples(25), deadline=None)
def test_odd_names_never_break_the_configuration(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("odd")
    tables: dict[str, list[tuple[str, ...]]] = {
        "s.csv": [("status", "status_name", "selectable", "campaign_id"), *((a, b, "Y", c) for a, b, c in rows)],
        "p.csv": [("pause_code", "pause_code_name", "time_limit"), *rows],
        "d.csv": [("phone_number", "campaign_id"), *((a, b) for a, b, _ in rows)],
        "l.csv": [
            ("lead_id", "list_id", "phone_number", "status", "last_name"),
            *(("1", a, b, c, c) for a, b, c in rows),
            ("2", "101", "2125551234", "NEW", "Lee"),
        ],
    }
    for name, cells in tables.items():
        with (folder / name).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(cells)
    result = vicidial_tables.convert(folder, "US")
    for name, text in {"callbridge.yaml": result.text, **result.files}.items():
        (folder / name).write_text(text)
    load_settings(folder / "callbridge.yaml", {})
    assert any(name.startswith("leads-") for name in result.files)


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_issabels_tables(encoding: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = run("issabel", ISSABEL, "DE", tmp_path, capsys, encoding)
    (name,) = found.settings.campaigns
    (lead,) = found.leads(name)
    assert (lead["number"], lead["name"], lead["contract"]) == ("+49301234567", "Änne", "C-17")
    assert list(found.settings.reasons) == ["Lunch-break"]
    assert found.settings.do_not_call == {"+4930999999"}
    for words in (
        ("calls.csv:3", "030 12"),
        ("1 calls with status Success",),
        ("break.csv:2", "Hold"),
        ("break.csv:4", "Old"),
        ("dont_call.csv:3", "switched off"),
        ("forms",),
    ):
        found.look(*words)


@pytest.mark.parametrize("head", ["", "sep=;\n"])
@pytest.mark.parametrize("encoding", ["gb18030", "utf-16", "utf-16-le", "utf-8-sig", "utf-32"])
def test_tables_of_chinese_sites_are_read_in_any_encoding(
    head: str, encoding: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = "1;1;Nombre;王小明;1\n2;1;city;上海;2\n"
    tables = ISSABEL | {
        "attributes.csv": f"{head}id;id_call;columna;value;column_number\n{names}",
        "campaign.csv": f"{head}id;name;trunk;retries;context\n7;春节活动;PJSIP/t;3;from-internal\n",
    }
    found = run("issabel", tables, "DE", tmp_path, capsys, encoding)
    (name,) = found.settings.campaigns
    (lead,) = found.leads(name)
    assert (lead["name"], lead["city"]) == ("王小明", "上海")
    assert not [line for line in found.looks if "encoding" in line or "Asterisk" in line]


def test_a_workbook_among_the_tables_is_named_with_the_way_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "leads.xlsx").write_bytes(b"PK\x03\x04 and more")
    (tmp_path / "tables" / "noise.csv").write_bytes(bytes(range(128, 256)))
    found = run("issabel", ISSABEL, "DE", tmp_path, capsys)
    found.look("leads.xlsx", "save it as CSV UTF-8")
    found.look("noise.csv", "save it as CSV UTF-8")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--vicidial", "tables"], 2, "--vicidial and --issabel need --out and --region as well"),
        (["--vicidial", "tables", "--issabel", "tables"], 2, "not allowed with"),
        (["queues.conf", "--region", "US"], 2, "--region goes with --vicidial and --issabel only"),
        (["--issabel", "tables", "--out", "o", "--region", "US", "--members", "m"], 2, "--members goes with QUEUES.CONF only"),
        (["--issabel", "tables", "--out", "o", "--region", "us"], 2, "--region us: expected two letters"),
        (["--issabel", "gone", "--out", "o", "--region", "US"], 1, "gone: No such file or directory"),
        (["--issabel", "empty", "--out", "o", "--region", "US"], 1, "empty: contains no table that could be read"),
        (["--issabel", "tables", "--out", "empty", "--region", "US"], 1, "empty: File exists"),
        ([], 2, "required"),
    ],
)
def test_mistakes_are_one_line(
    arguments: list[str],
    code: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tree(tmp_path, {f"tables/{name}": text for name, text in ISSABEL.items()})
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    try:
        found = main(["import", *arguments])
    except SystemExit as ended:
        found = int(ended.code or 0)
    err = capsys.readouterr().err
    assert (found, err.count("\n")) == (code, 1)
    assert said in err
