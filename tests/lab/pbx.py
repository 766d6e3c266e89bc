"""One running Asterisk of the lab, version 22 or 16, with a configuration, ports and files of its own.

Rule of this file: the shared root file system is never written to. What a PBX needs is mounted into
it inside a private mount namespace that vanishes with the process, and that process is Asterisk itself:
its id may be stopped and killed.
"""

import asyncio
import functools
import re
import secrets
import shutil
import signal
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.lab import build, config, scratch
from tests.lab.config import PBX_HOST, PHONES_HOST, TRUNK_HOST, Login, PhoneSpec
from tests.lab.ports import PortBlock
from tests.lab.process import Process

__all__ = ["PBX_HOST", "PHONES_HOST", "TRUNK_HOST", "Pbx", "PhoneSpec"]

_FOLDERS = ("etc", "lib/keys", "log", "run", "sounds", "spool/recording", "spool/monitor", "tmp")
_MOUNT_AND_RUN = """
set -e
mount --rbind /proc "$1/proc"
mount --rbind /dev "$1/dev"
mount --bind "$2" "$1/lab"
mount --bind "$3" "$1/lab/sounds"
mount --bind "$2/documentation.xml" "$1/usr/share/asterisk/documentation/core-en_US.xml"
for language in en zh; do
    place=/usr/share/asterisk/sounds/$language/callbridge
    chroot "$1" mkdir -p "$place" "/lab/prompts/$language/callbridge"
    mount --bind "$2/prompts/$language/callbridge" "$1$(chroot "$1" readlink -f "$place")"
done
exec chroot "$1" asterisk -C /lab/etc/asterisk.conf -f -n -q
"""
_VERBOSE = "\x7f"
"""Begins a verbose message on the console's socket; it is no part of an answer."""
# Lines of a log that mean nothing here, each with its reason.
_EXPLAINED: tuple[tuple[str, str], ...] = (("Session already DISCONNECTED", "a hang-up of ours crossed the BYE of the phone"),)


