"""``callbridge password``: what it prints is what the configuration takes."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest

from callbridge.cli import main
from callbridge.wire import passwords
from callbridge.wire.passwords import read_hash


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords.PasswordHash, "__init__", _with_small_costs)


def _with_small_costs(self: passwords.PasswordHash, salt: bytes, key: bytes, log_n: int = 10, r: int = 1, p: int = 1) -> None:
    for name, value in (("salt", salt), ("key", key), ("log_n", log_n), ("r", r), ("p", p)):
        object.__setattr__(self, name, value)


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_password_is_read_from_a_pipe(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse\n"))
    assert main(["password"]) == 0
    said = capsys.readouterr().out.strip()
    assert read_hash(said).matches("correct horse")


def test_at_a_terminal_it_is_asked_for_twice_until_both_are_the_same(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", _Terminal())
    typed: Iterator[str] = iter(["correct horse", "correct hrose", "battery staple", "battery staple"])
    monkeypatch.setattr("getpass.getpass", lambda prompt: next(typed))
    assert main(["password"]) == 0
    told = capsys.readouterr()
    assert "not the same" in told.err
    assert read_hash(told.out.strip()).matches("battery staple")


@pytest.mark.parametrize("said", ["", "short\n", "x" * 201 + "\n"])
def test_one_that_is_too_short_or_too_long_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], said: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(said))
    assert main(["password"]) == 1
    told = capsys.readouterr()
    assert (told.out, told.err.count("\n")) == ("", 1)
