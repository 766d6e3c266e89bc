"""The stand-in's past: reports, calls with recordings, and reviews, as the API answers with them."""

from __future__ import annotations

import io
import math
import re
import struct
import wave
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from aiohttp import web

from callbridge.adapters.views.phrasing import in_parts
from callbridge.core.model.sentence import Sentence, Word

Row = dict[str, Any]
CALL = "cb-call-past-1"
RECORDING = "1-cb-rec-1"
SECONDS = 24
"""Of the recording: a tone that falls silent every other second."""

_QUEUE_COLUMNS = (
    ("interval", "text", "interval", "start of the interval in local time"),
    ("queue", "text", "queue", ""),
    ("offered", "count", "offered", "visits that began in the interval"),
    ("answered", "count", "answered", "of these: connected with an agent"),
    ("abandoned", "count", "abandoned", "of these: the caller hung up while waiting"),
    ("service_level", "share", "service level", "answered within the target / (answered + abandoned)"),
    ("asa", "seconds", "ASA", "average speed of answer"),
)
_CHINESE = {"interval": "时段", "queue": "队列", "offered": "呼入量", "answered": "接通量", "abandoned": "放弃量"}
_CHINESE |= {"service_level": "服务水平", "asa": "平均应答速度"}


def catalogue(language: str) -> list[Row]:
    chinese = language == "zh"
    columns = [
        {"name": name, "kind": kind, "heading": _CHINESE[name] if chinese else heading, "definition": definition}
        for name, kind, heading, definition in _QUEUE_COLUMNS
    ]
    queues: Row = {"name": "queues", "title": "队列报表" if chinese else "Queues"}
    queues |= {"summary": "各队列来电的去向" if chinese else "what became of the callers of each queue", "charted": ["offered"]}
    queues |= {"options": ["by", "entry", "queue", "tier", "together"], "columns": columns}
    agents: Row = {"name": "agents", "title": "坐席报表" if chinese else "Agents", "summary": "what each agent did"}
    agents |= {"options": ["agent", "by"], "charted": [], "columns": []}
    return [queues, agents, {**agents, "name": "call", "title": "Call", "options": ["call", "queue"]}]


