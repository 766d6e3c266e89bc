"""``--forks N``: what one process has imported and collected is run by N processes that are forked from it.

Processes of their own, as pytest-xdist has them, import and collect the same code again, each: of the live tests that takes 20 s
of processor time, and in a fresh clone they even compile it again, all at the same time. Reporting to each other takes them 3 ms
for each of thousands of tests. Here a process takes the next module when it is done with one (of a live module the tests of one
version of Asterisk, `by_lab`), and reports only what became of each test.
"""

from __future__ import annotations

import atexit
import os
import traceback
from collections.abc import Iterator, Sequence
from itertools import pairwise
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import NoReturn, cast

import pytest

from tests.by_lab import lab_of

is_child = False
"""Is this one of the forked processes?"""
WIDTH = 2
"""Bytes of a module's number in the pipe from which the processes take modules."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--forks", type=int, default=0, help="run the tests in so many processes, forked after the collection")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    count: int = session.config.getoption("forks")
    if not count or session.testsfailed or session.config.getoption("collectonly"):
        return None
    groups = dict[str, list[pytest.Item]]()
    for item in session.items:
        groups.setdefault(lab_of(item.nodeid), []).append(item)
    modules = list(groups.values())
    queue, entrance = os.pipe()
    os.write(entrance, b"".join(number.to_bytes(WIDTH, "big") for number in range(len(modules))))
    os.close(entrance)
    session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]  # one for all, removed by this process
    receivers = []
    for _ in range(count):
        receiver, sender = Pipe(duplex=False)
        if os.fork() == 0:
            _run_and_exit(session, _taken(queue, modules), sender)
        sender.close()
        receivers.append(receiver)
    os.close(queue)
    missing = {item.nodeid for item in session.items} - _reported(session, receivers)
    statuses = [os.waitstatus_to_exitcode(os.wait()[1]) for _ in range(count)]
    if session.shouldfail:
        raise session.Failed(session.shouldfail)
    if missing or any(statuses):
        raise RuntimeError(f"{len(missing)} tests were not run: {sorted(missing)[:5]}; the processes ended with {statuses}")
    return True


def _taken(queue: int, modules: Sequence[Sequence[pytest.Item]]) -> Iterator[pytest.Item | None]:
    """The tests of one module after the other, as long as there is one that nobody has taken; at last None."""
    while number := os.read(queue, WIDTH):
        yield from modules[int.from_bytes(number, "big")]
    yield None


def _run_and_exit(session: pytest.Session, items: Iterator[pytest.Item | None], sender: Connection) -> NoReturn:
    """The life of a forked process. It ends here: what is printed and removed at the end is the first process's."""
    global is_child
    is_child, status = True, 1
    atexit._clear()  # what the first process has to do in the end is not done here
    try:
        manager = session.config.pluginmanager
        manager.unregister(name="terminalreporter")
        manager.register(_Sender(session.config, sender))
        for item, following in pairwise(items):
            session.config.hook.pytest_runtest_protocol(item=cast(pytest.Item, item), nextitem=following)
            if session.shouldfail or session.shouldstop:
                break
        status = 0
    except KeyboardInterrupt:
        pass
    except BaseException:  # noqa: BLE001 - nothing may leave this process by the way that the first one goes on
        traceback.print_exc()
    finally:
        atexit._run_exitfuncs()
        os._exit(status)


class _Sender:
    """Reports to the first process what became of each test; that a set-up passed is no news."""

    def __init__(self, config: pytest.Config, sender: Connection) -> None:
        self._config = config
        self._sender = sender

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or not report.passed:
            self._sender.send(self._config.hook.pytest_report_to_serializable(config=self._config, report=report))


def _reported(session: pytest.Session, receivers: list[Connection]) -> set[str]:
    """Hand on all reports until the last process is gone; of which tests there were some."""
    hook, tests = session.config.hook, set[str]()
    while receivers:
        for ready in cast(list[Connection], wait(receivers)):
            try:
                report = hook.pytest_report_from_serializable(config=session.config, data=ready.recv())
            except EOFError:
                receivers.remove(ready)
                continue
            tests.add(report.nodeid)
            hook.pytest_runtest_logreport(report=report)
    return tests
