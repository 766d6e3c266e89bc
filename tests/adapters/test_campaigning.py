"""The command ``campaign`` where it needs no running callbridge: what it enters, and what it says."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from callbridge.adapters.ledger import LedgerStore, LedgerTerms
from callbridge.cli import main
from callbridge.core.model.attempt import Attempt, AttemptStage, Lead
from callbridge.core.model.dial_rules import DialLimits, Frequency
from callbridge.core.model.numbers import SPREADSHEET
from tests.settings.conftest import RIGHT

Run = Callable[..., tuple[int, str, str]]
SPRING = {
    "queue": "support",
    "mode": "progressive",
    "number": "+442079460999",
    "message": "spring-message",
    "dispositions": {"sold": {"success": True}, "nobody": {"machine": True, "reached": False}},
}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return written(tmp_path, {})


@pytest.fixture
def run(config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("COLUMNS", "200")

    def command(*words: str | os.PathLike[str]) -> tuple[int, str, str]:
        code = main(["campaign", *map(str, words), "-c", str(config)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


def written(folder: Path, changes: dict[str, object]) -> Path:
    text = RIGHT.replace("phone: PJSIP/1001, skills", "phone: PJSIP/1001, connect: auto_answer, skills")
    settings = yaml.safe_load(text) | {
        "redis": {"url": "redis://127.0.0.1:6379/0"},
        "outside": {"dial": "PJSIP/{number}@trunk"},
        "region": "GB",
        "database": {"url": f"sqlite:///{folder}/campaigns.db"},
        "campaigns": {"spring": SPRING | changes},
    }
    path = folder / "callbridge.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


def leads(folder: Path, text: str) -> Path:
    path = folder / "leads.csv"
    path.write_text(text)
    return path


def attempted(folder: Path, *outcomes: tuple[str, str]) -> None:
    """One attempt for each (outcome, disposition)."""
    with closing(LedgerStore(f"sqlite:///{folder}/campaigns.db")) as book:
        book.open()
        terms = LedgerTerms(DialLimits(), Frequency(99, 0.0))
        for index, (outcome, code) in enumerate(outcomes):
            number, at = f"+4420794{index:05d}", 1_767_268_800.0
            book.load("spring", [{"number": number}], at)
            lead = book.lead("spring", number)
            assert lead is not None
            book.reserve("spring", terms, [(f"a{index}", lead["id"])], at)
            attempt = Attempt(
                id=f"a{index}",
                campaign="spring",
                lead=Lead(id=lead["id"], number=number),
                stage=AttemptStage.CLOSING,
                outcome=outcome,
                agent="0101" if code else "",
                disposition=code,
                answered_at=at if outcome in ("answered", "abandoned") else None,
            )
            book.record(attempt, terms, at + 0.5)


def test_a_file_that_is_refused_whole_is_one_line(run: Run, tmp_path: Path) -> None:
    code, out, err = run("load", "spring", leads(tmp_path, "phone\n020 7946 0000\n"))
    assert (code, out) == (1, "")
    assert err.startswith("callbridge: ")
    assert err.count("\n") == 1


def test_rows_are_added_up_and_the_others_told(run: Run, tmp_path: Path) -> None:
    code, out, err = run("load", "spring", leads(tmp_path, "number\n020 7946 0000\nabc\n"))
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == "2 rows: 1 loaded, 1 rejected"
    assert out.splitlines()[1].startswith("  line 3: abc: ")


def test_a_file_of_which_no_row_can_be_used_has_failed(run: Run, tmp_path: Path) -> None:
    code, out, err = run("load", "spring", leads(tmp_path, "number\nabc\n030123456.0\n"))
    assert (code, err, out.splitlines()[0]) == (1, "", "2 rows: 0 loaded, 2 rejected")
    assert run("load", "spring", leads(tmp_path, "number\nabc\n"), "--json")[0] == 1


def test_a_file_that_is_loaded_twice_has_not_failed(run: Run, tmp_path: Path) -> None:
    rows = leads(tmp_path, "number\n020 7946 0000\n")
    assert [run("load", "spring", rows)[0] for _ in range(2)] == [0, 0]
    assert run("load", "spring", leads(tmp_path, "number\n"))[0] == 0, "nothing to enter, and nothing wrong"


def test_a_number_is_blocked_and_let_go_again(run: Run, tmp_path: Path) -> None:
    assert run("block", "020 7946 0000")[1] == "+442079460000 is on the do-not-call list\n"
    assert (
        "line 2: 020 7946 0000: on the do-not-call list" in run("load", "spring", leads(tmp_path, "number\n020 7946 0000\n"))[1]
    )
    assert run("unblock", "+442079460000")[1] == "+442079460000 was removed from the do-not-call list\n"
    assert run("unblock", "+442079460000")[::2] == (1, "callbridge: +442079460000 is not on the do-not-call list\n")
    assert run("load", "spring", leads(tmp_path, "number\n020 7946 0000\n"))[1].startswith("1 rows: 1 loaded")


def test_a_number_of_a_spreadsheet_is_neither_blocked_nor_let_go(run: Run) -> None:
    for act in ("block", "unblock"):
        assert run(act, "030123456.0")[::2] == (1, f"callbridge: 030123456.0: {SPREADSHEET}\n")


def test_what_they_say_is_said_in_json_too(run: Run, tmp_path: Path) -> None:
    rows = leads(tmp_path, "number,name\n+442079460001,Ann\nnone,Bob\n")
    code, out, _ = run("load", "spring", rows, "--json")
    refused = [{"line": 3, "number": "none", "why": "not a phone number"}]
    told = {"campaign": "spring", "rows": 2, "entered": 1, "refused": refused}
    assert (code, json.loads(out)) == (0, told | {"read_as": "UTF-8, columns separated by commas"})
    code, out, _ = run("block", "+442079460009", "--for", "1d", "--json")
    assert json.loads(out)["expires_at"] == pytest.approx(time.time() + 86400.0, abs=60.0)
    code, out, _ = run("unblock", "+442079460009", "--json")
    assert json.loads(out) == {"number": "+442079460009", "campaign": ""}
    attempted(tmp_path, ("answered", "sold"), ("abandoned", ""))
    code, out, _ = run("audit", "spring", "--json")
    proof = json.loads(out)
    assert (proof["cap"], proof["outcomes"], proof["dispositions"]) == (0.03, {"abandoned": 1, "answered": 1}, {"sold": 1})
    assert [(day["live"], day["abandoned"], day["rate"], day["rate_uk"]) for day in proof["days"]] == [(2, 1, 0.5, 0.5)]


def test_a_number_is_blocked_until_a_day(run: Run) -> None:
    _, out, _ = run("block", "+442079460000", "--for", "90d")
    assert re.fullmatch(r"\+442079460000 is on the do-not-call list until 20[0-9-]{8} [0-9:]{8}\n", out)


def test_root_does_not_write_into_somebody_elses_ledger(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() == 0:
        os.chown(tmp_path, 1, 1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 0)
    code, out, err = run("block", "+442079460000")
    assert (code, out) == (1, "")
    assert f"run it as {tmp_path.owner()}: runuser -u {tmp_path.owner()} --" in err
    assert not (tmp_path / "campaigns.db").exists()
    attempted(tmp_path)
    assert run("block", "+442079460000")[0] == 0, "the files of one that is there stay its owner's"


def test_machines_that_agents_had_are_no_live_answers(run: Run, tmp_path: Path) -> None:
    attempted(tmp_path, *[("answered", "sold")] * 3, ("machine", "nobody"), *[("abandoned", "")] * 4)
    _, out, _ = run("audit", "spring")
    row = next(line for line in out.splitlines() if "2026-01-01" in line)
    assert [cell.strip() for cell in row.strip("│┃ ").split("│")][1:6] == ["8", "7", "4", f"{4 / 7:.2%}", "50.00%"]
    assert "talks: 4 (1 nobody, 3 sold); of those with a code: contact rate 75.0%, success rate 75.0%" in out


def test_what_stands_too_far_to_the_right_is_not_entered(run: Run, tmp_path: Path) -> None:
    _, out, _ = run("load", "spring", leads(tmp_path, "number,name\n020 7946 0000,Smith, John\n020 7946 0001,Ann\n"))
    assert out.splitlines()[:2] == [
        "2 rows: 1 loaded, 1 rejected",
        "  line 2: 020 7946 0000: more values than there are headings: quote those with the separator in them",
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is empty"),
        ("Telefon;name\n1;2\n", "no column 'number' (there are: Telefon, name)"),
        ("number,number\n1,2\n", "two columns are called 'number'"),
    ],
)
def test_a_file_that_is_no_list_of_leads_is_told_so(run: Run, tmp_path: Path, text: str, why: str) -> None:
    code, _, err = run("load", "spring", leads(tmp_path, text))
    assert code == 1
    assert why in err


def test_the_british_rate_counts_people_taken_for_machines(run: Run, tmp_path: Path) -> None:
    written(tmp_path, {"amd": True, "false_positives": 0.25})
    attempted(tmp_path, *[("answered", "sold")] * 7, *[("abandoned", "")] * 2, *[("machine", "")] * 4)
    _, out, _ = run("audit", "spring")
    assert "22.22%" in out
    assert "30.00%" in out, "one machine of four was a person: 3 of 10"


def test_without_an_estimate_the_british_rate_is_not_known(run: Run, tmp_path: Path) -> None:
    written(tmp_path, {"amd": True})
    attempted(tmp_path, ("answered", "sold"), ("machine", ""))
    _, out, _ = run("audit", "spring")
    assert "rate (UK): needs the AMD false-positive rate: set false_positives in campaigns.spring" in out
    assert "?" in out.split("2026-01-01")[1].splitlines()[0]


def test_how_the_file_was_read_is_told_and_may_be_said(run: Run, tmp_path: Path) -> None:
    rows = tmp_path / "leads.csv"
    rows.write_bytes("number;name\n020 7946 0000;Jürgen\n".encode("cp1252"))
    assert (
        run("load", "spring", rows)[1] == "1 rows: 1 loaded, 0 rejected\nread as Windows-1252, columns separated by semicolons\n"
    )
    _, out, _ = run("load", "spring", rows, "--encoding", "latin-1", "--delimiter", ";", "--json")
    assert json.loads(out)["read_as"] == "ISO8859-1, columns separated by semicolons"
    with pytest.raises(SystemExit) as ended:
        run("load", "spring", rows, "--delimiter", "comma")
    assert ended.value.code == 2


def test_numbers_that_may_be_meant_in_two_ways_are_asked_about(run: Run, tmp_path: Path) -> None:
    written(tmp_path, {"region": "DE"})
    rows = leads(tmp_path, "number\n5511987654321\n8613800138000\n")
    code, out, err = run("load", "spring", rows)
    assert (code, out) == (1, "")
    assert "2 of 2 numbers would be valid with a +" in err
    assert "--international or --national" in err
    assert run("load", "spring", rows, "--international")[1].startswith("2 rows: 2 loaded")
