"""Names of things. A leg is known by its PBX and its channel id, joined as ``pbx/channel``.

Channel ids may hold a ``/`` only behind the first one: PBX names are checked to have none.
"""

from __future__ import annotations

from typing import NewType

LegId = NewType("LegId", str)


def leg_id(pbx: str, channel: str) -> LegId:
    """The leg that is channel ``channel`` on PBX ``pbx``."""
    return LegId(f"{pbx}/{channel}")


def pbx_of(leg: LegId) -> str:
    return leg.partition("/")[0]


def channel_of(leg: LegId) -> str:
    return leg.partition("/")[2]


def endpoint_of(channel_name: str) -> str:
    """``PJSIP/1001`` of ``PJSIP/1001-0000002a``."""
    return channel_name.rpartition("-")[0]
