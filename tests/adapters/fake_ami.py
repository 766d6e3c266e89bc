"""A fake AMI server at the socket: logs in, lists states, answers pings; every write may be sliced."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator


class FakeAmi:
    def __init__(self) -> None:
        self.states = {"PJSIP/1001": "NOT_INUSE", "Custom:x": "INUSE"}
        self.asked: list[dict[str, str]] = []
        self.asked_at: list[float] = []
        self.slice = 0
        self.silent: set[str] = set()
        self.refusals: dict[str, str] = {}
        self.after_list = ""
        self.lists: dict[str, list[dict[str, str]]] = {}
        """Action -> the events of its list."""
        self.says: dict[str, dict[str, str]] = {}
        """Further headers of an action's answer, by its name or by ``Getvar NAME``."""
        self.connections = 0
        self.open: set[asyncio.StreamWriter] = set()
        self.port = 0

    @contextlib.asynccontextmanager
    async def serve(self) -> AsyncIterator[FakeAmi]:
        server = await asyncio.start_server(self._session, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.drop()
            await server.wait_closed()
            await asyncio.sleep(0.01)

    def drop(self) -> None:
        for writer in list(self.open):
            writer.transport.abort()

    def names(self) -> list[str]:
        return [action["Action"] for action in self.asked]

    async def say(self, text: str) -> None:
        for writer in self.open:
            await self._write(writer, text)

    async def _write(self, writer: asyncio.StreamWriter, text: str) -> None:
        data = text.replace("\n", "\r\n").encode()
        size = self.slice or len(data)
        for start in range(0, len(data), size):
            writer.write(data[start : start + size])
            await asyncio.sleep(0.0005 if self.slice else 0)

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open.add(writer)
        try:
            await self._write(writer, "Asterisk Call Manager/9.0.0\n")
            while True:
                block = (await reader.readuntil(b"\r\n\r\n")).decode()
                action = dict(line.split(": ", 1) for line in block.strip().split("\r\n"))
                self.asked.append(action)
                self.asked_at.append(asyncio.get_running_loop().time())
                if action["Action"] not in self.silent:
                    await self._write(writer, self._answer(action))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.open.discard(writer)
            writer.close()

    def _answer(self, action: dict[str, str]) -> str:
        name, mark = action["Action"], f"ActionID: {action['ActionID']}\n"
        if name in self.refusals:
            return f"Response: Error\n{mark}Message: {self.refusals[name]}\n\n"
        if name in self.lists:
            return self._list(name, mark)
        if name != "DeviceStateList":
            said = self.says.get(f"{name} {action.get('Variable', '')}".strip(), {})
            more = "".join(f"{header}: {value}\n" for header, value in said.items())
            return f"Response: Success\n{mark}Message: {action.get('Reply', 'fine')}\n{more}\n"
        items = "".join(
            f"Event: DeviceStateChange\n{mark}Device: {device}\nState: {state}\n\n" for device, state in self.states.items()
        )
        end = f"Event: DeviceStateListComplete\n{mark}EventList: Complete\nListItems: {len(self.states)}\n\n"
        start = f"Response: Success\n{mark}EventList: start\nMessage: Device State Changes will follow\n\n"
        return start + items + end + self.after_list

    def _list(self, name: str, mark: str) -> str:
        events = ["".join(f"{header}: {value}\n" for header, value in event.items()) for event in self.lists[name]]
        start = f"Response: Success\n{mark}EventList: start\nMessage: It will follow\n\n"
        items = "".join(f"{event}{mark}\n" for event in events)
        return f"{start}{items}Event: {name}Complete\n{mark}EventList: Complete\nListItems: {len(events)}\n\n"
