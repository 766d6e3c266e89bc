"""The wallboard: one frame fits its screen, words say what colours say, and a server that comes and goes is waited for."""

from __future__ import annotations

import io
import os
import pty
import re
import select
import subprocess
import sys
import threading
import time
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from callbridge.cli import main
from callbridge.cli.board import Known, alert_text, frame
from callbridge.cli.client import Client
from callbridge.cli.fitting import fit, fit_list
from callbridge.cli.keyboard import HOME, PAGE_DOWN, PAGE_UP
from callbridge.cli.scrolling import Scroll
from callbridge.cli.top import Watch, live
from tests.adapters.waiting import HANGS
from tests.ops.server import Toy, serving

NOW = 1_800_000_000.0
STATES = ("ready", "talking", "ringing", "wrap_up", "not_ready", "offline", "logged_out", "busy_elsewhere")

LUNCH = {"type": "agent_alerted", "agent": "1005", "kind": "reason_limit", "reason": "lunch", "limit": 2700}
MISSED = {"type": "agent_alerted", "agent": "1005", "kind": "offers_missed", "count": 3}


def agent(number: int) -> dict[str, Any]:
    state = STATES[number % 8]
    reason = "lunch" if state == "not_ready" else ""
    name = ("Alice Morgan", "王小明", "Chloe Évrard", "Eva 📞")[number % 4]
    return {"id": str(1000 + number), "name": name, "state": state, "reason": reason, "since": NOW - number, "queue": "客服"}


def caller(position: int, queue: str = "客服", waited: float = 30.0) -> dict[str, Any]:
    row = {"id": f"{queue}{position}", "position": position, "queue": queue, "tier": "gold", "number": "+44*****123"}
    return row | {"arrived_at": NOW - waited, "step": 0, "steps": 2, "agent": "", "answer_within": 20.0}


def queue(name: str, waiting: int = 0) -> dict[str, Any]:
    return {"name": name, "waiting": waiting, "oldest_arrived_at": NOW - 65 if waiting else "", "sl": 0.5, "agents_ready": 1}


def shown(known: Known, width: int = 80, height: int | None = None, *, colour: bool = False) -> list[str]:
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=colour, color_system="standard" if colour else None, highlight=False)
    console.print(frame(known, NOW, width, height))
    return out.getvalue().splitlines()


def known(agents: int = 10, callers: int = 3, queues: int = 2, **more: Any) -> Known:
    return Known(
        queues=[queue(f"q{number}", number) for number in range(queues)],
        agents=[agent(number) for number in range(agents)],
        waiting=[caller(number + 1) for number in range(callers)],
        heard_at=NOW,
        **more,
    )


@pytest.mark.parametrize("size", [(80, 24), (160, 50), (119, 30), (120, 10), (40, 12), (20, 5), (300, 100)])
@pytest.mark.parametrize("amount", [0, 1, 7, pytest.param(200, marks=pytest.mark.slow)])
def test_a_frame_never_grows_beyond_its_screen(size: tuple[int, int], amount: int) -> None:
    width, height = size
    lines = shown(known(amount, amount, amount), width, height)
    assert len(lines) <= height
    assert all(cell_len(line) <= width for line in lines)


def test_chinese_names_do_not_shift_the_columns() -> None:
    lines = shown(known(8, 0), 100)
    rows = [line for line in lines if line.startswith("100")]
    head = next(line for line in lines if line.startswith("agent "))
    at = cell_len(head[: head.index("state")])
    for row in rows:
        left = next(index for index in range(len(row)) if cell_len(row[:index]) == at)
        assert row[left:].split()[0] in {state.split("_")[0] for state in STATES}


def test_everything_is_said_without_colour() -> None:
    text = "\n".join(shown(known(missing=["pbx pbx1: no AMI link"], bypass=True, alerts=[LUNCH]), 200))
    for word in ("LINK: pbx pbx1: no AMI link", "BYPASS ON", "lunch for more than 45:00", "客服: 3 over target", "offline: 1005"):
        assert word in text
    assert "30s!" in text
    assert "\x1b" not in text
    assert "\x1b" in "\n".join(shown(known(), 200, colour=True))


