"""A short, read-only AMI session: one action at a time, each with a deadline."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from typing import Self

from callbridge.wire.ami import clean_action

AMI_TIMEOUT = 5.0
"""Seconds for any one answer."""
_LONGEST_LINE = 1 << 20

Message = dict[str, str]


class AmiTrouble(Exception):
    """The session cannot be had, or has ended; the message says why."""


class AmiRefused(Exception):
    """The PBX answered no; the message is its own."""


class AmiSession:
    """``async with AmiSession(...) as ami: await ami.ask("Ping")``."""

    def __init__(self, host: str, port: int, user: str, secret: str) -> None:
        self._host, self._port, self._user, self._secret = host, port, user, secret
        self._asked = 0

    async def __aenter__(self) -> Self:
        try:
            async with asyncio.timeout(AMI_TIMEOUT):
                self._reader, self._writer = await asyncio.open_connection(self._host, self._port, limit=_LONGEST_LINE)
        except TimeoutError:
            raise AmiTrouble(f"no answer within {AMI_TIMEOUT:g} s") from None
        except OSError as trouble:
            raise AmiTrouble(str(trouble.strerror or trouble)) from None
        try:
            self.banner = await self._greeting()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._close()

    async def _greeting(self) -> str:
        try:
            async with asyncio.timeout(AMI_TIMEOUT):
                line = (await self._reader.readline()).decode(errors="replace").strip()
        except TimeoutError:
            raise AmiTrouble("the peer does not send an AMI greeting") from None
        except (OSError, ValueError) as trouble:
            raise AmiTrouble(f"the connection broke: {trouble}") from None
        if "Call Manager" not in line:
            raise AmiTrouble(f"the peer does not send an AMI greeting: {line[:40]!r}")
        return line

    async def _close(self) -> None:
        self._writer.close()
        with contextlib.suppress(OSError, TimeoutError):  # a peer that is gone has nothing to say to our goodbye
            async with asyncio.timeout(AMI_TIMEOUT):
                await self._writer.wait_closed()

    async def login(self) -> None:
        """Raises AmiRefused or AmiTrouble."""
        await self.ask("Login", Username=self._user, Secret=self._secret, Events="off")

    async def ask(self, action: str, **fields: str) -> list[Message]:
        """The answer, and the list that follows when one does. Raises AmiRefused or AmiTrouble."""
        self._asked += 1
        name = f"doctor-{self._asked}"
        headers = clean_action(action, {"ActionID": name, **fields})
        try:
            async with asyncio.timeout(AMI_TIMEOUT):
                self._writer.write("".join(f"{key}: {value}\r\n" for key, value in headers.items()).encode() + b"\r\n")
                await self._writer.drain()
                return await self._answer(name)
        except TimeoutError:
            raise AmiTrouble(f"no answer to {action} within {AMI_TIMEOUT:g} s") from None
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            raise AmiTrouble(f"the PBX closed the session during {action}") from None

    async def _answer(self, name: str) -> list[Message]:
        messages: list[Message] = []
        while True:
            message = await self._message()
            if message.get("ActionID") != name:
                continue
            if message.get("Response") == "Error":
                raise AmiRefused(message.get("Message", "refused"))
            messages.append(message)
            if message.get("EventList", "").lower() != "start" and (len(messages) == 1 or "EventList" in message):
                return messages

    async def _message(self) -> Message:
        text = (await self._reader.readuntil(b"\r\n\r\n")).decode(errors="replace")
        message: Message = {}
        for line in text.split("\r\n"):
            key, colon, value = line.partition(":")
            if colon:
                message[key] = value.strip()
        return message