def queues_report(query: Mapping[str, str], now: float) -> list[Row]:
    """By the hour, or one row for each queue."""
    named = [name for name in query.get("queue", "").split(",") if name] or ["support", "sales", "general"]
    day = f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d}"
    hours = [f"{day} {hour:02}:00" for hour in range(8, 20)] if query.get("by") == "1h" else [day]
    rows = []
    for at, hour in enumerate(hours):
        for place, name in enumerate(named):
            offered = round(40 / (place + 1) * (1 + math.sin(at / 2)))
            row = {"interval": hour, "queue": name, "offered": offered, "answered": offered - offered // 8}
            rows.append(row | {"abandoned": offered // 8, "service_level": 0.7 + at / 50, "asa": 12.0 + 3 * place})
    return rows


def calls_report(query: Mapping[str, str], now: float) -> list[Row]:
    """Sixty calls, the newest first."""
    first, most = int(query.get("offset", "0")), int(query.get("limit", "1000"))
    rows = []
    for number in range(60)[first : first + most]:
        row: Row = {"call": f"cb-call-past-{number + 1}", "began": now - 3600 - 300 * number, "direction": "in"}
        row |= {
            "number": f"+4420794603{number:02}",
            "name": "Amelia Hart",
            "entry": "support",
            "tier": "gold",
            "queues": "support",
        }
        row |= {"agents": "1001", "waited": 12.0 + number, "talked": 95.0, "outcome": "answered", "recording": "day/1.wav"}
        rows.append(row | {"score": 4.5})
    return [row for row in rows if query.get("number", "") in row["number"]]


def call_report(now: float) -> list[Row]:
    began = now - 3600
    consult = {"kind": "consult", "to": "agent:1002"}
    told: tuple[tuple[float, str, str, str, float | None, Row], ...] = (
        (0.0, "call arrived", "", "", None, {"number": "+442079460300", "entry": "support", "tier": "gold"}),
        (0.1, "queue entered", "support", "", None, {"expected": 198.8}),
        (8.0, "offer", "support", "1001", None, {"needs": "support >= 2"}),
        (12.0, "talk", "support", "1001", None, {}),
        (22.4, "transfer", "support", "1001", None, consult),
        (30.0, "transfer ended", "support", "1001", 8.0, consult | {"result": "returned"}),
        (31.0, "note", "support", "1001", None, {"text": "Wants a copy of the bill,\nby mail"}),
        (36.0, "talk ended", "support", "1001", 24.0, {"ended_by": "customer"}),
        (36.0, "recording", "support", "1001", 24.0, {"file": "day/1.wav"}),
        (36.1, "call ended", "", "", 36.1, {"outcome": "answered"}),
    )
    names = ("at", "what", "queue", "agent", "lasted", "details")
    return [dict(zip(names, (began + at, *rest), strict=True)) for at, *rest in told]


def contacts(now: float) -> Row:
    """The last contacts with the customer of the call in hand."""
    last: Row = {"call": "cb-call-past-2", "at": now - 86_400 * 3, "direction": "in", "queue": "support", "agent": "1002"}
    last |= {"agent_name": "Jonas Weber"}
    last |= {
        "outcome": "answered",
        "disposition": "later",
        "disposition_label": "Decides later",
        "talked": 312.0,
        "note": "Waits for the invoice of September",
    }
    first = last | {
        "call": "cb-call-past-3",
        "at": now - 86_400 * 9,
        "agent": "",
        "agent_name": "",
        "outcome": "abandoned",
        "talked": "",
    }
    return {"contacts": [last, first | {"disposition": "", "disposition_label": "", "note": ""}], "repeated": None}


def recordings(now: float) -> list[Row]:
    row: Row = {"id": RECORDING, "call": CALL, "segment": 2, "queue": "support", "agent": "1001", "kind": "talk"}
    row |= {
        "file": "day/1.wav",
        "at": now - 3600 + 36,
        "lasted": 24.0,
        "paused": 0.0,
        "failure": "",
        "failure_parts": {},
        "deleted_at": "",
    }
    values = {"what": Sentence("not recorded"), "cause": Word("not_executed.refused"), "detail": "the disk was full"}
    failure = Sentence("{what}: {cause} {detail}", **values)
    gone = row | {"id": "1-cb-rec-0", "file": "", "failure": failure, "failure_parts": in_parts(failure)}
    return [row, gone]


@cache
def sound() -> bytes:
    rate = 8000
    shape = [12_000 * math.sin(2 * math.pi * 440 * at / rate) * (at // rate % 2) for at in range(SECONDS * rate)]
    file = io.BytesIO()
    with wave.open(file, "wb") as made:
        made.setparams((1, 2, rate, 0, "NONE", ""))
        made.writeframes(b"".join(struct.pack("<h", int(one)) for one in shape))
    return file.getvalue()


def play(request: web.Request) -> web.Response:
    """The sound, or the bytes that were asked for."""
    body = sound()
    found = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("Range", ""))
    headers = {"Accept-Ranges": "bytes"}
    if found is None:
        return web.Response(body=body, content_type="audio/wav", headers=headers)
    first, last = int(found[1]), int(found[2] or len(body) - 1)
    headers["Content-Range"] = f"bytes {first}-{last}/{len(body)}"
    return web.Response(status=206, body=body[first : last + 1], content_type="audio/wav", headers=headers)


CRITERIA: list[Row] = [
    {"name": "greeting", "text": "Greets the caller and says their own name", "points": 5, "fatal": False, "optional": False},
    {"name": "offer", "text": "Offers what else may help", "points": 3, "fatal": False, "optional": True},
    {"name": "identified", "text": "Identifies the caller before any detail", "points": "", "fatal": True, "optional": False},
]


def review(number: int, now: float, **more: Any) -> Row:
    row: Row = {"id": number, "sample": "team", "recording": RECORDING, "call": CALL, "agent": "1001", "queue": "support"}
    row |= {
        "campaign": "",
        "recorded_at": now - 3600,
        "reviewer": "boss",
        "state": "open",
        "calibrates": False,
        "form": "service",
    }
    row |= {"form_version": "1", "assigned_at": now, "scored_at": "", "score": "", "points": "", "failed": "", "comment": ""}
    row |= {"disputed_at": "", "disputed_by": "", "dispute": "", "settled_at": "", "callback": "", "callback_outcome": ""}
    return row | more


def scored(number: int, now: float, **more: Any) -> Row:
    row = review(number, now, state="scored", scored_at=now - 60, score=0.9, points=0.9, failed=0, comment="Well done")
    marks = [
        {"criterion": "greeting", "section": "opening", "fatal": False, "mark": 4.0, "most": 5.0, "comment": "", "heard_at": 3.0},
        {"criterion": "offer", "section": "opening", "fatal": False, "mark": "", "most": 3.0, "comment": "", "heard_at": ""},
        {"criterion": "identified", "section": "rules", "fatal": True, "mark": 1.0, "most": 1.0, "comment": "", "heard_at": ""},
    ]
    return row | {"criteria": CRITERIA, "marks": marks} | more


def answer(path: str, request: web.Request, now: float) -> Any:
    """What a path answers, or None."""
    query = request.query
    match path.split("/"):
        case ["reports"]:
            return catalogue(query.get("language", "en"))
        case ["reports", "queues"]:
            return queues_report(query, now)
        case ["reports", "calls"]:
            return calls_report(query, now)
        case ["reports", "call"]:
            return call_report(now)
        case ["calls", _, "contacts"]:
            return contacts(now)
        case ["recordings"]:
            return recordings(now)
        case ["quality", "samples"]:
            rows = [("2026-11-27", 12, 5, 4), ("2026-11-26", 10, 10, 10)]
            return [{"sample": "team", "period": day, "drawn": a, "taken": b, "scored": c} for day, a, b, c in rows]
        case ["quality", "reviews"]:
            return [review(19, now), scored(18, now), scored(17, now, reviewer="eve")]
        case ["quality", "reviews", number]:
            return scored(int(number), now)
    return None
