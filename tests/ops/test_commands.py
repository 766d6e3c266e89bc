"""What ops type: what is asked of the server, what is printed, and that every trouble is one line."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import TextIO

import pytest

from callbridge.cli import main
from tests.adapters.waiting import HANGS
from tests.ops.server import Toy, serving

AGENT = {"id": "1001", "name": "王小明", "state": "not_ready", "reason": "lunch", "since": 0.0, "phone": "PJSIP/1001", "call": ""}


@pytest.fixture
def toy() -> Iterator[Toy]:
    with serving() as toy:
        yield toy


def run(toy: Toy, *words: str) -> int:
    return main([*words, "--url", toy.url])


@pytest.mark.parametrize(
    ("words", "path", "body"),
    [
        (("calls", "hang-up", "cb-1"), "/api/calls/cb-1/hang-up", {}),
        (("calls", "move", "cb-1", "sales"), "/api/calls/cb-1/move", {"to": "queue:sales"}),
        (("calls", "head-start", "cb-1", "10m"), "/api/calls/cb-1/head-start", {"seconds": 600.0}),
        (("calls", "pull", "cb/1", "1001"), "/api/calls/cb%2F1/pull", {"to": "agent:1001"}),
        (("bypass", "on"), "/api/bypass", {"on": True}),
        (("bypass", "off"), "/api/bypass", {"on": False}),
        (("callbacks", "call-now", "cb/1"), "/api/callbacks/cb%2F1/call-now", {}),
        (
            ("callbacks", "reschedule", "cb-1", "2026-11-30T14:00+01:00"),
            "/api/callbacks/cb-1/reschedule",
            {"not_before": 1796043600.0},
        ),
        (("callbacks", "number", "cb-1", "+442079460199"), "/api/callbacks/cb-1/number", {"number": "+442079460199"}),
        (("callbacks", "cancel", "cb-1"), "/api/callbacks/cb-1/cancel", {}),
        (
            ("closures", "add", "queue:q", "2026-11-30T14:00+01:00", "2026-11-30T15:00+01:00", "--reason", "party"),
            "/api/closures",
            {"target": "queue:q", "begins": 1796043600.0, "ends": 1796047200.0, "reason": "party"},
        ),
        (
            ("closures", "add", "calendar:office", "now", "2026-11-30T15:00+01:00"),
            "/api/closures",
            {"target": "calendar:office", "ends": 1796047200.0},
        ),
        (("closures", "reopen", "cb-closure-1"), "/api/closures/cb-closure-1/reopen", {}),
        (("reload",), "/api/reload", {}),
        (("reload", "--dry-run"), "/api/reload", {"dry_run": True}),
        (("reload", "--force"), "/api/reload", {"force": True}),
        (("step-down",), "/api/step-down", {}),
        (("agents", "extend-wrap-up", "1001"), "/api/agents/1001/extend-wrap-up", {}),
        (("agents", "login", "1001", "--phone", "PJSIP/2"), "/api/agents/1001/login", {"phone": "PJSIP/2"}),
        (("agents", "not-ready", "1001", "--reason", "lunch"), "/api/agents/1001/not-ready", {"reason": "lunch"}),
    ],
)
def test_each_act_asks_the_server_for_exactly_that(toy: Toy, words: tuple[str, ...], path: str, body: object) -> None:
    toy.knows(path, AGENT | {"on": True, "leader": "http://cb2"}, method="POST")
    assert run(toy, *words) == 0
    assert toy.only() == ("POST", path, body)


@pytest.mark.parametrize(
    "words",
    [
        ("agents", "ready", "1001", "--phone", "PJSIP/2"),
        ("agents", "login", "1001", "--reason", "lunch"),
        ("agents", "list", "1001"),
        ("agents", "show"),
        ("queues", "show"),
        ("queues", "list", "sales"),
        ("calls", "move", "cb-1"),
        ("calls", "hang-up", "cb-1", "sales"),
        ("calls", "head-start", "cb-1", "soon"),
        ("callbacks", "list", "cb-1"),
        ("callbacks", "call-now"),
        ("callbacks", "cancel", "cb-1", "+44"),
        ("callbacks", "reschedule", "cb-1"),
        ("callbacks", "reschedule", "cb-1", "soon"),
        ("callbacks", "number", "cb-1"),
        ("closures", "add", "queue:q", "now"),
        ("closures", "add", "queue:q", "soon", "2026-11-30T15:00"),
        ("closures", "add", "queue:q", "now", "soon"),
        ("closures", "reopen"),
        ("closures", "list", "queue:q"),
        ("bypass", "maybe"),
        ("top", "--every", "0"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_asked(
    toy: Toy, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(toy, *words)
    assert ended.value.code == 2
    assert toy.asked == []
    (line,) = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"callbridge: .+ \(see callbridge .+ --help\)", line)


@pytest.mark.parametrize(
    ("leader", "said", "code"), [("http://cb2", "http://cb2 leads\n", 0), ("", "stepped down; no instance leads yet\n", 1)]
)
def test_stepping_down_succeeds_when_another_instance_leads(
    toy: Toy, capsys: pytest.CaptureFixture[str], leader: str, said: str, code: int
) -> None:
    toy.knows("/api/step-down", {"leader": leader}, method="POST")
    assert run(toy, "step-down") == code
    assert capsys.readouterr().out == said


def test_bypass_alone_shows_how_it_stands(toy: Toy, capsys: pytest.CaptureFixture[str]) -> None:
    toy.knows("/api/bypass", {"on": True, "by": "ops", "since": time.time()})
    assert run(toy, "bypass") == 0
    assert "bypass is on since" in (said := capsys.readouterr().out)
    assert "set by ops: new calls go to the fallback" in said


def test_an_explanation_is_printed_line_by_line_and_cannot_move_the_cursor(toy: Toy, capsys: pytest.CaptureFixture[str]) -> None:
    toy.knows("/api/explain/agents/1001", AGENT | {"lines": [{"code": "x", "text": "not ready \x1b[31mred"}]})
    assert run(toy, "agents", "show", "1001") == 0
    head, line = capsys.readouterr().out.splitlines()
    assert head.startswith("agent 1001, 王小明, not_ready (lunch) since ")
    assert line == "  not ready �[31mred"


def test_a_story_has_the_time_of_each_line_and_json_has_all(toy: Toy, capsys: pytest.CaptureFixture[str]) -> None:
    found = {"id": "cb-1", "state": "ended", "lines": [{"code": "call_arrived", "text": "arrived", "at": 0.0}], "timeline": []}
    toy.knows("/api/explain/calls/cb-1", found)
    assert run(toy, "calls", "show", "cb-1") == 0
    assert capsys.readouterr().out.splitlines()[1].endswith(":00:00  arrived")
    assert run(toy, "calls", "show", "cb-1", "--json") == 0
    assert json.loads(capsys.readouterr().out) == found


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("calls", "show", "cb-9"), "callbridge: no such call: cb-9, live or ended within the last day\n"),
        (("agents", "show", "x"), "callbridge: no such agent: x\n"),
        (("queues", "show", "x"), "callbridge: no such queue: x\n"),
    ],
)
def test_what_is_not_there_is_named(toy: Toy, words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(toy, *words) == 1
    assert capsys.readouterr().err == said


def test_a_refused_reload_names_its_faults(toy: Toy, capsys: pytest.CaptureFixture[str]) -> None:
    faults = ["queues.yaml:3: queues.x: unknown", "agents.yaml:1: agents: empty"]
    toy.knows("/api/reload", {"detail": "the configuration is wrong", "faults": faults}, method="POST", status=422)
    assert run(toy, "reload") == 1
    assert capsys.readouterr().err == f"callbridge: the configuration is wrong: {'; '.join(faults)}\n"


def report(**more: object) -> dict[str, object]:
    row = {"kind": "queue", "name": "support", "change": "gone", "renamed_from": "", "settings": [], "attempts": []}
    row |= {"callers": ["cb-1", "cb-2"], "callbacks": ["cb-3"], "talks": [], "note": "callers go to queue general"}
    whole = {"reloaded": False, "dry_run": True, "forced": False, "refused": [], "warnings": [], "campaigns_stopped": []}
    return whole | {"changes": [row]} | more


def test_a_dry_run_that_would_be_refused_says_so_and_ends_with_1(toy: Toy, capsys: pytest.CaptureFixture[str]) -> None:
    toy.knows("/api/reload", report(refused=["queue support has 2 waiting callers in it"]), method="POST")
    assert run(toy, "reload", "--dry-run") == 1
    headline, refused, names, row = capsys.readouterr().out.splitlines()
    assert headline == "dry run: would be refused; 1 queue gone"
    assert names.split() == ["what", "name", "change", "callers", "callbacks", "talks", "attempts", "details"]
    assert row.split(maxsplit=7) == ["queue", "support", "gone", "2", "1", "-", "-", "callers go to queue general"]
    assert refused == "refused: queue support has 2 waiting callers in it"


def test_a_dry_run_without_objections_ends_with_0(toy: Toy, capsys: pytest.CaptureFixture[str]) -> None:
    toy.knows("/api/reload", report(warnings=["no logged-in agent can serve queue x"]), method="POST")
    assert run(toy, "reload", "--dry-run", "--force") == 0
    said = capsys.readouterr().out
    assert said.startswith("dry run: 1 queue gone\nwarning: no logged-in agent can serve queue x\n")
    toy.knows("/api/reload", report(changes=[]), method="POST")
    assert run(toy, "reload", "--dry-run") == 0
    assert capsys.readouterr().out == "dry run: nothing would change\n"


def test_a_dry_run_ends_with_each_key_and_both_values(toy: Toy, capsys: pytest.CaptureFixture[str]) -> None:
    keys = [{"key": "walls.floor.title", "old": None, "new": "Floor"}, {"key": "log.level", "old": "info", "new": "\x1b[2Jdebug"}]
    section = {"kind": "section", "name": "walls", "change": "changed"}
    toy.knows("/api/reload", report(changes=[section], keys=keys), method="POST")
    assert run(toy, "reload", "--dry-run") == 0
    names, title, level = capsys.readouterr().out.splitlines()[-3:]
    assert (names.split(), title.split()) == (["key", "old", "new"], ["walls.floor.title", "-", "Floor"])
    assert level.split() == ["log.level", "info", "�[2Jdebug"]


def test_a_reload_says_what_it_did(toy: Toy, capsys: pytest.CaptureFixture[str]) -> None:
    renamed = {"kind": "queue", "name": "helpdesk\x1b[2J", "change": "renamed", "renamed_from": "support", "callers": ["cb-1"]}
    done = report(reloaded=True, dry_run=False, changes=[renamed], campaigns_stopped=["spring"])
    toy.knows("/api/reload", done, method="POST")
    assert run(toy, "reload") == 0
    said = capsys.readouterr().out
    assert said.startswith("reloaded: 1 queue renamed; campaigns stopped: spring\n")
    assert "renamed from support" in said
    assert "\x1b" not in said, "neither colours nor what a name holds, where this is no terminal"
    assert run(toy, "reload", "--json") == 0
    assert json.loads(capsys.readouterr().out) == done
    toy.knows("/api/reload", report(reloaded=True, dry_run=False, changes=[]), method="POST")
    assert run(toy, "reload") == 0
    assert capsys.readouterr().out == "reloaded; nothing changed\n"


def test_colours_are_for_terminals() -> None:
    from callbridge.cli.reload_table import reload_text

    assert "\x1b[31mgone" in reload_text(report(), colour=True)
    assert "\x1b" not in reload_text(report(), colour=False)


@pytest.mark.parametrize("token", ["schlüssel€", "王", "a\nb", "\udcff"])
def test_a_token_that_no_header_can_carry_is_one_line(toy: Toy, token: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["queues", "--url", toy.url, "--token", token]) == 1
    said = capsys.readouterr()
    assert said.err.startswith("callbridge: the token contains invalid characters")
    assert said.err.count("\n") == 1


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "nonsense", "http://[", "http://127.0.0.1:notaport", "ftp://127.0.0.1:1"])
def test_an_address_that_does_not_answer_is_one_line(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["queues", "--url", url]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def process(toy: Toy, *words: str, stdout: int | TextIO) -> subprocess.Popen[str]:
    # A shell's background jobs ignore SIGINT, and so would we: Python leaves a signal alone that was ignored when it began.
    command = ["env", "--default-signal=INT", sys.executable, "-m", "callbridge", *words, "--url", toy.url]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, stdout=stdout)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_full_disk_is_one_line(toy: Toy) -> None:
    toy.knows("/api/agents", [AGENT])
    with open("/dev/full", "w") as full, process(toy, "agents", stdout=full) as child:
        assert child.communicate(timeout=HANGS)[1] == "callbridge: cannot write the output: No space left on device\n"
        assert child.returncode == 1


def _drain(terminal: int) -> None:
    with contextlib.suppress(OSError):  # the other end is closed
        while os.read(terminal, 65536):
            pass


def test_top_wants_a_terminal_or_once(toy: Toy) -> None:
    with process(toy, "top", stdout=subprocess.PIPE) as child:
        assert "top --once" in child.communicate(timeout=HANGS)[1]
        assert child.returncode == 1


def test_ctrl_c_is_one_line_and_ends_the_wallboard_quietly(toy: Toy) -> None:
    toy.knows("/api/waiting", {"waiting": [], "now": 0})
    master, terminal = os.openpty()
    with process(toy, "top", stdout=terminal) as child:
        os.close(terminal)
        threading.Thread(target=_drain, args=(master,), daemon=True).start()
        deadline = time.monotonic() + HANGS
        while not toy.asked and time.monotonic() < deadline:
            time.sleep(0.05)
        child.send_signal(signal.SIGINT)
        assert child.communicate(timeout=HANGS)[1] == ""
        assert child.returncode == 0


def test_a_command_that_only_asks_a_server_does_not_load_the_engine() -> None:
    """An operator waits for each of them: what they need starts in a fifth of a second, the engine in one and a half."""
    said = subprocess.run(
        [sys.executable, "-c", "import sys, callbridge.cli, callbridge.cli.top; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert "callbridge.cli.client" in said
    assert {"pydantic", "sqlalchemy", "aiohttp", "callbridge.core.engine", "callbridge.settings.models"}.isdisjoint(said)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (
            "127.0.0.1:{port}",
            "127.0.0.1:{port} is not an HTTP address; write --url http://HOST:PORT, such as http://127.0.0.1:8090",
        ),
        ("localhost", "localhost is not an HTTP address; write --url http://HOST:PORT, such as http://127.0.0.1:8090"),
        (
            "https://127.0.0.1:{port}",
            "https://127.0.0.1:{port} does not speak TLS: write http://",
        ),
    ],
)
def test_a_wrong_address_is_one_line_with_the_way_out(capsys: pytest.CaptureFixture[str], url: str, said: str) -> None:
    with serving() as toy:
        port = toy.url.rpartition(":")[2]
        assert main(["agents", "--url", url.format(port=port)]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(f"callbridge: {said.format(port=port)}")
    assert told.err.count("\n") == 1


def test_another_server_is_doubted(capsys: pytest.CaptureFixture[str]) -> None:
    """Asterisk's own, for one: 8088 for 8090."""
    with socketserver.TCPServer(("127.0.0.1", 0), NotFound) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        assert main(["agents", "--url", f"http://127.0.0.1:{server.server_address[1]}"]) == 1
    assert capsys.readouterr() == ("", "callbridge: the server said 404 Not Found; is it callbridge? Check --url\n")


class NotFound(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        while self.rfile.readline().strip():
            pass
        body = b"<html><body><h1>Not Found</h1></body></html>"
        self.wfile.write(b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
