"""ARI, asked only: everything here is a GET, but for one POST about a channel that does not exist."""

from __future__ import annotations

import json
from types import TracebackType
from typing import Any, Self

import aiohttp

ARI_TIMEOUT = 5.0
"""Seconds for any one answer."""


class AriTrouble(Exception):
    """There is no answer; the message says why."""


class AriSession:
    """``status, body = await ari.get("/asterisk/info")``."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self._url = url.rstrip("/")
        self._auth = aiohttp.encode_basic_auth(user, password)

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=ARI_TIMEOUT)
        self._session = aiohttp.ClientSession(timeout=timeout, headers={"Authorization": self._auth})
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._session.close()

    async def get(self, path: str) -> tuple[int, Any]:
        return await self._ask("GET", path)

    async def may_write(self) -> bool:
        """Asks to answer a channel that does not exist: a user who may write gets 404, a read-only one 403."""
        status, _ = await self._ask("POST", "/channels/callbridge-doctor-no-such-channel/answer")
        return status != 403

    async def _ask(self, method: str, path: str) -> tuple[int, Any]:
        try:
            async with self._session.request(method, self._url + path) as answer:
                text = await answer.text(errors="replace")
                return answer.status, _json(text)
        except TimeoutError:
            raise AriTrouble(f"no answer within {ARI_TIMEOUT:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as trouble:
            raise AriTrouble(str(trouble) or type(trouble).__name__) from None


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
