"""ARI as messages: WebSocket frames to events, orders to HTTP requests, lists to snapshots; nothing here does I/O."""

from callbridge.wire.ari.events import ECHO, SILENCED, Heard, read
from callbridge.wire.ari.listing import Lists, inspected, members, probed, snapshot, trouble_in
from callbridge.wire.ari.requests import (
    Request,
    ask_bridge,
    ask_lists,
    echo,
    event_socket,
    requests,
    set_filter,
)
from callbridge.wire.ari.shapes import Malformed

__all__ = [
    "ECHO",
    "SILENCED",
    "Heard",
    "Lists",
    "Malformed",
    "Request",
    "ask_bridge",
    "ask_lists",
    "echo",
    "event_socket",
    "inspected",
    "members",
    "probed",
    "read",
    "requests",
    "set_filter",
    "snapshot",
    "trouble_in",
]
