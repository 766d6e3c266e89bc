"""ARI as messages: WebSocket frames to events, orders to HTTP requests, lists to snapshots; nothing here does I/O."""

from callbridge.wire.ari.events import ECHO, SILENCED, Heard, read
from callbridge.wire.ari.listing import Lists, inspected, members, probed, snapshot, trouble_in
from callbridge.wire.ari.requests import (
    Request,
    ask_bridge,
    ask_lists,
    ask_stamp,
    ask_stranded,
    drop,
    echo,
    event_socket,
    requests,
    send_on,
    set_filter,
    stamp,
)
from callbridge.wire.ari.shapes import Malformed
from callbridge.wire.ari.stranded import Stranded, stamped, stranded

__all__ = [
    "ECHO",
    "SILENCED",
    "Heard",
    "Lists",
    "Malformed",
    "Request",
    "Stranded",
    "ask_bridge",
    "ask_lists",
    "ask_stamp",
    "ask_stranded",
    "drop",
    "echo",
    "event_socket",
    "inspected",
    "members",
    "probed",
    "read",
    "requests",
    "send_on",
    "set_filter",
    "snapshot",
    "stamp",
    "stamped",
    "stranded",
    "trouble_in",
]
