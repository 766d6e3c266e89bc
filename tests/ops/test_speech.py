"""Texts become sounds by the operator's command: only what changed, and what is missing is said."""

from __future__ import annotations

import json
import stat
import wave
from array import array
from itertools import pairwise
from math import pi, sin
from pathlib import Path

import pytest

from callbridge.cli import main
from callbridge.cli.prompts import RATE, telephone
from callbridge.settings.loading import load
from tests.settings.conftest import RIGHT

pytestmark = pytest.mark.slow

SPEAKER = """\
#!/bin/sh
[ "$3" = fail ] && { echo "no voice today" >&2; exit 1; }
[ "$3" = nothing ] && exit 0
echo "$1 $3" >> "$0.log"
cp "$0.wav" "$2"
"""


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A speaker of a second of sound for every text, and a configuration that plays two prompts."""
    speaker = tmp_path / "speak"
    speaker.write_text(SPEAKER)
    with wave.open(f"{speaker}.wav", "wb") as sound:
        sound.setnchannels(2)
        sound.setsampwidth(2)
        sound.setframerate(22050)
        sound.writeframes(b"\x10\x20\x00\x00" * 22050)
    speaker.chmod(0o755)
    write(tmp_path, welcome={"en": "Welcome", "zh": "欢迎 光临"}, bye={"en": "Good bye", "zh": "再见"})
    return tmp_path


def write(house: Path, command: str = "", **texts: dict[str, str]) -> None:
    flow = "flows: {door: {nodes: {a: {play: callbridge/welcome, next: b}, b: {goodbye: callbridge/bye}}}}\n"
    speech = {
        "folder": "sounds",
        "command": command or f"{house}/speak {{voice}} {{file}} {{text}}",
        "voices": {"en": "en-gb", "zh": "cmn"},
        "texts": texts,
    }
    entries = "entries:\n  help: {queue: support}\n"
    text = RIGHT.replace(entries, entries + "  door: {flow: door}\n" + flow)
    (house / "cb.yaml").write_text(text + "speech: " + json.dumps(speech, ensure_ascii=False) + "\n", encoding="utf-8")


def run(house: Path, *options: str) -> int:
    return main(["prompts", "-c", str(house / "cb.yaml"), *options])


def spoken(house: Path) -> list[str]:
    log = house / "speak.log"
    return log.read_text().splitlines() if log.exists() else []


def test_every_text_is_spoken_in_every_language_as_telephones_have_it(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(house) == 0
    assert sorted(spoken(house)) == ["cmn 再见", "cmn 欢迎 光临", "en-gb Good bye", "en-gb Welcome"]
    path = house / "sounds" / "zh" / "callbridge" / "welcome.wav"
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE)
        assert abs(file.getnframes() - RATE) < 5
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert "4 made" in capsys.readouterr().out


def test_only_what_changed_is_made_again(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(house)
    assert run(house) == 0
    assert len(spoken(house)) == 4
    write(house, welcome={"en": "Welcome!", "zh": "欢迎 光临"}, bye={"en": "Good bye", "zh": "再见"})
    capsys.readouterr()
    assert run(house, "--check") == 1
    assert "stale: en/welcome" in capsys.readouterr().out
    assert run(house) == 0
    assert spoken(house)[4:] == ["en-gb Welcome!"]
    (house / "sounds" / "en" / "callbridge" / "bye.wav").unlink()
    run(house)
    assert spoken(house)[5:] == ["en-gb Good bye"]
    assert run(house, "--all") == 0
    assert len(spoken(house)) == 10


@pytest.mark.parametrize("broken", [b"", b"junk", b"RIFF" + 40 * b"\0"])
def test_what_is_no_sound_any_more_is_made_again(house: Path, broken: bytes) -> None:
    assert run(house) == 0
    (house / "sounds/zh/callbridge/bye.wav").write_bytes(broken)
    assert run(house, "--check") == 1
    assert run(house) == 0
    assert (house / "sounds/zh/callbridge/bye.wav").stat().st_size > 1000


def test_no_folder_is_made_where_no_asterisk_is(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (house / "cb.yaml").read_text(encoding="utf-8")
    (house / "cb.yaml").write_text(text.replace('"folder": "sounds"', '"folder": "nowhere/sounds"'), encoding="utf-8")
    assert run(house) == 1
    assert f"there is no folder {house / 'nowhere'}: is Asterisk installed?" in capsys.readouterr().out
    assert not (house / "nowhere").exists()


def test_what_is_missing_is_said(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(house, welcome={"en": "Welcome"}, unused={"en": "x", "zh": "y"})
    assert run(house) == 1
    told = capsys.readouterr().out
    assert "missing: zh/welcome: it has no text" in told
    assert "missing: bye: door/b plays it, but speech.texts does not contain it" in told
    doubts = [str(warning) for warning in load(house / "cb.yaml", {}).warnings]
    assert any("no text for 'callbridge/bye', which door/b plays" in doubt for doubt in doubts)


def test_what_is_no_longer_said_is_taken_away(house: Path) -> None:
    run(house)
    (house / "sounds" / "en" / "callbridge" / "own.wav").write_bytes(b"somebody else's")
    write(house, welcome={"en": "Welcome", "zh": "欢迎 光临"})
    run(house)
    assert sorted(path.name for path in (house / "sounds" / "en" / "callbridge").glob("*.wav")) == ["own.wav", "welcome.wav"]


@pytest.mark.parametrize(
    ("command", "text", "why"),
    [
        ("", "fail", "speak ended with 1: no voice today"),
        ("", "nothing", "the command wrote no file"),
        ("no-such-speaker {file} {text}", "x", "there is no command 'no-such-speaker'"),
        ("/etc {file} {text}", "x", "'/etc' is not executable"),
        ("cp /etc/hostname {file} {text}", "x", "ended with 1"),
    ],
)
def test_what_fails_is_one_line_and_the_rest_is_made(
    house: Path, capsys: pytest.CaptureFixture[str], command: str, text: str, why: str
) -> None:
    write(house, command, welcome={"en": text, "zh": text}, bye={"en": "Good bye", "zh": "再见"})
    assert run(house) == 1
    told = capsys.readouterr().out
    assert why in told
    assert command or "2 failed, 2 made" in told


def test_what_is_said_may_look_like_a_field(house: Path) -> None:
    write(house, welcome={"en": "{file} $(reboot); -w", "zh": "x"}, bye={"en": "y", "zh": "z"})
    assert run(house) == 0
    assert "en-gb {file} $(reboot); -w" in spoken(house)


def test_without_the_section_there_is_nothing_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As after an import: queues play only sounds that the PBX has."""
    (tmp_path / "cb.yaml").write_text(RIGHT, encoding="utf-8")
    for options in ((), ("--check",)):
        assert run(tmp_path, *options) == 0
        assert capsys.readouterr() == ("no prompt texts are configured\n", "")


def test_without_the_section_what_is_played_and_has_no_text_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "cb.yaml").write_text(RIGHT + "beep: sound:callbridge/ding\n", encoding="utf-8")
    assert run(tmp_path) == 1
    assert capsys.readouterr().out == "missing: ding: beep plays it, but speech.texts does not contain it\n1 missing\n"


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100])
def test_a_tone_stays_a_tone(rate: int) -> None:
    samples = array("h", (round(8000 * sin(2 * pi * 440 * n / rate)) for n in range(rate)))
    made = telephone(samples, rate)
    assert abs(len(made) - RATE) <= 1
    crossings = sum(1 for a, b in pairwise(made) if a < 0 <= b)
    assert abs(crossings - 440) <= 2
    assert max(made) > 6000