class Pbx:
    """A PBX to call: `async with Pbx(22, phones=[PhoneSpec(name="1001")]) as pbx: ...`"""

    def __init__(
        self,
        version: int = 22,
        *,
        phones: Sequence[PhoneSpec] = (),
        extra: Mapping[str, str] | None = None,
        rtp_ports: int = 600,
        verbose: int = 0,
        rtp_timeout: int = 0,
    ) -> None:
        if not build.is_built(version):
            raise RuntimeError(f"Asterisk {version} is not built: run `python -m tests.lab.build`")
        self.version = version
        self.phones = tuple(phones)
        self._rootfs = build.LAB / f"asterisk-{version}"
        # The control socket's full path must stay below about 100 characters.
        self.folder = scratch.folder("cb-")
        self.ports = PortBlock(rtp_ports + 1500 + len(self.phones))
        self.plan = self._plan(extra or {}, rtp_ports, verbose, rtp_timeout)
        self._process: Process | None = None
        self._boot_log = ""
        self._write_files()

    def _plan(self, extra: Mapping[str, str], rtp_ports: int, verbose: int, rtp_timeout: int) -> config.Plan:
        keys = dict.fromkeys(phone.address_key for phone in self.phones)
        modules = next(self._rootfs.glob("usr/lib/**/asterisk/modules"))
        return config.Plan(
            version=self.version,
            modules_path="/" + str(modules.relative_to(self._rootfs)),
            rtp_ports=self.ports.take_range(rtp_ports),
            sip_port=self.ports.take(PBX_HOST),
            http_port=self.ports.take(PBX_HOST, socket.SOCK_STREAM),
            ami_port=self.ports.take(PBX_HOST, socket.SOCK_STREAM),
            ari=Login(name="callbridge", secret=secrets.token_hex(8)),
            ami=Login(name="callbridge", secret=secrets.token_hex(8)),
            phones=self.phones,
            addresses={key: (PHONES_HOST, self.ports.take(PHONES_HOST)) for key in keys},
            verbose=verbose,
            rtp_timeout=rtp_timeout,
            extra=extra,
        )

    def _write_files(self) -> None:
        for name in _FOLDERS:
            (self.folder / name).mkdir(parents=True)
        for name, text in config.files(self.plan).items():
            (self.folder / "etc" / name).write_text(text)
        (self.folder / "documentation.xml").write_text(_documentation(self._rootfs))
        for source in (build.ROOT / "dialplan").glob("callbridge*.conf"):
            shutil.copy(source, self.folder / "etc")

    def add(self, name: str, text: str) -> None:
        """Append to a configuration file, before the start: what is known only once other PBXs have their ports."""
        with (self.folder / "etc" / name).open("a") as file:
            file.write(f"\n{text}\n")

    # Where it is

    @property
    def sip_port(self) -> int:
        return self.plan.sip_port

    @property
    def http_port(self) -> int:
        return self.plan.http_port

    @property
    def ami_port(self) -> int:
        return self.plan.ami_port

    @property
    def ari_url(self) -> str:
        return f"http://{PBX_HOST}:{self.http_port}/ari"

    @property
    def ari_user(self) -> str:
        return self.plan.ari.name

    @property
    def ari_password(self) -> str:
        return self.plan.ari.secret

    @property
    def ami_user(self) -> str:
        return self.plan.ami.name

    @property
    def ami_secret(self) -> str:
        return self.plan.ami.secret

    @property
    def log_path(self) -> Path:
        return self.folder / "log" / "full"

    @property
    def recordings(self) -> Path:
        """Where ARI recordings land."""
        return self.folder / "spool" / "recording"

    def address(self, phone: str) -> tuple[str, int]:
        """The host and UDP port at which the PBX expects this phone (or this line)."""
        keys = {spec.name: spec.address_key for spec in self.phones}
        return self.plan.addresses[keys.get(phone, phone)]

    @property
    def pid(self) -> int:
        """The process id of Asterisk itself."""
        return self._running().pid

    # Its life

    async def start(self, limit: float = 30.0) -> None:
        """Boot, and return when calls can come."""
        before = self.log_path.stat().st_size if self.log_path.exists() else 0
        self._process = await Process.start(
            [
                "unshare", "--mount", "--propagation", "private", "sh", "-c", _MOUNT_AND_RUN,
                "lab", self._rootfs, self.folder, build.LAB / "sounds",
            ],
            self.folder / "log" / "console",
        )  # fmt: skip
        try:
            async with asyncio.timeout(limit):
                await self._booted()
        except (TimeoutError, RuntimeError):
            await self.kill()
            raise RuntimeError(f"Asterisk {self.version} did not boot: {self._last_words()}") from None
        with self.log_path.open("rb") as log:
            log.seek(before)
            self._boot_log = log.read().decode(errors="replace")

    async def stop(self) -> None:
        """End it in order, if it runs."""
        if self._process is not None:
            await self._process.end()

    async def kill(self) -> None:
        """End it like a power cut: nothing is said to anyone."""
        if self._process is not None:
            await self._process.kill()

    async def restart(self) -> None:
        """Stop and start with the same ports and files."""
        await self.stop()
        await self.start()

    def freeze(self) -> None:
        """Stop the process without ending it; sockets stay open and silent."""
        self._running().signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._running().signal(signal.SIGCONT)

    async def close(self) -> None:
        """Stop, and give files and ports back."""
        await self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.ports.release()

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    # What it says

    async def cli(self, command: str, limit: float = 10.0) -> str:
        """What the console answers to a command.

        Asked as ``asterisk -rx`` asks, but without a process for each of thousands of commands."""
        self._running()
        async with asyncio.timeout(limit):
            try:
                reader, writer = await asyncio.open_unix_connection(self.folder / "run" / "asterisk.ctl")
            except OSError as trouble:
                raise RuntimeError(f"nobody answers at the console: {trouble}") from None
            try:
                await reader.readline()  # host, process and version
                writer.write(b"cli quit after " + command.encode() + b"\0")
                printed = await reader.read()
            except OSError as trouble:
                raise RuntimeError(f"the console was closed: {trouble}") from None
            finally:
                writer.close()
        lines = printed.decode(errors="replace").splitlines(keepends=True)
        return "".join(line for line in lines if not line.startswith(_VERBOSE))

    def boot_problems(self) -> list[str]:
        """Warnings and errors of the last boot that nothing explains."""
        return _problems(self._boot_log)

    def problems(self) -> list[str]:
        """The same of its whole life so far."""
        return _problems(self.log_path.read_text(errors="replace"))

    async def quiet(self, limit: float = 5.0) -> None:
        """Wait until no channel is left; `TimeoutError` if one stays."""
        async with asyncio.timeout(limit):
            while await self.channels():
                await asyncio.sleep(0.05)

    async def hang_up_all(self) -> None:
        """End every call: anybody who was killed in a call leaves the other side of it in the PBX."""
        await self.cli("channel request hangup all")

    async def channels(self) -> int:
        """How many channels are up."""
        match = re.search(r"(\d+) active channel", await self.cli("core show channels count"))
        if match is None:
            raise RuntimeError("the console did not count its channels")
        return int(match[1])

    async def _booted(self) -> None:
        while not (self.folder / "run" / "asterisk.ctl").exists():
            self._running()
            await asyncio.sleep(0.05)
        while True:
            self._running()
            try:
                if "fully booted" in await self.cli("core waitfullybooted"):
                    return
            except (RuntimeError, TimeoutError):  # nobody listens yet, or a crowded machine is slow to boot
                await asyncio.sleep(0.05)

    def _running(self) -> Process:
        if self._process is None or not self._process.running:
            raise RuntimeError("the PBX is not running")
        return self._process

    def _last_words(self) -> str:
        logs = [self.folder / "log" / name for name in ("full", "console")]
        lines = [line for log in logs if log.exists() for line in log.read_text(errors="replace").splitlines()]
        return " | ".join(lines[-3:]) or "it said nothing"


@functools.cache
def _documentation(rootfs: Path) -> str:
    """Asterisk's manual with the chapters about configuration files alone, for modules refuse theirs without them, and the titles
    of the others, which it misses with a warning. Reading the whole manual took most of the processor time of a start."""
    whole = (rootfs / "usr/share/asterisk/documentation/core-en_US.xml").read_text()
    chapters = re.findall(r"<configInfo .*?</configInfo>", whole, re.DOTALL)
    titles = [
        f"<{tag}><synopsis/></{tag.split()[0]}>" for tag in re.findall(r"<((?:application|function|manager|agi) [^/>]*)>", whole)
    ]
    return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', "<docs>", *titles, *chapters, "</docs>"])


def _problems(log: str) -> list[str]:
    marked = (line for line in log.splitlines() if re.search(r"(WARNING|ERROR)\[", line))
    return [line for line in marked if not any(re.search(known, line) for known, _ in _EXPLAINED)]
