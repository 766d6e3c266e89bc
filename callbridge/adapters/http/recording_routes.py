"""Recordings over HTTP: the list for a call, and the audio, whole or in byte ranges (RFC 9110, 14)."""

from __future__ import annotations

import asyncio
import re
from pathlib import PurePath
from typing import Any

from aiohttp import hdrs, web

from callbridge.adapters.history.recordings import NoRecording, OpenRecording, RecordingsAway, RecordingService
from callbridge.adapters.http.auth import caller
from callbridge.adapters.http.limited import Limited
from callbridge.adapters.http.problems import Problem, hardened, unavailable
from callbridge.adapters.http.request_bodies import PLAIN_TEXT
from callbridge.adapters.http.response_bodies import Absent, ResponseBody
from callbridge.adapters.http.route import NOT_NOW, SUPERVISORS, Query, get
from callbridge.adapters.views.phrasing import in_parts

AUDIO = {
    ".wav": "audio/wav",
    ".wav16": "audio/wav",
    ".wav49": "audio/wav",
    ".gsm": "audio/x-gsm",
    ".ulaw": "audio/basic",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".mp3": "audio/mpeg",
}
"""Media types by the end of a file's name."""
_OTHER = "application/octet-stream"
_PIECE = 256 * 1024
PIECE_TAKEN_WITHIN = 60.0
"""Seconds that a client may take to read a piece."""
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


class RecordingView(ResponseBody):
    """``file``: below the PBX's folder `monitor`; absent when the person was erased. ``at``: its end. ``failure``: why there is
    none, or less than there should be, with its template and values in ``failure_parts``. ``deleted_at``: when the file was
    deleted, because it was old enough."""

    id: str
    call: str
    segment: int | Absent
    queue: str
    agent: str
    kind: str
    file: str
    at: float
    lasted: float | Absent
    paused: float | Absent
    failure: str
    failure_parts: dict[str, Any]
    deleted_at: float | Absent


RECORDING_ROUTES = (
    get(
        "/api/recordings",
        "recordings",
        "list the recordings of a call, oldest first",
        list[RecordingView],
        roles=SUPERVISORS,
        query=(Query("call", "the call ID", {"type": "string", "pattern": PLAIN_TEXT}, required=True),),
        faults=NOT_NOW,
        limited=Limited.ROWS,
    ),
    get(
        "/api/recordings/{id}",
        "recording",
        "play a recording, whole or a range of its bytes; the history's changes record who listened",
        str,
        roles=SUPERVISORS,
        query=(
            Query("Range", "the bytes to be sent: bytes=0-1023, bytes=1024-, bytes=-1024", {"type": "string"}, place="header"),
        ),
        faults=(404, *NOT_NOW, 504),
        media="audio/wav",
        other_media=tuple(sorted({*AUDIO.values(), _OTHER} - {"audio/wav"})),
        ranges=True,
        limited=Limited.ROWS,
    ),
)


class RecordingHandlers:
    def __init__(self, service: RecordingService) -> None:
        self._service = service

    async def recordings(self, request: web.Request) -> web.Response:
        call = request.query.get("call")
        if call is None or not re.match(PLAIN_TEXT, call):
            raise Problem(400, "the parameter call is required: ?call=ID")
        try:
            rows = await self._service.of_call(call)
        except RecordingsAway as away:
            raise unavailable(away) from None
        rows = [row for row in rows if caller().scope.row(row)]
        listed = [{name: "" if value is None else value for name, value in row.items()} for row in rows]
        listed = [row | {"failure_parts": in_parts(row["failure"])} for row in listed]
        return web.json_response([{"id": row.pop("fact"), **row} for row in listed])

    async def recording(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["id"]
        if not re.match(PLAIN_TEXT, name):
            raise Problem(404, "no such recording")
        try:
            opened = await self._service.open(name, caller().by, caller().scope.row)
        except NoRecording as missing:
            raise Problem(404, missing) from None
        except RecordingsAway as away:
            raise unavailable(away) from None
        try:
            return await self._sent(request, opened)
        finally:
            self._service.close_file(opened)

    async def _sent(self, request: web.Request, opened: OpenRecording) -> web.StreamResponse:
        wanted = wanted_range(request.headers.getall(hdrs.RANGE, []), opened.size)
        if hdrs.IF_RANGE in request.headers:
            wanted = None  # we give no validators, so it cannot be the file that the client knows
        if wanted is not None and not wanted:
            return _unsatisfiable(opened.size)
        sent = wanted or range(opened.size)
        response = hardened(web.StreamResponse(status=200 if wanted is None else 206))
        response.content_type = AUDIO.get(PurePath(opened.name).suffix.lower(), _OTHER)
        response.content_length = len(sent)
        response.headers[hdrs.ACCEPT_RANGES] = "bytes"
        if wanted is not None:
            response.headers[hdrs.CONTENT_RANGE] = f"bytes {sent.start}-{sent.stop - 1}/{opened.size}"
        await response.prepare(request)
        try:
            await self._write(response, opened, sent)
        except (OSError, TimeoutError, RecordingsAway) as trouble:
            raise ConnectionAbortedError from trouble
        return response

    async def _write(self, response: web.StreamResponse, opened: OpenRecording, sent: range) -> None:
        offset = sent.start
        while offset < sent.stop:
            piece = await self._service.read(opened, offset, min(_PIECE, sent.stop - offset))
            if not piece:
                raise OSError("the file has become shorter")
            async with asyncio.timeout(PIECE_TAKEN_WITHIN):
                await response.write(piece)
            offset += len(piece)
        await response.write_eof()


def wanted_range(headers: list[str], size: int) -> range | None:
    """The requested bytes; empty: they do not exist. None: the whole file, as for another kind of range, several at once, or an
    invalid one."""
    found = _RANGE.fullmatch(headers[0].strip()) if len(headers) == 1 else None
    if found is None or found[0] == "bytes=-":
        return None
    first, last = found.groups()
    if not first:
        return range(max(0, size - int(last)), size)
    begin, end = int(first), int(last) + 1 if last else size
    if end <= begin and last:
        return None
    return range(begin, min(end, size))


def _unsatisfiable(size: int) -> web.Response:
    response = Problem(416, "the range is outside the recording", size=size).response()
    response.headers[hdrs.CONTENT_RANGE] = f"bytes */{size}"
    return response