def test_the_heads_of_all_queues_come_first() -> None:
    waiting = [caller(2, "a", 90), caller(1, "a", 10), caller(1, "b", 20)]
    lines = shown(Known(waiting=waiting, heard_at=NOW))
    rows = [line.split()[:2] for line in lines if line[:1] in "12"]
    assert rows == [["1", "b"], ["1", "a"], ["2", "a"]]


def test_what_is_left_out_is_counted() -> None:
    lines = shown(known(50, 0), 80, 24)
    assert lines[-1].startswith("... and ")
    assert "more agents; total" in lines[-1]


def test_thirty_waiting_are_counted_and_listed_whatever_the_screen() -> None:
    waiting = [caller(position, "support") for position in range(1, 31)]
    small = shown(Known(waiting=waiting, totals={"support": 30}, heard_at=NOW), 80, 24)
    rows = [line for line in small if "+44*****123" in line]
    assert f"... and {30 - len(rows)} more callers" in small
    large = shown(Known(waiting=waiting, totals={"support": 30}, heard_at=NOW), 200, 50)
    assert len([line for line in large if "+44*****123" in line]) == 30
    listed = shown(Known(waiting=waiting, totals={"support": 500, "sales": 7}, heard_at=NOW), 200, 50)
    assert any(line.startswith("... and 477 more callers") for line in listed), "there are more than the server listed"


def test_whom_a_campaign_calls_is_not_late_and_does_not_wait() -> None:
    dialled = caller(1, "support", waited=90.0) | {"campaign": "spring", "reached": False}
    lines = shown(Known(waiting=[dialled | {"state": "dialling"}], heard_at=NOW))
    assert any(line.endswith("dialled") for line in lines)
    lines += shown(Known(waiting=[dialled | {"state": "waiting"}], heard_at=NOW))
    assert any(line.endswith("to be called") for line in lines)
    assert not [line for line in lines if "over target" in line or "!" in line]
    lines = shown(Known(waiting=[dialled | {"state": "waiting", "reached": True}], heard_at=NOW))
    assert [line for line in lines if "over target" in line]


LONG = {"name": "Bartholomew Featherstonehaugh-Cholmondeley", "queue": "customer-support", "call": "cb-call-abc-12345678"}


def busy_house() -> Known:
    """Names, states, queues and alerts that are longer than 80 columns hold."""
    agents = [agent(number) | LONG | {"since": NOW - 40_000} for number in range(8)]
    agents[4] |= {"reason": "team meeting"}
    waiting = [caller(1, "customer-support", 4000) | {"agent": "1002"}, caller(2, "customer-support", 3900)]
    standing = ["customer-support: 30 callers waiting, nobody who fits is ready", "1003: lunch for 50 min, 5 min over its limit"]
    queues = [queue("customer-support", 30) | {"answered": 12345, "abandoned": 4567}]
    missing = ["pbx pbx1: no ARI link", "pbx pbx1: no AMI link", "pbx pbx2: no ARI link"]
    return Known(queues=queues, agents=agents, waiting=waiting, standing=standing, missing=missing, bypass=True, heard_at=NOW)


@pytest.mark.parametrize("width", [80, 100, 120])
def test_nothing_is_cut_within_a_word(width: int) -> None:
    house = busy_house()
    words = {word for line in shown(house, 400) for word in re.findall(r"[^\W\d]+", line)}
    lines = shown(house, width, 24)
    assert all(cell_len(line) <= width for line in lines)
    assert {word for line in lines for word in re.findall(r"[^\W\d]+", line)} <= words | {"and", "more"}
    assert {"12345", "4567"} <= set(" ".join(lines).split())
    assert "BYPASS ON" in lines[0]
    assert "nobody who fits is ready" in lines[1]


