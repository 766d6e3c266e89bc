"""ARI as messages: WebSocket frames to events, orders to HTTP requests, lists to snapshots; nothing here does I/O."""

from callbridge.wire.ari.events import ECHO, SILENCED, Heard, read
from callbridge.wire.ari.listing import Lists, has_replied, inspected, members, party_found, probed, snapshot, trouble_in
from callbridge.wire.ari.requests import (
    Request,
    bridge_request,
    drop,
    echo,
    event_socket,
    list_requests,
    requests,
    send_on,
    set_filter,
    stamp,
    stamp_request,
    stranded_requests,
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
    "bridge_request",
    "drop",
    "echo",
    "event_socket",
    "has_replied",
    "inspected",
    "list_requests",
    "members",
    "party_found",
    "probed",
    "read",
    "requests",
    "send_on",
    "set_filter",
    "snapshot",
    "stamp",
    "stamp_request",
    "stamped",
    "stranded",
    "stranded_requests",
    "trouble_in",
]
