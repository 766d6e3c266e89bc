"""Separate threads for work that blocks: a database, a disk, a long text.

The loop's default executor is shared, and has six threads on a small machine: work that is stuck there stops everything else
that uses it, such as DNS look-ups. So work that may get stuck, and work that must never wait for it, have separate threads.
They are daemons: one that is stuck does not keep the process from ending.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, TypeVar

Found = TypeVar("Found")


class ThreadsBusy(RuntimeError):
    """All threads are at work, and as many jobs wait for them as may."""


@dataclass(slots=True)
class _ThreadJob:
    work: Callable[[], Any]
    answer: asyncio.Future[Any]
    over: Callable[[], None]
    lock: threading.Lock
    thread: int | None = None
    """The one that does it, while it does."""


_Jobs = SimpleQueue["_ThreadJob | None"]


class Threads:
    """``count`` threads, which begin when there is work; ``most_waiting`` jobs may wait for them."""

    def __init__(self, name: str, count: int = 1, most_waiting: int = 1000) -> None:
        self._name, self._count, self._most = name, count, count + most_waiting
        self._jobs: _Jobs = SimpleQueue()
        self._started = 0
        self._open = 0
        self._lock = threading.Lock()
        self._dismiss = weakref.finalize(self, _dismiss, self._jobs, count)

    async def run(self, work: Callable[[], Found], cut: Callable[[int], None] | None = None) -> Found:
        """Do ``work`` in one of the threads. Raises ThreadsBusy at once when too many jobs wait. When the caller is cancelled, a
        job that has not begun is dropped; of one that has, ``cut`` gets the id of the thread."""
        if self._open >= self._most:
            raise ThreadsBusy(f"{self._open} jobs wait for the threads of {self._name}")
        job = _ThreadJob(work, asyncio.get_running_loop().create_future(), self._over, self._lock)
        self._open += 1
        self._jobs.put(job)
        if self._started < min(self._count, self._open):
            self._started += 1
            threading.Thread(target=_serve, args=(self._jobs,), name=self._name, daemon=True).start()
        try:
            found: Found = await job.answer
        except asyncio.CancelledError:
            with self._lock:  # it does not begin anything else meanwhile
                if cut is not None and job.thread is not None:
                    cut(job.thread)
            raise
        return found

    def close(self) -> None:
        """The threads end when they have done what waits; returns at once."""
        self._dismiss()

    def _over(self) -> None:
        self._open -= 1


def _dismiss(jobs: _Jobs, count: int) -> None:
    for _ in range(count):
        jobs.put(None)


def _serve(jobs: _Jobs) -> None:
    while (job := jobs.get()) is not None:
        result, fault = None, None
        if not job.answer.cancelled():
            with job.lock:
                job.thread = threading.get_ident()
            try:
                result = job.work()
            except BaseException as trouble:  # noqa: BLE001 - it is its caller's to handle
                fault = trouble
            with job.lock:
                job.thread = None
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
            job.answer.get_loop().call_soon_threadsafe(_deliver, job, result, fault)
        del job, result, fault  # an idle thread holds nothing


def _deliver(job: _ThreadJob, result: Any, fault: BaseException | None) -> None:
    job.over()
    if job.answer.done():
        return
    if fault is not None:
        job.answer.set_exception(fault)
    else:
        job.answer.set_result(result)
