"""Runs the process: its address, signals, log and exit code."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import resource
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog

from callbridge.adapters.database import BadDatabase
from callbridge.adapters.facts.codec import FutureSchema
from callbridge.adapters.http import REFUSALS, BadCertificate, Probes, listening, make_app, make_standby_app, make_starting_app
from callbridge.adapters.logs import log as logs
from callbridge.adapters.report_forms.scheduler import ReportScheduler
from callbridge.adapters.system.garbage import Collector
from callbridge.adapters.system.tasks import end
from callbridge.service.adapter_settings import http_settings
from callbridge.service.http_backend import HttpBackend
from callbridge.service.process import DONE, FAILED, SHUTDOWN_TIMEOUT, Process
from callbridge.service.report_plan import report_plan
from callbridge.service.standby_reads import standby_reads
from callbridge.service.term import PlanNotAdopted, Term
from callbridge.settings.models import Settings

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

SWITCH_INTERVAL = 0.0005
"""Seconds."""


@contextlib.asynccontextmanager
async def _with_term(process: Process, term: Term, address: socket.socket) -> AsyncIterator[None]:
    """HTTP while we lead."""
    http, metrics = http_settings(process.settings.http), process.metrics
    refused = metrics.http_refusals(REFUSALS)
    probes = Probes(
        unhealthy=process.unhealthy,
        missing=process.missing,
        notes=process.notes,
        metrics=metrics.render,
        refused=refused,
        role=process.role,
    )
    site = make_app(http, HttpBackend(process, term), probes, term.readers.feed)
    kept = address.dup() if process.has_standby else address  # a standby serves there after this term
    tls = process.certificate.context if process.certificate is not None else None
    async with listening(site, kept, http.limits, refused, proxies=http.proxies, tls=tls):
        yield


@contextlib.asynccontextmanager
async def _without_term(process: Process, address: socket.socket) -> AsyncIterator[None]:
    """HTTP while we have no world: it answers what we wait for, and a standby also what it can read."""
    http = http_settings(process.settings.http)
    probes = Probes(missing=process.missing, notes=process.notes, role=process.role)
    tls = process.certificate.context if process.certificate is not None else None
    async with contextlib.AsyncExitStack() as stack:
        if process.has_standby:
            reads = await stack.enter_async_context(standby_reads(process))
            site = make_standby_app(http, replace(probes, metrics=process.metrics.render_standby), reads)
        else:
            site = make_starting_app(http, probes)
        await stack.enter_async_context(listening(site, address.dup(), http.limits, proxies=http.proxies, tls=tls))
        yield


async def bound_socket(host: str, port: int) -> socket.socket:
    """Bind our HTTP address before anything is taken over: a second process started by mistake must fail without harm."""
    (family, kind, protocol, _, address), *_ = await asyncio.get_running_loop().getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    return bound


def why_not(trouble: BaseException, address: str) -> str:
    """Why nothing is served; ``address`` is where HTTP would be."""
    if isinstance(trouble, OSError) and trouble.errno == errno.EADDRINUSE:
        return f"{address} is in use, perhaps by a callbridge that is already running: stop it, or change http.port"
    return str(trouble)


def _raise_limits() -> None:
    """Raise the limit of open files to the maximum: connections to our HTTP server must not use up those that calls need."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _favour_the_loop() -> None:
    """Have a thread that computes (rows of the history, /metrics) hand over to the event loop soon: the loop lets go of the
    interpreter at each wait for a socket, and with Python's interval of 5 ms it could wait so long each time to go on."""
    sys.setswitchinterval(SWITCH_INTERVAL)


async def serve(settings: Settings, config: Path, *, observes: bool = False) -> int:
    """Run until stopped; returns the exit code. ``observes``: watch the PBX's own queues, and order nothing."""
    drain = logs.Drain(sys.stderr)
    logs.configure(level=settings.log.level.upper(), stream=drain, mask=settings.log.mask_numbers)
    try:
        return await _serve(Process(settings, config, drain, observes=observes))
    except BadCertificate as trouble:
        log.critical("cannot start", why=str(trouble))
        return FAILED
    finally:
        drain.close()


async def _serve(process: Process) -> int:
    _raise_limits()
    _favour_the_loop()
    for warning in process.settings.warnings:
        log.warning("the configuration is probably not what was intended", why=str(warning))
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, process.stop, DONE)
    reloads: set[asyncio.Task[None]] = set()
    loop.add_signal_handler(signal.SIGHUP, _in_background(lambda: process.manager.reloading(process.reload()), reloads))
    running = asyncio.create_task(_until_stopped(process), name="serve")
    await asyncio.wait((running, process.exit_code), return_when=asyncio.FIRST_COMPLETED)
    await asyncio.wait((running,), timeout=SHUTDOWN_TIMEOUT)
    await end((running,))  # it may still be waiting for the store
    if not running.cancelled() and (trouble := running.exception()) is not None:
        if not isinstance(trouble, OSError | BadDatabase | FutureSchema | PlanNotAdopted):
            raise trouble
        http = process.settings.http
        address = f"{http.host}:{http.port}"
        log.critical("cannot start", why=why_not(trouble, address), http=address)
        return FAILED
    return process.exit_code.result() if process.exit_code.done() else DONE


async def _until_stopped(process: Process) -> None:
    """Wait to lead, lead, and shut down in order. The end of a term ends the process, unless we are one of several instances."""
    try:
        http = process.settings.http
        with await bound_socket(http.host, http.port) as address:
            while not process.exit_code.done():
                async with _without_term(process, address):
                    term = await _begun(process)
                if term is not None:
                    async with _with_term(process, term, address):
                        await _lead(process, term)
    finally:
        process.manager.stopping()
        await process.close()


async def _begun(process: Process) -> Term | None:
    """Begin a term; None when we are to stop while we stand by."""
    if not process.has_standby:
        return await process.begin_term()
    _serve_probes(process)  # a standby is a service that has started
    beginning = asyncio.create_task(process.begin_term(), name="begin")
    try:
        await asyncio.wait((beginning, process.exit_code), return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end((beginning,))
    return None if beginning.cancelled() else beginning.result()


async def _lead(process: Process, term: Term) -> None:
    """Until we are to stop, or another instance is to lead: then the term ends first, because others wait for that."""
    http = process.settings.http
    log.info("serving", http=f"{'http' if http.tls is None else 'https'}://{http.host}:{http.port}")
    _serve_probes(process)
    term.parts.run("reports", _schedule(process, term).run())
    over = asyncio.create_task(process.term_over.wait(), name="over")
    try:
        await asyncio.wait((over, process.exit_code), return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end((over,))
    if process.has_standby:
        await process.end_term()
        log.info("no longer leading")


def _serve_probes(process: Process) -> None:
    """The service manager may count on us, once."""
    if process.supervised:
        return
    process.supervised = True
    process.manager.ready()
    process.parts.run("watchdog", process.manager.watch(process.alive, process.missing))
    process.parts.run("garbage", Collector(process.quiet, process.metrics.on_collection).run())


def _schedule(process: Process, term: Term) -> ReportScheduler:
    """It may be empty: a reload can bring reports."""

    def behind() -> bool:
        history = term.readers.history
        return history is not None and bool(history.trouble())

    return ReportScheduler(lambda: report_plan(process.settings), process.reports, process.metrics.reports, time.time, behind)


def _in_background(work: Callable[[], Coroutine[Any, Any, None]], running: set[asyncio.Task[None]]) -> Callable[[], None]:
    def begin() -> None:
        task = asyncio.create_task(work())
        running.add(task)
        task.add_done_callback(running.discard)

    return begin
