"""Threads of one's own: bounded, apart from the loop's executor, and none that is stuck keeps anybody waiting."""

from __future__ import annotations

import asyncio
import gc
import threading

import pytest

from callbridge.adapters.system.threads import Threads, ThreadsBusy
from tests.adapters.waiting import HANGS


class Stuck:
    """Work that nobody ends before the test does."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.begun = 0
        self.threads: list[int] = []

    def __call__(self) -> str:
        self.begun += 1
        self.threads.append(threading.get_ident())
        assert self.let_go.wait(HANGS)
        return "done"


async def begun(stuck: Stuck, count: int) -> None:
    async with asyncio.timeout(HANGS):
        while stuck.begun < count:
            await asyncio.sleep(0.005)


async def test_work_is_done_and_its_faults_are_its_callers() -> None:
    threads = Threads("test")
    assert await threads.run(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        await threads.run(lambda: 1 // 0)
    assert await threads.run(threading.get_ident) != threading.get_ident()


async def test_what_finds_all_threads_stuck_and_the_queue_full_is_refused_at_once() -> None:
    threads, stuck = Threads("test", 2, most_waiting=1), Stuck()
    waiting = [asyncio.create_task(threads.run(stuck)) for _ in range(3)]
    await begun(stuck, 2)
    with pytest.raises(ThreadsBusy, match="3 jobs wait for the threads of test"):
        await threads.run(stuck)
    assert await asyncio.to_thread(lambda: "free") == "free", "the loop's own executor is another one"
    stuck.let_go.set()
    assert await asyncio.gather(*waiting) == ["done"] * 3
    assert await threads.run(lambda: 1) == 1


async def test_a_person_who_waits_no_longer_has_the_thread_cut_off_and_what_has_not_begun_never_does() -> None:
    threads, stuck, cut = Threads("test"), Stuck(), list[int]()
    first = asyncio.create_task(threads.run(stuck, cut.append))
    second = asyncio.create_task(threads.run(stuck, cut.append))
    await begun(stuck, 1)
    for task in (second, first):
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert cut == stuck.threads
    stuck.let_go.set()
    assert await threads.run(lambda: 1) == 1
    assert stuck.begun == 1


async def test_threads_end_with_those_who_had_them() -> None:
    def alive() -> int:
        return sum(thread.name == "short-lived" for thread in threading.enumerate())

    for end in (lambda threads: threads.close(), lambda threads: None):
        threads = Threads("short-lived", 2)
        await asyncio.gather(*(threads.run(lambda: None) for _ in range(4)))
        assert alive() == 2
        end(threads)
        del threads
        gc.collect()
        async with asyncio.timeout(HANGS):
            while alive():
                await asyncio.sleep(0.005)