def test_a_small_screen_shows_queues_and_callers_before_agents() -> None:
    """40x10, a window beside others: three queues had no line, four agents who were logged out had one each."""
    lines = shown(known(8, 0, 3), 40, 10)
    assert lines[2].split() == ["queue", "wait", "oldest", "rdy", "talk", "ans", "lost"]
    assert [line.split()[0] for line in lines[3:6]] == ["q0", "q1", "q2"]
    assert lines[7].split() == ["agent", "name", "state", "since"]
    lines = shown(known(8, 5, 4), 40, 10)
    assert [line.split()[0] for line in lines[3:6]] == ["q0", "q1", "..."]
    assert lines[6].split() == ["#", "waiting", "in", "number", "for", "now"]
    assert [line.split()[0] for line in lines[7:10]] == ["1", "2", "..."]


def test_what_does_not_fit_ends_behind_a_word() -> None:
    assert fit("Alice Morgan", 12) == "Alice Morgan"
    assert fit("Alice Morgan", 11) == "Alice…"
    assert fit("not ready (team meeting)", 16) == "not ready (team…"
    assert fit("customer-support", 12) == "customer…"
    assert fit("王小明 王小明", 8) == "王小明…"
    assert fit("Featherstonehaugh", 6) == "Feath…"
    assert fit_list(["one", "two", "three too"], 15) == "one; and 2 more"


def test_pages_show_everything_and_lead_back_to_the_board() -> None:
    house, scroll = known(agents=60, callers=40), Scroll()
    console = Console(width=80, height=24, file=io.StringIO(), highlight=False)

    def screen() -> list[str]:
        with console.capture() as caught:
            console.print(scroll.shown(console, house, NOW, 24))
        return caught.get().rstrip("\n").split("\n")

    board, pages = screen(), list[list[str]]()
    while len(pages) < 2 or pages[-1] != pages[-2]:
        scroll.press(PAGE_DOWN)
        pages.append(screen())
    assert all(len(page) <= 24 for page in [board, *pages])
    assert 4 < len(pages) < 20, "there is nothing behind the last page"
    told = {line.rstrip() for page in pages for line in page}
    whole = {line.rstrip() for line in shown(house, 80)}
    assert whole <= told
    for _ in pages:
        scroll.press(PAGE_UP)
    assert screen() == board
    scroll.press(PAGE_DOWN)
    scroll.press(HOME)
    assert screen() == board


def test_agents_who_are_logged_out_can_be_hidden() -> None:
    scroll, console = Scroll(), Console(width=100, file=io.StringIO(), highlight=False)

    def text() -> str:
        with console.capture() as caught:
            console.print(scroll.shown(console, known(), NOW, None))
        return caught.get()

    assert "logged out" in text()
    scroll.press("l")
    assert "logged out" not in text()
    assert "talking" in text()
    scroll.press("l")
    assert "logged out" in text()


def test_no_answer_is_said_with_its_age_and_the_last_figures_stay() -> None:
    lines = shown(Known(queues=[queue("sales")], heard_at=NOW - 75, trouble="no callbridge answers"), 100)
    assert "NO ANSWER for 1:15" in lines[0]
    assert any(line.startswith("sales") for line in lines)
    assert "no answer" in shown(Known(trouble="refused"))[0]


def test_a_name_cannot_move_the_cursor() -> None:
    assert "\x1b" not in "".join(shown(Known(agents=[agent(1) | {"name": "\x1b[2Jx"}], heard_at=NOW)))


def test_alerts_are_told_in_a_few_words() -> None:
    assert alert_text(LUNCH, "1005") == "1005: lunch for more than 45:00"
    assert alert_text(MISSED, "Chloe Évrard (1005)") == "Chloe Évrard (1005): 3 offers missed in a row"


@pytest.mark.parametrize("kind", ["reason_limit", "offers_missed", "phone_silent", "phone_misconfigured", "pin_locked"])
def test_an_alert_that_stands_is_not_told_again_as_a_recent_one(kind: str) -> None:
    """The server names the agent and says how long; the event that began it has the id only."""
    chloe = agent(5) | {"name": "Chloe Évrard", "state": "ready"}
    standing = ["Chloe Évrard (1005): says the server"]
    fact = MISSED | {"kind": kind}
    line = alerts_line(Known(agents=[chloe], standing=standing, alerts=[fact], heard_at=NOW))
    assert (line.count("1005"), line.count("says the server")) == (1, 1)
    alone = alerts_line(Known(agents=[chloe], alerts=[fact], heard_at=NOW))
    assert alone.startswith("! Chloe Évrard (1005): "), "it is over, and was recent"
    lost = alerts_line(Known(agents=[chloe], standing=standing, alerts=[MISSED | {"kind": "phone_lost"}], heard_at=NOW))
    assert lost.endswith("Chloe Évrard (1005): the phone died"), "that never stands"
    other = alerts_line(Known(agents=[chloe, agent(6)], standing=standing, alerts=[fact | {"agent": "1006"}], heard_at=NOW))
    assert "1006" in other


