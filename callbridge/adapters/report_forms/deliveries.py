"""How a report that was made reaches its target: by mail, into a folder, or to a webhook. Whether to try again is the
scheduler's decision."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from callbridge import __version__
from callbridge.adapters.mail import Attachment, Mailer, MailNotSent, MailSettings
from callbridge.adapters.system.private_files import open_private
from callbridge.adapters.system.threads import Threads, ThreadsBusy
from callbridge.adapters.webhooks.body import sign

FOLDER_WITHIN = 60.0
"""Seconds that a disk, perhaps one of another machine, may take."""
POST_WITHIN = 60.0
MOST_MAILED = 20 * 1024 * 1024
"""Bytes: what mail servers take, less what the encoding of attachments adds."""


class ReportNotDelivered(Exception):
    """The message says why, in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFile:
    """``key``: stays the same when it is sent again. ``subject`` and ``text`` are for people."""

    key: str
    name: str
    media: str
    content: bytes
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class ToMail:
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ToFolder:
    folder: Path


@dataclass(frozen=True, slots=True)
class ToWebhook:
    url: str
    secret: str


ReportTarget = ToMail | ToFolder | ToWebhook


class ReportDeliveries:
    def __init__(self) -> None:
        self._files = Threads("report files", most_waiting=10)

    async def deliver(self, file: ReportFile, target: ReportTarget, mail: MailSettings | None) -> None:
        """Raises ReportNotDelivered."""
        match target:
            case ToMail():
                await _mail(file, target.addresses, mail)
            case ToFolder():
                await self._write(file, target.folder)
            case ToWebhook():
                await _post(file, target)

    async def _write(self, file: ReportFile, folder: Path) -> None:
        """The file is there whole, or not at all."""

        def write() -> None:
            part = folder / f".{file.name}.part"
            try:
                with open_private(part, new=True) as opened:
                    opened.write(file.content)
                part.replace(folder / file.name)
            finally:
                part.unlink(missing_ok=True)

        try:
            async with asyncio.timeout(FOLDER_WITHIN):
                await self._files.run(write)
        except (TimeoutError, ThreadsBusy):
            raise ReportNotDelivered(f"the folder {folder} does not answer") from None
        except OSError as trouble:
            raise ReportNotDelivered(f"cannot write to {folder}: {trouble.strerror}") from None

    def close(self) -> None:
        self._files.close()


async def _mail(file: ReportFile, to: Sequence[str], settings: MailSettings | None) -> None:
    if settings is None:
        raise ReportNotDelivered("there is no section 'mail:'")
    if len(file.content) > MOST_MAILED:
        raise ReportNotDelivered(f"it has {len(file.content):,} bytes, too many for a mail: use a folder or a shorter report")
    mailer = Mailer(settings)
    try:
        attached = Attachment(name=file.name, kind=file.media, content=file.content)
        await mailer.send(to, file.subject, file.text, attachments=[attached])
    except MailNotSent as trouble:
        raise ReportNotDelivered(str(trouble)) from None
    finally:
        mailer.close()


async def _post(file: ReportFile, target: ToWebhook) -> None:
    """Signed as events are; the key is the same for each attempt."""
    timestamp = str(int(time.time()))
    headers = {
        "User-Agent": f"callbridge/{__version__}",
        "Content-Type": file.media,
        "Content-Disposition": f'attachment; filename="{file.name.encode("ascii", "replace").decode()}"',
        "X-Callbridge-Id": file.key.encode("ascii", "replace").decode(),
        "X-Callbridge-Timestamp": timestamp,
        "X-Callbridge-Signature": sign(target.secret, timestamp, file.content),
    }
    limit = aiohttp.ClientTimeout(total=POST_WITHIN)
    try:
        async with (
            aiohttp.ClientSession(timeout=limit, auto_decompress=False) as session,
            session.post(target.url, data=file.content, headers=headers, allow_redirects=False) as answer,
        ):
            status = answer.status
    except TimeoutError:
        raise ReportNotDelivered("the receiver does not answer") from None
    except (aiohttp.ClientError, OSError, ValueError):
        raise ReportNotDelivered("the receiver cannot be reached") from None
    if not 200 <= status < 300:
        raise ReportNotDelivered(f"the receiver answered {status}")
