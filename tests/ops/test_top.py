"""The wallboard: one frame fits its screen, words say what colours say, and a server that comes and goes is waited for."""

from __future__ import annotations

import io
import threading
import time
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from callbridge.cli import main
from callbridge.cli.board import Known, alert_of, frame
from callbridge.cli.client import Client
from callbridge.cli.top import Watch, live
from tests.ops.server import Toy, serving

NOW = 1_800_000_000.0
STATES = ("ready", "talking", "ringing", "wrap_up", "not_ready", "offline", "logged_out", "busy_elsewhere")


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
@pytest.mark.parametrize("amount", [0, 1, 7, 200])
def test_a_frame_never_grows_beyond_its_screen(size: tuple[int, int], amount: int) -> None:
    width, height = size
    lines = shown(known(amount, amount, amount), width, height)
    assert len(lines) <= max(height, 8)
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
    text = "\n".join(
        shown(known(missing=["pbx pbx1: no AMI link"], bypass=True, alerts=["1005: lunch for more than 45:00"]), 200)
    )
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


def test_no_answer_is_said_with_its_age_and_the_last_figures_stay() -> None:
    lines = shown(Known(queues=[queue("sales")], heard_at=NOW - 75, trouble="no callbridge answers"), 100)
    assert "NO ANSWER for 1:15" in lines[0]
    assert any(line.startswith("sales") for line in lines)
    assert "no answer" in shown(Known(trouble="refused"))[0]


def test_a_name_cannot_move_the_cursor() -> None:
    assert "\x1b" not in "".join(shown(Known(agents=[agent(1) | {"name": "\x1b[2Jx"}], heard_at=NOW)))


def test_alerts_are_told_in_a_few_words() -> None:
    lunch = {"type": "agent_alerted", "agent": "1005", "kind": "reason_limit", "reason": "lunch", "limit": 2700}
    missed = {"type": "agent_alerted", "agent": "1005", "kind": "offers_missed", "count": 3}
    assert alert_of(lunch) == "1005: lunch for more than 45:00"
    assert alert_of(missed) == "1005: 3 offers missed in a row"
    assert alert_of({"type": "call_ended"}) is None


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
    deadline = time.monotonic() + 15
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