def alerts_line(known: Known) -> str:
    (line,) = (line for line in shown(known, 200) if line.startswith("! "))
    return line


def fill(toy: Toy) -> None:
    toy.knows("/readyz", {"ready": False, "missing": ["pbx pbx1: no ARI link"]}, status=503)
    toy.knows("/api/waiting", {"now": time.time(), "bypass": False, "waiting": [caller(1)]})
    toy.knows("/api/queues", [queue("客服", 1)])
    toy.knows("/api/agents", [agent(1)])


def test_once_prints_one_frame(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    with serving() as toy:
        fill(toy)
        assert main(["top", "--once", "--url", toy.url]) == 0
    text = capsys.readouterr().out
    assert "LINK: pbx pbx1: no ARI link" in text
    assert "王小明" in text


def test_once_without_a_server_fails_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["top", "--once", "--url", "http://127.0.0.1:1"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def eventually(true: Any) -> None:
    deadline = time.monotonic() + HANGS
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_board_outlives_the_server() -> None:
    with serving() as toy:
        fill(toy)
        watch = Watch(Client(toy.url), every=0.2)
        watch.start()
        eventually(lambda: watch.known.heard_at is not None)
    eventually(lambda: watch.known.trouble)
    assert watch.known.queues
    with serving(int(toy.url.rpartition(":")[2])) as again:
        fill(again)
        eventually(lambda: not watch.known.trouble)
        watch.stop()


def test_alerts_come_by_events_where_the_server_has_them() -> None:
    with serving() as toy:
        fill(toy)
        toy.facts = [{"type": "agent_alerted", "agent": "1005", "kind": "offers_missed", "count": 3}]
        watch = Watch(Client(toy.url), every=0.2)
        watch.start()
        eventually(lambda: watch.known.alerts)
        watch.stop()


@pytest.mark.slow
def test_the_live_board_draws_until_it_is_ended() -> None:
    out, done = io.StringIO(), threading.Event()
    console = Console(file=out, width=100, height=30, force_terminal=True, highlight=False)
    with serving() as toy:
        fill(toy)
        threading.Timer(2.0, done.set).start()
        assert live(Client(toy.url), every=0.2, console=console, until=done) == 0
    assert "王小明" in out.getvalue()


@pytest.mark.slow
def test_keys_at_a_real_terminal_page_hide_and_end_it() -> None:
    with serving() as toy:
        fill(toy)
        toy.knows("/api/agents", [agent(number) for number in range(60)])
        master, slave = pty.openpty()
        command = [sys.executable, "-m", "callbridge", "top", "--url", toy.url]
        size = {"COLUMNS": "80", "LINES": "24", "TERM": "xterm"}
        process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env={**os.environ, **size})
        os.close(slave)
        heard = b""

        def until(sign: bytes) -> None:
            nonlocal heard
            deadline = time.monotonic() + HANGS
            while sign not in heard:
                assert time.monotonic() < deadline, heard[-2000:]
                if select.select([master], [], [], 0.1)[0]:
                    heard += os.read(master, 65536)
            heard = b""

        try:
            until(b"more agents")
            os.write(master, b"\x1b[6~")
            until(b"lines 1 to 21 of")
            os.write(master, b" ")
            until(b"lines 22 to 42 of")
            os.write(master, b"\x1b[H")
            until(b"more agents")
            os.write(master, b"q")
            assert process.wait(HANGS) == 0
        finally:
            process.kill()
            process.wait()
            os.close(master)
